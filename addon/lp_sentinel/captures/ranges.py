"""A flow file in ranges, each extracted by itself, in this process or in several, and handed on in their order."""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import repeat
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

from lp_sentinel.captures.extract import Extract, extract, extracted, first_flow
from lp_sentinel.captures.scan import Surveyor

if TYPE_CHECKING:
    from lp_sentinel.captures.spool import Spool
    from lp_sentinel.captures.survey import Survey
    from lp_sentinel.workers import Workers

RANGE = 64 << 20
"""Bytes that are gone through at a time: no more of a file than this is in a process's memory."""
WORTH_SHARING = 0.25
"""In seconds: ranges that take longer to go through are shared out, as to start processes takes a part of that."""
_LEAST = 4 << 20
"""A range of less is not worth a task."""


class Range(NamedTuple):
    """A range that has been gone through."""

    size: int
    """In bytes: from where its first flow begins to where its last one ends."""
    flows: int
    belonging: int
    """How many of its flows belong to a login by themselves."""


def go_through(
    buffer: mmap.mmap, path: Path, survey: Survey, spool: Spool, workers: Workers | None = None
) -> Iterator[Range]:
    """Add what the flows of a file hold to a survey and to a spool, range by range.

    Where other processes do it, it is guessed where the first flow of a range begins. What tells that a guess was right
    is that the range before, of which the lengths of all flows were followed, ends there; else the range is gone
    through once more.
    """
    size = min(RANGE, max(_LEAST, -(-len(buffer) // workers.ahead))) if workers else RANGE
    ranges = [(begin, min(begin + size, len(buffer))) for begin in range(0, len(buffer), size)]
    guesses = _guesses(path, ranges, workers) if workers else repeat(None)
    surveyor, begin = Surveyor(survey), 0
    for (_, end), guessed in zip(ranges, guesses, strict=False):
        if begin >= end:
            continue
        flows, belonging = len(survey.offsets), len(spool)
        if guessed and guessed.begin == begin:
            survey.extend(guessed.survey)
            spool.extend(guessed.packed, guessed.sizes)
        else:
            for exchange in extracted(surveyor, buffer, begin, end):
                spool.add(exchange)
            forget(buffer, begin, survey.stop)
        yield Range(survey.stop - begin, len(survey.offsets) - flows, len(spool) - belonging)
        if survey.stop < end:
            return
        begin = survey.stop


def _guesses(path: Path, ranges: Sequence[tuple[int, int]], workers: Workers) -> Iterator[Extract | None]:
    """What other processes find in each range; the first one is left to this process, and tells how long they take."""
    began = perf_counter()
    yield None
    left = (perf_counter() - began) * (len(ranges) - 1)
    if left > WORTH_SHARING:
        yield from workers.map(_guessed, ((path, begin, end) for begin, end in ranges[1:]))
    else:
        yield from repeat(None)


def _guessed(path: Path, begin: int, end: int) -> Extract | None:
    """In another process: what the flows hold that seem to begin in a range."""
    try:
        with path.open("rb", buffering=0) as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as buffer:
            first = first_flow(buffer, begin) if begin else 0
            return extract(buffer, first, end) if 0 <= first < end else None
    except Exception:  # noqa: BLE001  (what only looks like flows may be anything)
        return None


def forget(buffer: mmap.mmap, begin: int, end: int) -> None:
    """Give back the memory that holds these bytes; they are read again when they are needed."""
    page = begin - begin % mmap.PAGESIZE
    if page < end:
        with suppress(OSError, AttributeError):
            buffer.madvise(mmap.MADV_DONTNEED, page, end - page)
