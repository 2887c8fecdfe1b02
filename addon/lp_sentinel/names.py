"""What a parameter's name tells of its value, and which names are none: the end of a secret may stand there as one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from lp_sentinel.drawn import is_drawn
from lp_sentinel.texts import Rest
from lp_sentinel.uri import form_decode

HARMLESS = frozenset((
    "v", "version", "response_type", "response_mode", "client_id", "account", "error", "error_description",
    "error_code", "error_message", "scope", "grant_type", "token_type", "expires_in", "code_challenge_method", "prompt",
    "display", "max_age", "ui_locales", "lang", "locale", "hl",
))  # fmt: skip
"""Parameters whose values are shown: they tell of no person and open nothing."""
WORDS = frozenset((
    "v", "version", "response_type", "response_mode", "grant_type", "token_type", "expires_in", "code_challenge_method",
    "prompt", "display", "max_age", "error_description", "error_message",
))  # fmt: skip
"""Those of the harmless ones whose values are words: a standard lists them, or a server wrote them for people.

What looks drawn is none of them: servers quote the code or the state that they refuse.
"""
URLS = frozenset(("redirect_uri", "error_uri", "iss"))
"""Parameters whose values are URLs, and are shown as such."""
KNOWN = HARMLESS | URLS | {"code", "state", "nonce", "access_token", "id_token", "refresh_token", "client_secret"}
"""What certainly is a name, and not the rest of a secret."""
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-\[\]]{0,39}")

_SHORTEST = 12
"""Characters: a name of mixed case that stands alone and is as long may be a token."""
_TELLING = re.compile(
    r"token|secret|passw|passphrase|passcode|pwd|credential|bearer|saml|session|sessid|assertion|signature|jwt|csrf|xsrf"
    r"|cookie|ticket|auth(?:orization)?code"
)
_SECRET_WORDS = frozenset((
    "code", "state", "nonce", "pass", "pw", "key", "apikey", "sid", "otp", "pin", "auth", "authorization", "verifier",
    "challenge", "sig", "hint",
))  # fmt: skip
_READABLE = re.compile(r"[^=?#&;@%]{1,40}")
_HARMLESS_CODE = re.compile(r"(?i)(?:country|error|exit|http|lang|language|reason|response|result|status)[_.\-]?code")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def encoded_too(characters: str) -> str:
    """A pattern for any of these characters, percent-encoded as often as may be, or not at all."""
    codes = (f"{ord(character):02X}" for character in characters)
    cases = "|".join("".join(f"[{c}{c.lower()}]" if c.isalpha() else c for c in code) for code in codes)
    return rf"(?:[{re.escape(characters)}]|%(?:25)*(?:{cases}))"


_QUOTES, _BETWEEN = "\"'", " \t\r\n;,&?#|\"'{([\\"
_QUOTE = rf"\\?{encoded_too(_QUOTES)}"
_JOINED_NAME = re.compile(
    r"(?:%(?:25)*[0-9A-Fa-f]{2}|(?<![A-Za-z0-9_.\-%]))(?P<name>[A-Za-z0-9_][A-Za-z0-9_.\-\[\]]{0,80}+)"
    rf"(?:\s{{0,4}}{encoded_too('=')}|{_QUOTE}\s{{0,4}}{encoded_too(':')}\s{{0,4}})(?:{_QUOTE})?"
)
"""How a parameter begins that was joined to a value, as in ``1.0;state=…``, or a member of an object."""


def is_name(name: str) -> bool:
    """Whether a name that has a value may be shown."""
    return name in KNOWN or (NAME.fullmatch(name) is not None and not is_drawn(name))


def _is_plain(name: str) -> bool:
    """Whether it looks like a name and not like a token, though it has no value."""
    return NAME.fullmatch(name) is not None and (name.islower() or len(name) < _SHORTEST) and not is_drawn(name)


def is_name_alone(name: str, equals: str, raw_value: str) -> bool:
    """Whether a pair without a value begins with a name: a token may end in ``=``, or stand there without one.

    ``name`` is decoded, ``raw_value`` holds nothing but ``=`` and ``_`` (``_=_`` is a name).
    """
    return name in KNOWN or not name.strip("_") or (equals != "" and not raw_value and _is_plain(name))


def _rests(raw: str) -> frozenset[str]:
    """What stands in a query where a name would, and may be the rest of a value that held an unescaped ``&``."""
    found = set()
    for piece in raw.split("&"):
        raw_name, equals, raw_value = piece.partition("=")
        if not raw_value.strip("=_") and not is_name_alone(name := form_decode(raw_name), equals, raw_value):
            found.add(name)
    return frozenset(found)


def names_or_rests(names: Sequence[str], query: str | None) -> tuple[str, ...]:
    """Names that stand in a query; those that may be the rest of a value as ``Rest``."""
    if not names:
        return ()
    alone = _rests(query or "")
    return tuple(Rest(name) if name in alone else name for name in names)


def holds_secret(name: str) -> bool:
    """Whether the value that stands behind a name is secret by all that the name tells."""
    if name in HARMLESS or name in URLS or _HARMLESS_CODE.fullmatch(name):
        return False
    return _TELLING.search(name.lower()) is not None or any(
        word.lower() in _SECRET_WORDS for word in _WORD.findall(name)
    )


def is_readable(name: str, value: str) -> bool:
    """Whether a parameter of a redirect URI's own query may be shown: neither its name nor its look is a secret's."""
    return not holds_secret(name) and _READABLE.fullmatch(value) is not None and not is_drawn(value)


def has_joined_secret(text: str) -> bool:
    """Whether a value that says that it is secret is joined to a text."""
    return next(_joined_secrets(text), None) is not None


def around_secrets(text: str) -> Iterator[tuple[str, str]]:
    """A text in pairs: what is no secret, and the secret that is joined to it; the last one is empty."""
    at = 0
    for begin, end in _joined_secrets(text):
        yield text[at:begin], text[begin:end]
        at = end
    yield text[at:], ""


def _joined_secrets(text: str) -> Iterator[tuple[int, int]]:
    """Where values begin and end in a text, behind names that say that they are secret: ``1.0;state=…``."""
    for found, following in pairwise((*_JOINED_NAME.finditer(text), None)):
        if found and holds_secret(found["name"]):
            value = text[found.end() : following.start()].rstrip(_BETWEEN) if following else text[found.end() :]
            yield found.end(), found.end() + len(value)
