"""A report of very many findings takes no more memory than one of few."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest
from msgspec.structs import replace

from lp_sentinel.reports import CaptureEnd, open_report
from lp_sentinel.reports.formats import FORMATS
from tests.reports.runs import CRITERIA
from tests.reports.samples import HOPS, JOURNEY, finding

FEW, MANY = 2_000, 4_000


def peak(path: Path, count: int) -> int:
    """Bytes that are held at most while a report of so many journeys, each with two findings, is written."""
    report = open_report(str(path), lambda: CRITERIA)
    tracemalloc.start()
    try:
        for number in range(count):
            name, message = f"j{number}", f"what was seen {number} " * 5
            for place in range(2):
                report.finding(finding(journey=name, index=10 * number + place, message=message))
            hops = tuple(replace(hop, index=10 * number + place) for place, hop in enumerate(HOPS))
            report.journey(replace(JOURNEY, journey=name, hops=hops))
        report.capture(CaptureEnd(JOURNEY.capture, 10 * count))
        report.close()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.slow
@pytest.mark.parametrize("ending", sorted(FORMATS))
def test_many_findings(ending: str, tmp_path: Path) -> None:
    few, many = (peak(tmp_path / f"{count}{ending}", count) for count in (FEW, MANY))
    print(f"{ending}: {few / 1e6:.1f} and {many / 1e6:.1f} MB")  # noqa: T201  (the figures are what one looks for)
    assert many - few < 1_500 * (MANY - FEW)  # to hold them takes three thousand for each
