"""A flow file in ranges, each extracted by itself, in this process or in several, and handed on in their order."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from contextlib import suppress
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING

from lp_sentinel.captures.extract import Extract, extract, first_flow

if TYPE_CHECKING:
    from lp_sentinel.workers import Workers

RANGE = 64 << 20
"""Bytes that are gone through at a time: no more of a file than this is in a process's memory."""
_LEAST = 4 << 20
"""A range of less is not worth a task."""


def extracts(buffer: mmap.mmap, path: Path, workers: Workers | None = None) -> Iterator[Extract]:
    """What the flows of a file hold, range by range.

    Where other processes do it, it is guessed where the first flow of a range begins. What tells that a guess was right
    is that the range before, of which the lengths of all flows were followed, ends there; else the range is gone
    through once more.
    """
    size = min(RANGE, max(_LEAST, -(-len(buffer) // workers.ahead))) if workers else RANGE
    ranges = [(begin, min(begin + size, len(buffer))) for begin in range(0, len(buffer), size)]
    tasks = ((path, begin, end) for begin, end in ranges)
    guesses = workers.map(_guessed, tasks) if workers else repeat(None)
    begin = 0
    for (_, end), guessed in zip(ranges, guesses, strict=False):
        if begin < end:
            yield (part := guessed if guessed and guessed.begin == begin else _extract(buffer, begin, end))
            if part.stop < end:
                return
            begin = part.stop


def _guessed(path: Path, begin: int, end: int) -> Extract | None:
    """In another process: what the flows hold that seem to begin in a range."""
    try:
        with path.open("rb", buffering=0) as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as buffer:
            first = first_flow(buffer, begin) if begin else 0
            return extract(buffer, first, end) if 0 <= first < end else None
    except Exception:  # noqa: BLE001  (what only looks like flows may be anything)
        return None


def _extract(buffer: mmap.mmap, begin: int, end: int) -> Extract:
    part = extract(buffer, begin, end)
    forget(buffer, begin, part.stop)
    return part


def forget(buffer: mmap.mmap, begin: int, end: int) -> None:
    """Give back the memory that holds these bytes; they are read again when they are needed."""
    page = begin - begin % mmap.PAGESIZE
    if page < end:
        with suppress(OSError, AttributeError):
            buffer.madvise(mmap.MADV_DONTNEED, page, end - page)
