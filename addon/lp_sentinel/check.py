"""Captures judged one by one, in this process or in several."""

from __future__ import annotations

import os
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from lp_sentinel.captures.gather import Gathered, gather
from lp_sentinel.captures.opening import is_file
from lp_sentinel.engine import Engine, Verdict
from lp_sentinel.exchange import Exchange
from lp_sentinel.finding import Finding, JourneySummary
from lp_sentinel.project import Project
from lp_sentinel.redact import Redactor
from lp_sentinel.shelf import Shelf
from lp_sentinel.workers import Advance, Workers, result_of

if TYPE_CHECKING:
    from concurrent.futures import Future

AHEAD = 256
"""How many exchanges ahead the engine hears of: a token exchange begins shortly after its callback."""
WORTH_WORKERS = 32_000_000
"""Bytes that take longer than to start processes."""


class Judged(NamedTuple):
    """What came of one capture."""

    capture: str
    exchanges: int
    """How many were read."""
    findings: Sequence[Finding]
    """By place in the capture, then by rule."""
    journeys: Sequence[JourneySummary]
    problem: str | None
    """Why the capture could not be read, or not to its end."""


def judge_all(
    captures: Sequence[Path],
    project: Project,
    redactor: Redactor,
    jobs: int,
    advance: Advance | None = None,
) -> Iterator[Judged]:
    """Judge captures in up to ``jobs`` processes; the order stays.

    ``advance`` is told how many more bytes are done of those that are judged in this process. Raises WorkerError.
    """
    sizes = [size_of(path) for path in captures]
    if jobs > 1 and sum(sizes) >= WORTH_WORKERS:
        with Workers(jobs, _begin, project, redactor) as workers:
            judge_here = partial(judge_capture, project=project, redactor=redactor, workers=workers, advance=advance)
            yield from _judge_by(workers, captures, sizes, judge_here)
        return
    for path in captures:
        yield judge_capture(path, project, redactor, advance=advance)


def judge_capture(
    path: Path,
    project: Project,
    redactor: Redactor,
    workers: Workers | None = None,
    advance: Advance | None = None,
    shared: Path | None = None,
) -> Judged:
    """Judge what can be read of a capture; ``workers`` help with a large one.

    ``shared``: a folder that this process has in common with the one that is given the result.
    """
    with gather(path, project.config, workers, advance) as gathered:
        return judge_gathered(os.fspath(path), gathered, project, redactor, shared)


def judge_gathered(
    capture: str, gathered: Gathered, project: Project, redactor: Redactor, shared: Path | None = None
) -> Judged:
    """Judge what the engine must see of a capture."""
    engine = Engine(project, redactor, capture)
    findings, journeys, order = Shelf[Finding](shared), Shelf[JourneySummary](shared), array("Q")
    ranks = {rule: rank for rank, rule in enumerate(sorted(project.book.by_id))}

    def judge() -> Iterator[Verdict]:
        for exchange in announced(gathered.exchanges, engine):
            yield engine.pass_by(exchange) if isinstance(exchange, float) else engine.feed(exchange)
        yield from engine.close()

    for verdict in judge():
        for finding in verdict.findings:
            findings.add(finding)
            order.append(finding.index * len(ranks) + ranks[finding.rule])
        for journey in verdict.closed:
            journeys.add(journey, 1 + len(journey.hops))
    findings.sort(order)
    return Judged(capture, gathered.held, findings, journeys, gathered.problem)


def size_of(path: Path) -> int:
    """In bytes; 0 if that is not known."""
    try:
        return path.stat().st_size if is_file(path) else 0
    except OSError:
        return 0


def _judge_by(
    workers: Workers, captures: Sequence[Path], sizes: Sequence[int], judge_here: Callable[[Path], Judged]
) -> Iterator[Judged]:
    """Each capture is judged by one process; one larger than all others together here, with the help of all.

    What is no file (``-``, a pipe) may be open in this process only.
    """
    under_way: deque[tuple[Path, Future[Judged] | None]] = deque()
    half = sum(sizes) / 2
    for path, size in zip(captures, sizes, strict=True):
        here = not is_file(path) or size > half
        under_way.append((path, None if here else workers.submit(_judge, path, workers.folder)))
        if len(under_way) > workers.ahead:
            yield _result(*under_way.popleft(), judge_here)
    while under_way:
        yield _result(*under_way.popleft(), judge_here)


def _result(path: Path, future: Future[Judged] | None, judge_here: Callable[[Path], Judged]) -> Judged:
    return result_of(future) if future else judge_here(path)


def announced(exchanges: Iterable[Exchange | float], engine: Engine) -> Iterator[Exchange | float]:
    """The same, each told to the engine some exchanges before its turn."""
    ahead: deque[Exchange | float] = deque()
    for exchange in exchanges:
        if isinstance(exchange, Exchange):
            engine.announce(exchange)
        ahead.append(exchange)
        if len(ahead) > AHEAD:
            yield ahead.popleft()
    yield from ahead


_mine: list[tuple[Project, Redactor]] = []
"""What a process of the pool judges by, with the redactor's key: a secret looks the same in all captures of a run."""


def _begin(project: Project, redactor: Redactor) -> None:
    _mine[:] = [(project, redactor)]


def _judge(path: Path, shared: Path) -> Judged:
    return judge_capture(path, *_mine[0], shared=shared)
