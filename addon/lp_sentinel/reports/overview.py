"""A table of several captures: one row each, so that one sees which to look at."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from rich.table import Table
from rich.text import Text

from lp_sentinel.finding import WORST_FIRST, severity_counts
from lp_sentinel.redact import printable
from lp_sentinel.reports.signs import STYLES

if TYPE_CHECKING:
    from lp_sentinel.finding import Finding, JourneySummary, Severity

_LONGEST_NAME = 120


class CaptureCounts(NamedTuple):
    """What one capture came to."""

    capture: str
    exchanges: int
    journeys: int
    counts: Mapping[Severity, int]
    """How many findings count."""
    excused: int
    """Those that are allowed or injected."""
    is_whole: bool
    """It could be read to its end."""


def counts_of(
    capture: str,
    exchanges: int,
    journeys: Sequence[JourneySummary],
    findings: Sequence[Finding],
    *,
    is_whole: bool,
) -> CaptureCounts:
    counts = severity_counts(findings)
    return CaptureCounts(capture, exchanges, len(journeys), counts, len(findings) - sum(counts.values()), is_whole)


def overview(rows: Iterable[CaptureCounts]) -> Table:
    """The rows, in their order; what all paths begin with is left out."""
    rows = list(rows)
    folder = _common([one.capture for one in rows])
    any_excused = any(one.excused for one in rows)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("capture", overflow="fold")
    for title in ("exchanges", "journeys", "errors", "warnings", "info", *(["excused"] if any_excused else [])):
        table.add_column(title, justify="right", no_wrap=True)
    for one in rows:
        name = Text(printable(one.capture.removeprefix(folder), _LONGEST_NAME))
        if not one.is_whole:
            name.append("  (not read to its end)", style="red")
        counts = [_count(one.counts[severity], STYLES[severity]) for severity in WORST_FIRST]
        excused = [_count(one.excused, "")] if any_excused else []
        table.add_row(name, f"{one.exchanges:,}", f"{one.journeys:,}", *counts, *excused)
    return table


def _common(captures: list[str]) -> str:
    """The folder that all are in, with its separator."""
    try:
        folder = os.path.commonpath([os.path.dirname(capture) for capture in captures])  # noqa: PTH120  (paths as given)
    except ValueError:
        return ""
    return folder.rstrip(os.sep) + os.sep if folder else ""


def _count(count: int, style: str) -> Text:
    return Text(f"{count:,}", style=style) if count else Text("-", style="dim")
