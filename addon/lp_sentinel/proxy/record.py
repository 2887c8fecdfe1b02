"""What a session has come to so far: enough to write a report of it at any time, and no more than memory allows."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence

from lp_sentinel.finding import Finding, JourneySummary
from lp_sentinel.memory import Ageing
from lp_sentinel.reports import Report

_MOST_FINDINGS = 50_000
_MOST_JOURNEYS = 20_000
_LONG = 500
"""Findings and journeys."""


class Record:
    """The latest findings and journeys of a session."""

    def __init__(self) -> None:
        self._findings: deque[Finding] = deque(maxlen=_MOST_FINDINGS)
        self._journeys: deque[str] = deque(maxlen=_MOST_JOURNEYS)
        self._closed: Ageing[str, JourneySummary] = Ageing(_MOST_JOURNEYS)
        self._seen: Ageing[str, bool] = Ageing(_MOST_JOURNEYS)

    def finding(self, finding: Finding) -> None:
        self._findings.append(finding)

    def see(self, journey: str) -> None:
        """Note that there is such a journey."""
        if journey not in self._seen:
            self._seen[journey] = True
            self._journeys.append(journey)

    def journey(self, journey: JourneySummary) -> None:
        self._closed[journey.journey] = journey

    def closed(self, journey: str) -> JourneySummary | None:
        """A journey that has ended."""
        return self._closed.get(journey)

    @property
    def is_long(self) -> bool:
        """Whether to write a report of it takes longer than the traffic should wait: a tenth of a second."""
        return len(self._findings) + len(self._journeys) > _LONG

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The latest."""
        return tuple(self._findings)

    @property
    def journeys(self) -> tuple[JourneySummary, ...]:
        """The latest of those that have ended."""
        return self.all_journeys(None)

    def by_flow(self, flows: Collection[str]) -> Mapping[str, Sequence[Finding]]:
        """The findings on flows with these ids, by id; of one that was sent again, those of the last time."""
        found: dict[str, list[Finding]] = {}
        for finding in self._findings:
            if finding.flow is not None and finding.flow in flows:
                known = found.setdefault(finding.flow, [])
                if known and known[0].index < finding.index:
                    known.clear()
                if not known or known[0].index == finding.index:
                    known.append(finding)
        return found

    def all_journeys(self, now: Callable[[str], JourneySummary | None] | None) -> tuple[JourneySummary, ...]:
        """The latest; ``now`` tells how an open journey stands, and without it they are left out."""
        known = (self._closed.get(name) or (now(name) if now else None) for name in self._journeys)
        return tuple(journey for journey in known if journey)

    def write_open(self, report: Report, now: Callable[[str], JourneySummary | None]) -> None:
        """Hand the journeys that go on to ``report``, as they stand."""
        for name in self._journeys:
            if journey := now(name):
                report.journey(journey)
