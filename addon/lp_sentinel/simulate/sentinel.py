"""Sentinel's documented endpoints, as a WSGI app."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable
from http import HTTPStatus
from threading import Lock
from typing import Any
from urllib.parse import quote, urlencode

import flask
from authlib.oauth2 import OAuth2Error
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from lp_sentinel.config import App
from lp_sentinel.memory import Ageing
from lp_sentinel.simulate.checks import check_authorize, check_token, is_version
from lp_sentinel.simulate.grants import TOKEN_LIFETIME, Issued, account_asked, authorization_server
from lp_sentinel.simulate.keys import Signer
from lp_sentinel.simulate.registry import USER, Installation, Registry

SESSION = "lp_simulated_session"
"""A cookie of our own name: in the proxy it is set for the real hosts, and must not get in the way of theirs."""
MARK = "LP-Simulated"
"""The response header that says where an answer comes from."""

_API = "/sentinel/api/account/<account>"
_REVOKE_VERSIONS = frozenset({"1"})
_TOKEN_VERSIONS = frozenset({"1", "2"})
_SESSIONS = 10_000


class Simulator:
    """The server and what it remembers. ``wsgi`` is to be served on loopback only."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.is_down = False
        """Whether every authorize request is answered 500, as in an outage."""
        self.home = ""
        """The host that the Domain API names; if empty, the one that was asked."""
        self.issued = Issued()
        self._signer = Signer()
        self._sessions: Ageing[str, tuple[str, int]] = Ageing(_SESSIONS)
        self._ended: Counter[str] = Counter()
        """How often all sessions of a user were ended."""
        self._redeeming = Lock()
        self.wsgi = self._flask()
        self._oauth = authorization_server(self.wsgi, self)

    def _flask(self) -> flask.Flask:
        app = flask.Flask(__name__)
        app.url_map.merge_slashes = False  # an empty account is an invalid one, not another path
        routes: tuple[tuple[str, Callable[..., Any], str], ...] = (
            ("/", self._home, "GET"),
            (f"{_API}/authorize", self._authorize, ""),
            ("/sentinel/api/account//authorize", lambda: self._authorize(""), ""),
            (f"{_API}/login", self._login, "GET"),
            (f"{_API}/login", self._sign_in, "POST"),
            (f"{_API}/token", self._token, ""),
            (f"{_API}/token/revoke", self._revoke, ""),
            (f"{_API}/keys", self._keys, "GET"),
            ("/api/account/<account>/service/sentinel/baseURI.json", self._base_uri, "GET"),
        )
        every = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
        for place, (path, view, method) in enumerate(routes):
            app.add_url_rule(path, str(place), view, methods=[method] if method else every)
        app.register_error_handler(MethodNotAllowed, _undocumented_method)
        app.register_error_handler(HTTPException, lambda error: problem(error.code, error.description))
        app.register_error_handler(UnicodeDecodeError, lambda _: problem(400))  # a query with bytes that are not UTF-8
        app.register_error_handler(Exception, self._fail)
        app.after_request(_marked)
        return app

    # What is handed out

    def installation(self, client_id: str) -> Installation | None:
        """The app with this id in the account of the request."""
        return self.registry.installation(account_asked(), client_id)

    def check(self) -> tuple[Installation, str]:
        query = flask.request.query_string.decode("latin-1")
        return check_authorize(self.registry, account_asked(), flask.request.args, query)

    def new_code(self) -> str:
        return secrets.token_urlsafe(24)

    def new_token(self, client: Installation, user: str, nonce: str | None) -> dict[str, Any]:
        """A token answer with everything that is documented."""
        return {
            "access_token": secrets.token_urlsafe(32),
            "token_type": "Bearer",
            "refresh_token": secrets.token_urlsafe(32),
            "id_token": self._signer.id_token(client.client_id, user, TOKEN_LIFETIME, nonce),
            "expires_in": TOKEN_LIFETIME,
        }

    # Sessions

    def begin_session(self, user: str, response: flask.Response) -> None:
        ticket = secrets.token_urlsafe(16)
        self._sessions[ticket] = user, self._ended[user]
        secure = flask.request.is_secure
        response.set_cookie(SESSION, ticket, httponly=True, samesite="Lax", secure=secure, path="/sentinel/")

    def end_sessions(self, user: str) -> None:
        """Sign a user out everywhere."""
        self._ended[user] += 1

    def signed_in(self, account: str) -> str | None:
        """The user whose session the request has, and who may enter the account."""
        name, ended = self._sessions.get(flask.request.cookies.get(SESSION, "")) or ("", 0)
        user = self.registry.user(name)
        return name if user and user.may_enter(account) and ended == self._ended[name] else None

    # What is served

    def _home(self) -> str:
        return flask.render_template("home.html", registry=self.registry, origin=_origin(), try_out=_try_out)

    def _authorize(self, account: str) -> flask.Response:
        if self.is_down:
            return problem(500)
        if flask.request.method != "GET":
            return problem(400, f"Problem with the request: {flask.request.method} is not documented, only GET is.")
        user = self.signed_in(account)
        if user is None and self._is_in_order():
            return self.to_login(account)
        return self.answer(user)

    def to_login(self, account: str) -> flask.Response:
        """To the login page, which is given the request as it came."""
        query = flask.request.query_string.decode("latin-1")
        return _redirect(f"{_origin()}/sentinel/api/account/{quote(account, safe='')}/login?{query}")

    def answer(self, user: str | None) -> flask.Response:
        """The answer to the authorize request whose parameters this request has; without a user, a denial."""
        try:
            grant = self._oauth.get_consent_grant(end_user=user)
        except OAuth2Error as error:
            if not error.redirect_uri:
                return _refusal(error)
            refused: flask.Response = self._oauth.handle_error_response(None, error)
            return refused
        answered: flask.Response = self._oauth.create_authorization_response(grant=grant, grant_user=user)
        return answered

    def _is_in_order(self) -> bool:
        try:
            self.check()
        except OAuth2Error:
            return False
        return True

    def _login(self, account: str) -> str | flask.Response:
        return self.login_page(account) if self._is_in_order() else self.answer(None)

    def login_page(self, account: str, *, is_wrong: bool = False) -> str:
        # Filled in only where there is nothing to find out: the user that everybody knows.
        filled = USER if self.registry.users == (USER,) else None
        return flask.render_template("login.html", account=account, wrong=is_wrong, filled=filled)

    def _sign_in(self, account: str) -> flask.Response:
        form = flask.request.form
        if form.get("do") == "deny":
            return self.answer(None)
        user = self.registry.signs_in(account, form.get("user", ""), form.get("password", ""))
        if user is None:
            return flask.make_response(self.login_page(account, is_wrong=True), HTTPStatus.FORBIDDEN)
        response = self.answer(user.name)
        self.begin_session(user.name, response)
        return response

    def _token(self, account: str) -> flask.Response:
        return self._granted(account, _TOKEN_VERSIONS, self._oauth.create_token_response)

    def _revoke(self, account: str) -> flask.Response:
        return self._granted(
            account, _REVOKE_VERSIONS, lambda: self._oauth.create_endpoint_response("revocation"), may_spell_v1=True
        )

    def _granted(
        self, account: str, versions: frozenset[str], grant: Callable[[], Any], *, may_spell_v1: bool = False
    ) -> flask.Response:
        request, asked = flask.request, flask.request.args
        if may_spell_v1 and asked.to_dict(flat=False) == {"v1.0": [""]}:
            asked = _V1  # LivePerson's page on revoking has it so
        try:
            is_known = account in self.registry.accounts
            authorization = request.headers.get("Authorization", "")
            check_token(request.method, asked, request.form, authorization, versions, is_known=is_known)
        except OAuth2Error as error:
            refused: flask.Response = self._oauth.handle_error_response(None, error)
            return refused
        with self._redeeming:  # a code is redeemed once, even if it comes twice at a time
            granted: flask.Response = grant()
        return granted

    def _keys(self, account: str) -> Any:
        return self._signer.public() if account in self.registry.accounts else problem(404)

    def _base_uri(self, account: str) -> Any:
        """LivePerson's Domain API, for the service ``sentinel``."""
        if account not in self.registry.accounts or not is_version(flask.request.args.get("version", ""), {"1"}):
            return problem(404, "There is no such account, or version is not 1.0.")
        return {"service": "sentinel", "account": account, "baseURI": self.home or flask.request.host}

    def _fail(self, error: Exception) -> flask.Response:
        self.wsgi.logger.error("the simulator failed", exc_info=error)
        return problem(500)


