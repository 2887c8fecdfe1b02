"""Of a capture of any size the exchanges that the engine must see, in the order of time, in little memory."""

from __future__ import annotations

import mmap
import pickle
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol

from lp_sentinel.captures import read_capture
from lp_sentinel.captures.layout import HEAD, LENGTH, LONGEST_LENGTH, Unusual, read_exchange
from lp_sentinel.captures.parts import plain_host, split_authority
from lp_sentinel.captures.stream import CaptureError
from lp_sentinel.captures.survey import Survey, flow_end, survey_flows
from lp_sentinel.captures.unusual import read_unusual
from lp_sentinel.config import Config
from lp_sentinel.exchange import Exchange
from lp_sentinel.reach import Reach

_WINDOW = 64 << 20
"""So much of a file is mapped at a time."""
_POPULATE = 22
"""Linux's MADV_POPULATE_READ, which Python has no name for: one call instead of a fault for every few pages."""
_IN_MEMORY = 16 << 20
_KEPT = 4000
"""Exchanges that are not read again when their turn comes."""

type _Read = Callable[[int], Exchange]


class Gathered(NamedTuple):
    """What the engine is to be fed with."""

    exchanges: Iterable[Exchange | float]
    """In the order of time; a number is a moment that has passed meanwhile."""
    held: int
    """How many exchanges the capture holds."""
    problem: str | None


class _Source(Protocol):
    survey: Survey

    def exchange(self, place: int) -> Exchange: ...


class _Mapped:
    """A flow file whose flows are read where they stand."""

    def __init__(self, buffer: mmap.mmap) -> None:
        self._buffer = buffer
        self.survey = Survey()
        stop = 0
        while self.survey.stop == stop < len(buffer):
            begin = stop - stop % mmap.PAGESIZE
            stop = min(stop + _WINDOW, len(buffer))
            with suppress(OSError, AttributeError):
                buffer.madvise(_POPULATE, begin, stop - begin)
            survey_flows(buffer, self.survey.stop, stop, self.survey)
            if self.survey.stop < stop:
                break
            with suppress(OSError, AttributeError):
                buffer.madvise(mmap.MADV_DONTNEED, begin, stop - begin)
            stop = self.survey.stop

    def exchange(self, place: int) -> Exchange:
        start = self.survey.offsets[place]
        try:
            return read_exchange(self._buffer, start, place)
        except Unusual:
            exchange = read_unusual(self._buffer[start : flow_end(self._buffer, start)], place)
            if exchange is None:
                raise
            return exchange

    @property
    def problems(self) -> list[str]:
        found = [problem for _, problem in self.survey.problems]
        at, size = self.survey.stop, len(self._buffer)
        if at < size:
            head = self._buffer[at : at + LONGEST_LENGTH]
            is_cut = flow_end(self._buffer, at) > size or (head.isdigit() and len(head) < LONGEST_LENGTH)
            what = "the file ends in the middle of a flow" if is_cut else "no flow begins there"
            found.append(f"broken after {len(self.survey.offsets)} flows, at byte {size if is_cut else at}: {what}")
        return found


class _Spooled:
    """Exchanges that came one by one, kept in a temporary file."""

    def __init__(self, exchanges: Iterable[Exchange], file: BinaryIO) -> None:
        self._file = file
        self.survey = survey = Survey()
        for place, exchange in enumerate(exchanges):
            survey.offsets.append(file.tell())
            survey.add(exchange, place)
            pickle.dump(exchange, file, pickle.HIGHEST_PROTOCOL)

    def exchange(self, place: int) -> Exchange:
        self._file.seek(self.survey.offsets[place])
        exchange: Exchange = pickle.load(self._file)  # noqa: S301  (written by this process)
        return exchange


@contextmanager
def gather(path: Path, config: Config) -> Iterator[Gathered]:
    """What the engine must see of the capture at ``path``."""
    with _mapped(path) as buffer:
        if buffer is not None:
            mapped = _Mapped(buffer)
            problem = _summed_up(path, mapped.problems)
            held = len(mapped.survey.offsets) - mapped.survey.others
            yield Gathered(_in_order(mapped, config), held, problem)
            return
    noted: list[str] = []
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as file:
        spooled = _Spooled(_noting(read_capture(path), noted), file)  # type: ignore[arg-type]
        yield Gathered(_in_order(spooled, config), len(spooled.survey.offsets), noted[0] if noted else None)


@contextmanager
def _mapped(path: Path) -> Iterator[mmap.mmap | None]:
    """The file, if it holds flows of the usual layout."""
    try:
        file = path.open("rb", buffering=0)
    except OSError:
        yield None
        return
    with file:
        buffer = None
        with suppress(OSError, ValueError):
            buffer = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        if buffer is None:
            yield None
            return
        with buffer:
            yield buffer if HEAD.match(buffer) or (LENGTH.match(buffer) and HEAD.search(buffer, 0, 1 << 16)) else None


def _summed_up(path: Path, problems: list[str]) -> str | None:
    if not problems:
        return None
    more = f" (and {len(problems) - 1} more problems)" if len(problems) > 1 else ""
    return f"{path}: {problems[0]}{more}"


def _noting(exchanges: Iterator[Exchange], problems: list[str]) -> Iterator[Exchange]:
    try:
        yield from exchanges
    except CaptureError as error:
        problems.append(str(error))


def _in_order(source: _Source, config: Config) -> Iterator[Exchange | float]:
    survey, read = source.survey, lru_cache(_KEPT)(source.exchange)
    chosen = _chosen(survey, read, Reach(config))
    for place in sorted(sorted(chosen), key=chosen.__getitem__):
        exchange = read(place)
        if exchange.started is None and chosen[place] > float("-inf"):
            yield chosen[place]
        yield exchange
    if survey.latest is not None:
        yield survey.latest


def _chosen(survey: Survey, read: _Read, reach: Reach) -> dict[int, float]:
    """The places of all that the engine must see, and by which time they are ordered."""
    chosen, undecided, size = dict[int, float](), list[int](), -1

    def take(places: Iterable[int]) -> None:
        for place in places:
            if place not in chosen:
                exchange = read(place)
                started = survey.before.get(place) if exchange.started is None else exchange.started
                chosen[place] = float("-inf") if started is None else started
                if not reach.learn(exchange):
                    undecided.append(place)

    take(survey.belonging)
    while size != reach.size:
        size = reach.size
        undecided[:] = [place for place in undecided if not reach.learn(read(place))]
        for host in [host for host in survey.by_host if _has_host(reach, host)]:
            take(survey.by_host.pop(host))
        for referer in [referer for referer in survey.by_referer if reach.has_referer(_text(referer))]:
            take(survey.by_referer.pop(referer))
    return chosen


def _has_host(reach: Reach, raw: bytes) -> bool:
    host = _text(raw)
    named = split_authority(host)
    return (named is not None and reach.has_host(named[0])) or reach.has_host(plain_host(host))


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")
