"""Values as they may leave the program: secrets masked so that they can still be compared, text safe to print."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from hashlib import blake2b
from itertools import islice
from urllib.parse import quote, unquote

from lp_sentinel import texts
from lp_sentinel.drawn import SHORTEST, is_drawn
from lp_sentinel.memory import Ageing
from lp_sentinel.names import (
    HARMLESS,
    URLS,
    WORDS,
    around_secrets,
    encoded_too,
    is_name,
    is_name_alone,
    is_readable,
)
from lp_sentinel.uri import CACHED_LENGTH, ENCODED_QUERY, form_decode
from lp_sentinel.wording import visible

_SHOWN = 4
_SHORTEST_SHOWN = 12
"""Four characters of a shorter secret would be too much of it."""
_LONGEST_TEXT = 600
"""Characters of a value that are worth handing on: some are a megabyte long."""
_LONGEST_VALUE = 200
_LONGEST_JOINED = 20_000
"""Characters of a harmless value that are searched for secrets to mask; a longer one that may hold some is masked."""
_MOST_ITEMS = 50
_KEPT = 1000
_DEEPEST = 3
"""A URL in a URL in a URL; what lies deeper is masked as a whole."""

_ADDRESS = re.compile(
    r"(?s)(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]*:)?(?P<slashes>[/\\]{2})?"
    r"(?P<authority>(?<=[/\\]{2})[^/\\]*)?(?P<path>.*)"
)
_ENCODED_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*%(?:25)*3[aA]")
_LONG_SEGMENT = re.compile(rf"(?<![^/\\])[^/\\;]{{{SHORTEST},}}")
_LONG_PARAMETER = re.compile(rf"(?<=;)[^/\\;=]{{{SHORTEST},}}(?![^/\\;])")
_SEPARATOR, _SLASH = encoded_too(r"/\;"), encoded_too("/\\")
_PATH_PARAMETER = re.compile(
    rf"(?s)({encoded_too(';')}((?:(?!{_SEPARATOR}|{encoded_too('=')}).)*){encoded_too('=')})"
    rf"((?:(?!{_SEPARATOR}).)+)"
)
_USER_IN_PATH = re.compile(rf"(?s)(\A|{_SLASH})((?:(?!{_SLASH}).)+)(?={encoded_too('@')})")
_COLON = re.compile(encoded_too(":"))
_ACCOUNT = re.compile(r"/accounts?/\Z", re.IGNORECASE)
_TEMPLATE = re.compile(r"\{[A-Za-z0-9_]{1,24}\}")
_WHOLE_TEMPLATE = re.compile(r"[${]*[\w .:\-|/,!?'()]{1,80}\}*|\[object Object\]")
_NOT_WORDS = re.compile(r"""((?:[\s;,&="'`<>()\[\]{}|\u2018-\u201f\u00ab\u00bb]|[.:!?](?![^\s"'`)\]}>]))+)""")
"""Between words: what is quoted, or ends a sentence, is masked as itself, so that it is recognised elsewhere."""
_ASCII = re.compile(r"[!-~]+")
_MARKS = re.compile("[=:%]")
"""One of these stands in every text that has a parameter or a member joined to it."""
_READABLE_ALONE = re.compile(r"!?/[A-Za-z][A-Za-z0-9_.\-/]{0,39}|[a-z][a-z0-9_.\-/]{0,39}")
"""What may stand in a redirect URI's own query without a name, such as the fragment of a page's own router."""


class Redactor:
    """Masks secrets with a key that is random for each run: equal values look equal within it, and only there."""

    def __init__(self, *, on: bool = True) -> None:
        """With ``on`` false secrets are shown as they are; text is made safe and cut all the same."""
        self.on = on
        self._key = secrets.token_bytes(32)
        self._spared: frozenset[str] = frozenset()
        self._forget()

    def _forget(self) -> None:
        self._urls = Ageing[str, str](_KEPT)
        """Those shown last: what a response redirects to is asked for next."""
        self._addresses = Ageing[str, str](_KEPT)
        """Of URLs without query and fragment."""
        self._pairs = Ageing[str, str](_KEPT)
        """Of their parameters: the logins of an app differ in few."""

    def spare(self, registered: frozenset[str]) -> None:
        """Show these parts of paths and redirect URIs as they are: what a project registered is no secret."""
        if registered != self._spared:
            self._spared = registered
            self._forget()

    def mask(self, secret: str, shown: int = _SHOWN) -> str:
        """``Splx…(22)#a1f3c2``: how it begins, its length in characters, a fingerprint; ``…(8)#a1f3c2`` if short."""
        if not self.on:
            return bounded(secret)
        begin = visible(secret[:shown]) if len(secret) >= _SHORTEST_SHOWN else ""
        fingerprint = blake2b(secret.encode("utf-8", "surrogatepass"), key=self._key, digest_size=3).hexdigest()
        return f"{begin}…({len(secret)})#{fingerprint}"

    def url(self, url: str) -> str:
        """A URL, absolute or not: parameters are masked but for the harmless ones, and what in its path looks drawn."""
        if not self.on:
            return bounded(url)
        shown = self._urls.get(url)
        if shown is None:
            shown = bounded(self._url(url))
            if len(url) <= CACHED_LENGTH:
                self._urls[url] = shown
        return shown

    def show(self, value: object) -> object:
        """A value as plain JSON: text redacted as its type says, all of it safe and bounded."""
        if type(value) is str:  # by far the most, and a short way for them
            return bounded(self._harmless(value, is_word=False) if self.on else value)
        if isinstance(value, str):
            return self._kind(value)
        if value is None or isinstance(value, bool | int):
            return value
        if isinstance(value, float):
            return value if value - value == 0 else str(value)  # NaN and infinity are no JSON
        if isinstance(value, Mapping):
            return {bounded(str(name)): self.show(item) for name, item in value.items()}
        if isinstance(value, texts.Joined):
            return bounded(", ".join(map(str, self._items(value))))
        if isinstance(value, Iterable) and not isinstance(value, bytes):
            return self._items(value)
        return bounded(str(value))

    def _kind(self, text: str) -> str:
        if not self.on:
            return bounded(text)
        if isinstance(text, texts.Secret):
            return self.mask(text)
        if isinstance(text, texts.Url):
            return self.url(text)
        if isinstance(text, texts.RedirectUri):
            return bounded(self._url(text, is_redirect_uri=True))
        if isinstance(text, texts.Name | texts.Template):
            is_shown = _is_template(text) if isinstance(text, texts.Template) else _is_shown(text)
            return bounded(text) if is_shown else self.mask(text)
        return bounded(self._harmless(text, is_word=True) if isinstance(text, texts.Word) else text)

    def _items(self, values: Iterable[object]) -> list[object]:
        iterator = iter(values)
        shown = [self.show(value) for value in islice(iterator, _MOST_ITEMS)]
        more = sum(1 for _ in iterator)
        return [*shown, f"… ({more} more)"] if more else shown

    # Text that is no secret, but may have one joined to it

    def _harmless(self, text: str, *, is_word: bool) -> str:
        if not _MARKS.search(text) and (len(text) < SHORTEST or not is_word):
            return text
        if len(text) > _LONGEST_JOINED:
            return self.mask(text)
        return "".join(
            (self._words(plain) if is_word else plain) + (self.mask(secret) if secret else "")
            for plain, secret in around_secrets(text)
        )

    def _words(self, text: str) -> str:
        return "".join(word if self._is_written(word) else self.mask(word) for word in _NOT_WORDS.split(text))

    def _is_written(self, word: str) -> bool:
        if word in self._spared or not is_drawn(word):
            return True
        # Codes, states and tokens are ASCII (RFC 6749 appendix A): only runs of that can be one.
        return not word.isascii() and not any(map(is_drawn, _ASCII.findall(word)))

    # URLs

    def _url(self, url: str, depth: int = 0, *, is_redirect_uri: bool = False) -> str:
        if depth > _DEEPEST:
            return self.mask(url)
        before, hash_mark, fragment = url.partition("#")
        address, question_mark, query = before.partition("?")
        show = self._own_parameter if is_redirect_uri else self._parameter if depth else self._pair
        shown = self._address(address, is_redirect_uri=True) if is_redirect_uri else self._known_address(address)
        for mark, part in ((question_mark, query), (hash_mark, fragment)):
            if mark:
                shown += mark + self._parameters(part.split("&"), show, depth)
        return shown

    def _known_address(self, address: str) -> str:
        shown = self._addresses.get(address)
        if shown is None:
            shown = self._address(address)
            if len(address) <= CACHED_LENGTH:
                self._addresses[address] = shown
        return shown

    def _address(self, address: str, *, is_redirect_uri: bool = False) -> str:
        """A URL without its query and fragment."""
        parts = _ADDRESS.fullmatch(address)
        if parts is None:
            return self.mask(address)
        scheme, slashes, authority, path = parts.groups("")
        if "@" in authority:
            userinfo, _, host = authority.rpartition("@")
            authority = f"{self.mask(userinfo, 0)}@{host}"  # a short password may begin early
        encoded = ENCODED_QUERY.search(path)
        path, behind = (path[: encoded.end()], path[encoded.end() :]) if encoded else (path, "")
        if is_redirect_uri and not (scheme or slashes or _ENCODED_SCHEME.match(path)):
            # No URI at all, but perhaps another parameter's value in the wrong place.
            path = self._harmless(_LONG_SEGMENT.sub(self._segment, path), is_word=False)
        elif not is_redirect_uri:
            path = _LONG_SEGMENT.sub(self._segment, path)
            path = _LONG_PARAMETER.sub(self._segment, path) if ";" in path else path
        if not authority and ("@" in path or ("%" in path and "40" in path)):
            scheme, slashes, path = "", "", self._without_user(scheme + slashes + path)
        if ";" in path or "%" in path:
            path = _PATH_PARAMETER.sub(
                lambda found: found[1] + self._path_value(found, is_redirect_uri=is_redirect_uri), path
            )
        if behind:
            path += self.mask(behind)
        return scheme + slashes + authority + path

    def _without_user(self, path: str) -> str:
        """A path in which user and password stand, as the authority was encoded once too often or has no slashes."""

        def shown(found: re.Match[str]) -> str:
            is_authority = re.search(rf"{_SLASH}{_SLASH}\Z", found.string[max(0, found.start(2) - 40) : found.start(2)])
            return found[1] + self.mask(found[2], 0) if is_authority or _COLON.search(found[2]) else found[0]

        return _USER_IN_PATH.sub(shown, path)

    def _segment(self, found: re.Match[str]) -> str:
        segment = found[0]
        if segment in self._spared or not is_drawn(segment):
            return segment
        before = found.string[max(0, found.start() - len("/accounts/")) : found.start()]
        return segment if _ACCOUNT.search(before) else self.mask(unquote(segment, errors="surrogateescape"))

    def _path_value(self, found: re.Match[str], *, is_redirect_uri: bool) -> str:
        name, value = found[2], found[3]
        is_plain = is_redirect_uri and is_readable(form_decode(name), form_decode(value))
        is_shown = is_plain or f"{name}={value}" in self._spared
        return value if is_shown else self.mask(value)

    def _parameters(self, pairs: list[str], show: Callable[[str, int], str], depth: int) -> str:
        shown = [show(pair, depth) for pair in pairs[:_MOST_ITEMS]]
        more = len(pairs) - len(shown)
        return "&".join([*shown, f"…({more} more)"] if more else shown)

    def _pair(self, piece: str, depth: int) -> str:
        shown = self._pairs.get(piece)
        if shown is None:
            shown = self._parameter(piece, depth)
            if len(piece) <= CACHED_LENGTH:
                self._pairs[piece] = shown
        return shown

    def _parameter(self, piece: str, depth: int) -> str:
        raw_name, equals, raw_value = piece.partition("=")
        name = form_decode(raw_name)
        if not raw_value.strip("=_"):
            is_shown = is_name_alone(name, equals, raw_value)
            return bounded(piece, _LONGEST_VALUE) if is_shown else self.mask(form_decode(piece))
        return f"{raw_name if is_name(name) else self.mask(name)}={self._value(name, raw_value, depth)}"

    def _own_parameter(self, piece: str, depth: int) -> str:
        """Of a redirect URI's own query: what was registered, and what is no secret by its name and its look."""
        raw_name, equals, raw_value = piece.partition("=")
        if piece in self._spared or (not equals and _READABLE_ALONE.fullmatch(piece) and not is_drawn(piece)):
            return piece
        name = form_decode(raw_name)
        if raw_value.strip("=_") and is_name(name) and is_readable(name, form_decode(raw_value)):
            return piece
        return self._parameter(piece, depth)

    def _value(self, name: str, raw: str, depth: int) -> str:
        if name in HARMLESS:
            if not _MARKS.search(raw) and (len(raw) < SHORTEST or name not in WORDS):
                return bounded(raw, _LONGEST_VALUE)
            value = form_decode(raw)
            shown = self._harmless(value, is_word=name in WORDS)
            return bounded(raw if shown == value else _encoded(shown), _LONGEST_VALUE)
        value = form_decode(raw)
        if value.startswith("{") and _TEMPLATE.fullmatch(value):
            return bounded(raw, _LONGEST_VALUE)
        if name not in URLS:
            return self.mask(value)
        shown = self._url(value, depth + 1, is_redirect_uri=name == "redirect_uri")
        return bounded(raw if shown == value else _encoded(shown))


def _is_shown(name: texts.Name) -> bool:
    return is_name(name) and not isinstance(name, texts.Rest)


def _is_template(text: str) -> bool:
    return _WHOLE_TEMPLATE.fullmatch(text) is not None and not any(map(is_drawn, text.strip("${}").split()))


def _encoded(url: str) -> str:
    """A redacted URL as the value of a parameter; what masks are made of stays readable."""
    return quote(url, safe="()#", errors="surrogateescape").replace("%E2%80%A6", "…")


def bounded(text: str, limit: int = _LONGEST_TEXT) -> str:
    """Safe text, and no more than is worth handing on: of a long one its beginning, its end and its length."""
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
