"""A flow file in ranges, each extracted by itself, in this process or in several, and handed on in their order."""

from __future__ import annotations

import mmap
from array import array
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import repeat
from pathlib import Path
from tempfile import NamedTemporaryFile
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

from lp_sentinel.captures.extract import extract, extracted, first_flow
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
    for guessed, (_, end) in zip(guesses, ranges, strict=False):
        if begin >= end:
            continue
        flows, belonging = len(survey.offsets), len(spool)
        if guessed and guessed.begin == begin:
            survey.extend(guessed.survey)
            spool.take(guessed.packed, guessed.sizes)
        else:
            spool.add(extracted(surveyor, buffer, begin, end))
            forget(buffer, begin, survey.stop)
        yield Range(survey.stop - begin, len(survey.offsets) - flows, len(spool) - belonging)
        if survey.stop < end:
            return
        begin = survey.stop


class _Guess(NamedTuple):
    """What another process has found in a range that seems to begin there."""

    begin: int
    survey: Survey
    packed: Path
    """A file with the exchanges that belong to a login by themselves, packed one behind the other."""
    sizes: array[int]


def _guesses(path: Path, ranges: Sequence[tuple[int, int]], workers: Workers) -> Iterator[_Guess | None]:
    """What other processes find in each range; the first one is left to this process, and tells how long they take."""
    began = perf_counter()
    yield None
    left = (perf_counter() - began) * (len(ranges) - 1)
    if left > WORTH_SHARING:
        yield from workers.map(_guessed, ((path, begin, end, workers.folder) for begin, end in ranges[1:]))
        workers.rest()  # they would keep the memory that this took
    else:
        yield from repeat(None)


def _guessed(path: Path, begin: int, end: int, folder: Path) -> _Guess | None:
    """In another process: what the flows hold that seem to begin in a range. Its file is to be left in ``folder``."""
    try:
        with path.open("rb", buffering=0) as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as buffer:
            first = first_flow(buffer, begin) if begin else 0
            found = extract(buffer, first, end) if 0 <= first < end else None
    except Exception:  # noqa: BLE001  (what only looks like flows may be anything)
        return None
    if found is None:
        return None
    with NamedTemporaryFile(dir=folder, delete=False) as packed:
        packed.write(found.packed)
    return _Guess(found.begin, found.survey, Path(packed.name), found.sizes)


def forget(buffer: mmap.mmap, begin: int, end: int) -> None:
    """Give back the memory that holds these bytes; they are read again when they are needed."""
    page = begin - begin % mmap.PAGESIZE
    if page < end:
        with suppress(OSError, AttributeError):
            buffer.madvise(mmap.MADV_DONTNEED, page, end - page)
