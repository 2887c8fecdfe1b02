"""Finding the entries of a HAR one by one, in bounded memory, without parsing what stands around them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lp_sentinel.captures.stream import CHUNK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lp_sentinel.captures.stream import Stream

# A body of this length that is not yet at its end is dropped: no token answer is that long.
_LONGEST_STRING = 8 * CHUNK

_REST_OF_STRING = rb'[^"\\]*+(?:\\.[^"\\]*+)*+'
_BETWEEN_BRACKETS = rb'(?:[^"{}\[\]]++|"' + _REST_OF_STRING + rb'")*+'
_TOKEN = re.compile(rb'[\s,:]*+("' + _REST_OF_STRING + rb'"|[{}\[\]]|[^\s,:"{}\[\]]++)', re.DOTALL)
_BRACKET = re.compile(_BETWEEN_BRACKETS + rb"([{}\[\]])", re.DOTALL)
_UNFINISHED = re.compile(_BETWEEN_BRACKETS + rb'"', re.DOTALL)
_STRING_END = re.compile(_REST_OF_STRING, re.DOTALL)


class NoEntriesError(Exception):
    """JSON that is no HAR."""


def entry_texts(stream: Stream) -> Iterator[bytes]:
    """The JSON text of each element of ``log.entries``. Strings of many MB may be emptied.

    Raises EOFError where the text ends too early, and NoEntriesError if there is no ``log.entries``.
    """
    walk = _Walk(stream)
    walk.token()
    found = False
    for outer in walk.members():
        opening = walk.token()
        if outer != b'"log"' or opening != b"{":
            walk.skip(opening)
            continue
        for key in walk.members():
            opening = walk.token()
            if key != b'"entries"' or opening != b"[":
                walk.skip(opening)
                continue
            found = True
            yield from walk.elements()
    if not found:
        raise NoEntriesError


class _Walk:
    """A window that moves over JSON text. Every method raises EOFError where the text ends too early."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._window = stream.read(3).removeprefix(b"\xef\xbb\xbf")
        self._at = 0
        self._keep = 0
        """Where that begins which is still needed."""

    def token(self) -> bytes:
        """The next string, bracket or literal."""
        while True:
            match = _TOKEN.match(self._window, self._at)
            # A literal at the window's end may go on behind it.
            if match and (match.end() < len(self._window) or match[1][:1] in b'"{}[]'):
                self._keep, self._at = match.start(1), match.end()
                return match[1]
            self._keep = self._at
            self._more()

    def members(self) -> Iterator[bytes]:
        """The keys of an object that was opened, each raw; whoever asks has to take the value before the next key."""
        while (key := self.token()) != b"}":
            yield key

    def elements(self) -> Iterator[bytes]:
        """The text of each element of an array that was opened."""
        while (opening := self.token()) != b"]":
            if opening in b"{[":
                self._close(keep=True)
            yield self._window[self._keep : self._at]

    def skip(self, opening: bytes) -> None:
        """Pass over the value that begins with the token ``opening``."""
        if opening in b"{[":
            self._close(keep=False)

    def _close(self, *, keep: bool) -> None:
        """Move behind the bracket that closes the one just passed."""
        depth = 1
        while depth:
            match = _BRACKET.match(self._window, self._at)
            if match is None:
                self._more()
                continue
            depth += 1 if match[1] in b"{[" else -1
            self._at = match.end()
            if not keep:
                self._keep = self._at

    def _more(self) -> None:
        kept = len(self._window) - self._keep
        if kept > _LONGEST_STRING and self._empty_string():
            return
        # As much again as is kept, so that what is scanned twice stays in proportion.
        chunk = self._read(max(CHUNK, kept))
        self._window = self._window[self._keep :] + chunk
        self._at, self._keep = self._at - self._keep, 0

    def _empty_string(self) -> bool:
        """Drop what an unfinished string holds, if it is a very long one; say whether it was."""
        opening = _UNFINISHED.match(self._window, self._at)
        if opening is None or len(self._window) - opening.end() < _LONGEST_STRING:
            return False
        rest = self._window[opening.end() :]
        while True:
            end = _match_end(rest)
            if rest[end : end + 1] == b'"':
                break
            rest = rest[end:] + self._read(CHUNK)
        self._window = self._window[: opening.end()] + rest[end:]
        return True

    def _read(self, size: int) -> bytes:
        chunk = self._stream.read(size)
        if not chunk:
            raise EOFError
        return chunk


def _match_end(rest: bytes) -> int:
    match = _STRING_END.match(rest)
    return match.end() if match else 0
