"""JSON text of any length gone through in a window, of which only what is asked for is decoded."""

from __future__ import annotations

import re
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from lp_sentinel.captures.stream import CHUNK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lp_sentinel.captures.stream import Stream

# A body of this length that is not yet at its end is dropped: no token answer is that long.
_LONGEST_STRING = 8 * CHUNK
# Of a longer entry no more is kept than has to be.
_LONGEST = 16 * CHUNK
_MARKS = 4
_DEEPEST = 3
"""Of an entry nothing is read that stands deeper."""
_PIECE = 1 << 17
"""What is read at a time: little enough to be still in the processor's cache when it is copied."""
_QUOTE = ord('"')
_MARGIN = 1
"""A byte that may be written before what is decoded."""

_REST_OF_STRING = rb'[^"\\]*+(?:\\.[^"\\]*+)*+'
_FLAT = rb'[^"{}\[\]]++|"' + _REST_OF_STRING + rb'"'
# What opens and closes without another bracket in between is passed over at once.
_BETWEEN_BRACKETS = rb"(?:" + _FLAT + rb"|\{(?:" + _FLAT + rb")*+\}|\[(?:" + _FLAT + rb")*+\])*+"
_TOKEN = re.compile(rb'[\s,:]*+("' + _REST_OF_STRING + rb'"|[{}\[\]]|[^\s,:"{}\[\]]++)', re.DOTALL)
_BEFORE_TOKEN = re.compile(rb"[\s,:]*+")
_BRACKET = re.compile(_BETWEEN_BRACKETS + rb"([{}\[\]])", re.DOTALL)
_WHOLE = re.compile(_BETWEEN_BRACKETS, re.DOTALL)
_UNFINISHED = re.compile(_BETWEEN_BRACKETS + rb'"', re.DOTALL)
_SPACE = re.compile(rb"[ \t\r\n]*+")
_SEPARATOR = re.compile(rb"[\s,]*+")
_MARK = re.compile(rb'\}\s*+,\s*+\{\s*+"[^"\\]{0,99}+"')


class Run[T](NamedTuple):
    """Entries that follow upon each other."""

    entries: list[T]
    """Decoded; none if it is a single one that has not been."""
    text: memoryview
    """Separated by commas; it holds until the next run is asked for."""


