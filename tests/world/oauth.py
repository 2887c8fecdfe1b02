"""The OAuth half of Sentinel, as Authlib has it: installed apps, codes, and what is answered for a code."""

from __future__ import annotations

import secrets
import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Protocol

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2 import OAuth2Request
from authlib.oauth2.rfc6749 import AuthorizationCodeMixin, ClientMixin
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant
from flask import Flask
from joserfc import jwt
from joserfc.jwk import OctKey

_KEY = OctKey.generate_key()


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation(ClientMixin):
    """An app that is installed in an account: what its manifest says, and what LivePerson hands back for it."""

    account: str = "12345678"
    client_id: str
    client_name: str = "com.example.App"
    client_secret: str
    redirect_uris: tuple[str, ...]

    def get_client_id(self) -> str:
        return self.client_id

    def get_default_redirect_uri(self) -> str:
        return self.redirect_uris[0] if len(self.redirect_uris) == 1 else ""

    def get_allowed_scope(self, scope: Collection[str] | str) -> str:
        return ""

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri in self.redirect_uris

    def check_client_secret(self, client_secret: str) -> bool:
        return secrets.compare_digest(client_secret, self.client_secret)

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method in {"client_secret_post", "client_secret_basic"}

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == "authorization_code"


@dataclass(frozen=True, slots=True)
class Code(AuthorizationCodeMixin):
    """A code that was handed out and not redeemed yet."""

    code: str
    client_id: str
    redirect_uri: str
    """As it was asked for; empty if it was not."""
    user: str

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return ""


class Issuer(Protocol):
    """Who decides what is handed out."""

    codes: dict[str, Code]

    def client(self, client_id: str) -> Installation | None: ...

    def new_code(self) -> str: ...

    def new_token(self, client: Installation, user: str) -> dict[str, object]: ...


def code_server(flask: Flask, issuer: Issuer) -> Any:
    """An Authlib server that grants authorization codes; untyped, as parts of Authlib are."""
    server: Any = AuthorizationServer(flask, query_client=issuer.client, save_token=lambda _token, _request: None)

    def token(client: Installation, user: str, **_: object) -> dict[str, object]:
        return issuer.new_token(client, user)

    class Grant(AuthorizationCodeGrant):
        TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_post", "client_secret_basic"]  # noqa: RUF012  as Authlib has it

        def generate_authorization_code(self) -> str:
            return issuer.new_code()

        def save_authorization_code(self, code: str, request: OAuth2Request) -> None:
            assert request.client
            assert request.payload
            redirect_uri = request.payload.redirect_uri or ""
            issuer.codes[code] = Code(code, request.client.get_client_id(), redirect_uri, str(request.user))

        def query_authorization_code(self, code: str, client: ClientMixin) -> Code | None:
            known = issuer.codes.get(code)
            return known if known and known.client_id == client.get_client_id() else None

        def delete_authorization_code(self, authorization_code: Code) -> None:
            issuer.codes.pop(authorization_code.code, None)

        def authenticate_user(self, authorization_code: Code) -> str:
            return authorization_code.user

    server.register_token_generator("default", token)
    server.register_grant(Grant)
    return server


def fresh_token(issuer: str, client: Installation, user: str) -> dict[str, object]:
    """A token answer with everything that is documented."""
    now = int(time.time())
    claims = {"iss": issuer, "aud": client.client_id, "sub": user, "iat": now, "exp": now + 3600}
    return {
        "access_token": secrets.token_urlsafe(32),
        "token_type": "Bearer",
        "refresh_token": secrets.token_urlsafe(32),
        "id_token": jwt.encode({"alg": "HS256"}, claims, _KEY),
        "expires_in": 3600,
    }
