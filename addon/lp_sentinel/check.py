"""Captures judged one by one, in this process or in several."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

from lp_sentinel.captures.gather import gather
from lp_sentinel.engine import Engine
from lp_sentinel.exchange import Exchange
from lp_sentinel.finding import Finding, JourneySummary, by_place
from lp_sentinel.project import Project, load_project
from lp_sentinel.redact import Redactor

_AHEAD = 256
"""How many exchanges ahead the engine hears of: a token exchange begins shortly after its callback."""


class Judged(NamedTuple):
    """What came of one capture."""

    capture: str
    exchanges: int
    """How many were read."""
    findings: tuple[Finding, ...]
    """By place in the capture, then by rule."""
    journeys: tuple[JourneySummary, ...]
    problem: str | None
    """Why the capture could not be read, or not to its end."""


class Judging(NamedTuple):
    """How captures are judged, in a form that another process can be given."""

    config: str | None
    select: tuple[str, ...]
    ignore: tuple[str, ...]
    redactor: Redactor
    """With its key: the same secret looks the same in all captures of a run."""

    def project(self) -> Project:
        """Raises DocumentError, and ValueError for a selection that names no rule."""
        return load_project(self.config).choosing(self.select, self.ignore)


def judge_all(captures: Iterable[Path], judging: Judging, project: Project, jobs: int = 1) -> Iterator[Judged]:
    """Judge captures by ``project``, which ``judging`` describes, in up to ``jobs`` processes; the order stays."""
    captures = list(captures)
    jobs = min(jobs, len(captures))
    if jobs <= 1:
        yield from map(partial(judge_capture, project=project, redactor=judging.redactor), captures)
        return
    with ProcessPoolExecutor(jobs, initializer=_begin, initargs=(judging,)) as pool:
        yield from pool.map(_judge, captures)


def judge_capture(path: Path, project: Project, redactor: Redactor) -> Judged:
    """Judge what can be read of a capture."""
    capture = os.fspath(path)
    engine = Engine(project.config, project.book, redactor, capture)
    with gather(path, project.config) as gathered:
        verdicts = [
            engine.pass_by(exchange) if isinstance(exchange, float) else engine.feed(exchange)
            for exchange in _announced(gathered.exchanges, engine)
        ]
    verdicts.append(engine.close())
    findings = (finding for verdict in verdicts for finding in verdict.findings)
    journeys = tuple(journey for verdict in verdicts for journey in verdict.closed)
    return Judged(
        capture,
        gathered.held,
        tuple(by_place(findings)),
        journeys,
        gathered.problem,
    )


def _announced(exchanges: Iterable[Exchange | float], engine: Engine) -> Iterator[Exchange | float]:
    """The same, each told to the engine some exchanges before its turn."""
    ahead: deque[Exchange | float] = deque()
    for exchange in exchanges:
        if isinstance(exchange, Exchange):
            engine.announce(exchange)
        ahead.append(exchange)
        if len(ahead) > _AHEAD:
            yield ahead.popleft()
    yield from ahead


_mine: list[tuple[Project, Redactor]] = []
"""In a process of the pool: the one thing it judges by."""


def _begin(judging: Judging) -> None:
    _mine[:] = [(judging.project(), judging.redactor)]


def _judge(path: Path) -> Judged:
    project, redactor = _mine[0]
    return judge_capture(path, project, redactor)
