"""When a journey's block is printed: once it has come to something, and again for what comes of it later."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import groupby, takewhile

from lp_sentinel.engine import Verdict
from lp_sentinel.finding import Finding, JourneySummary
from lp_sentinel.reports.terminal import Terminal

QUIET = 1.5
"""Seconds without an exchange after which what was found is shown, whether or not more is to come."""

_SETTLED = ("refused", "no-response", "elsewhere")


@dataclass(slots=True)
class _Progress:
    """How much of a journey has been printed."""

    hops: int = 0
    outcome: str | None = None
    """As printed; ``None``: nothing has been."""
    findings: list[Finding] = field(default_factory=list)
    """Not printed yet."""
    active: float = 0.0
    """When something last happened."""
    journey: JourneySummary | None = None
    """As it stood then, until it is looked at."""


class Blocks:
    """Prints the journeys of a session as they go."""

    def __init__(
        self,
        now: Callable[[str], JourneySummary | None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``now`` tells how an open journey stands."""
        self._now = now
        self._clock = clock
        self._progress: dict[str, _Progress] = {}
        self._touched: dict[str, _Progress] = {}
        """On which something has happened since the last look."""
        self._waiting: dict[str, _Progress] = {}
        """Those that had not settled then, the one that has been quiet for longest first."""
        self._apart: list[Finding] = []
        self._closed: list[JourneySummary] = []

    @property
    def waits(self) -> bool:
        """Whether something may have to be printed in a while: call :meth:`show`."""
        return bool(self._waiting)

    def take(self, verdict: Verdict, journey: JourneySummary | None = None) -> None:
        """Note what came of an exchange, and how its journey stands if that is known."""
        if verdict.journey:
            self._of(verdict.journey)
        for finding in verdict.findings:
            if finding.journey:
                self._of(finding.journey).findings.append(finding)
            else:
                self._apart.append(finding)
        if verdict.journey:
            self._progress[verdict.journey].journey = journey
        self._closed += verdict.closed

    def _of(self, journey: str) -> _Progress:
        progress = self._progress.setdefault(journey, _Progress())
        progress.active, progress.journey = self._clock(), None
        self._touched[journey] = progress
        return progress

    def show(self, screen: Terminal | None) -> None:
        """Print what is ready. Without a screen what is ready counts as printed."""
        closed, self._closed = self._closed, []
        for journey in closed:
            progress = self._progress.pop(journey.journey, None)
            self._touched.pop(journey.journey, None)
            self._waiting.pop(journey.journey, None)
            if progress and (progress.findings or progress.outcome is None):
                self._print(screen, journey, progress)
        self._look(screen)
        apart, self._apart = self._apart, []
        for _, some in groupby(apart, key=lambda finding: finding.index):
            if screen:
                screen.apart(list(some))

    def _look(self, screen: Terminal | None) -> None:
        """At few of the journeys: thousands may be open."""
        touched, self._touched = self._touched, {}
        for name, progress in touched.items():
            self._waiting.pop(name, None)
            journey, progress.journey = progress.journey or self._now(name), None
            if journey and _has_settled(journey):
                self._show(screen, journey, progress)
            elif journey:
                self._waiting[name] = progress
        quiet_since = self._clock() - QUIET
        for name, progress in list(takewhile(lambda waiting: waiting[1].active <= quiet_since, self._waiting.items())):
            del self._waiting[name]
            if journey := self._now(name):
                self._show(screen, journey, progress)

    def _show(self, screen: Terminal | None, journey: JourneySummary, progress: _Progress) -> None:
        has_come_to_something = _has_settled(journey) or journey.outcome.startswith(("code", "error:"))
        is_new = progress.outcome != journey.outcome or progress.hops < len(journey.hops)
        if progress.findings or (has_come_to_something and is_new):
            self._print(screen, journey, progress)

    def _print(self, screen: Terminal | None, journey: JourneySummary, progress: _Progress) -> None:
        if screen:
            screen.journey(journey, progress.findings, hops_shown=progress.hops)
        progress.hops, progress.outcome, progress.findings = len(journey.hops), journey.outcome, []


def _has_settled(journey: JourneySummary) -> bool:
    """Whether most likely nothing more will come that belongs to its block."""
    called_back = any(hop.hop == "callback" for hop in journey.hops)
    return called_back or journey.outcome.partition(":")[0] in _SETTLED