class Walk:
    """A window that moves over JSON text. Every method raises EOFError where the text ends too early."""

    def __init__(self, stream: Stream) -> None:
        self.count = 0
        """How many elements were handed out."""
        self._stream = stream
        # One and the same memory all the time: to get some anew for each chunk takes as long as to read it.
        self._window = bytearray(2 * CHUNK)
        self._at = self._keep = self._end = _MARGIN
        """Where to go on, where what is still needed begins, and where what was read ends."""
        self._marks: deque[bytes] = deque(maxlen=_MARKS)
        """How one entry ended and the next began: what most likely stands between others too."""
        self._append(stream.read(3).removeprefix(b"\xef\xbb\xbf"))

    def token(self) -> bytes:
        """The next string, bracket or literal."""
        while True:
            match = self._match(_TOKEN)
            # A literal at the window's end may go on behind it.
            if match and (match.end() < self._end or match[1][:1] in b'"{}[]'):
                self._keep, self._at = match.start(1), match.end()
                return match[1]
            if before := self._match(_BEFORE_TOKEN):
                self._at = before.end()
            self._keep = self._at
            if self._end - self._at > _LONGEST_STRING and self._window[self._at] != _QUOTE:
                raise EOFError  # no number is that long
            self._more()

    def members(self) -> Iterator[bytes]:
        """The keys of an object that was opened, each raw; whoever asks has to take the value before the next key."""
        while (key := self.token()) != b"}":
            yield key

    def element(self) -> bytes | None:
        """The text of the next element of an array that was opened; ``None`` if that is closed."""
        if self.token() == b"]":
            return None
        text = self.value()
        self.count += 1
        return text

    def rest(self) -> int:
        """Behind the end of all: how many bytes of what was read are left when white space is passed over."""
        with suppress(EOFError):
            while True:
                if space := self._match(_SPACE):
                    self._at = self._keep = space.end()
                if self._at < self._end:
                    break
                self._more()
        return self._end - self._at

    def runs[T](self, decoder: msgspec.json.Decoder[list[T]]) -> Iterator[Run[T]]:
        """The elements of an array that was opened, as many at once as can be decoded.

        Where an element ends is guessed; that what lies before can be decoded as an array proves the guess right.
        """
        span, doubted = CHUNK, 1
        while True:
            if doubted <= 0:
                end = self._guess(span)
                if end < 0:
                    doubted = (self._end - self._at) // 4 + 1
                elif (run := self._run(decoder, end)) is not None:
                    span = min(span * 4, _LONGEST)
                    yield run
                else:
                    span = (end - self._at) // 4
                    doubted = (end - self._at) // 4 + 1 if self._next_mark() + 1 == end else 0
                continue
            element = self.element()
            if element is None:
                return
            doubted -= len(element)
            self._learn_mark()
            yield Run([], memoryview(element))

    def skip(self, opening: bytes) -> None:
        """Pass over the value that begins with the token ``opening``."""
        if opening in b"{[":
            self._close(keep=False)

    def _guess(self, span: int) -> int:
        """Where an element may end: the last place not more than ``span`` ahead, else the first; negative for none."""
        while True:
            if separator := self._match(_SEPARATOR):
                self._at = self._keep = separator.end()
            last = -1
            for mark in self._marks:
                last = max(last, self._window.rfind(mark, max(self._at, last), min(self._at + span, self._end)))
            if last < 0:
                last = self._next_mark()
            if last >= 0:
                return last + 1
            if not self._marks or self._end - self._at >= _LONGEST:
                return -1
            try:
                self._more()
            except EOFError:
                return -1

    def _run[T](self, decoder: msgspec.json.Decoder[list[T]], end: int) -> Run[T] | None:
        """What there is up to ``end``, decoded as an array where it stands; ``None`` if it is none."""
        window, begin = self._window, self._at
        before, behind = window[begin - 1], window[end]
        window[begin - 1], window[end] = b"[]"
        try:
            entries = decoder.decode(memoryview(window)[begin - 1 : end + 1])
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return None
        finally:
            window[begin - 1], window[end] = before, behind
        self._at = end
        self.count += len(entries)
        return Run(entries, memoryview(window)[begin:end])

    def _next_mark(self) -> int:
        """Where the first mark is; negative if there is none."""
        first, stop = -1, self._end
        for mark in self._marks:
            place = self._window.find(mark, self._at, stop)
            if place >= 0:
                # What another mark may be found in, if it is to be before this one.
                first, stop = place, place + len(mark)
        return first

    def _learn_mark(self) -> None:
        mark = _MARK.match(self._window, self._at - 1, self._end)
        if mark and mark[0] not in self._marks:
            self._marks.appendleft(mark[0])

    def _match(self, pattern: re.Pattern[bytes]) -> re.Match[bytes] | None:
        return pattern.match(self._window, self._at, self._end)

    def _close(self, *, keep: bool) -> bool:
        """Move behind the bracket that closes the one just passed; say whether all up to there could be kept."""
        depth = 1
        while depth:
            match = self._match(_BRACKET)
            if match is None:
                if keep and self._end - self._keep > _LONGEST:
                    return False
                if not keep and (whole := self._match(_WHOLE)):
                    self._at = self._keep = whole.end()
                self._more()
                continue
            depth += 1 if match[1] in b"{[" else -1
            self._at = match.end()
            if not keep:
                self._keep = self._at
        return True

    def value(self, depth: int = 0) -> bytes:
        """The text of the value that begins with the token just taken; of what is too long, no more than can be."""
        opening = bytes(self._window[self._keep : self._keep + 1])
        if opening not in b"{[" or self._close(keep=True):
            return self._kept()
        self._at = self._keep + 1
        if opening == b"{" and depth < _DEEPEST:
            return self._shortened(depth)
        self.skip(opening)
        return b"null"

    def _shortened(self, depth: int) -> bytes:
        """An object that was opened, without the members that only its tool knows and without long strings."""
        members, size = list[bytes](), 0
        for key in self.members():
            value = self.token()
            if key.startswith(b'"_') or size > _LONGEST:
                self.skip(value)
                continue
            members.append(key + b":" + (b'""' if len(value) > CHUNK else self.value(depth + 1)))
            size += len(members[-1])
        return b"{%b}" % b",".join(members)

    def _kept(self) -> bytes:
        return bytes(memoryview(self._window)[self._keep : self._at])

    def _more(self) -> None:
        kept = self._end - self._keep
        if kept > _LONGEST_STRING and self._empty_string():
            return
        # As much again as is kept, so that what is scanned twice stays in proportion.
        self._make_room(wanted := max(CHUNK, kept))
        self._append(self._read(min(wanted, _PIECE)))
        wanted += kept
        while (missing := wanted - (self._end - self._keep)) > 0 and (piece := self._stream.read(min(missing, _PIECE))):
            self._append(piece)

    def _make_room(self, size: int) -> None:
        """For so many bytes more."""
        if self._end + size < len(self._window):
            return
        kept = self._end - self._keep
        old = memoryview(self._window)
        if _MARGIN + kept + size >= len(old):
            self._window = bytearray(_MARGIN + kept + size + CHUNK)
        memoryview(self._window)[_MARGIN : _MARGIN + kept] = old[self._keep : self._end]
        self._at += _MARGIN - self._keep
        self._keep, self._end = _MARGIN, _MARGIN + kept

    def _append(self, piece: bytes) -> None:
        # Through a view: assigned to the array itself it would be copied twice.
        memoryview(self._window)[self._end : self._end + len(piece)] = piece
        self._end += len(piece)

    def _empty_string(self) -> bool:
        """Drop what an unfinished string holds, if it is a very long one; say whether it was."""
        opening = self._match(_UNFINISHED)
        if opening is None or self._end - opening.end() < _LONGEST_STRING:
            return False
        rest = bytes(memoryview(self._window)[opening.end() : self._end])
        while (stop := _string_end(rest)) < 0:
            rest = _half_escape(rest) + self._read(CHUNK)
        self._end = opening.end()
        self._make_room(len(rest) - stop)
        self._append(rest[stop:])
        return True

    def _read(self, size: int) -> bytes:
        chunk = self._stream.read(size)
        if not chunk:
            raise EOFError
        return chunk


def _string_end(rest: bytes) -> int:
    """Where the quote is that ends a string; negative if it does not end."""
    return rest.replace(b"\\\\", b"__").replace(b'\\"', b"__").find(b'"')


def _half_escape(rest: bytes) -> bytes:
    """The backslash at the end that belongs to what follows."""
    return b"\\" * ((len(rest) - len(rest.rstrip(b"\\"))) % 2)
