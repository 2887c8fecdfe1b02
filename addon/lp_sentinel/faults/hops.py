"""Which hop of a login a live exchange is, and where its answer leads: told as it passes, before it is judged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from lp_sentinel.config import Config
from lp_sentinel.exchange import Browser, Exchange
from lp_sentinel.faults.raw_url import carried
from lp_sentinel.finding import Hop
from lp_sentinel.landing import CALLBACK_NAMES, LeadsTo, leads_to
from lp_sentinel.memory import Ageing, Digest, digest
from lp_sentinel.paths import authorize_path, token_path
from lp_sentinel.target import redirect_target
from lp_sentinel.token import read_token_request
from lp_sentinel.uri import Endpoint, HostPort, endpoint_of, host_matches, is_loopback, parse_parameters

_MOST = 10_000
_NO_STEP = frozenset({"OPTIONS", "HEAD", "CONNECT"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """An authorize request, as far as later hops must know it."""

    account: str | None
    client_id: str | None
    redirect_uri: str | None
    state: str | None
    sentinel: HostPort
    browser: Browser
    url: str
    registered: tuple[str, ...]

    @property
    def lands_at(self) -> str | None:
        """Where the app is called back: as asked for if that is registered, or the only one that is."""
        if self.redirect_uri is None:
            return self.registered[0] if len(self.registered) == 1 else None
        known = {endpoint_of(uri) for uri in self.registered}
        return self.redirect_uri if not known or endpoint_of(self.redirect_uri) in known else None

    @property
    def app_endpoints(self) -> frozenset[Endpoint]:
        uris = (*self.registered, *((self.redirect_uri,) if self.redirect_uri else ()))
        return frozenset(endpoint for uri in uris if (endpoint := endpoint_of(uri)))

    def may_go_to(self, host: str, targets: tuple[str, ...] | None) -> bool:
        """Whether a fault may redirect to ``host``."""
        if targets is not None:
            return host_matches(host, targets)
        return is_loopback(host) or any(endpoint.host == host for endpoint in self.app_endpoints)


class Seen(NamedTuple):
    """A request that is a hop of a login."""

    hop: Hop
    exchange: Exchange
    account: str | None
    client_id: str | None
    state: str | None
    redirect_uri: str | None
    login: Login | None

    @property
    def client(self) -> str:
        """What counters are kept by."""
        return f"{self.account or ''}/{self.client_id or ''}"


class Hops:
    """Tells hops apart, and remembers what that takes: the last login of each browser and each state."""

    def __init__(self, config: Config) -> None:
        self._by_browser: Ageing[Browser, Login] = Ageing(_MOST)
        self._by_state: Ageing[Digest, Login] = Ageing(_MOST)
        self._callbacks: Ageing[Endpoint, bool] = Ageing(_MOST)
        self._hosts: Ageing[str, bool] = Ageing(_MOST)
        self._codes: Ageing[str, tuple[str, ...]] = Ageing(_MOST)
        self._states: Ageing[str, tuple[str, ...]] = Ageing(_MOST)
        self.change(config)

    def change(self, config: Config) -> None:
        """Go by another config from now on. The logins so far stay known."""
        self._config = config
        for uri in config.redirect_uris:
            self.expect_callback(uri)

    def concerns(self, host: str, target: str) -> bool:
        """Whether it is worth a closer look: asked for every request."""
        return "sentinel" in target.lower() or host in self._hosts or host_matches(host, self._config.login_hosts)

    def at_request(self, exchange: Exchange) -> Seen | None:
        """The hop that a request is; ``None`` if it is none."""
        if exchange.method.upper() in _NO_STEP or exchange.is_subresource:
            return None
        if found := authorize_path(exchange.path):
            return self._authorize(exchange, found.account)
        if (token := token_path(exchange.path)) and exchange.method.upper() == "POST":
            request = read_token_request(exchange)
            return Seen("token", exchange, token.account, request.client_id, None, request.get("redirect_uri"), None)
        query = parse_parameters(exchange.query)
        login = self._login_of(query.get("state"), exchange.browser)
        if exchange.endpoint in self._callbacks and query.has(*CALLBACK_NAMES):
            return _seen("callback", exchange, login)
        if login and self._is_login_host(exchange, login):
            return _seen("login", exchange, login)
        return None

    def lands(self, seen: Seen, answer: Exchange) -> str | None:
        """The Location with which this answer takes the browser back to the app; ``None`` if it does not."""
        redirect = redirect_target(answer)
        return redirect.url if redirect and self.leads(seen, answer) == "app" else None

    def leads(self, seen: Seen, answer: Exchange) -> LeadsTo | None:
        """Where this answer takes the browser; ``None`` if it is no redirect of a login."""
        redirect = redirect_target(answer)
        if redirect is None or seen.login is None or seen.hop not in ("authorize", "login"):
            return None
        return leads_to(
            redirect,
            sentinel=seen.login.sentinel,
            app_endpoints=seen.login.app_endpoints,
            login_hosts=self._config.login_hosts,
        )

    def landed(self, seen: Seen, location: str | None) -> None:
        """Remember what really lands: a later fault may bring an earlier login's code or state."""
        if location is None or seen.login is None:
            return
        self.expect_callback(location)
        for store, name in ((self._codes, "code"), (self._states, "state")):
            if value := carried(location, name):
                kept = [old for old in store.get(seen.client) or () if old != value]
                store[seen.client] = (*kept, value)[-2:]

    def earlier(self, seen: Seen, location: str | None) -> tuple[str | None, str | None]:
        """Code and state of an earlier login of the same app."""
        return self._earlier(self._codes, seen, "code", location), self._earlier(self._states, seen, "state", location)

    def _earlier(self, store: Ageing[str, tuple[str, ...]], seen: Seen, name: str, location: str | None) -> str | None:
        now = carried(location, name) if location else seen.state if name == "state" else None
        return next((value for value in reversed(store.get(seen.client) or ()) if value != now), None)

    def expect_callback(self, uri: str) -> None:
        """An app is called back there."""
        if endpoint := endpoint_of(uri):
            self._callbacks[endpoint] = True
            self._hosts[endpoint.host] = True

    def _authorize(self, exchange: Exchange, account: str | None) -> Seen:
        query = parse_parameters(exchange.query)
        client_id, state, redirect_uri = query.get("client_id"), query.get("state"), query.get("redirect_uri")
        app = self._config.app(account, client_id)
        login = Login(
            account=account,
            client_id=client_id,
            redirect_uri=redirect_uri,
            state=state,
            sentinel=exchange.host_port,
            browser=exchange.browser,
            url=exchange.url,
            registered=app.redirect_uris if app else (),
        )
        self._by_browser[exchange.browser] = login
        self._hosts[exchange.host] = True
        if state:
            self._by_state[digest(state)] = login
        if redirect_uri:
            self.expect_callback(redirect_uri)
        return _seen("authorize", exchange, login)

    def _login_of(self, state: str | None, browser: Browser) -> Login | None:
        stated = self._by_state.get(digest(state)) if state else None
        return stated or self._by_browser.get(browser)

    def _is_login_host(self, exchange: Exchange, login: Login) -> bool:
        if exchange.endpoint in login.app_endpoints:
            return False
        return exchange.host_port == login.sentinel or host_matches(exchange.host, self._config.login_hosts)


def _seen(hop: Hop, exchange: Exchange, login: Login | None) -> Seen:
    if login is None:
        return Seen(hop, exchange, None, None, None, None, None)
    return Seen(hop, exchange, login.account, login.client_id, login.state, login.redirect_uri, login)
