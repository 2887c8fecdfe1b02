"""Of a capture of any size the exchanges that the engine must see, in the order of time, in little memory."""

from __future__ import annotations

import mmap
import os
import tempfile
from array import array
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from lp_sentinel.captures import ranges
from lp_sentinel.captures.choose import Chosen, Surveyed, choose
from lp_sentinel.captures.extract import read_flow
from lp_sentinel.captures.layout import (
    HEAD,
    LENGTH,
    LONGEST_LENGTH,
    VERSION,
    Buffer,
    broken_off,
    flow_end,
    is_cut_length,
)
from lp_sentinel.captures.opening import STANDARD_INPUT, is_file, open_capture, problem_of
from lp_sentinel.captures.spool import IN_MEMORY, Spool, pack
from lp_sentinel.captures.stream import CaptureError, Readable
from lp_sentinel.captures.survey import Survey
from lp_sentinel.config import Config
from lp_sentinel.exchange import Exchange
from lp_sentinel.reach import Reach
from lp_sentinel.workers import Advance, Workers

if TYPE_CHECKING:
    from lp_sentinel.captures.har_spool import SpooledHar

HEAD_SIZE = 1 << 16
"""Bytes that tell what a file is."""
_EXTRACTING, _JUDGING = 3, 10
"""How long a flow that belongs to a login takes to extract, and to judge, if passing over another one takes 1."""
_READ = 20
"""After so many exchanges that were read here and there, the pages that hold them are given back."""


class Gathered(NamedTuple):
    """What the engine is to be fed with."""

    exchanges: Iterable[Exchange | float]
    """In the order of time; a number is a moment that has passed meanwhile."""
    held: int
    """How many exchanges the capture holds."""
    problem: str | None


class _Mapped:
    """A flow file whose flows are read where they stand."""

    def __init__(
        self, buffer: mmap.mmap, path: Path, spool: Spool, workers: Workers | None, advance: Advance | None
    ) -> None:
        self._buffer = buffer
        self._read = 0
        self.survey = Survey()
        self.done = 0.0
        """How much of the file's work is done, in bytes, which its flows share by how long each of them takes."""
        for part in ranges.go_through(buffer, path, self.survey, spool, workers):
            extracting = part.flows + _EXTRACTING * part.belonging
            share = part.size * extracting / (extracting + _JUDGING * part.belonging + 1)
            self.done += share
            if advance:
                advance(share)

    def exchange(self, place: int) -> Exchange:
        self._read += 1
        if self._read % _READ == 0:
            ranges.forget(self._buffer, 0, len(self._buffer))
        return read_flow(self._buffer, self.survey.offsets[place], place)

    @property
    def held(self) -> int:
        return len(self.survey.offsets) - self.survey.others

    @property
    def ahead(self) -> bytes:
        """What stands where the last whole flow ends."""
        return self._buffer[self.survey.stop : self.survey.stop + LONGEST_LENGTH]


class _Spooled:
    """Exchanges that came one by one."""

    def __init__(self, exchanges: Iterable[Exchange], spool: Spool) -> None:
        self._spool = spool
        self._numbers = array("I")
        self.survey = Survey()
        for exchange in exchanges:
            self.survey.add(exchange, exchange.index)
            self._numbers.extend([len(spool)] * (len(self.survey.hosts) - len(self._numbers)))
            packed = pack(exchange)  # and not kept at hand: few of them will be asked for
            spool.extend(packed, (len(packed),))

    @property
    def held(self) -> int:
        return len(self._spool)

    def exchange(self, place: int) -> Exchange:
        return self._spool.read(self._numbers[place], place)


@contextmanager
def gather(
    source: Path | Readable, config: Config, workers: Workers | None = None, advance: Advance | None = None
) -> Iterator[Gathered]:
    """What the engine must see of a capture; ``workers`` help with a large flow file.

    ``advance`` is told how many more bytes of the capture are done, also while the exchanges are taken.
    """
    path = source if isinstance(source, Path) else None
    with Spool() as chosen, _mapped(path) as buffer, ExitStack() as closing:
        if path is not None and buffer is not None:
            mapped = _Mapped(buffer, path, chosen, workers, advance)
            problem = problem_of_flows(os.fspath(path), mapped.survey, len(buffer), mapped.ahead)
            exchanges = _in_order(mapped, chosen, config, advance, len(buffer) - mapped.done)
            yield Gathered(exchanges, mapped.held, problem)
        else:
            spooled, problem = _spool(source, closing, advance)
            yield Gathered(_in_order(spooled, chosen, config), spooled.held, problem)


