"""What a capture's logins reach: of all its traffic what the engine must see, in whatever order it is found.

As :mod:`lp_sentinel.relevance`, but for a capture that lies there as a whole: what one exchange makes relevant may
stand before it. So this only grows, and who asks, asks again until nothing new comes.
"""

from __future__ import annotations

import re

from msgspec import Struct

from lp_sentinel.config import Config
from lp_sentinel.exchange import REDIRECTS, Exchange, header
from lp_sentinel.paths import authorize_path
from lp_sentinel.relevance import carries_login
from lp_sentinel.target import Key, key_of
from lp_sentinel.uri import Endpoint, Uri, endpoint_of, host_matches, parse_parameters, parse_uri, resolve, sent_path

_CONTROL = re.compile(r"[\x00-\x20]")
"""Dropped from a Location when it is resolved."""


def names_login(target: str) -> bool:
    """Whether a request's target alone says that the engine must see it."""
    return carries_login(target) or "sentinel" in target.lower()


def leads_back(location: str) -> bool:
    """Whether a Location alone says so."""
    return carries_login(location) or _CONTROL.search(location.strip(" \t")) is not None


class Reach:
    """Hosts, codes and pages of logins, learnt from the exchanges that the engine must see."""

    def __init__(self, config: Config) -> None:
        self._login_hosts = config.login_hosts
        self._logins: set[str] = set()
        """Where steps of a login were taken: what else goes there may be one."""
        self._rooted: set[str] = set()
        """Those of them whose front page was a step: its Referer is that of every page there."""
        self._apps: set[str] = set()
        """Where logins led."""
        self._endpoints: set[Endpoint] = set()
        """Where apps are called back."""
        self._awaited: set[Key] = set()
        """Keys of where a login was sent on to, but for the places that count by their host."""
        self._codes: set[int] = set()
        self._new_hosts: list[str] = []
        for uri in config.redirect_uris:
            self._learn_app(uri)

    def new_hosts(self) -> list[str]:
        """The hosts that were learnt since this was asked last."""
        new, self._new_hosts = self._new_hosts, []
        return new

    @property
    def size(self) -> int:
        """Grows with all that is learnt."""
        return self.telling + len(self._codes)

    @property
    def telling(self) -> int:
        """Grows with all that tells steps of a login, as codes do not."""
        hosts = len(self._logins) + len(self._rooted) + len(self._apps)
        return hosts + len(self._endpoints) + len(self._awaited)

    def has_host(self, host: str) -> bool:
        return host in self._apps or self._is_login(host)

    @property
    def codes(self) -> int:
        """How many codes have landed."""
        return len(self._codes)

    def tells_code(self, page: str) -> bool:
        """Whether a page's address has a landed code in its query."""
        query = page.partition("?")[2].partition("#")[0]
        return any(hash(value) in self._codes for _, value in parse_parameters(query).pairs)

    def learn(self, exchange: Exchange) -> bool:
        """Note what an exchange that the engine must see makes relevant.

        Whether that was all: else it is to be repeated when something was learnt.
        """
        path, _, query = exchange.target.partition("?")
        endpoint = Endpoint(exchange.scheme, exchange.host, exchange.port, sent_path(path))
        redirect = _redirect(exchange) if exchange.response_headers else None
        is_authorize = authorize_path(path) is not None
        if is_authorize:
            self._learn_app(parse_parameters(query).get("redirect_uri") or "")
        if carries_login(exchange.target):
            self._learn_code(query)
        if redirect and redirect.carries:
            self._learn_code(redirect.uri.query)
            self._learn_code(redirect.uri.fragment)
        if is_authorize or self._may_be_step(exchange, endpoint, query, redirect):
            self._learn_host(self._logins, endpoint.host)
            if endpoint.path == "/" and not query:
                self._rooted.add(endpoint.host)
            if redirect:
                self._learn_redirect(redirect)
            return True
        # What is no step of a login now may be one when more is known of its host.
        return False

    def _is_login(self, host: str) -> bool:
        return host in self._logins or host_matches(host, self._login_hosts)

    def _may_be_step(self, exchange: Exchange, own: Endpoint, query: str, redirect: _Redirect | None) -> bool:
        if self._is_login(own.host) or key_of(Uri(own, query, None)) in self._awaited:
            return True
        if redirect and redirect.uri.endpoint in self._endpoints:
            return True
        page = parse_uri(header(exchange.request_headers, "referer") or "")
        if page is None or not self.has_host(page.endpoint.host):
            return False
        if key_of(page) in self._awaited:
            return True
        is_front = page.endpoint.path == "/" and page.query is None
        return page.endpoint.host in self._rooted if is_front else self._is_login(page.endpoint.host)

    def _learn_redirect(self, redirect: _Redirect) -> None:
        uri = redirect.uri
        endpoint = uri.endpoint
        self._learn_host(self._apps, endpoint.host)
        if endpoint in self._endpoints:
            return
        if redirect.carries and any(parse_parameters(raw).has("code", "error") for raw in (uri.query, uri.fragment)):
            self._endpoints.add(endpoint)
        if not self._is_login(endpoint.host):
            self._awaited.add(key_of(uri))
        if endpoint.path == "/" and not uri.query:
            self._rooted.add(endpoint.host)

    def _learn_code(self, query: str | None) -> None:
        if code := parse_parameters(query).get("code"):
            self._codes.add(hash(code))

    def _learn_app(self, uri: str) -> None:
        if endpoint := endpoint_of(uri):
            self._learn_host(self._apps, endpoint.host)
            self._endpoints.add(endpoint)

    def _learn_host(self, known: set[str], host: str) -> None:
        if host not in known:
            known.add(host)
            self._new_hosts.append(host)


class _Redirect(Struct, frozen=True):
    uri: Uri
    carries: bool
    """Whether it may carry a code or an error."""


def _redirect(exchange: Exchange) -> _Redirect | None:
    """As :func:`lp_sentinel.target.redirect_target`, with no more read of it than is needed here."""
    location = header(exchange.response_headers, "location") if exchange.status in REDIRECTS else None
    if not location:
        return None
    url = resolve(exchange.url, location)
    uri = parse_uri(url)
    return _Redirect(uri, carries_login(url)) if uri else None
