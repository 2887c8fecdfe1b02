"""What every report format offers."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lp_sentinel.faults.verdict import FaultVerdict
    from lp_sentinel.finding import Finding, JourneySummary

STANDARD_OUTPUT = "-"


class ReportError(Exception):
    """A report that can't be written. The text names it and says why."""


class CaptureEnd(NamedTuple):
    """A capture has been judged; its findings and journeys have been handed over."""

    capture: str | None
    """``None`` for a session in mitmproxy."""
    exchanges: int
    """How many were read."""
    problem: str | None = None
    """Why it was not read, or not to its end."""
    faults: tuple[FaultVerdict, ...] = ()
    """How the app took each fault that was injected."""


class Taker(Protocol):
    """What findings and journeys are handed to."""

    def finding(self, finding: Finding) -> None:
        """Take a finding."""

    def journey(self, journey: JourneySummary) -> None:
        """Take a journey of which no more is expected."""


class Report(Taker, Protocol):
    """A report file. For each capture come its findings, then its journeys, then its end."""

    def capture(self, end: CaptureEnd) -> None:
        """Take note that a capture is finished."""

    def close(self) -> None:
        """Write what has not been written yet. Raises ReportError; BrokenPipeError of standard output."""

    def abandon(self) -> None:
        """The run was broken off: write nothing more. Never raises."""


def hand_to(taker: Taker, findings: Iterable[Finding], journeys: Iterable[JourneySummary]) -> None:
    """Hand over what was found, findings first."""
    for finding in findings:
        taker.finding(finding)
    for journey in journeys:
        taker.journey(journey)
