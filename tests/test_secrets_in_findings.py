"""A secret in each captured text that a finding or a journey shows, and none of them read again in any report."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from lp_sentinel.config import Config
from lp_sentinel.engine import Engine
from lp_sentinel.exchange import Exchange
from lp_sentinel.project import Project
from lp_sentinel.redact import Redactor
from lp_sentinel.reports import CaptureEnd
from lp_sentinel.reports.formats import FORMATS
from lp_sentinel.rules.examples import example_config
from tests.labelled import in_turn
from tests.planting import BEGIN, BOOK, PLANTED, PLANTS, Plant, captures, planted
from tests.reports.runs import Run, report


def judged(config: Config, exchanges: list[Exchange], redactor: Redactor) -> Run:
    engine = Engine(Project(config, BOOK), redactor, "planted.har")
    verdicts = [*map(engine.feed, exchanges), *engine.close()]
    findings = [one for verdict in verdicts for one in verdict.findings]
    return Run(findings, [one for verdict in verdicts for one in verdict.closed], CaptureEnd("planted.har", 0))


def runs(plant: Plant, *, on: bool = True) -> Iterator[Run]:
    redactor = Redactor(on=on)
    for config, exchanges in captures():
        yield judged(config, [planted(exchange, plant) for exchange in exchanges], redactor)


def texts(run: Run) -> Iterator[str]:
    for one in run.findings:
        yield from (one.message, one.expected, repr(one.evidence), one.url, str(one.parameter), str(one.client_id))
    for journey in run.journeys:
        yield from (journey.outcome, str(journey.client_id), repr(journey.hops))


@pytest.mark.parametrize("plant", PLANTS.values(), ids=PLANTS)
def test_no_finding_shows_what_was_planted(plant: Plant) -> None:
    for run in runs(plant):
        for text in texts(run):
            assert not any(secret in text for secret in PLANTED), text


@pytest.mark.parametrize("plant", PLANTS.values(), ids=PLANTS)
def test_redaction_changes_no_verdict(plant: Plant) -> None:
    shown = False
    for masked, clear in zip(runs(plant), runs(plant, on=False), strict=True):
        assert [(one.rule, one.index, one.journey) for one in masked.findings] == [
            (one.rule, one.index, one.journey) for one in clear.findings
        ]
        shown |= any(secret in text for text in texts(clear) for secret in PLANTED)
    assert shown


def test_what_is_no_secret_is_shown_as_it_is() -> None:
    redactor, changed = Redactor(), set()
    for rule in BOOK.by_id.values():
        for example in rule.bad:
            if finds := example.data.get("finds"):
                run = judged(example_config(example), in_turn(example), redactor)
                message = next(one.message for one in run.findings if one.rule == rule.id)
                changed |= {rule.id} if message != finds else set()
    assert changed == {"LPA131", "LPA132", "LPA311", "LPA312"}  # those that speak of a state's value


def test_every_rule_was_asked_about_what_was_planted() -> None:
    fired = {one.rule for plant in PLANTS.values() for run in runs(plant) for one in run.findings}
    assert fired == BOOK.by_id.keys()


@cache
def telling() -> list[Run]:
    """Of each rule, and each kind of evidence it gives, one that tells the beginning of what was planted."""
    found: dict[str, Run] = {}
    for plant in PLANTS.values():
        for run in runs(plant):
            for one in run.findings:
                if BEGIN in f"{one.message}{one.evidence}":
                    found.setdefault(f"{one.rule} {one.evidence.keys()}", run)
    return [*found.values()]


@pytest.mark.parametrize("ending", FORMATS)
def test_no_report_shows_what_was_planted(ending: str, tmp_path: Path) -> None:
    text = report(tmp_path / f"planted{ending}", *telling())
    assert BEGIN in text
    assert not any(secret in text for secret in PLANTED)
