"""The report in JSON: what its summary counts."""

from __future__ import annotations

import json
from pathlib import Path

from lp_sentinel.reports import CaptureEnd
from tests.reports.runs import Run, report
from tests.reports.samples import finding, journey


def test_the_summary_counts_what_does_not_count_by_its_reason(tmp_path: Path) -> None:
    findings = [finding(), finding(severity="info"), finding(rule="LPA130", allowed=True), finding(injected=True)]
    journeys = [journey(), journey(journey="j4"), journey(journey="j5", outcome="login")]
    whole = json.loads(report(tmp_path / "report.json", Run(findings, journeys, CaptureEnd("captures/demo.har", 9))))
    assert whole["captures"] == [
        {"capture": "captures/demo.har", "exchanges": 9, "findings": 4, "journeys": 3, "problem": None}
    ]
    assert whole["summary"] == {
        "findings": 4,
        "counted": {"error": 1, "warning": 0, "info": 1},
        "allowed": 1,
        "injected": 1,
        "rules": {"LPA130": 1, "LPA310": 3},
        "journeys": 3,
        "outcomes": {"code": 2, "login": 1},
    }
