"""What the simulator knows: accounts, installed apps and users, from ``lp-authorize.yaml`` or made up."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from authlib.oauth2.rfc6749 import ClientMixin

from lp_sentinel.config import App, Config
from lp_sentinel.documents.document import Document, Where
from lp_sentinel.registered import registers_redirect_uri

ACCOUNT = "12345678"
HOW_TO_AUTHENTICATE = ["client_secret_post", "client_secret_basic"]

APPS = (
    App("try-one-callback", "One redirect URI", ("http://localhost:8080/callback",), "made-up-secret-1"),
    App(
        "try-two-callbacks",
        "Two redirect URIs",
        ("http://localhost:8080/callback", "http://localhost:8080/agent/callback"),
        "made-up-secret-2",
    ),
)
"""What there is to try without a config."""


@dataclass(frozen=True, slots=True)
class User:
    """Who can sign in. ``accounts``: to these only; ``None``: to all."""

    name: str
    password: str = field(repr=False)
    accounts: frozenset[str] | None = None

    def may_enter(self, account: str) -> bool:
        return self.accounts is None or account in self.accounts


USER = User("qa@example.com", "made-up-password")
"""Who can sign in where the config names nobody."""


@dataclass(frozen=True, slots=True)
class Installation(ClientMixin):
    """An app in an account, as Authlib asks about it."""

    account: str
    app: App

    @property
    def client_id(self) -> str:
        return self.app.client_id

    def get_client_id(self) -> str:
        return self.app.client_id

    def get_default_redirect_uri(self) -> str:
        return self.app.redirect_uris[0] if len(self.app.redirect_uris) == 1 else ""

    def get_allowed_scope(self, scope: Collection[str] | str) -> str:  # noqa: ARG002
        return ""

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return registers_redirect_uri(self.app, redirect_uri)

    def check_client_secret(self, client_secret: str) -> bool:
        """An app without a made-up secret can't redeem a code: a real secret is never accepted as anything."""
        known = self.app.client_secret
        return known is not None and secrets.compare_digest(client_secret.encode(), known.encode())

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:  # noqa: ARG002
        return method in HOW_TO_AUTHENTICATE

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in {"authorization_code", "refresh_token"}


@dataclass(frozen=True, slots=True)
class Registry:
    """Everything that is registered."""

    accounts: Mapping[str, Mapping[str, App]]
    users: tuple[User, ...]
    is_made_up: bool
    """Nothing of it comes from a config."""

    def installation(self, account: str, client_id: str) -> Installation | None:
        app = self.accounts.get(account, {}).get(client_id)
        return Installation(account, app) if app else None

    def user(self, name: str) -> User | None:
        return next((user for user in self.users if user.name == name), None)

    def signs_in(self, account: str, name: str, password: str) -> User | None:
        """The user with this name and password, who may enter this account."""
        user = self.user(name)
        if user is None or not secrets.compare_digest(password.encode(), user.password.encode()):
            return None
        return user if user.may_enter(account) else None


def registry_of(config: Config) -> Registry:
    """What a config registers; where it lists no apps or no users, those that are made up."""
    users = tuple(_users(config.document)) if config.document else ()
    accounts = config.accounts or {ACCOUNT: {app.client_id: app for app in APPS}}
    return Registry(accounts, users or (USER,), is_made_up=not config.accounts)


def _users(document: Document) -> Iterator[User]:
    for index, entry in enumerate((document.data.get("simulate") or {}).get("users") or ()):
        where: Where = ("simulate", "users", index)

        def spelt(*steps: str | int, where: Where = where) -> str:
            return document.spelling((*where, *steps)) or ""

        listed = entry.get("accounts")
        accounts = None if listed is None else frozenset(spelt("accounts", place) for place in range(len(listed)))
        yield User(spelt("name"), spelt("password"), accounts)