@contextmanager
def _mapped(path: Path | None) -> Iterator[mmap.mmap | None]:
    """The file, if it holds flows of the usual layout."""
    try:
        file = path.open("rb", buffering=0) if path and is_file(path) else None
    except OSError:
        file = None
    if file is None:
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
            yield buffer if holds_flows(buffer) else None


def holds_flows(head: Buffer) -> bool:
    """Whether a file that begins like this holds flows of today's format, not packed."""
    if LENGTH.match(head) is None:
        return False
    end = flow_end(head, 0)
    return head[end - len(VERSION) : end] == VERSION or HEAD.search(head, 0, HEAD_SIZE) is not None


def problem_of_flows(name: str, survey: Survey, size: int, ahead: bytes) -> str | None:
    """What was wrong with a flow file of ``size`` bytes; ``ahead`` stands where its last whole flow ends."""
    problem, count = None, survey.unread
    if survey.problem:
        place, why = survey.problem
        problem = f"flow {place} cannot be read: {why}"
    if survey.stop < size:
        is_cut = survey.stop + flow_end(ahead, 0) > size or is_cut_length(ahead)
        broken = broken_off(len(survey.offsets), size if is_cut else survey.stop, is_cut=is_cut)
        problem, count = problem or broken, count + 1
    return problem_of(name, problem, count) if problem else None


def _spool(
    source: Path | Readable, closing: ExitStack, advance: Advance | None
) -> tuple[_Spooled | SpooledHar, str | None]:
    """What a capture holds that can only be read from its beginning to its end, and what was wrong with it."""
    spooled: _Spooled | SpooledHar | None = None
    problem = None
    try:
        with open_capture(_watched(source, closing, advance) if advance else source) as (stream, kind):
            if kind == "har":
                from lp_sentinel.captures.har_spool import SpooledHar  # noqa: PLC0415  (not needed for flows)

                file = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115  (closed with the rest)
                spooled = SpooledHar(stream, closing.enter_context(file))  # type: ignore[arg-type]
            elif kind == "flows":
                from lp_sentinel.captures.flows import read_flows  # noqa: PLC0415  (mitmproxy takes a fifth of a second)

                spooled = _Spooled(read_flows(stream), closing.enter_context(Spool()))
    except CaptureError as error:
        problem = str(error)
    return spooled or _Spooled((), closing.enter_context(Spool())), problem


class _Watched:
    """A file, of which it is told how much has been read."""

    def __init__(self, file: FileIO, advance: Advance) -> None:
        self._file, self._advance = file, advance
        self.name = file.name

    def read(self, size: int, /) -> bytes:
        data = self._file.read(size)
        self._advance(len(data))
        return data


def _watched(source: Path | Readable, closing: ExitStack, advance: Advance) -> Path | Readable:
    if not isinstance(source, Path) or source == STANDARD_INPUT:
        return source
    try:
        return _Watched(closing.enter_context(source.open("rb", buffering=0)), advance)
    except OSError:
        return source  # it is told elsewhere why


def _in_order(
    source: Surveyed, spool: Spool, config: Config, advance: Advance | None = None, left: float = 0.0
) -> Iterator[Exchange | float]:
    chosen = choose(source, spool, Reach(config))
    share = left / max(len(chosen.places), 1)
    for one in ordered(chosen, spool, source.survey.latest):
        yield one
        if advance and isinstance(one, Exchange):
            advance(share)


def ordered(chosen: Chosen, spool: Spool, latest: float | None) -> Iterator[Exchange | float]:
    """What was chosen, in the order of time; ``latest`` is when the last exchange of all started."""
    for number in _in_time(chosen):
        exchange, time = spool.read(number, chosen.places[number]), chosen.times[number]
        if exchange.started is None and time > float("-inf"):
            yield time
        yield exchange
    if latest is not None:
        yield latest


def _in_time(chosen: Chosen) -> array[int]:
    by_place = sorted(range(len(chosen.places)), key=chosen.places.__getitem__)
    by_place.sort(key=chosen.times.__getitem__)
    return array("I", by_place)
