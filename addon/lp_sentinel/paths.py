"""The paths of Sentinel's endpoints: whether a request is an authorize request or a token exchange."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple
from urllib.parse import unquote

type PathForm = Literal["documented", "trailing-slash", "near-miss"]


class AuthorizePath(NamedTuple):
    """The path of an authorize request."""

    form: PathForm
    account: str | None
    """Percent-decoded once; ``None`` where the path has none, or an empty one."""


class TokenPath(NamedTuple):
    """The path of a token exchange."""

    account: str | None
    """Likewise."""


_AUTHORIZE_PATH = re.compile(r"/sentinel/api/account/([^/]*)/authorize")
_TOKEN_PATH = re.compile(r"/sentinel/api/account/([^/]*)/token")
_AUTHORIZE_WORDS = frozenset({"authorize", "authorise", "authorization", "authorisation", "auth"})
SEGMENTS = _AUTHORIZE_WORDS | {"sentinel", "account", "accounts", "token"}
"""Those by which a path is told, in lower case."""


def authorize_path(path: str) -> AuthorizePath | None:
    """``None`` for any other path than an authorize request's."""
    if match := _AUTHORIZE_PATH.fullmatch(path):
        return AuthorizePath("documented", _account(match[1]))
    if "sentinel" not in path.lower():
        return None
    segments = path.split("/")
    filled = [place for place, segment in enumerate(segments) if segment]
    last = filled[-1] if filled else 0
    if segments[last].lower() not in _AUTHORIZE_WORDS or all(s.lower() != "sentinel" for s in segments):
        return None
    if path.endswith("/") and (match := _AUTHORIZE_PATH.fullmatch(path[:-1])):
        # An empty account is a finding of its own; the slash behind it is not worth a second one.
        return AuthorizePath("trailing-slash" if match[1] else "documented", _account(match[1]))
    for place in range(len(segments) - 1):
        if segments[place].lower() in ("account", "accounts") and place + 1 < last:
            return AuthorizePath("near-miss", _account(segments[place + 1]))
    return AuthorizePath("near-miss", None)


def token_path(path: str) -> TokenPath | None:
    """``None`` for any other path than a token exchange's."""
    match = _TOKEN_PATH.fullmatch(path)
    return TokenPath(_account(match[1])) if match else None


def _account(segment: str) -> str | None:
    return unquote(segment, errors="surrogateescape") or None
