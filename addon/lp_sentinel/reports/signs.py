"""The signs and colours of the terminal, and what stands for the signs where they can't be shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from typing import TextIO

    from lp_sentinel.finding import Severity

SIGNS: dict[Severity, str] = {"error": "✗", "warning": "▲", "info": "•"}
STYLES: dict[Severity, str] = {"error": "bold red", "warning": "yellow", "info": "blue"}

_ALL = "…→✗▲•✓·│"
_ASCII = str.maketrans(dict(zip(_ALL, ("...", "->", "x", "!", "i", "v", "-", "|"), strict=True)))


def able_to_show_signs(file: TextIO) -> TextIO:
    """The file, or one that writes to it what it can hold."""
    try:
        _ALL.encode(getattr(file, "encoding", None) or "utf-8")
    except (UnicodeError, LookupError):
        return cast("TextIO", _Ascii(file))
    return file


class _Ascii:
    """A text file that can't hold the signs used here: they are replaced, and what else it can't hold is escaped."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, text: str) -> int:
        encoding = self._file.encoding or "ascii"
        plain = text.translate(_ASCII).encode(encoding, "backslashreplace").decode(encoding)
        return self._file.write(plain)

    def __getattr__(self, name: str) -> object:
        return getattr(self._file, name)
