"""Text read through its encodings, so that a secret is the same secret however it is written."""

from __future__ import annotations

import html
import re
import struct
from collections.abc import Sequence
from typing import NamedTuple

from lp_sentinel.exchange import as_bytes, as_text

_HIGH = r"(?:%(?:25)*[89A-Fa-f][0-9A-Fa-f])+"
_ESCAPE = re.compile(
    rf"{_HIGH}"
    r"|%(?:25)*[0-7][0-9A-Fa-f]"
    r"|&(?:amp;)*(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,7});"
    r"|\\u[dD][89abAB][0-9A-Fa-f]{2}\\u[dD][c-fC-F][0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4}|\\x[0-9A-Fa-f]{2}"
    r"|\\[\"\\/bfnrt]"
)
_ONE_BYTE = re.compile(r"%(?:25)*([0-9A-Fa-f]{2})")
_PERCENT = re.compile(r"(%(?:25)*)[0-9A-Fa-f]{2}(?:%.*)?", re.DOTALL)
_ENTITY = re.compile(r"&((?:amp;)*)[^&;]+;")
_SIMPLE = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_MOST_LAYERS = 5
_MAY_BE_ESCAPED = re.compile(r"[%&\\]")


class Spelling(NamedTuple):
    """What a text says, and how each of its characters is written."""

    plain: str
    """With all encodings undone. Bytes that are not UTF-8 are lone surrogates."""
    written: Sequence[str]
    """For each character of ``plain``; that itself if it is written as it is."""

    def respell(self, plain: str) -> str:
        """Another text of the same length, written in the same way; what is not changed stays as it is written."""
        if self.written is self.plain:
            return plain
        pairs = zip(self.plain, plain, self.written, strict=True)
        return "".join(written if old == new else _write(new, written) for old, new, written in pairs)


def spell(raw: str) -> Spelling:
    """Undo percent-encoding, HTML's entities and JSON's escapes, as often as they were done."""
    plain: str = raw
    written: Sequence[str] = raw
    for _ in range(_MOST_LAYERS):
        if not _MAY_BE_ESCAPED.search(plain):
            break
        decoded = _undo_one(plain, written)
        if decoded is None:
            break
        plain, written = decoded
    return Spelling(plain, written)


def _undo_one(plain: str, written: Sequence[str]) -> tuple[str, tuple[str, ...]] | None:
    chars: list[str] = []
    forms: list[str] = []
    at = 0
    for match in _ESCAPE.finditer(plain):
        chars += plain[at : match.start()]
        forms += written[at : match.start()]
        for text, length in _meant(match[0]):
            start = match.start() + length[0]
            chars.append(text)
            forms.append("".join(written[start : match.start() + length[1]]))
        at = match.end()
    if not at:
        return None
    chars += plain[at:]
    forms += written[at:]
    decoded = "".join(chars)
    return None if decoded == plain else (decoded, tuple(forms))


def _meant(escape: str) -> list[tuple[str, tuple[int, int]]]:
    """Each character that an escape stands for, and which part of it does."""
    if escape.startswith("%"):
        return _of_bytes(escape)
    if escape.startswith("&"):
        text = html.unescape(_ENTITY.sub(lambda found: f"&{found[0][1 + len(found[1]) :]}", escape))
    elif escape[1] == "u":
        text = bytes.fromhex(escape.replace("\\u", "")).decode("utf-16-be", "surrogatepass")
    elif escape[1] == "x":
        text = chr(int(f"0{escape[1:]}", 0))
    else:
        text = _SIMPLE.get(escape[1], escape[1])
    if len(text) != 1:
        return [(char, (place, place + 1)) for place, char in enumerate(escape)]
    return [(text, (0, len(escape)))]


def _of_bytes(escape: str) -> list[tuple[str, tuple[int, int]]]:
    pieces = list(_ONE_BYTE.finditer(escape))
    text = as_text(bytes(int(piece[1], 16) for piece in pieces))
    found, place = [], 0
    for char in text:
        size = len(as_bytes(char))
        found.append((char, (pieces[place].start(), pieces[place + size - 1].end())))
        place += size
    return found


def _write(char: str, like: str) -> str:
    """A character written the way another one was."""
    if len(like) == 1:
        return char
    if percent := _PERCENT.fullmatch(like):
        return "".join(f"{percent[1]}{byte:02X}" for byte in as_bytes(char))
    if entity := _ENTITY.fullmatch(like):
        return f"&{entity[1]}#{ord(char)};"
    if like.startswith(("\\u", "\\x")):
        return "".join(f"\\u{unit:04x}" for unit in _utf16(char))
    return char


def _utf16(char: str) -> tuple[int, ...]:
    return struct.unpack(">" + "H" * (1 + (char > "\uffff")), char.encode("utf-16-be", "surrogatepass"))
