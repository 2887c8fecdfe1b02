"""Places in a text file: a mistake is shown with its line, its column and a caret, safe to print on a terminal."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from functools import lru_cache
from pathlib import Path

from lp_sentinel.wording import WIDEST, visible

_LINE_BREAK = re.compile(r"\r\n|[\r\n\x85\u2028\u2029]")
_SECRET = re.compile(r"((?:secr|passw)\w{0,40}[\"']?\s{0,9}:\s{0,9})([^\s,}][^,}]*)", re.IGNORECASE)
"""A secret of the config is not shown with the line that it stands in."""

type Where = tuple[str | int, ...]
"""The way to a value: keys of mappings and indexes of lists, from the root."""


class DocumentError(ValueError):
    """A mistake in a file, with its place. ``line`` and ``column`` count characters from 1."""

    def __init__(self, file: str, line: int, column: int, problem: str, source: str = "") -> None:
        """Take the source line too, for the caret; without one ``str()`` is a single line."""
        super().__init__(file, line, column, problem, source)  # all of them, so that it survives pickling
        self.file = file
        self.line = line
        self.column = column
        self.problem = problem
        self.source = source

    def __str__(self) -> str:
        """``file:line:column: problem``, the source line, and a caret below its place."""
        head = f"{visible(self.file)}:{self.line}:{self.column}: {self.problem}"
        if not self.source.strip():
            return head
        shown, caret = _window(self.source, self.column - 1)
        return f"{head}\n  {shown}\n  {' ' * caret}^"


@lru_cache(maxsize=8)
def line_starts(text: str) -> tuple[int, ...]:
    """Where each line begins, by YAML's idea of a line break."""
    return 0, *(found.end() for found in _LINE_BREAK.finditer(text))


def index_at(text: str, line: int, column: int) -> int:
    """The character at a line and column, both from 0; the end where the text is shorter."""
    starts = line_starts(text)
    return min(starts[line] + column, len(text)) if line < len(starts) else len(text)


def error_at(path: Path, text: str, index: int, problem: str) -> DocumentError:
    """The error for the character at ``index``."""
    starts = line_starts(text)
    line = bisect_right(starts, index) - 1
    end = starts[line + 1] if line + 1 < len(starts) else len(text)
    source = text[starts[line] : end].rstrip("\r\n\x85\u2028\u2029")
    return DocumentError(str(path), line + 1, index - starts[line] + 1, problem, source)


def _window(source: str, column: int) -> tuple[str, int]:
    """As much of a source line as is shown, and in which column of that ``column`` stands."""
    source = _SECRET.sub(lambda match: match[1] + "•" * len(match[2]), source)
    begin = max(0, column - WIDEST // 2) if len(source) > WIDEST else 0
    end = begin + WIDEST
    before = ("…" if begin else "") + visible(source[begin:column])
    after = visible(source[column:end]) + ("…" if end < len(source) else "")
    return before + after, sum(_width(char) for char in before)


def _width(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
