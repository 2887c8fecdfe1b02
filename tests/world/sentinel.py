"""A real OAuth server at Sentinel's path, over http or https, with a login page on a host of its own."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Self
from urllib.parse import urlencode

from authlib.oauth2 import OAuth2Error
from flask import Flask, Response, jsonify, request

from tests.world import names, pages
from tests.world.behaviour import Behaviour, landing
from tests.world.oauth import Code, Installation, code_server, fresh_token
from tests.world.serving import Authority, serving

USER, PASSWORD = "qa@example.com", "correct horse battery staple"
_SESSION = "sentinel_session"


class Sentinel:
    """The server and what it remembers. ``behaviour`` may be changed between logins."""

    def __init__(self, installations: Sequence[Installation] = (), behaviour: Behaviour | None = None) -> None:
        self.installations = list(installations)
        self.behaviour = behaviour or Behaviour()
        self.origin = ""
        self.login_origin = ""
        self.codes: dict[str, Code] = {}
        self._last_code: str | None = None
        self._sessions: dict[str, str] = {}
        self.wsgi = Flask("sentinel")
        self._oauth = code_server(self.wsgi, self)
        api = "/sentinel/api/account/<account>"
        self.wsgi.add_url_rule(f"{api}/authorize", view_func=self._authorize)
        self.wsgi.add_url_rule(f"{api}/token", view_func=self._token, methods=["POST"])
        self.wsgi.add_url_rule("/login", view_func=self._login)
        self.wsgi.add_url_rule("/login", view_func=self._sign_in, methods=["POST"])
        self.wsgi.add_url_rule("/sentinel/session", view_func=self._go_on)

    def authorize_url(self, account: str) -> str:
        return f"{self.origin}/sentinel/api/account/{account}/authorize"

    def token_url(self, account: str) -> str:
        return f"{self.origin}/sentinel/api/account/{account}/token"

    def install(self, *installations: Installation) -> None:
        self.installations += installations

    def sign_out(self) -> None:
        """End every session."""
        self._sessions.clear()

    @contextmanager
    def serve(
        self,
        *,
        port: int = 0,
        authority: Authority | None = None,
        host: str = names.SENTINEL,
        login_host: str = names.LOGIN,
    ) -> Iterator[Self]:
        """Serve at ``host``, the login page at ``login_host`` (same port), until the block ends."""
        with serving(self.wsgi, port=port, authority=authority) as listening:
            scheme = "https" if authority else "http"
            self.origin = f"{scheme}://{host}:{listening}"
            self.login_origin = f"{scheme}://{login_host}:{listening}"
            yield self

    # What is handed out

    def client(self, client_id: str) -> Installation | None:
        return next((one for one in self.installations if one.client_id == client_id), None)

    def new_code(self) -> str:
        if not (self.behaviour.repeats_code and self._last_code):
            self._last_code = secrets.token_urlsafe(18)
        return self._last_code

    def new_token(self, client: Installation, user: str) -> dict[str, object]:
        token = fresh_token(self.origin, client, user) | dict(self.behaviour.token_answer or {})
        return {name: value for name, value in token.items() if value is not None}

    # What is served

    def _authorize(self, account: str) -> Response:
        if self.behaviour.answers:
            return pages.problem(self.behaviour.answers, "Internal server error")
        client = self.client(request.args.get("client_id", ""))
        if client is None or client.account != account:
            return pages.problem(401, "Bad Authentication: invalid site or application id")
        if not request.args.get("v", "").replace(".", "", 1).isdigit():
            return pages.problem(400, "Problem with query parameters: v must be a number")
        user = self._user(request.cookies.get(_SESSION, ""))
        if user is None and not self.behaviour.denies and self._is_in_order():
            carried = {"account": account, **request.args}
            if self.behaviour.lose_state == "at-login":
                carried.pop("state", None)
            return pages.redirect(f"{self.login_origin}/login?{urlencode(carried)}")
        return self._answer(user)

    def _login(self) -> str:
        return pages.login(request.full_path, by_script=self.behaviour.login_by_script)

    def _sign_in(self) -> Response:
        if request.form.get("do") == "deny":
            return self._onward(self._answer(None))
        if (request.form.get("user"), request.form.get("password")) != (USER, PASSWORD):
            return Response(pages.login(request.full_path, "Wrong user or password."), 403)
        ticket = secrets.token_urlsafe(12)
        self._sessions[ticket] = USER
        query = urlencode({"ticket": ticket, **request.args})
        return self._onward(pages.redirect(f"{self.origin}/sentinel/session?{query}"))

    def _onward(self, response: Response) -> Response:
        """The login page's redirect, or what its script takes in place of one."""
        if self.behaviour.login_by_script:
            return jsonify(onward=response.headers["Location"])
        return response

    def _go_on(self) -> Response:
        """Begin the session that the ticket of a login stands for, where its cookie belongs, and go on."""
        asked = request.args.to_dict()
        ticket, account = asked.pop("ticket", ""), asked.pop("account", "")
        if self.behaviour.onward == "authorize":
            response = pages.redirect(f"{self.authorize_url(account)}?{urlencode(asked)}")
        else:
            response = self._answer(self._user(ticket))
            if self.behaviour.onward == "form":
                response = Response(pages.onward(response.headers["Location"]))
        if ticket in self._sessions:
            response.set_cookie(_SESSION, ticket, httponly=True, samesite="Lax", secure=request.is_secure)
        return response

    def _token(self, account: str) -> Response:
        if "v" not in request.args or all(one.account != account for one in self.installations):
            return pages.problem(400, "Problem with query parameters")
        response: Response = self._oauth.create_token_response()
        return response

    def _user(self, ticket: str) -> str | None:
        return self.behaviour.signed_in_as or self._sessions.get(ticket)

    def _is_in_order(self) -> bool:
        try:
            self._oauth.get_consent_grant()
        except OAuth2Error:
            return False
        return True

    def _answer(self, user: str | None) -> Response:
        """The answer to the authorize request whose parameters this request has; without a user, a denial."""
        try:
            grant = self._oauth.get_consent_grant(end_user=user)
        except OAuth2Error as error:
            if not error.redirect_uri:
                return pages.problem(400, f"Problem with query parameters: {error.description}")
            response: Response = self._oauth.handle_error_response(None, error)
        else:
            granted = None if self.behaviour.denies else user
            response = self._oauth.create_authorization_response(grant=grant, grant_user=granted)
        response.headers["Location"] = landing(response.headers["Location"], self.behaviour)
        response.status_code = self.behaviour.redirects_with
        return response
