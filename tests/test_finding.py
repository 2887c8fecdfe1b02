"""Findings: when they were made, how bad they are, and in what order they are told."""

from __future__ import annotations

import math

import pytest

from lp_sentinel.finding import Severity, by_place, is_at_least, rfc3339, severity_counts, worst_first
from tests.reports.samples import finding


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, None),
        (0.0, "1970-01-01T00:00:00.000Z"),
        (-1.5, "1969-12-31T23:59:58.500Z"),
        (1_790_000_000.1236, "2026-09-21T14:13:20.123Z"),
        (253_402_300_799.0, "9999-12-31T23:59:59.000Z"),
        (253_402_300_800.0, None),
        (1e20, None),
        (1e300, None),
        (-1e12, None),
        (math.nan, None),
        (math.inf, None),
    ],
)
def test_time_is_told_in_milliseconds_where_a_calendar_holds_it(seconds: float | None, text: str | None) -> None:
    assert rfc3339(seconds) == text


@pytest.mark.parametrize(
    ("least", "reached"),
    [("info", [True, True, True]), ("warning", [False, True, True]), ("error", [False, False, True])],
)
def test_severities_rise(least: Severity, reached: list[bool]) -> None:
    severities: tuple[Severity, ...] = ("info", "warning", "error")
    assert [is_at_least(severity, least) for severity in severities] == reached


def test_what_counts_is_counted_and_the_worst_comes_first() -> None:
    found = [
        finding(severity="info", index=1),
        finding(severity="error", allowed=True, index=2),
        finding(severity="warning", index=3),
        finding(severity="error", index=4),
        finding(severity="warning", injected=True, index=5),
        finding(severity="warning", index=6),
    ]
    assert severity_counts(found) == {"error": 1, "warning": 2, "info": 1}
    assert list(severity_counts(found)) == ["error", "warning", "info"]
    assert [one.index for one in worst_first(found)] == [4, 3, 6, 1, 2, 5]
    assert [one.excuse for one in found] == ["", "allowed", "", "", "injected", ""]


def test_findings_are_told_by_their_place_then_by_rule() -> None:
    found = [finding(index=2, rule="LPA310"), finding(index=10, rule="LPA110"), finding(index=2, rule="LPA203")]
    assert [(one.index, one.rule) for one in by_place(found)] == [(2, "LPA203"), (2, "LPA310"), (10, "LPA110")]
