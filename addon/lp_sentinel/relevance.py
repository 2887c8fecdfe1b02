"""What makes traffic relevant: the hosts that logins lead to, and the codes that landed, learnt from what passes."""

from __future__ import annotations

import re
from typing import NamedTuple

from lp_sentinel.config import Config
from lp_sentinel.exchange import Exchange
from lp_sentinel.memory import Ageing, Digest, digest
from lp_sentinel.target import redirect_target
from lp_sentinel.uri import endpoint_of, form_decode, parse_parameters

CARRIES = re.compile(r"[?&#](?:(?:code|error|state)=|[^?=&#%]*+%[^?=&#]*+=)")
"""A parameter that apps are called back with. A name with an encoded letter in it may be one of these as well.

A name holds no question mark: a search that went on behind each of very many would take quadratic time.
"""


def carries_login(target: str) -> bool:
    """Whether a URL names a parameter that apps are called back with."""
    return CARRIES.search(target) is not None


class Learnt(NamedTuple):
    """What is new."""

    host: bool = False
    code: bool = False


class Relevance:
    """Tells what the engine must see. It learns hosts from what passes: where a login leads, its next hops follow.

    What it holds to be of no concern the engine would have ignored: skipping it changes no finding.
    """

    def __init__(self, config: Config) -> None:
        self._logins: Ageing[str, bool] = Ageing()
        self._apps: Ageing[str, bool] = Ageing()
        self._codes: Ageing[Digest, bool] = Ageing()
        self.change(config)

    def change(self, config: Config) -> None:
        """Go by another config from now on. What was learnt stays."""
        # In this form they are looked up in C.
        self._login_names = frozenset(config.login_hosts)
        self._login_endings = tuple(pattern[1:] for pattern in config.login_hosts if pattern.startswith("*."))
        for uri in config.redirect_uris:
            self._learn_app(uri)

    def concerns(self, host: str) -> bool:
        """Whether a login may lead to this host."""
        is_login = host in self._login_names or host in self._logins or host.endswith(self._login_endings)
        return is_login or host in self._apps

    def is_of_login(self, page: str) -> bool:
        """Whether a page is on a host that a login may lead to."""
        endpoint = endpoint_of(page.strip(" \t"))
        return endpoint is not None and self.concerns(endpoint.host)

    def tells_code(self, page: str) -> bool:
        """Whether a page's address has a code in its query that landed."""
        pieces = page.partition("?")[2].partition("#")[0].split("&")
        return any(digest(form_decode(piece.partition("=")[2])) in self._codes for piece in pieces)

    def is_step(self, exchange: Exchange) -> bool:
        """Whether it goes to where logins lead, or is sent there."""
        if "sentinel" in exchange.path.lower() or self.concerns(exchange.host):
            return True
        redirect = redirect_target(exchange)
        return redirect is not None and redirect.endpoint is not None and self.concerns(redirect.endpoint.host)

    def learn(self, exchange: Exchange) -> Learnt:
        """Note the hosts that a step of a login makes part of it, and the codes that it hands on."""
        redirect = redirect_target(exchange)
        parameters = parse_parameters(exchange.query)
        is_new = self._learn_host(exchange.host)
        if redirect and redirect.endpoint:
            is_new |= self._learn_host(redirect.endpoint.host)
        if "sentinel" in exchange.path.lower():
            is_new |= self._learn_app(parameters.get("redirect_uri") or "")
        has_new_code = False
        for carried in (parameters, redirect.query, redirect.fragment) if redirect else (parameters,):
            if code := carried.get("code"):
                has_new_code |= self._codes.note(digest(code))
        return Learnt(is_new, has_new_code)

    def _learn_host(self, host: str) -> bool:
        is_new = not self.concerns(host)
        if host not in self._apps:
            self._logins[host] = True
        return is_new

    def _learn_app(self, uri: str) -> bool:
        endpoint = endpoint_of(uri)
        return endpoint is not None and self._apps.note(endpoint.host)
