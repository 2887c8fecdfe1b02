"""Finding the entries of a HAR in bounded memory, without parsing what stands around them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from lp_sentinel.captures.walk import Run, Walk
from lp_sentinel.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lp_sentinel.captures.stream import Stream


FOLLOW_REDIRECTS = frozenset(("Insomnia REST Client", "axios-har-tracker", "Pulse HAR generation tool"))
"""Creators of HARs that follow redirects by themselves: they give the last answer under the first URL."""


class _NoEntriesError(Exception):
    """JSON that is no HAR."""


class Entries:
    """The elements of ``log.entries``, each given once.

    Strings of many MB may be emptied, and of an element of many MB the members that only its tool knows left out.
    Where the text breaks off or goes on behind its end, or that there is no ``log.entries``, is noted in the stream.
    """

    def __init__(self, stream: Stream) -> None:
        self.creator: str | None = None
        """Which of ``FOLLOW_REDIRECTS`` made the HAR, as far as it says so before its entries."""
        self._stream, self._walk = stream, Walk(stream)

    def texts(self) -> Iterator[bytes]:
        """The JSON text of each."""
        with self._problems_noted():
            for _ in self._arrays():
                while (text := self._walk.element()) is not None:
                    yield text

    def runs[T](self, decoder: msgspec.json.Decoder[list[T]]) -> Iterator[Run[T]]:
        """As many at once as ``decoder`` can decode."""
        with self._problems_noted():
            for _ in self._arrays():
                yield from self._walk.runs(decoder)

    @contextmanager
    def _problems_noted(self) -> Iterator[None]:
        """For what goes through the whole text."""
        stream, place, what = self._stream, 0, ""
        try:
            yield
        except EOFError:
            place, what = stream.offset, stream.cut or "the file ends in the middle of the JSON"
        except _NoEntriesError:
            stream.fail("is neither a flow file nor a HAR file: it is JSON without log.entries")
        else:
            if more := self._walk.rest():
                place, what = stream.offset - more, "the HAR ends there, and more follows"
            elif stream.cut:
                place, what = stream.offset, stream.cut
        if what:
            stream.fail(f"broken after {counted(self._walk.count, 'entry', 'entries')}, at byte {place}: {what}")

    def _arrays(self) -> Iterator[None]:
        """Stops where each array of entries was opened: whoever asks has to pass over it."""
        walk, found = self._walk, False
        walk.token()
        for outer in walk.members():
            opening = walk.token()
            if outer != b'"log"' or opening != b"{":
                walk.skip(opening)
                continue
            for key in walk.members():
                opening = walk.token()
                if key == b'"creator"':
                    self.creator = _following(walk.value())
                    continue
                if key != b'"entries"' or opening != b"[":
                    walk.skip(opening)
                    continue
                found = True
                yield
        if not found:
            raise _NoEntriesError


class _Creator(msgspec.Struct):
    name: Any = None


def _following(creator: bytes) -> str | None:
    """The name of a HAR's creator, if it is one of those."""
    try:
        name = msgspec.json.decode(creator, type=_Creator).name
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    return name if isinstance(name, str) and name in FOLLOW_REDIRECTS else None
