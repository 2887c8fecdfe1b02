"""What ``lp-authorize check`` prints while it judges. It is loaded only to print, since rich takes its time."""

from __future__ import annotations

from typing import TextIO

from lp_sentinel.check import Judged
from lp_sentinel.reports.overview import CaptureCounts, counts_of
from lp_sentinel.reports.tally import Tally
from lp_sentinel.reports.terminal import Terminal


class Screen:
    """The captures one after the other, and what they came to."""

    def __init__(self, file: TextIO | None, *, several: bool) -> None:
        """Of ``several`` captures each has a heading, and all are in an overview."""
        self._terminal = Terminal(file)
        self._several = several
        self._counts: list[CaptureCounts] = []
        self._is_told = False
        """Whether something could be read."""

    def capture(self, judged: Judged) -> None:
        """Print the next capture."""
        is_whole = judged.problem is None
        self._is_told |= is_whole or judged.exchanges > 0
        if self._several:
            self._terminal.heading(judged.capture)
            self._counts.append(
                counts_of(judged.capture, judged.exchanges, judged.journeys, judged.findings, is_whole=is_whole)
            )
        self._terminal.capture(judged.journeys, judged.findings)

    def end(self, tally: Tally) -> None:
        """Print what all came to."""
        if self._counts:
            self._terminal.overview(self._counts)
        if self._is_told:
            self._terminal.summary(tally)
