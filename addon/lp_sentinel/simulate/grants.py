"""What Sentinel grants, on Authlib's authorization server: codes, tokens, and their end."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol
from urllib.parse import urlencode

import flask
from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.integrations.flask_oauth2.requests import FlaskOAuth2Payload, FlaskOAuth2Request
from authlib.oauth2 import OAuth2Request
from authlib.oauth2.rfc6749 import AuthorizationCodeMixin, TokenMixin
from authlib.oauth2.rfc6749.errors import AccessDeniedError, InvalidClientError
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant, RefreshTokenGrant
from authlib.oauth2.rfc7009 import RevocationEndpoint

from lp_sentinel.memory import Ageing
from lp_sentinel.simulate.registry import HOW_TO_AUTHENTICATE, Installation

CODE_LIFETIME = 600.0
"""Seconds: the most that RFC 6749 section 4.1.2 recommends."""
TOKEN_LIFETIME = 3600
"""Seconds that an access token holds."""

_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class Code(AuthorizationCodeMixin):
    """A code that was handed out."""

    code: str
    account: str
    client_id: str
    redirect_uri: str
    """As it was asked for; empty if it was not."""
    user: str
    nonce: str | None
    expires: float
    """On the clock of :class:`Issued`."""
    is_spent: bool = False

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return ""


@dataclass(frozen=True, slots=True)
class Refresh(TokenMixin):
    """A refresh token that was handed out."""

    token: str
    account: str
    client_id: str
    user: str
    code: str
    """What it goes back to: all that came of one code ends together."""
    is_spent: bool = False

    def check_client(self, client: Any) -> bool:
        return (self.account, self.client_id) == (client.account, client.client_id)

    def get_scope(self) -> str:
        return flask.request.form.get("scope", "")  # it is ignored: clients that asked for one ask for it again


@dataclass(slots=True)
class Issued:
    """Everything that was handed out, the oldest forgotten first."""

    lifetime: float = CODE_LIFETIME
    codes: Ageing[str, Code] = field(default_factory=lambda: Ageing(_KEPT))
    refreshes: Ageing[str, Refresh] = field(default_factory=lambda: Ageing(_KEPT))
    _void: Ageing[str, bool] = field(default_factory=lambda: Ageing(_KEPT))

    def issue(self, code: str, asked: OAuth2Request, account: str, nonce: str | None) -> None:
        assert asked.client  # noqa: S101  Authlib has checked it
        expires = time.monotonic() + self.lifetime
        redirect_uri = asked.payload.redirect_uri if asked.payload else None
        client_id = asked.client.get_client_id()
        self.codes[code] = Code(code, account, client_id, redirect_uri or "", str(asked.user), nonce, expires)

    def code(self, code: str, client: Installation) -> Code | None:
        """A code that this app may redeem now. One that comes again ends what came of it (RFC 6749 4.1.2)."""
        known = self.codes.get(code)
        if known is None or (known.account, known.client_id) != (client.account, client.client_id):
            return None
        if known.is_spent:
            self.void(code)
        return None if known.is_spent or time.monotonic() >= known.expires else known

    def refresh(self, token: str) -> Refresh | None:
        """A refresh token that still holds. One that was used before ends all of its kin (RFC 9700 4.14.2)."""
        known = self.refreshes.get(token)
        if known is None or known.code in self._void:
            return None
        if known.is_spent:
            self.void(known.code)
            return None
        return known

    def spend(self, what: Code | Refresh) -> None:
        if isinstance(what, Code):
            self.codes[what.code] = replace(what, is_spent=True)
        else:
            self.refreshes[what.token] = replace(what, is_spent=True)

    def void(self, code: str) -> None:
        """End every token that goes back to this code."""
        self._void[code] = True


class Issuer(Protocol):
    """Who decides what is handed out."""

    issued: Issued

    def installation(self, client_id: str) -> Installation | None: ...

    def check(self) -> tuple[Installation, str]:
        """The app and the redirect URI of the authorize request. Raises OAuth2Error."""

    def new_code(self) -> str: ...

    def new_token(self, client: Installation, user: str, nonce: str | None) -> dict[str, Any]: ...

    def end_sessions(self, user: str) -> None: ...


def _onto(redirect_uri: str, pairs: Iterable[tuple[str, str]]) -> str:
    """A redirect URI with parameters added; its own query is kept as it is (RFC 6749 section 3.1.2)."""
    return f"{redirect_uri}{'&' if '?' in redirect_uri else '?'}{urlencode(list(pairs))}"


def authorization_server(app: flask.Flask, issuer: Issuer) -> Any:
    """Authlib's server; untyped, as parts of Authlib are."""
    logging.getLogger("authlib").setLevel(logging.WARNING)  # below that it tells the tokens
    server: Any = _Server(app, query_client=issuer.installation, save_token=_saving(issuer))
    server.register_grant(type("CodeGrant", (_CodeGrant,), {"issuer": issuer}))
    server.register_grant(type("RefreshGrant", (_RefreshGrant,), {"issuer": issuer}))
    server.register_endpoint(type("Revocation", (_Revocation,), {"issuer": issuer}))
    return server


