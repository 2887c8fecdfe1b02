"""Small apps with client libraries that we did not write: Python's here, Node's in tests/node."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager

import flask
from authlib.integrations.base_client import OAuthError
from authlib.integrations.flask_client import OAuth
from play.app import sample_app

from lp_sentinel.simulate.serving import serving
from tests.simulate.between import ACCOUNT, Place, node


@contextmanager
def requests_oauthlib(place: Place, scope: str | None = None) -> Iterator[int]:
    with serving(sample_app(place.app, ACCOUNT, place.sentinel, scope)) as port:
        yield port


@contextmanager
def authlib(place: Place) -> Iterator[int]:
    app = flask.Flask("authlib-app")
    app.secret_key = secrets.token_bytes(16)
    app.config["SESSION_COOKIE_NAME"] = "authlib_session"
    api = f"{place.sentinel}/sentinel/api/account/{ACCOUNT}"
    sentinel = OAuth(app).register(  # type: ignore[no-untyped-call]
        "sentinel",
        client_id=place.app.client_id,
        client_secret=place.app.client_secret,
        authorize_url=f"{api}/authorize",
        authorize_params={"v": "1.0"},
        access_token_url=f"{api}/token?v=2.0",
        client_kwargs={"token_endpoint_auth_method": "client_secret_post", "trust_env": False},
    )
    app.add_url_rule("/login", "login", lambda: sentinel.authorize_redirect(f"{place.origin}/callback"))

    @app.get("/callback")
    def callback() -> tuple[dict[str, object], int]:
        try:
            return dict(sentinel.authorize_access_token()), 200
        except OAuthError as error:
            return {"problem": error.error}, 403

    with serving(app) as port:
        yield port


def passport(place: Place) -> AbstractContextManager[int]:
    return node("passport.mjs", {**place.env, "STATE": "yes"})


def passport_without_state(place: Place) -> AbstractContextManager[int]:
    return node("passport.mjs", {**place.env, "STATE": "no"})


def openid_client(place: Place) -> AbstractContextManager[int]:
    return node("openid.mjs", place.env)


APPS: Mapping[str, Callable[[Place], AbstractContextManager[int]]] = {
    "requests-oauthlib": requests_oauthlib,
    "Authlib": authlib,
    "passport-oauth2": passport,
    "passport-oauth2 without state": passport_without_state,
    "openid-client": openid_client,
}
