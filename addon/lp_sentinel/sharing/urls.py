"""URLs, queries and forms without the secrets in them."""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple
from urllib.parse import unquote

from lp_sentinel.names import (
    HARMLESS,
    KNOWN,
    NAME,
    URLS,
    around_secrets,
    has_joined_secret,
    holds_secret,
    is_name_alone,
    is_readable,
)
from lp_sentinel.paths import SEGMENTS, authorize_path, token_path
from lp_sentinel.sharing.spelling import spell
from lp_sentinel.sharing.stand_ins import StandIns, Weight, looks_like_token
from lp_sentinel.uri import ENCODED_QUERY, scheme_of

_DEEPEST = 3
"""A URL in a URL in a URL; what lies deeper is replaced as a whole."""


class _Forms(NamedTuple):
    """How separators are written in a URL that was percent-encoded so many times."""

    hash: re.Pattern[str]
    question: re.Pattern[str]
    ampersand: re.Pattern[str]
    equals: re.Pattern[str]
    absolute: re.Pattern[str]
    """Scheme, user with the ``@``, host and port."""
    user: re.Pattern[str]
    """User and password where scheme and slashes are missing, in groups like these."""
    segment: re.Pattern[str]
    """A separator in a path, or what stands between two."""


@cache
def _forms(depth: int) -> _Forms:
    def form(char: str) -> str:
        code = f"{ord(char):02X}"
        either = "".join(f"[{digit}{digit.lower()}]" if digit.isalpha() else digit for digit in code)
        return "|".join([re.escape(char), *(f"%{'25' * times}{either}" for times in range(depth))])

    def compiled(pattern: str) -> re.Pattern[str]:
        return re.compile(pattern, re.DOTALL)

    slash, colon, at, ends = form("/"), form(":"), form("@"), "|".join(map(form, "/?#"))
    authority = rf"(?:(?!{ends}|{at}).)*"
    return _Forms(
        compiled(form("#")),
        compiled(form("?")),
        compiled(form("&")),
        compiled(form("=")),
        compiled(
            rf"([A-Za-z][A-Za-z0-9+.\-]{{0,40}}(?:{colon})(?=(?:{slash})))?((?:{slash})(?:{slash}))"
            rf"((?:(?!{ends}).)*(?:{at}))?({authority})"
        ),
        compiled(rf"()()((?:(?!{ends}|{at}|{colon}).)*(?:{colon})(?:(?!{ends}|{at}).)+)(?={at})()"),
        compiled(rf"({slash}|{form(';')}|{form('=')})"),
    )


