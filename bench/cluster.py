"""What judging on a cluster grows with: each kind of task done here, one after the other, and what it took."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from time import process_time
from typing import Any, NamedTuple

from lp_sentinel.cluster import work
from lp_sentinel.cluster.foreman import PIECE, RANGE
from lp_sentinel.cluster.sources import Source
from lp_sentinel.cluster.standard import Standard
from lp_sentinel.config import Config
from lp_sentinel.project import Project
from lp_sentinel.redact import Redactor
from lp_sentinel.rules import load_rules

_PIECES = 4
_GB = 1e9
_SCHEDULING = 0.003
"""Seconds of client and scheduler for a task: two for a range, four for a capture. From runs with two workers."""
_STORAGE = 0.1
"""GB/s that one connection to an object store is taken to have."""
_CAPTURES, _CAPTURE = 2_000, 5.0
"""Of ten terabytes: how many, and GB each."""
_WORKERS = (8, 32, 64, 128, 256)
_HOUR = 3600.0
_PRICE = 0.05
"""USD that a core is taken to cost an hour."""


class Constants(NamedTuple):
    """What tasks take, of one kind of archive. Seconds are those of one processor."""

    extracting: float
    """Seconds a GB."""
    kept: float
    """The part of the bytes that workers keep while a capture is under way."""
    exchanges: float
    """That the engine must see, a GB."""
    choosing: float
    """Seconds an exchange, at the one worker who puts the capture together."""
    judging: float
    """Seconds an exchange, by that worker."""
    in_pieces: float
    """Seconds an exchange, by all that judge the pieces of a capture together."""
    returned: float
    """Bytes that come back to the client, a GB."""


def measure(path: Path) -> Constants:
    """Do the tasks of a flow file as a foreman hands them out."""
    size = path.stat().st_size
    source = Source(str(path), str(path), size)
    standard = Standard(Project(Config(), load_rules()), Redactor())
    ranges = [(begin, min(begin + RANGE, size)) for begin in range(0, size, RANGE)]
    extracting, parts = _timed(lambda: [_done(work.extract_range, standard, source, *one) for one in ranges])
    alone, settled = _timed(lambda: _settled(standard, source, parts, 1, PIECE))
    choosing, divided = _timed(lambda: _settled(standard, source, parts, _PIECES, 1))
    in_pieces, _ = _timed(lambda: _judged_in_pieces(standard, divided))
    exchanges = sum(map(len, divided.pieces))
    return Constants(
        extracting / (size / _GB),
        sum(len(pickle.dumps(part)) for part in parts) / size,
        exchanges / (size / _GB),
        choosing / exchanges,
        max(alone - choosing, 0.0) / exchanges,
        in_pieces / exchanges,
        len(pickle.dumps(settled.judged)) / (size / _GB),
    )


def _timed[T](call: Callable[[], T]) -> tuple[float, T]:
    begin = process_time()
    result = call()
    return process_time() - begin, result


def _done(task: Callable[..., work.Sealed], *given: Any) -> Any:
    return work.opened(task(*given))


def _settled(standard: Standard, source: Source, parts: Sequence[work.Part], most: int, least: int) -> work.Settled:
    fetched: list[list[Any]] = [[] for _ in parts]
    while True:
        settled: work.Settled = _done(work.settle, standard, source, [*parts], fetched, most, least)
        if not settled.missing:
            return settled
        for number, places in settled.missing.items():
            fetched[number].append(_done(work.fetch, source, parts[number], places))


def _judged_in_pieces(standard: Standard, settled: work.Settled) -> None:
    def judge(standard: Standard, heard: Any) -> list[Any]:
        pieces = enumerate(settled.pieces)
        return [_done(work.judge_piece, standard, "archive", piece, number, heard) for number, piece in pieces]

    heard = _done(work.told, judge(_done(work.without_rules, standard), []))
    while True:
        judged = judge(standard, heard)
        told = _done(work.told, judged)
        if _done(work.are_equal, told, heard):
            _done(work.unite, "archive", settled, judged)
            return
        heard = told


def table(realistic: Constants, logins: Constants) -> Iterator[str]:
    """The constants as Markdown, those of a realistic archive and of one with logins only."""
    rows: list[tuple[str, str, Callable[[Constants], str]]] = [
        ("*e* reading and extracting", "bytes", lambda one: f"{1 / one.extracting:.2f} GB/s a core"),
        ("*k* kept by workers while a capture is under way", "bytes", lambda one: f"{one.kept:.2%}"),
        ("*x* exchanges that the engine must see", "logins (5 each)", lambda one: f"{one.exchanges:,.0f} a GB"),
        ("*c* putting together and choosing, one worker a capture", "exchanges", lambda one: _ms(one.choosing)),
        ("*j* judging, by that worker", "exchanges", lambda one: _ms(one.judging)),
        (f"*p* judging in {_PIECES} pieces, in all", "exchanges", lambda one: _ms(one.in_pieces)),
        ("*r* what comes back", "findings, journeys", lambda one: f"{one.returned / 1e6:.2f} MB a GB"),
    ]
    yield "| | grows with | realistic | only logins |\n| --- | --- | ---: | ---: |\n"
    for name, grows_with, told in rows:
        yield f"| {name} | {grows_with} | {told(realistic)} | {told(logins)} |\n"


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:.3f} ms"


def ten_terabytes(realistic: Constants, logins: Constants) -> Iterator[str]:
    """What 10 TB would take by these constants, as Markdown."""
    size = _CAPTURES * _CAPTURE
    tasks = 2 * size * _GB / RANGE + 4 * _CAPTURES
    exchanges = size * realistic.exchanges
    each = size * (1 / _STORAGE + realistic.extracting) + exchanges * (realistic.choosing + realistic.judging)
    scheduler = tasks * _SCHEDULING
    yield (
        f"**10 TB** of the realistic kind, in {_CAPTURES:,} captures of {_CAPTURE:.0f} GB, computed from that, not "
        f"measured: {size * _GB / RANGE:,.0f} ranges and {size * realistic.extracting / _HOUR:.1f} hours of CPU for "
        f"reading, {exchanges / 1e6:.1f} million exchanges and "
        f"{exchanges * (realistic.choosing + realistic.judging) / 60:.0f} minutes of CPU for choosing and judging, "
        f"{scheduler / 60:.0f} minutes of the scheduler's, {size * realistic.returned / _GB:.1f} GB of findings and "
        f"journeys for the client. The network decides: at *n* = {_STORAGE * 1e3:.0f} MB/s, a usual rate of one "
        f"connection to an object store (not measured here), all of it is {each / _HOUR:.0f} worker-hours, which at an "
        f"assumed {_PRICE:.2f} USD each are {each / _HOUR * _PRICE:.2f} USD.\n\n"
    )
    yield f"| workers | {' | '.join(map(str, _WORKERS))} |\n| --- |{' ---: |' * len(_WORKERS)}\n"
    hours = [max(each / workers, scheduler) / _HOUR for workers in _WORKERS]
    yield f"| time | {' | '.join(_clock(one) for one in hours)} |\n\n"
    judging = size * logins.exchanges * (logins.choosing + logins.judging)
    yield (
        f"10 TB of only logins would be {size * logins.extracting / _HOUR:.0f} hours of CPU to read and "
        f"{judging / _HOUR:.0f} to choose and judge.\n"
    )


def _clock(hours: float) -> str:
    return f"{hours:.1f} h" if hours >= 1 else f"{hours * 60:.0f} min"
