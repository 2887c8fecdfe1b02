"""The paths of Sentinel's endpoints: whether a request is an authorize request or a token exchange."""

from __future__ import annotations

import re
from typing import Literal
from urllib.parse import unquote

type PathForm = Literal["documented", "trailing-slash", "near-miss"]

_AUTHORIZE_PATH = re.compile(r"/sentinel/api/account/([^/]*)/authorize")
_TOKEN_PATH = re.compile(r"/sentinel/api/account/([^/]*)/token")
_AUTHORIZE_WORDS = frozenset({"authorize", "authorise", "authorization", "authorisation", "auth"})


def authorize_path(path: str) -> tuple[PathForm, str | None] | None:
    """The form of an authorize request's path and its account, percent-decoded once; ``None`` for any other path.

    The account is ``None`` where the path has none, or an empty one.
    """
    if match := _AUTHORIZE_PATH.fullmatch(path):
        return "documented", _account(match[1])
    if "sentinel" not in path.lower():
        return None
    segments = path.split("/")
    filled = [place for place, segment in enumerate(segments) if segment]
    last = filled[-1] if filled else 0
    if segments[last].lower() not in _AUTHORIZE_WORDS or all(s.lower() != "sentinel" for s in segments):
        return None
    if path.endswith("/") and (match := _AUTHORIZE_PATH.fullmatch(path[:-1])):
        # An empty account is a finding of its own; the slash behind it is not worth a second one.
        return ("trailing-slash" if match[1] else "documented"), _account(match[1])
    for place in range(len(segments) - 1):
        if segments[place].lower() in ("account", "accounts") and place + 1 < last:
            return "near-miss", _account(segments[place + 1])
    return "near-miss", None


def token_path(path: str) -> tuple[str | None] | None:
    """The account of a token exchange's path, in a tuple; ``None`` for any other path."""
    match = _TOKEN_PATH.fullmatch(path)
    return (_account(match[1]),) if match else None


def _account(segment: str) -> str | None:
    return unquote(segment, errors="surrogateescape") or None
