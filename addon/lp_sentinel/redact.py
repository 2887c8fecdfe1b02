"""Values as they may leave the program: secrets masked so that they can still be compared, text safe to print."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from itertools import islice
from urllib.parse import quote, unquote

from lp_sentinel.drawn import SHORTEST, is_drawn
from lp_sentinel.facts import Secret, Url
from lp_sentinel.uri import CACHED_LENGTH, form_decode
from lp_sentinel.wording import visible

_SHOWN = 4
_SHORTEST_SHOWN = 12
"""Four characters of a shorter secret would be too much of it."""
_LONGEST_TEXT = 600
"""Characters of a value that are worth handing on: some are a megabyte long."""
_LONGEST_VALUE = 200
_MOST_ITEMS = 50
_MOST_URLS = 1000

_URL = re.compile(
    r"(?s)(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]*:)?(?P<slashes>[/\\]{2})?"
    r"(?P<authority>(?<=[/\\]{2})[^/\\?#]*)?(?P<path>[^?#]*)(?P<query>\?[^#]*)?(?P<fragment>#.*)?"
)
_ENCODED_QUERY = re.compile(r"%(?:25)*(?:3[fF]|23)")
_PATH_PARAMETER = re.compile(r"(;[^=/;]*=)([^/;]+)")
_LONG_SEGMENT = re.compile(rf"(?<![^/\\])[^/\\;]{{{SHORTEST},}}")
_ACCOUNT = "/account/"
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.\-\[\]]{0,23}")
_TEMPLATE = re.compile(r"\{[A-Za-z0-9_]{1,24}\}")

HARMLESS = frozenset((
    "v", "version", "response_type", "response_mode", "client_id", "error", "error_description", "error_code",
    "error_message", "scope", "grant_type", "token_type", "expires_in", "code_challenge_method", "prompt", "display",
    "max_age", "ui_locales", "lang", "locale", "hl",
))  # fmt: skip
URLS = frozenset(("redirect_uri", "error_uri", "iss"))
KNOWN = HARMLESS | URLS | {"code", "state", "nonce", "access_token", "id_token", "refresh_token", "client_secret"}


class Redactor:
    """Masks secrets with a key that is random for each run: equal values look equal within it, and only there."""

    def __init__(self, *, on: bool = True) -> None:
        """With ``on`` false secrets are shown as they are; text is made safe and cut all the same."""
        self.on = on
        self._key = secrets.token_bytes(32)
        self._spared: frozenset[str] = frozenset()
        self._urls: dict[str, str] = {}
        """Those shown last: what a response redirects to is asked for next."""

    def spare(self, segments: frozenset[str]) -> None:
        """Show these segments of paths even if they look like tokens: what a project registered is no secret."""
        if segments != self._spared:
            self._spared = segments
            self._urls.clear()

    def mask(self, secret: str) -> str:
        """``Splx…(22)#a1f3c2``: how it begins, its length in characters, a fingerprint; ``…(8)#a1f3c2`` if short."""
        if not self.on:
            return bounded(secret)
        begin = visible(secret[:_SHOWN]) if len(secret) >= _SHORTEST_SHOWN else ""
        fingerprint = blake2b(secret.encode("utf-8", "surrogatepass"), key=self._key, digest_size=3).hexdigest()
        return f"{begin}…({len(secret)})#{fingerprint}"

    def url(self, url: str) -> str:
        """A URL, absolute or not: parameters are masked but for the harmless ones, and what in its path looks drawn."""
        if not self.on:
            return bounded(url)
        shown = self._urls.get(url)
        if shown is None:
            shown = bounded(self._url(url))
            if len(self._urls) >= _MOST_URLS:
                self._urls.clear()
            if len(url) <= CACHED_LENGTH:
                self._urls[url] = shown
        return shown

    def show(self, value: object) -> object:
        """A value as plain JSON: what is a secret or a URL by its type redacted, all text safe and bounded."""
        if type(value) is str:  # by far the most, and a short way for them
            return bounded(value)
        if isinstance(value, Secret):
            return self.mask(value)
        if isinstance(value, Url):
            return self.url(value)
        if value is None or isinstance(value, bool | int):
            return value
        if isinstance(value, float):
            return value if value - value == 0 else str(value)  # NaN and infinity are no JSON
        if isinstance(value, Mapping):
            return {bounded(str(name)): self.show(item) for name, item in value.items()}
        if isinstance(value, Iterable) and not isinstance(value, str | bytes):
            return self._items(value)
        return bounded(value if isinstance(value, str) else str(value))

    def _items(self, values: Iterable[object]) -> list[object]:
        iterator = iter(values)
        shown = [self.show(value) for value in islice(iterator, _MOST_ITEMS)]
        more = sum(1 for _ in iterator)
        return [*shown, f"… ({more} more)"] if more else shown

    def _url(self, url: str, *, is_redirect_uri: bool = False) -> str:
        parts = _URL.fullmatch(url)
        if parts is None:
            return self.mask(url)
        authority, path = parts["authority"] or "", parts["path"]
        userinfo, at, host = authority.rpartition("@")
        if at:
            authority = f"{self.mask(userinfo)}@{host}"
        encoded = _ENCODED_QUERY.search(path)
        path, behind = (path[: encoded.end()], path[encoded.end() :]) if encoded else (path, "")
        if not is_redirect_uri:
            path = _LONG_SEGMENT.sub(self._segment, path)
        if ";" in path:
            path = _PATH_PARAMETER.sub(lambda found: found[1] + self.mask(found[2]), path)
        if behind:
            path += self.mask(behind)
        pieces = [parts["scheme"] or "", parts["slashes"] or "", authority, path]
        for part in (parts["query"], parts["fragment"]):
            if part:
                pieces += part[0], self._parameters(part[1:].split("&"))
        return "".join(pieces)

    def _segment(self, found: re.Match[str]) -> str:
        segment = found[0]
        is_shown = segment in self._spared or not is_drawn(segment) or found.string[: found.start()].endswith(_ACCOUNT)
        return segment if is_shown else self.mask(unquote(segment, errors="surrogateescape"))

    def _parameters(self, pairs: list[str]) -> str:
        shown = [self._parameter(pair) for pair in pairs[:_MOST_ITEMS]]
        more = len(pairs) - len(shown)
        return "&".join([*shown, f"…({more} more)"] if more else shown)

    def _parameter(self, piece: str) -> str:
        raw_name, equals, raw_value = piece.partition("=")
        name = form_decode(raw_name)
        if not raw_value.strip("=_"):
            # A token may end in "=", or stand there without a name; "_=_" is a name.
            is_name = name in KNOWN or not name.strip("_") or (equals and not raw_value and is_plain(name))
            return bounded(piece, _LONGEST_VALUE) if is_name else self.mask(form_decode(piece))
        shown_name = raw_name if name in KNOWN or NAME.fullmatch(name) else self.mask(name)
        return f"{shown_name}={self._value(name, raw_value)}"

    def _value(self, name: str, raw: str) -> str:
        if name in HARMLESS:
            return bounded(raw, _LONGEST_VALUE)
        value = form_decode(raw)
        if value.startswith("{") and _TEMPLATE.fullmatch(value):
            return bounded(raw, _LONGEST_VALUE)
        if name not in URLS:
            return self.mask(value)
        shown = self._url(value, is_redirect_uri=name == "redirect_uri")
        return bounded(raw if shown == value else _encoded(shown))


def is_plain(name: str) -> bool:
    """Whether it looks like a name and not like a token."""
    return NAME.fullmatch(name) is not None and (name.islower() or len(name) < _SHORTEST_SHOWN)


def _encoded(url: str) -> str:
    """A redacted URL as the value of a parameter; what masks are made of stays readable."""
    return quote(url, safe="()#", errors="surrogateescape").replace("%E2%80%A6", "…")


def bounded(text: str, limit: int = _LONGEST_TEXT) -> str:
    """Safe text, and no more than is worth handing on: of a long one its begin, its end and its length."""
    if len(text) <= limit:
        return text if text.isprintable() else visible(text)
    end = limit // 4
    return f"{visible(text[: limit - end])}…[{len(text)} characters]…{visible(text[-end:])}"


def printable(text: str, limit: int) -> str:
    """At most ``limit`` characters of safe text; a long one loses its middle."""
    text = visible(text if len(text) <= 4 * limit else f"{text[: 2 * limit]}…{text[-2 * limit :]}")
    if len(text) <= limit:
        return text
    end = (limit - 1) // 3
    return f"{text[: limit - 1 - end]}…{text[-end:] if end else ''}"
