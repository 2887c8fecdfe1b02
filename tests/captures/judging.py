"""A capture judged by the slow road, that reads all of it, and by the quick one: both come to the same report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from itertools import starmap
from pathlib import Path
from typing import NamedTuple
from unittest import mock

from lp_sentinel.captures import scan
from lp_sentinel.captures.skip import Skipper
from lp_sentinel.captures.stream import CaptureError
from lp_sentinel.check import announced, judge_capture
from lp_sentinel.config import config_from
from lp_sentinel.engine import Engine
from lp_sentinel.exchange import Exchange
from lp_sentinel.finding import Finding, JourneySummary, by_place
from lp_sentinel.project import Project, load_project
from lp_sentinel.redact import Redactor
from lp_sentinel.reports.base import CaptureEnd
from lp_sentinel.reports.jsonl import JsonLines
from lp_sentinel.rules import load_rules
from lp_sentinel.workers import Workers
from tests.captures.reading import in_order, read_capture

ROOT = Path(__file__).resolve().parents[2]
RECORDED = load_project(str(ROOT / "captures" / "lp-authorize.yaml"))
BOOK = load_rules()
PLAIN = Redactor(on=False)
APP = {"client_id": "my-app", "redirect_uris": ["https://app.example/cb"]}
KNOWN = Project(config_from({"accounts": {"12345678": {"apps": [APP]}}}), BOOK)
UNKNOWN = Project(config_from({}), BOOK)


class InTurn(Workers):
    """Does the tasks of other processes in this one, and counts them."""

    def __init__(self) -> None:
        super().__init__(2, print)
        self.done = 0

    def map[R](self, task: Callable[..., R], each: Iterable[tuple[object, ...]]) -> Iterator[R]:
        for result in starmap(task, each):
            self.done += 1
            yield result


class Report(NamedTuple):
    """What a run leaves."""

    exchanges: int
    problem: str | None
    lines: bytes
    """The JSON Lines, as they are written."""


def reported(path: Path, exchanges: int, findings: Iterable[Finding], journeys: Iterable[JourneySummary],
             problem: str | None) -> Report:  # fmt: skip
    file = path.with_suffix(".jsonl")
    report = JsonLines(str(file))
    for finding in findings:
        report.finding(finding)
    for journey in journeys:
        report.journey(journey)
    report.capture(CaptureEnd(str(path), exchanges, problem))
    report.close()
    return Report(exchanges, problem, file.read_bytes())


def slowly(path: Path, project: Project, at: Path | None = None) -> Report:
    """All that a capture holds, judged without leaving anything out. The report is written beside it, or ``at``."""
    exchanges: list[Exchange] = []
    problem = None
    try:
        exchanges.extend(read_capture(path))
    except CaptureError as error:
        problem = str(error)
    engine = Engine(project, PLAIN, str(path))
    heard = (one for one in announced(in_order(exchanges), engine) if isinstance(one, Exchange))
    verdicts = [*map(engine.feed, heard), *engine.close()]
    findings = by_place(finding for verdict in verdicts for finding in verdict.findings)
    journeys = (one for verdict in verdicts for one in verdict.closed)
    return reported(at or path, len(exchanges), findings, journeys, problem)


def quickly(path: Path, project: Project, at: Path | None = None, workers: Workers | None = None) -> Report:
    """The same by the quick road, with what is compiled and without."""
    reports = []
    with workers or nullcontext():
        for skipper in (Skipper, None):
            with mock.patch.object(scan, "Skipper", skipper):
                judged = judge_capture(path, project, PLAIN, workers)
            reports.append(reported(at or path, judged.exchanges, judged.findings, judged.journeys, judged.problem))
    assert reports[0] == reports[1]
    return reports[0]
