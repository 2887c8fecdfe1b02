"""A small real app that signs its users in with Sentinel: Flask, with the OAuth client that one chooses."""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol
from urllib.parse import parse_qsl, urlencode, urlsplit

import requests
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session as AuthlibSession
from flask import Flask, Response, request, session
from oauthlib.oauth2 import OAuth2Error
from requests_oauthlib import OAuth2Session

from tests.world import names, pages
from tests.world.oauth import Installation
from tests.world.sentinel import Sentinel
from tests.world.serving import Authority, serving

# Both libraries want https even on loopback.
os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"

CALLBACK = "/callback"
_FAILURES = (OAuthError, OAuth2Error, requests.RequestException, KeyError, ValueError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """What the app does; by default what it should."""

    library: Literal["requests-oauthlib", "authlib"] = "requests-oauthlib"
    state: Literal["random", "base64", "none"] = "random"
    """``base64``: with a ``+`` in it."""
    checks_state: bool = True
    asks: Mapping[str, str | None] = field(default_factory=dict)
    """Changes to the authorize request's parameters; ``None`` leaves one out."""
    redeems: Mapping[str, str | None] = field(default_factory=dict)
    """Changes to the token request's form; ``None`` leaves one out."""
    proxy: str | None = None
    """What the back end goes through to redeem a code."""
    trusts: str | None = None
    """The certificate authority, as a PEM file, that the back end trusts."""
    restarts: int = 0
    """How often a callback without ``code`` begins the login anew, as passport-oauth2 does without end."""


class Client(Protocol):
    """What the app needs of its OAuth library."""

    def authorize_url(self, url: str, redirect_uri: str, state: str) -> str: ...

    def redeem(self, url: str, redirect_uri: str, code: str) -> Mapping[str, Any]: ...


@dataclass(frozen=True, slots=True)
class RequestsOAuthlib:
    installation: Installation
    habits: Habits

    def authorize_url(self, url: str, redirect_uri: str, state: str) -> str:
        asking = OAuth2Session(self.installation.client_id, redirect_uri=redirect_uri)
        location, _ = asking.authorization_url(url, state=state, v="1.0")
        return str(location)

    def redeem(self, url: str, redirect_uri: str, code: str) -> Mapping[str, Any]:
        with _reaching(OAuth2Session(self.installation.client_id, redirect_uri=redirect_uri), self.habits) as client:
            secret = self.installation.client_secret
            token: Mapping[str, Any] = client.fetch_token(url, code=code, client_secret=secret, include_client_id=True)
            return token


@dataclass(frozen=True, slots=True)
class Authlib:
    installation: Installation
    habits: Habits

    def authorize_url(self, url: str, redirect_uri: str, state: str) -> str:
        location, _ = self._session(redirect_uri).create_authorization_url(url, state=state, v="1.0")
        return str(location)

    def redeem(self, url: str, redirect_uri: str, code: str) -> Mapping[str, Any]:
        with _reaching(self._session(redirect_uri), self.habits) as client:
            token: Mapping[str, Any] = client.fetch_token(url, code=code)
            return token

    def _session(self, redirect_uri: str) -> AuthlibSession:
        return AuthlibSession(
            self.installation.client_id,
            self.installation.client_secret,
            token_endpoint_auth_method="client_secret_post",
            redirect_uri=redirect_uri,
        )


CLIENTS: Mapping[str, Callable[[Installation, Habits], Client]] = {
    "requests-oauthlib": RequestsOAuthlib,
    "authlib": Authlib,
}


class App:
    """An installed app. ``habits`` may be changed between logins."""

    def __init__(self, installation: Installation, sentinel: Sentinel, habits: Habits | None = None) -> None:
        self.installation = installation
        self.sentinel = sentinel
        self.habits = habits or Habits()
        self.origin = ""
        self.callbacks: list[str] = []
        """The URL of every callback that came."""
        self.tokens: list[Mapping[str, Any]] = []
        """Every token answer that was had for a code."""
        self.wsgi = _wsgi(self)

    @property
    def redirect_uri(self) -> str:
        return self.installation.redirect_uris[0]

    @property
    def client(self) -> Client:
        return CLIENTS[self.habits.library](self.installation, self.habits)

    @contextmanager
    def serve(self, *, authority: Authority | None = None) -> Iterator[App]:
        """Serve at the host and port of the first redirect URI until the block ends."""
        place = urlsplit(self.redirect_uri)
        with serving(self.wsgi, port=place.port or 0, authority=authority):
            self.origin = f"{place.scheme}://{place.netloc}"
            yield self


@contextmanager
def installed(
    sentinel: Sentinel, habits: Habits | None = None, *, authority: Authority | None = None, account: str = "12345678"
) -> Iterator[App]:
    """A new app at a free port, installed at ``sentinel`` and served until the block ends."""
    client_id, secret = f"app-{secrets.token_hex(4)}", secrets.token_urlsafe(16)
    app = App(
        Installation(account=account, client_id=client_id, client_secret=secret, redirect_uris=()), sentinel, habits
    )
    with serving(app.wsgi, authority=authority) as port:
        app.origin = f"{'https' if authority else 'http'}://{names.APP}:{port}"
        app.installation = Installation(
            account=account, client_id=client_id, client_secret=secret, redirect_uris=(app.origin + CALLBACK,)
        )
        sentinel.install(app.installation)
        yield app


def _wsgi(app: App) -> Flask:
    flask = Flask("app")
    flask.secret_key = secrets.token_bytes(16)
    flask.config["SESSION_COOKIE_NAME"] = "app_session"

    @flask.get("/")
    def home() -> str:
        if user := session.get("user"):
            return pages.page("Welcome", f"<p>Signed in: {user}</p>")
        return pages.page("Welcome", '<p><a href="/login">Sign in</a></p>')

    @flask.get("/login")
    def login() -> Response:
        state = _state(app.habits)
        session["state"] = state
        account = app.installation.account
        url = app.client.authorize_url(app.sentinel.authorize_url(account), app.redirect_uri, state)
        base, _, query = url.partition("?")
        asks = {"state": None, **app.habits.asks} if app.habits.state == "none" else app.habits.asks
        return pages.redirect(f"{base}?{urlencode(_change(dict(parse_qsl(query)), asks))}" if asks else url)

    @flask.get(CALLBACK)
    @flask.get("/agent/callback")
    def callback() -> Response:
        app.callbacks.append(request.url)
        code, error = request.args.get("code"), request.args.get("error")
        if not code and session.get("restarts", 0) < app.habits.restarts:
            session["restarts"] = session.get("restarts", 0) + 1
            return pages.redirect("/login")
        if app.habits.checks_state and app.habits.state != "none" and not _is_expected(request.args.get("state")):
            return pages.problem(400, "This answer does not belong to a login that began here (state).")
        if error or not code:
            return pages.problem(403, f"Sign-in was refused: {error} {request.args.get('error_description', '')}")
        try:
            token = app.client.redeem(
                f"{app.sentinel.token_url(app.installation.account)}?v=2.0", app.redirect_uri, code
            )
        except _FAILURES as failure:
            return pages.problem(502, f"The code could not be redeemed: {type(failure).__name__}")
        app.tokens.append(token)
        session["user"] = "qa"
        return pages.redirect("/")

    return flask


def _state(habits: Habits) -> str:
    if habits.state != "base64":
        return secrets.token_urlsafe(24)
    while "+" not in (state := base64.b64encode(secrets.token_bytes(24)).decode()):
        pass
    return state


def _is_expected(state: str | None) -> bool:
    expected = session.pop("state", None)
    return bool(state and expected and secrets.compare_digest(state.encode(), expected.encode()))


def _change(values: Mapping[str, str], changes: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in {**values, **changes}.items() if value is not None}


class _Redeeming(names.LocalAdapter):
    """Changes the form on its way, whichever library filled it in."""

    def __init__(self, changes: Mapping[str, str | None]) -> None:
        super().__init__()
        self._changes = changes

    def send(self, request: requests.PreparedRequest, *args: Any, **how: Any) -> requests.Response:
        if self._changes:
            form = dict(parse_qsl(str(request.body)))
            request.prepare_body(urlencode(_change(form, self._changes)), None)
        return super().send(request, *args, **how)


def _reaching[S: requests.Session](session: S, habits: Habits) -> S:
    names.at_home(session, _Redeeming(habits.redeems))
    if habits.proxy:
        session.proxies = {"http": habits.proxy, "https": habits.proxy}
    if habits.trusts:
        session.verify = habits.trusts
    return session
