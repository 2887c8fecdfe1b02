"""Zstandard data unpacked, with a look at whether it ends where a frame does: else the library is silent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import zstandard

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

_SKIPPABLE = b"\x2a\x4d\x18"
"""How the magic number of a frame without content ends."""
_REPEATED = 1
"""The type of a block that is one byte, however long it is unpacked."""
_PIECE = 1 << 12
"""Bytes that are held at a time: few, as they may come one by one."""


def unpacker(packed: Callable[[int], bytes], window: int = 0) -> Callable[[int], bytes]:
    """What reads unpacked what ``packed`` reads: EOFError where that ends too early, ValueError where it is broken.

    ``window``: the most bytes that may be needed to look back; 0: as many as the library allows.
    """
    frames = _Frames(packed)
    unpacking = zstandard.ZstdDecompressor(max_window_size=window)
    read = unpacking.stream_reader(frames, read_across_frames=True).read1  # type: ignore[arg-type]

    def pull(size: int) -> bytes:
        try:
            piece: bytes = read(size)
        except zstandard.ZstdError as error:
            raise ValueError(str(error)) from error
        if not piece and not frames.is_whole:
            message = "the compressed data ends too early"
            raise EOFError(message)
        return piece

    return pull


class _Frames:
    """Packed data on its way through, followed from frame to frame (RFC 8878, 3.1)."""

    def __init__(self, packed: Callable[[int], bytes]) -> None:
        self.is_whole = True
        """Whether what was read so far ends with a frame."""
        self._packed = packed
        self._steps = self._follow()
        self._wanted, self._held = next(self._steps), b""

    def read(self, size: int, /) -> bytes:
        data, at = self._packed(size), 0
        while at < len(data):
            self.is_whole = False
            piece = data[at : at + self._wanted - len(self._held)]
            self._held += piece
            at += len(piece)
            if len(self._held) == self._wanted:
                self._wanted, self._held = self._steps.send(self._held), b""
        return data

    def _follow(self) -> Generator[int, bytes, None]:
        """Asks for so many bytes, one part after the other."""
        while True:
            self.is_whole = True
            magic = yield 4
            if magic.endswith(_SKIPPABLE):
                yield from _passed_over(int.from_bytes((yield 4), "little"))
                continue
            [about] = yield 1
            is_single = about >> 5 & 1
            dictionary, length = (0, 1, 2, 4)[about & 3], (is_single, 2, 4, 8)[about >> 6]
            yield 1 - is_single + dictionary + length
            is_last = 0
            while not is_last:
                block = int.from_bytes((yield 3), "little")
                is_last = block & 1
                yield from _passed_over(1 if block >> 1 & 3 == _REPEATED else block >> 3)
            if about >> 2 & 1:
                yield 4


def _passed_over(size: int) -> Generator[int, bytes, None]:
    while size:
        piece = min(size, _PIECE)
        yield piece
        size -= piece
