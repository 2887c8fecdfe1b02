"""The bytes of a capture, unpacked where they are packed, with a note of what was wrong with them."""

from __future__ import annotations

import codecs
import gzip
import re
import sys
import zlib
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from lp_sentinel.wording import reason

if TYPE_CHECKING:
    from collections.abc import Callable

type Kind = Literal["flows", "har"]

CHUNK = 1 << 20

_TOO_EARLY = "the compressed data ends too early"
_HEAD = 1 << 16
_ZLIB_HEADS = (b"x\x01", b"x\x5e", b"x\x9c", b"x\xda")
# A flow is a dictionary whose first key is a short name. Each part may be missing where the file breaks off.
_FLOWS = re.compile(rb"[0-9]{1,12}:(?:\Z|[0-9]{1,3}(?:\Z|:[a-z_]{0,40}(?:\Z|[;,])))")
_JSON = re.compile(rb"(?:\xef\xbb\xbf)?\s*\{")
# What tells a HAR from the other JSON files of a folder.
_HAR = re.compile(rb'"log"\s*:\s*\{\s*"(?:version|creator|browser|pages|entries|comment|_[^"]*)"')


class Readable(Protocol):
    """A binary file, as far as it is needed here."""

    def read(self, size: int, /) -> bytes: ...


class CaptureError(Exception):
    """A capture that could not be read, or not to its end. The text names it and says where it broke."""


class Stream:
    """A binary file that can be looked ahead in. A failing read ends it, and what was read before stays readable."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self.offset = 0
        """How many bytes have been read, after unpacking."""
        self.problem: str | None = None
        """The first thing that a reader could make nothing of."""
        self.problems = 0
        self.cut: str | None = None
        """Why the stream ends, if that is not because the file does."""
        self._pull = read
        self._ahead = b""
        self._at = 0

    def fail(self, problem: str) -> None:
        """Note that something could not be read; the first is reported, the others are counted."""
        self.problem = self.problem or problem
        self.problems += 1

    def peek(self, size: int) -> bytes:
        """The next ``size`` bytes, or as many as there are, without taking them."""
        if len(self._ahead) - self._at < size:
            self._fill(size)
        return self._ahead[self._at : self._at + size]

    def read(self, size: int) -> bytes:
        """The next ``size`` bytes, or as many as there are."""
        taken = self.peek(size)
        self._at += len(taken)
        self.offset += len(taken)
        if self._at == len(self._ahead):
            self._ahead, self._at = b"", 0
        return taken

    def skip(self, size: int) -> None:
        """Pass over the next ``size`` bytes, or as many as there are, without holding them."""
        while size > 0 and (piece := self.read(min(size, CHUNK))):
            size -= len(piece)

    def _fill(self, size: int) -> None:
        held = len(self._ahead) - self._at
        # A single piece is not copied again.
        pieces = [self._ahead[self._at :]] if held else []
        # In pieces, since a broken length may well ask for a terabyte.
        while held < size and (piece := self._next(min(max(size - held, _HEAD), CHUNK))):
            pieces.append(piece)
            held += len(piece)
        self._ahead, self._at = b"".join(pieces), 0

    def _next(self, size: int) -> bytes:
        try:
            return self._pull(size)
        except (OSError, EOFError, ValueError, zlib.error) as error:
            # What is said of it elsewhere is about markers of streams.
            self.cut = _TOO_EARLY if isinstance(error, EOFError) else reason(error)
            self._pull = _nothing
            return b""


class Head(NamedTuple):
    """How a file begins."""

    kind: Kind | None
    """``None``: no capture. Any JSON object counts as a HAR here."""
    is_log: bool
    """The JSON begins as a HAR does."""
    packed: bool

    def is_capture(self, name: str) -> bool:
        """Whether it is one where nobody said so: JSON must begin as a HAR does, or be called one.

        What is called a HAR and is none was meant to be judged, so it must not go unsaid.
        """
        return self.kind == "flows" or (self.kind == "har" and self.is_log) or name.lower().endswith(".har")


def open_stream(source: Readable) -> tuple[Stream, Head]:
    """The unpacked bytes of ``source`` and what they are, told by content. Never raises."""
    stream = Stream(source.read)
    pull = _unpacker(stream)
    if pull is not None:
        stream = Stream(pull)
    head = stream.peek(_HEAD)
    kind: Kind | None = "flows" if _FLOWS.match(head) else "har" if _JSON.match(head) else None
    return stream, Head(kind, is_log=_HAR.search(head) is not None, packed=pull is not None)


def standard_input() -> Readable:
    """Raises OSError where the program has none."""
    if sys.stdin is None:
        message = "there is no standard input"
        raise OSError(message)
    return sys.stdin.buffer


def _unpacker(packed: Stream) -> Callable[[int], bytes] | None:
    """What reads ``packed`` unpacked: gzip, zstd, or bare zlib as in mitmproxy's ``.zhar``; ``None`` if it is plain.

    UTF-16, as PowerShell writes what is redirected to a file, counts as packed too.
    """
    head = packed.peek(4)
    if head.startswith(b"\x1f\x8b"):
        return gzip.GzipFile(fileobj=packed).read1  # type: ignore[call-overload,no-any-return]
    if head == b"\x28\xb5\x2f\xfd":
        from lp_sentinel.captures import zstd  # noqa: PLC0415  (seldom needed, and takes its time)

        return zstd.unpacker(packed.read)
    if head.startswith(_ZLIB_HEADS):
        return _inflater(packed)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return _recoder(packed)
    return None


def _inflater(packed: Stream) -> Callable[[int], bytes]:
    engine = zlib.decompressobj()

    def pull(size: int) -> bytes:
        while not engine.eof:
            data = engine.unconsumed_tail or packed.read(_HEAD)
            piece = engine.decompress(data, size)
            if piece:
                return piece
            if not data:
                raise EOFError(_TOO_EARLY)
        return b""

    return pull


def _recoder(packed: Stream) -> Callable[[int], bytes]:
    decode = codecs.getincrementaldecoder("utf-16")("surrogatepass").decode

    def pull(_size: int) -> bytes:
        while data := packed.read(_HEAD):
            if text := decode(data):
                return text.encode("utf-8", "surrogatepass")
        decode(b"", final=True)
        return b""

    return pull


def _nothing(_size: int) -> bytes:
    return b""