class _Request(FlaskOAuth2Request):
    """A request over plain http is refused by Authlib; on loopback there is nobody to listen in."""

    def __init__(self, request: flask.Request) -> None:
        uri = request.url.replace("http:", "https:", 1) if request.scheme == "http" else request.url
        OAuth2Request.__init__(self, method=request.method, uri=uri, headers=request.headers)  # type: ignore[call-overload]
        self._request = request
        self.payload = FlaskOAuth2Payload(request)


class _Server(AuthorizationServer):
    def create_oauth2_request(self, request: object) -> _Request:  # noqa: ARG002  Authlib hands over none
        return _Request(flask.request)

    def handle_error_response(self, request: Any, error: Any) -> Any:
        if error.redirect_uri:
            return self.handle_response(302, "", [("Location", _onto(error.redirect_uri, error.get_body()))])
        if isinstance(error, InvalidClientError):
            error.status_code = 400  # the only refusal that is documented for the token request
        return super().handle_error_response(request, error)


class _CodeGrant(AuthorizationCodeGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = HOW_TO_AUTHENTICATE
    issuer: Issuer

    @classmethod
    def check_authorization_endpoint(cls, request: OAuth2Request) -> bool:  # noqa: ARG003
        return True  # another response type is refused in its turn, after a wrong client

    @staticmethod
    def validate_no_multiple_request_parameter(request: OAuth2Request) -> None:
        """Checked with the rest: by Authlib's own check the error would not go back to the app."""

    def validate_authorization_request(self) -> str:
        client, redirect_uri = self.issuer.check()
        self.request.client = client
        return redirect_uri

    def create_authorization_response(self, redirect_uri: str, grant_user: str | None) -> Any:
        if not grant_user:
            raise AccessDeniedError(redirect_uri=redirect_uri)
        self.request.user = grant_user
        asked = flask.request.args
        code, state = self.issuer.new_code(), asked.get("state")
        self.issuer.issued.issue(code, self.request, account_asked(), asked.get("nonce"))
        pairs = [("code", code), *([("state", state)] if state else [])]
        return 302, "", [("Location", _onto(redirect_uri, pairs))]

    def query_authorization_code(self, code: str, client: Any) -> Code | None:
        return self.issuer.issued.code(code, client)

    def delete_authorization_code(self, authorization_code: Any) -> None:
        self.issuer.issued.spend(authorization_code)

    def authenticate_user(self, authorization_code: Any) -> str:
        return str(authorization_code.user)

    def generate_token(self, user: Any = None, *_: Any, **__: Any) -> dict[str, Any]:
        code: Any = self.request.authorization_code
        client: Any = self.request.client
        return self.issuer.new_token(client, str(user), code.nonce)


class _RefreshGrant(RefreshTokenGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = HOW_TO_AUTHENTICATE
    issuer: Issuer

    def authenticate_refresh_token(self, refresh_token: str) -> Any:
        return self.issuer.issued.refresh(refresh_token)

    def authenticate_user(self, refresh_token: Any) -> str:
        return str(refresh_token.user)

    def revoke_old_credential(self, refresh_token: Any) -> None:
        self.issuer.issued.spend(refresh_token)

    def generate_token(self, user: Any = None, *_: Any, **__: Any) -> dict[str, Any]:
        client: Any = self.request.client
        return self.issuer.new_token(client, str(user), None)


class _Revocation(RevocationEndpoint):
    CLIENT_AUTH_METHODS = HOW_TO_AUTHENTICATE
    issuer: Issuer

    def query_token(self, token_string: str, token_type_hint: str | None) -> Refresh | None:  # noqa: ARG002
        return self.issuer.issued.refresh(token_string)

    def revoke_token(self, token: Any, request: OAuth2Request) -> None:  # noqa: ARG002
        self.issuer.issued.void(token.code)
        self.issuer.end_sessions(token.user)


def _saving(issuer: Issuer) -> Any:
    def save(token: dict[str, object], request: Any) -> None:
        if refresh_token := token.get("refresh_token"):
            code = (request.authorization_code or request.refresh_token).code
            known = Refresh(str(refresh_token), account_asked(), request.client.client_id, str(request.user), code)
            issuer.issued.refreshes[known.token] = known

    return save


def account_asked() -> str:
    """The account in the path of the request that is being answered; empty if there is none."""
    return str((flask.request.view_args or {}).get("account", ""))
