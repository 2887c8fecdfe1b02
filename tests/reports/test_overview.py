"""The table of several captures."""

from __future__ import annotations

import io
from collections import Counter

from rich.console import Console

from lp_sentinel.finding import Severity
from lp_sentinel.reports.overview import CaptureCounts, overview


def shown(*rows: CaptureCounts) -> list[str]:
    console = Console(file=(file := io.StringIO()), width=80)
    console.print(overview(rows))
    return [line.rstrip() for line in file.getvalue().splitlines()]


def counts(**by_severity: int) -> Counter[Severity]:
    return Counter(by_severity)  # type: ignore[arg-type]


def test_a_row_for_each_capture_without_the_folder_that_all_are_in() -> None:
    lines = shown(
        CaptureCounts("ci/logins/a.flow", 12, 3, counts(error=2, info=1), 0, is_whole=True),
        CaptureCounts("ci/logins/more/b.har", 4, 1, counts(), 0, is_whole=False),
    )
    assert [line.split() for line in lines] == [
        ["capture", "exchanges", "journeys", "errors", "warnings", "info"],
        ["a.flow", "12", "3", "2", "-", "1"],
        ["more/b.har", "(not", "read", "to", "its", "end)", "4", "1", "-", "-", "-"],
    ]


def test_excused_findings_have_a_column_where_there_are_any() -> None:
    assert shown(CaptureCounts("a", 1, 1, counts(), 2, is_whole=True))[0].split()[-1] == "excused"


def test_captured_names_style_nothing() -> None:
    assert "[red]\\x1b[2J" in shown(CaptureCounts("[red]\x1b[2J", 1, 1, counts(), 0, is_whole=True))[1]
