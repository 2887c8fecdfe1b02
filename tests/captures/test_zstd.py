"""Zstandard data that is cut off is told from data that is whole, at whatever byte it ends."""

from __future__ import annotations

import io
import random
from pathlib import Path
from typing import Any

import pytest
import zstandard

from lp_sentinel.captures.stream import CaptureError
from lp_sentinel.captures.zstd import unpacker
from tests.captures.reading import read_capture

NOISE = random.Random(1).randbytes(140_000)  # noqa: S311  (no secrets, and the same again each time)
CONTENT = {
    "text": b"flow " * 100,
    "one byte again and again": bytes(300_000),
    "noise": NOISE,
    "nothing": b"",
    "one byte": b"x",
}
SKIPPABLE = b"\x50\x2a\x4d\x18\x05\0\0\0hello"
STYLES: dict[str, dict[str, Any]] = {
    "plain": {},
    "with a checksum": {"write_checksum": True},
    "of unknown size": {"write_content_size": False},
}


def unpacked(data: bytes, step: int) -> bytes:
    file = io.BytesIO(data)
    pull = unpacker(SlowFile(file, step).read)
    return b"".join(iter(lambda: pull(1 << 16), b""))


class SlowFile:
    def __init__(self, file: io.BytesIO, step: int) -> None:
        self._file, self._step = file, step

    def read(self, size: int, /) -> bytes:
        return self._file.read(min(size, self._step))


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("content", CONTENT)
@pytest.mark.parametrize("step", [7, 1 << 16])
def test_an_early_end_is_told(content: str, style: str, step: int) -> None:
    data = CONTENT[content]
    frame = zstandard.ZstdCompressor(**STYLES[style]).compress(data)
    for whole, expected in ((frame, data), (frame + SKIPPABLE + frame, data * 2), (frame + SKIPPABLE, data)):
        assert unpacked(whole, step) == expected
        for cut in (1, 2, 3, 4, 5, 9, 13, 19, len(whole) // 2):
            if 0 < len(whole) - cut not in (len(frame), len(frame + SKIPPABLE)):
                with pytest.raises(EOFError, match="the compressed data ends too early"):
                    unpacked(whole[:-cut], step)


def test_a_stream_of_several_blocks_is_whole() -> None:
    packer = zstandard.ZstdCompressor().compressobj()
    pieces = [packer.compress(NOISE[:5000]) + packer.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK) for _ in range(4)]
    data = b"".join([*pieces, packer.flush()])
    assert unpacked(data, 100) == NOISE[:5000] * 4


@pytest.mark.parametrize("size", [30, 300])
def test_a_capture_that_is_cut_off_before_anything_can_be_unpacked(tmp_path: Path, size: int) -> None:
    file = tmp_path / "x.flow.zst"
    file.write_bytes(zstandard.compress(NOISE)[:size])
    with pytest.raises(CaptureError) as raised:
        list(read_capture(file))
    assert str(raised.value) == f"{file}: cannot be read: the compressed data ends too early"
