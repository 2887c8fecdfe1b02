"""How the app took an injected fault stands in every report."""

from __future__ import annotations

from pathlib import Path

import pytest

from lp_sentinel.faults import FaultVerdict
from lp_sentinel.reports import CaptureEnd, open_report
from lp_sentinel.reports.formats import FORMATS
from tests.reports.runs import CRITERIA

VERDICTS = (
    FaultVerdict("state-lost", "not as expected", 2, "token: none", "callback 302, 1 token request"),
    FaultVerdict("<script>", "never matched", 0, "", ""),
    FaultVerdict("access_denied", "as expected", 1, "loop: no", "callback 403, 0 token requests"),
)


@pytest.mark.parametrize("ending", list(FORMATS))
def test_verdicts_are_in(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"report{ending}"
    report = open_report(str(path), lambda: CRITERIA)
    report.capture(CaptureEnd(None, 5, faults=VERDICTS))
    report.close()
    text = path.read_text("utf-8")
    for words in ("state-lost", "not as expected", "access_denied", "callback 403", "never matched"):
        assert words in text
    if ending in (".html", ".md", ".xml"):
        assert "<script>: never" not in text
