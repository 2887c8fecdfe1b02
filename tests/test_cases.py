"""Labelled cases in the corners of the catalogue: the exact rules and outcomes."""

from __future__ import annotations

import pytest

from lp_sentinel.engine import Engine
from lp_sentinel.project import Project
from lp_sentinel.redact import Redactor
from lp_sentinel.rules import load_rules
from lp_sentinel.rules.book import Example
from lp_sentinel.rules.examples import example_config
from tests.labelled import CASES, in_turn

BOOK = load_rules()


@pytest.mark.parametrize("example", CASES)
def test_case(example: Example) -> None:
    case = example.data
    engine = Engine(Project(example_config(example), BOOK), Redactor())
    verdicts = [*map(engine.feed, in_turn(example)), *engine.close()]
    findings = [finding for verdict in verdicts for finding in verdict.findings]
    assert sorted({finding.rule for finding in findings}) == sorted(case["expect"]), [f.message for f in findings]
    if "outcomes" in case:
        assert [journey.outcome for verdict in verdicts for journey in verdict.closed] == case["outcomes"]
