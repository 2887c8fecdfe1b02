"""The parameters of a login's messages, redacted, and what they mean."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import NamedTuple
from urllib.parse import quote_plus, unquote_plus

import msgspec

from lp_sentinel.exchange import as_text
from lp_sentinel.json_object import json_object
from lp_sentinel.redact import Redactor, printable

MEANINGS: Mapping[str, str] = {
    "account": "the LivePerson account",
    "v": "the API's version",
    "response_type": "what is asked for: a code",
    "client_id": "which app asks",
    "redirect_uri": "where the app wants to be called back",
    "state": "the app's own value, to come back unchanged",
    "code": "to be redeemed for tokens, once",
    "error": "why there is no code",
    "error_description": "the same, for people",
    "error_uri": "the same, as a page",
    "iss": "who answers (RFC 9207)",
    "scope": "what the app may do",
    "nonce": "binds an ID token to this login (OpenID Connect)",
    "code_challenge": "binds the code to who asked for it (PKCE)",
    "code_challenge_method": "how that was made (PKCE)",
    "code_verifier": "proves who asked for the code (PKCE)",
    "grant_type": "what is redeemed",
    "client_secret": "the app's password",
    "refresh_token": "gets new tokens later",
    "access_token": "lets the app call LivePerson",
    "id_token": "who has signed in",
    "token_type": "how the token is to be sent",
    "expires_in": "for how many seconds the token is good",
}

_MOST = 100
_LONGEST = 300
_LONGEST_JSON = 1 << 16


class Given(NamedTuple):
    """A parameter as it may be shown; ``None``: absent."""

    name: str
    value: str | None


def given(raw: str | bytes, redactor: Redactor) -> list[Given]:
    """The parameters of a query or a form, in their order, decoded after they were redacted."""
    text = as_text(raw) if isinstance(raw, bytes) else raw
    return [_given(piece, redactor) for piece in islice(filter(None, text.split("&")), _MOST)]


def _given(piece: str, redactor: Redactor) -> Given:
    name, _, value = redactor.url(f"?{piece.replace('#', '%23')}")[1:].partition("=")
    return Given(printable(unquote_plus(name), _LONGEST), printable(unquote_plus(value), _LONGEST))


def given_in_json(body: bytes, redactor: Redactor) -> list[Given]:
    """The members of a JSON object; none if it is no such thing."""
    value = json_object(body) if len(body) <= _LONGEST_JSON else None
    return [_given(f"{quote_plus(name)}={quote_plus(_plain(item))}", redactor) for name, item in (value or {}).items()]


def _plain(item: object) -> str:
    return item if isinstance(item, str) else msgspec.json.encode(item).decode()