class Urls:
    """Takes URLs apart just as the rules do, and has the secrets in them replaced."""

    def __init__(self, stand_ins: StandIns) -> None:
        self._stand_ins = stand_ins

    def url(self, raw: str, depth: int = 0, *, is_redirect_uri: bool = False) -> str:
        """A URL, absolute or not, that was percent-encoded ``depth`` times."""
        if depth and not _forms(depth).absolute.match(raw) and _forms(depth + 1).absolute.match(raw):
            depth += 1
        forms = _forms(depth)
        head, fragment_mark, fragment = _cut(raw, forms.hash)
        path, query_mark, query = _cut(head, forms.question)
        return "".join(
            (
                self._place(path, forms, depth, is_redirect_uri=is_redirect_uri),
                query_mark,
                self.pairs(query, "parameters", depth, is_redirect_uri=is_redirect_uri),
                fragment_mark,
                self.pairs(fragment, "parameters", depth, is_redirect_uri=is_redirect_uri),
            )
        )

    def _place(self, raw: str, forms: _Forms, depth: int, *, is_redirect_uri: bool) -> str:
        """Scheme, authority and path."""
        start = forms.absolute.match(raw) or forms.user.match(raw)
        scheme, slashes, user, host = (group or "" for group in start.groups()) if start else ("", "", "", "")
        path = raw[start.end() :] if start else raw
        shown = scheme + slashes + (self._stand_ins.secret(user, "users in URLs") if user else "") + host
        is_uri = bool(slashes) or scheme_of(spell(path).plain) is not None
        self._note_account(path, depth)
        return shown + self._path(path, forms, depth, is_redirect_uri=is_redirect_uri, is_uri=is_uri)

    def _path(self, path: str, forms: _Forms, depth: int, *, is_redirect_uri: bool, is_uri: bool) -> str:
        """``is_uri``: of what is none, the path may be another parameter's value in the wrong place."""
        if encoded := ENCODED_QUERY.search(path):
            before, behind = path[: encoded.start()], path[encoded.end() :]
            return "".join(
                (
                    self._path(before, forms, depth, is_redirect_uri=is_redirect_uri, is_uri=is_uri),
                    encoded[0],
                    self.pairs(behind, "parameters", 1 + encoded[0].count("25")),
                )
            )
        pieces = forms.segment.split(path)
        shown = pieces.copy()
        for place in range(0, len(pieces), 2):
            piece = pieces[place]
            if piece and place and forms.equals.fullmatch(pieces[place - 1]):
                name = spell(pieces[place - 2]).plain
                shown[place] = self._path_value(name, piece, depth, is_redirect_uri=is_redirect_uri)
                continue
            if is_redirect_uri and (is_uri or not looks_like_token(spell(piece).plain)):
                self._stand_ins.spare(piece)
            shown[place] = self._segment(piece)
        return "".join(shown)

    def _path_value(self, name: str, raw: str, depth: int, *, is_redirect_uri: bool) -> str:
        """What stands behind a name in a path: ``/cb;sid=…``."""
        if is_redirect_uri and _is_shown(name, spell(raw).plain):
            self._stand_ins.spare(raw)
        return self.value(name, raw, "path segments", depth)

    def _segment(self, raw: str) -> str:
        if raw.lower() in SEGMENTS:
            return raw  # there it says nothing, even if a secret is called so
        if has_joined_secret(raw):
            return self._harmless(raw, "path segments")
        if looks_like_token(spell(raw).plain):
            return self._stand_ins.secret(raw, "path segments", Weight.TOKEN)
        return self._stand_ins.text(raw, "path segments", is_open=True)

    def _note_account(self, path: str, depth: int) -> None:
        if self._stand_ins.is_sealed:
            return
        for _ in range(depth):
            path = unquote(path, errors="surrogateescape")
        found = authorize_path(path) or token_path(path)
        if found and found.account and not has_joined_secret(found.account):
            self._stand_ins.spare(found.account)

    def pairs(self, raw: str, kind: str, depth: int = 0, *, is_redirect_uri: bool = False) -> str:
        """Names and values of a query, a fragment or a form."""
        if not raw:
            return raw
        ampersand = _forms(depth).ampersand
        marks = [*ampersand.findall(raw), ""]
        pieces = ampersand.split(raw)
        return "".join(
            self._pair(piece, kind, depth, is_redirect_uri=is_redirect_uri) + mark
            for piece, mark in zip(pieces, marks, strict=True)
        )

    def _pair(self, raw: str, kind: str, depth: int, *, is_redirect_uri: bool) -> str:
        raw_name, equals, raw_value = _cut(raw, _forms(depth).equals)
        name, value = spell(raw_name).plain, spell(raw_value).plain
        if not raw_value.strip("=_"):
            # A token may stand there without a name, and end in "=".
            return raw if is_name_alone(name, equals, raw_value) else self._stand_ins.secret(raw, kind)
        if is_redirect_uri and _is_shown(name, value):
            self._stand_ins.spare(raw_value)
        return self.name(raw_name, kind) + equals + self.value(name, raw_value, kind, depth + 1)

    def name(self, raw: str, kind: str) -> str:
        """The name of a parameter or a member, unless it looks like anything else."""
        name = spell(raw).plain
        is_name = name in KNOWN or (NAME.fullmatch(name) and not looks_like_token(name))
        return raw if is_name or not name else self._stand_ins.secret(raw, kind)

    def value(self, name: str, raw: str, kind: str, depth: int) -> str:
        """The value that stands behind ``name``, percent-encoded ``depth`` times."""
        if name == "client_id" and not has_joined_secret(raw):
            self._stand_ins.spare(raw)
            return self._stand_ins.secret(raw, kind, Weight.WORD)
        if name in URLS and depth <= _DEEPEST + 1:
            return self.url(raw, depth, is_redirect_uri=name == "redirect_uri")
        if name in HARMLESS:  # a client id, too, that has a secret joined to it
            return self._harmless(raw, kind)
        if holds_secret(name) or name in URLS:
            return self._stand_ins.secret(raw, kind, is_state=name == "state")
        if depth <= _DEEPEST and self._is_url(raw, depth):
            return self.url(raw, depth)
        return self._stand_ins.secret(raw, kind, _weight_of(raw))

    def _harmless(self, raw: str, kind: str) -> str:
        """A value that is no secret, but may have some joined to it."""
        return "".join(
            self._stand_ins.text(plain, kind, is_open=True) + (self._stand_ins.secret(secret, kind) if secret else "")
            for plain, secret in around_secrets(raw)
        )

    def _is_url(self, raw: str, depth: int) -> bool:
        """Whether it is an absolute URL, or a path with a query."""
        forms = _forms(depth)
        start = forms.absolute.match(raw)
        return bool(start and start[1]) or (raw.startswith(("/", "%2F", "%2f")) and bool(forms.question.search(raw)))


def _is_shown(name: str, value: str) -> bool:
    """Whether a parameter of a redirect URI's own query stays: a report shows it, and it looks like no token."""
    return is_readable(name, value) and not looks_like_token(value)


def _weight_of(raw: str) -> Weight:
    """Of a value behind any name."""
    return Weight.TOKEN if looks_like_token(spell(raw).plain) else Weight.WORD


def _cut(raw: str, separator: re.Pattern[str]) -> tuple[str, str, str]:
    """As ``str.partition``."""
    found = separator.search(raw)
    return (raw[: found.start()], found[0], raw[found.end() :]) if found else (raw, "", "")
