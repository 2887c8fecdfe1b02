"""Which traffic may have to do with a login: everything that could change a verdict, and little else."""

from __future__ import annotations

import re

from lp_sentinel.config import Config
from lp_sentinel.exchange import Exchange
from lp_sentinel.landing import redirect_target
from lp_sentinel.memory import Ageing, Digest, digest
from lp_sentinel.uri import endpoint_of, form_decode, parse_parameters

_CARRIES = re.compile(r"[?&#](?:(?:code|error|state)=|[^=&#%]*+%[^=&#]*+=)")
"""A name with an encoded letter in it may be one of these as well."""


def hints_at_login(target: bytes) -> bool:
    """Whether the bytes of a request's target may be of an authorize or token request, or of a callback.

    Five searches for plain bytes take a fifth of the time of one for a pattern; what they let by is looked at closer.
    """
    find = target.lower().find
    found = find(b"sentinel") >= 0 or find(b"code=") >= 0 or find(b"state=") >= 0 or find(b"error=") >= 0
    return found or find(b"%") >= 0


def carries_login(target: str) -> bool:
    """Whether a URL names a parameter that apps are called back with."""
    return _CARRIES.search(target) is not None


class Relevance:
    """Tells what the engine must see. It learns hosts from what passes: where a login leads, its next hops follow.

    What it lets by the engine would have ignored: skipping the rest changes no finding.
    """

    def __init__(self, config: Config) -> None:
        # In this form they are looked up in C, which is what the cost of irrelevant traffic comes down to.
        self._login_names = frozenset(config.login_hosts)
        self._login_endings = tuple(pattern[1:] for pattern in config.login_hosts if pattern.startswith("*."))
        self._logins: Ageing[str, bool] = Ageing()
        self._apps: Ageing[str, bool] = Ageing()
        self._codes: Ageing[Digest, bool] = Ageing()
        self.version = 0
        """Raised when a host is learnt: what was said of hosts before may no longer hold."""
        for apps in config.accounts.values():
            for app in apps.values():
                for uri in app.redirect_uris:
                    self._learn_app(uri)

    def concerns(self, host: str) -> bool:
        """Whether a login may lead to this host."""
        return host in self._apps or self._is_login(host)

    def _is_login(self, host: str) -> bool:
        return host in self._login_names or host in self._logins or host.endswith(self._login_endings)

    def matters(self, host: str, target: str, referer: str | None, location: str | None) -> bool:
        """Whether the engine must see an exchange; learn from those by :meth:`learn`."""
        if self.concerns(host) or "sentinel" in target.lower() or carries_login(target):
            return True
        if location and carries_login(location):
            return True
        return referer is not None and self._comes_from_login(referer)

    def _comes_from_login(self, referer: str) -> bool:
        place, _, query = referer.partition("?")
        endpoint = endpoint_of(place)
        if endpoint is not None and self.concerns(endpoint.host):
            return True
        if not (query and self._codes):
            return False
        pieces = query.partition("#")[0].split("&")
        return any(digest(form_decode(piece.partition("=")[2])) in self._codes for piece in pieces)

    @property
    def knows_codes(self) -> bool:
        return bool(self._codes)

    def learn(self, exchange: Exchange) -> None:
        """Note the hosts that this exchange makes part of a login, and the codes it hands on."""
        redirect = redirect_target(exchange)
        parameters = parse_parameters(exchange.query)
        if "sentinel" in exchange.path.lower():
            self._learn(self._logins, exchange.host)
            self._learn_app(parameters.get("redirect_uri") or "")
        for carried in (parameters, *((redirect.query, redirect.fragment) if redirect else ())):
            if code := carried.get("code"):
                self._codes[digest(code)] = True
        endpoint = redirect.endpoint if redirect else None
        if endpoint and endpoint.host not in self._apps and self.concerns(exchange.host):
            self._learn(self._logins, endpoint.host)

    def _learn_app(self, uri: str) -> None:
        if endpoint := endpoint_of(uri):
            self._learn(self._apps, endpoint.host)

    def _learn(self, hosts: Ageing[str, bool], host: str) -> None:
        self.version += host not in hosts
        hosts[host] = True
