"""A small app that logs its users in with Sentinel, by requests-oauthlib, and shows what came back."""

from __future__ import annotations

import secrets

import flask
import requests
from oauthlib.oauth2 import OAuth2Error
from requests_oauthlib import OAuth2Session

from lp_sentinel.config import App

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{{ title }}</title><link rel="icon" href="data:,">
<style>
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 44rem; padding: 0 1rem; }
a.button { border: 1px solid; border-radius: .4rem; display: inline-block; padding: .4rem 1.2rem; }
th { text-align: left; padding-right: 1rem; vertical-align: top; } td { overflow-wrap: anywhere; }
</style></head>
<body><h1>{{ title }}</h1>
{% for heading, values in tables.items() %}
<h2>{{ heading }}</h2>
<table>{% for name, value in values.items() %}<tr><th>{{ name }}</th><td><code>{{ value }}</code></td></tr>{% endfor %}
</table>{% endfor %}
<p><a class="button" href="/login">Log in</a></p>
</body></html>
"""


def sample_app(app: App, account: str, sentinel: str, scope: str | None = None) -> flask.Flask:
    """The app as WSGI. ``sentinel`` is the origin that it finds Sentinel at."""
    wsgi = flask.Flask(__name__)
    wsgi.secret_key = secrets.token_bytes(16)
    wsgi.config["SESSION_COOKIE_NAME"] = "playground_session"
    api = f"{sentinel}/sentinel/api/account/{account}"
    redirect_uri = app.redirect_uris[0]

    @wsgi.get("/")
    def home() -> str:
        return _page("A small app", {})

    @wsgi.get("/login")
    def login() -> flask.Response:
        client = OAuth2Session(app.client_id, redirect_uri=redirect_uri, scope=scope)
        location, state = client.authorization_url(f"{api}/authorize", v="1.0")
        flask.session["state"] = state
        return flask.Response(status=302, headers={"Location": location})

    @wsgi.get("/callback")
    def callback() -> str | tuple[str, int]:
        came = {"What came back": flask.request.args.to_dict()}
        code, error = flask.request.args.get("code"), flask.request.args.get("error")
        state = flask.session.pop("state", None)
        if not state or state != flask.request.args.get("state"):
            return _page("This answer does not belong to a login that began here", came), 400
        if error or not code:
            return _page(f"Not logged in: {error or 'there is no code'}", came), 403
        try:
            with OAuth2Session(app.client_id, redirect_uri=redirect_uri) as client:
                client.trust_env = False
                token = client.fetch_token(
                    f"{api}/token?v=2.0", code=code, client_secret=app.client_secret, include_client_id=True, timeout=30
                )
        except (OAuth2Error, requests.RequestException, ValueError) as failure:
            return _page(f"The code could not be redeemed: {type(failure).__name__}", came), 502
        return _page("Logged in", {**came, "What the code was worth": dict(token)})

    return wsgi


def _page(title: str, tables: dict[str, dict[str, str]]) -> str:
    return flask.render_template_string(_PAGE, title=title, tables=tables)
