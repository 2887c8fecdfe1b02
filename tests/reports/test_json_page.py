"""The page on the reports in JSON names the keys that there are, in their order."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lp_sentinel.faults import FaultVerdict
from lp_sentinel.reports.records import fault_record, finding_record, journey_record
from tests.reports.samples import finding, journey

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "json.md").read_text(encoding="utf-8")


def keys(heading: str) -> list[str]:
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)


@pytest.mark.parametrize(
    ("heading", "record"),
    [
        ("A finding", finding_record(finding())),
        ("A journey", journey_record(journey())),
        ("A fault", fault_record(FaultVerdict("state-lost", "not seen", 0, "", ""))),
    ],
)
def test_the_page_names_each_key(heading: str, record: dict[str, object]) -> None:
    assert keys(heading) == list(record)
