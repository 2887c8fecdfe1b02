"""Reading a token exchange: how an app redeems a code."""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from urllib.parse import unquote_plus

from msgspec import Struct

from lp_sentinel.exchange import Exchange, as_text, header
from lp_sentinel.facts import TokenFacts
from lp_sentinel.json_object import json_object
from lp_sentinel.taken_out import is_taken_out, known
from lp_sentinel.texts import secret
from lp_sentinel.uri import Parameters, parse_parameters

_OK = 200
_NUMBER = re.compile(r"\s*[+-]?[0-9]{1,20}(?:\.[0-9]{1,20})?(?:[eE][+-]?[0-9]{1,3})?\s*")
_BY_BASIC = ("client_id", "client_secret")
_CONTROL = re.compile("[\x00-\x1f\x7f]")
"""Neither a user nor a password has these (RFC 7617 section 2): what is decoded to them was no base64 of the two."""
_NO_TEXT = re.compile("[\ud800-\udfff]")
"""Bytes that are not UTF-8: a password may have them, but no client id has."""
_IN_URL = ("client_secret", "code", "refresh_token")
_NEEDED = {"refresh_token": ("refresh_token", "client_id", "client_secret")}
_NEEDED_TO_REDEEM = ("code", "client_id", "client_secret")


class LandedCode(Struct):
    """A code that landed: where, and what was asked for. The code itself is not kept."""

    journey: str | None
    client_ids: tuple[str | None, ...]
    """Of each login in which it landed, the newest last; ``None``: none was asked for, or it is not known."""
    redirect_uris: tuple[str | None, ...]
    """Likewise."""
    origin: tuple[str, str, int | None]
    """The callback's."""
    leaked: bool = False
    """It was seen in the Referer of a request to another origin: reported once."""


class TokenRequest(NamedTuple):
    """A token request as far as it can be read; ``form`` is ``None`` when the capture does not hold the body."""

    method: str
    form: Parameters | None
    query: Parameters
    content_type: str | None
    client_id: str | None
    by_basic: frozenset[str]
    """Those of ``client_id`` and ``client_secret`` that come by HTTP Basic, or may, where that can't be read."""

    def get(self, name: str) -> str | None:
        return self.form.get(name) if self.form else None


def read_token_request(exchange: Exchange) -> TokenRequest:
    """LivePerson's token page; RFC 6749 sections 2.3.1 and 4.1.3."""
    body = exchange.request_body
    text = known(as_text(body)) if body is not None else None
    form = parse_parameters(text) if text is not None else None
    basic = _basic(header(exchange.request_headers, "authorization"))
    return TokenRequest(
        method=exchange.method.upper(),
        form=form,
        query=parse_parameters(exchange.query),
        content_type=header(exchange.request_headers, "content-type"),
        client_id=known((form.get("client_id") if form else None) or basic.get("client_id")),
        by_basic=frozenset(basic),
    )


def _basic(authorization: str | None) -> Mapping[str, str | None]:
    """Client id and secret of HTTP Basic, each form-decoded (RFC 6749 section 2.3.1); ``None`` if unreadable."""
    scheme, _, value = (authorization or "").partition(" ")
    is_left_out = is_taken_out(authorization) or scheme.strip("*") != scheme  # two stars are enough for some tools
    if scheme.lower() != "basic" and not is_left_out:
        return {}
    credentials = basic_credentials(value) if value else None
    if credentials is None:
        # A capture may have been cleaned of it. But of a text without a colon it is certain that one of the two is not
        # there; which one it is, nobody knows.
        return {"client_id": None} if value and basic_alone(value) else dict.fromkeys(_BY_BASIC)
    return {name: unquote_plus(text) for name, text in zip(_BY_BASIC, credentials[::2], strict=True) if text}


def basic_credentials(value: str) -> tuple[str, str, str] | None:
    """User, colon and password of HTTP Basic, with or without padding; ``None`` if it is no base64 of these.

    What has no colon (RFC 7617 section 2) may be a secret that was sent alone, or sent without base64. Some tools leave
    a hash of it, in hex digits, which are base64 by their look.
    """
    text = _decoded(value)
    if text is None or _CONTROL.search(text):
        return None
    user, colon, password = text.partition(":")
    return (user, colon, password) if colon and not _NO_TEXT.search(user) else None


def basic_alone(value: str) -> str | None:
    """What HTTP Basic holds of readable text where a user, a colon and a password should be."""
    text = _decoded(value)
    is_text = text and ":" not in text and text.isascii() and text.isprintable() and not is_taken_out(text)
    return text if is_text else None


def _decoded(value: str) -> str | None:
    value = value.strip().rstrip("=")
    try:
        return as_text(base64.b64decode(value + "=" * (-len(value) % 4), validate=True))
    except ValueError:
        return None


def read_token(
    exchange: Exchange, request: TokenRequest, issued: LandedCode | None, *, code_unknown: bool, redeemed_before: bool
) -> TokenFacts:
    """The facts of a token exchange; ``issued`` is what is known of its code."""
    body = exchange.request_body
    media_type = request.content_type.partition(";")[0].strip().lower() if request.content_type else None
    answer = _answer(exchange)
    token_type = answer.get("token_type") if answer is not None else None
    return TokenFacts(
        method=request.method,
        has_body=bool(body) if body is not None else None,
        content_type=media_type,
        is_form=None if is_taken_out(request.content_type) else media_type == "application/x-www-form-urlencoded",
        grant_type=request.get("grant_type"),
        grant_type_known=request.form is not None,
        code=secret(request.get("code")),
        redirect_uri=request.get("redirect_uri"),
        client_id=request.client_id,
        missing=_missing(request),
        in_url=tuple(name for name in _IN_URL if request.query.has(name)),
        v=request.query.get("v"),
        status=exchange.status,
        access_token_missing=not answer.get("access_token") if answer is not None else None,
        token_type=str(token_type) if token_type is not None else None,
        issued=issued is not None and issued.journey is not None,
        issued_redirect_uri=_asked_for(issued.redirect_uris, request.get("redirect_uri")) if issued else None,
        issued_client_id=_asked_for(issued.client_ids, request.client_id) if issued else None,
        code_unknown=code_unknown,
        redeemed_before=redeemed_before,
    )


def _asked_for(values: Sequence[str | None], redeemed_with: str | None) -> str | None:
    """What the login asked for that a code is redeemed of; ``None``: not known.

    Of several logins it may be the one that fits.
    """
    return redeemed_with if redeemed_with in values else None if None in values else values[-1]


def _missing(request: TokenRequest) -> tuple[str, ...]:
    form = request.form
    if form is None:
        return ()
    grant_type = form.get("grant_type")
    needed = _BY_BASIC if is_taken_out(grant_type) else _NEEDED.get(grant_type or "", _NEEDED_TO_REDEEM)
    return tuple(name for name in needed if not form.get(name) and name not in request.by_basic)


def _answer(exchange: Exchange) -> dict[str, object] | None:
    """What a token request was granted, as far as it can be read."""
    return json_object(exchange.response_body) if exchange.status == _OK else None


def expires_in(exchange: Exchange) -> float | None:
    """For how many seconds the access token is good, by a 200 answer; ``None`` if it does not say so with a number."""
    value = (_answer(exchange) or {}).get("expires_in")
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        return None
    try:
        seconds = float(value)
    except OverflowError:
        return None
    return seconds if math.isfinite(seconds) else None