_V1: Any = flask.Request.parameter_storage_class([("v", "1.0")])

_DETAILS = {
    400: "Problem with query parameters.",
    401: "Bad Authentication: invalid site or application id.",
    404: "Not found.",
    500: "Internal server error.",
}


def problem(status: int | None, detail: str | None = None) -> flask.Response:
    """A page that says what is wrong."""
    known = HTTPStatus(status or 500)
    page = flask.render_template(
        "problem.html", status=known.value, name=known.phrase, detail=detail or _DETAILS.get(known, known.description)
    )
    return flask.make_response(page, known)


def _undocumented_method(_: Exception) -> flask.Response:
    """Not with 405, which is not documented."""
    return problem(400, f"Problem with the request: {flask.request.method} is not documented.")


def _refusal(error: Any) -> flask.Response:
    """What is not sent to the app: 401 for an invalid site or application, 400 for the rest."""
    if error.status_code == HTTPStatus.UNAUTHORIZED:
        return problem(401, f"Bad Authentication: {error.description}.")
    return problem(400, f"Problem with query parameters: {error.description}.")


def _marked(response: flask.Response) -> flask.Response:
    response.headers[MARK] = "lp-authorize, for tests"
    response.headers.setdefault("Cache-Control", "no-store")
    return response


def _redirect(location: str) -> flask.Response:
    return flask.Response(status=302, headers={"Location": location})


def _origin() -> str:
    return flask.request.host_url.rstrip("/")


def _try_out(account: str, app: App, redirect_uri: str) -> str:
    """An authorize request as it should be, but that nobody waits for its state."""
    query = {"v": "1.0", "response_type": "code", "client_id": app.client_id, "redirect_uri": redirect_uri}
    state = secrets.token_urlsafe(18)
    return f"/sentinel/api/account/{quote(account, safe='')}/authorize?{urlencode({**query, 'state': state})}"
