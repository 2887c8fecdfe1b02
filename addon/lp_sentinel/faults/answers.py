"""Answers that a fault puts in the place of the real one, and what it makes of a token answer: pure functions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NamedTuple

from lp_sentinel.exchange import as_bytes
from lp_sentinel.faults.plan import Body, Do

_OK = 200
_BODILESS = (204, 205, 304)
_BAD_REQUEST = 400
_HTML = "text/html; charset=utf-8"
_JSON = "application/json"

# What Sentinel says with each status is documented in no more words than these.
_SAYS: Mapping[int, str] = {
    400: "Problem with query parameters",
    401: "Bad Authentication: invalid site or application id",
    429: "Too many requests",
    500: "Internal server error",
    502: "Bad gateway",
    503: "Service unavailable",
}
_PAGE = (
    '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>\n'
    "<body>{body}</body></html>\n"
)
_LOGIN = (
    '<h1>Sign in</h1>\n<form method="post"><label>User <input name="user"></label>\n'
    '<label>Password <input name="password" type="password"></label> <button>Sign in</button></form>\n'
)
_BROKEN_JSON = '{"access_token": "lp-authorize-'
_GOOD_ANSWER = '{"access_token": "lp-authorize-dummy", "token_type": "Bearer", "expires_in": 3600}'


class Answer(NamedTuple):
    """A response in full."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @classmethod
    def of(cls, status: int, body: str = "", media_type: str = _HTML, *more: tuple[str, str]) -> Answer:
        if status in _BODILESS:
            body = ""  # RFC 9110 section 6.4.1: it would be read as the next response
        # A browser keeps a 301 or a 308 for good unless told otherwise: the fault would outlive the plan.
        types = (("Content-Type", media_type),) if body else ()
        return cls(status, (*types, ("Cache-Control", "no-store"), *more), as_bytes(body))


def redirection(status: int, locations: tuple[str, ...]) -> Answer:
    return Answer.of(status, "", _HTML, *(("Location", location) for location in locations))


def login_page() -> Answer:
    """A page as Sentinel may show it where it could have redirected."""
    return Answer.of(_OK, _PAGE.format(title="Sign in", body=_LOGIN))


def answer(do: Do, *, is_token: bool) -> Answer:
    """The answer that ``do`` gives, whatever was asked."""
    status = do.status or _BAD_REQUEST
    more = (("Retry-After", str(do.retry_after)),) if do.retry_after is not None else ()
    if isinstance(do.body, Body):
        return Answer.of(status, do.body.text, do.body.type, *more)
    if do.body is None and (do.error is not None or do.description):
        fields = {"error": do.error} if do.error is not None else {}
        fields |= {"error_description": do.description} if do.description else {}
        return Answer.of(status, json.dumps(fields), _JSON, *more)
    kind = do.body or ("json" if is_token else "html")
    says = _SAYS.get(status, "Injected by a fault plan")
    match kind:
        case "empty":
            return Answer.of(status, "", _HTML, *more)
        case "broken-json":
            return Answer.of(status, _BROKEN_JSON, _JSON, *more)
        case "json":
            text = json.dumps({"error": says}) if status >= _BAD_REQUEST else _GOOD_ANSWER if is_token else "{}"
            return Answer.of(status, text, _JSON, *more)
    return Answer.of(status, _PAGE.format(title=f"{status}", body=f"<h1>{status}</h1>\n<p>{says}</p>"), _HTML, *more)


def edited_token(do: Do, body: bytes) -> bytes | None:
    """A token answer without and with what ``do`` says; ``None`` if the body is no JSON object or stays as it is."""
    try:
        token = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(token, dict):
        return None
    edited = {name: value for name, value in token.items() if name not in do.without} | dict(do.set)
    return json.dumps(edited).encode() if edited != token else None


def did(do: Do) -> str:
    """What such an answer is, in words."""
    if do.status in _BODILESS:
        return f"status {do.status}"
    if do.error is not None:
        return f"{do.status or _BAD_REQUEST} with error={do.error}"
    if do.description is not None and do.body is None:
        return f"{do.status or _BAD_REQUEST} with error_description alone"
    body = f" with {do.body}" if isinstance(do.body, str) else ""
    return f"status {do.status}{body}"
