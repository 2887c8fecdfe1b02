"""What judging on a cluster grows with: all tasks done here, one after the other, and what they took."""

from __future__ import annotations

import pickle
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from time import thread_time_ns
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from unittest.mock import patch

from lp_sentinel.check import Judged
from lp_sentinel.cluster import foreman, work
from lp_sentinel.cluster.foreman import RANGE
from lp_sentinel.cluster.sources import Source
from lp_sentinel.config import Config
from lp_sentinel.project import Project
from lp_sentinel.redact import Redactor
from lp_sentinel.rules import load_rules

if TYPE_CHECKING:
    from distributed import Client

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


class _Done(work.Sealed):
    """What a task gave."""

    def result(self) -> work.Sealed:
        return self


class _Here:
    """In place of a cluster: each task is done as it is handed in, and it is noted what it took."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self.took: Counter[str] = Counter()
        """Nanoseconds, by task."""
        self.kept = self.exchanges = 0
        """Bytes of what ranges hold, and exchanges in pieces."""

    def submit(self, task: Callable[..., work.Sealed], *given: Any, pure: bool) -> _Done:  # noqa: ARG002
        begin = thread_time_ns()
        done = _Done(task(*given).value)
        self.took[task.__name__] += thread_time_ns() - begin
        if task.__name__ == "extract_range":
            self.kept += len(pickle.dumps(done.value))
        elif task.__name__ == "piece":
            self.exchanges += len(done.value)
        return done

    def nthreads(self) -> dict[str, int]:
        return {"here": self._workers}


def measure(path: Path) -> Constants:
    """Have a foreman judge a flow file as a whole, and in pieces."""
    giga = path.stat().st_size / _GB
    whole, pieces = _Here(1), _Here(_PIECES)
    returned = len(pickle.dumps(_judged(whole, path)))
    with patch.object(foreman, "PIECE", 1):
        _judged(pieces, path)
    choosing = pieces.took["settle"] + pieces.took["fetch"]
    # A difference of two runs: where there is little to judge, it may come out below zero.
    judging = max(0, whole.took["settle"] + whole.took["fetch"] - choosing)
    in_pieces = sum(pieces.took[task] for task in ("judge_piece", "told", "are_equal", "unite"))
    return Constants(
        whole.took["extract_range"] / 1e9 / giga,
        whole.kept / _GB / giga,
        pieces.exchanges / giga,
        choosing / 1e9 / pieces.exchanges,
        judging / 1e9 / pieces.exchanges,
        in_pieces / 1e9 / pieces.exchanges,
        returned / giga,
    )


def _judged(cluster: _Here, path: Path) -> list[Judged]:
    project = Project(Config(), load_rules())
    sources = [Source(str(path), str(path), path.stat().st_size)]
    return list(foreman.judge_all(cast("Client", cluster), sources, project, Redactor()))


def table(realistic: Constants, logins: Constants) -> Iterator[str]:
    """The constants as Markdown, those of a realistic archive and of one with logins only."""
    rows: list[tuple[str, str, Callable[[Constants], str]]] = [
        ("*e* reading and extracting", "bytes", lambda one: f"{1 / one.extracting:.2g} GB/s a core"),
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
