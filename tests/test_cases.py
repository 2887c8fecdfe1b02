"""Labelled cases in the corners of the catalogue: the exact rules and outcomes."""

from __future__ import annotations

from pathlib import Path

import pytest

from lp_sentinel.documents.document import load_document
from lp_sentinel.engine import Engine
from lp_sentinel.project import Project
from lp_sentinel.redact import Redactor
from lp_sentinel.rules import load_rules
from lp_sentinel.rules.book import Example
from lp_sentinel.rules.examples import example_config, example_exchanges

BOOK = load_rules()
CASES = [
    pytest.param(Example(document, (index,)), id=f"{file.stem}-{case['case']}")
    for file in sorted(Path(__file__).with_name("cases").glob("*.yaml"))
    for document in [load_document(file, {})]
    for index, case in enumerate(document.data)
]


@pytest.mark.parametrize("example", CASES)
def test_case(example: Example) -> None:
    case = example.data
    engine = Engine(Project(example_config(example), BOOK), Redactor())
    exchanges = sorted(example_exchanges(example), key=lambda exchange: exchange.started or 0.0)
    verdicts = [*map(engine.feed, exchanges), *engine.close()]
    findings = [finding for verdict in verdicts for finding in verdict.findings]
    assert sorted({finding.rule for finding in findings}) == sorted(case["expect"]), [f.message for f in findings]
    if "outcomes" in case:
        assert [journey.outcome for verdict in verdicts for journey in verdict.closed] == case["outcomes"]
