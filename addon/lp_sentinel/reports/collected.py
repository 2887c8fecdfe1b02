"""For the formats that are written as a whole: what a run found, capture by capture, until its end."""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from lp_sentinel.finding import WORST_FIRST, Finding, JourneySummary, Severity
from lp_sentinel.reports.base import CaptureEnd
from lp_sentinel.reports.criteria import Criteria
from lp_sentinel.reports.files import ReportFile
from lp_sentinel.reports.words import of_severity
from lp_sentinel.shelf import Shelf
from lp_sentinel.wording import counted

if TYPE_CHECKING:
    from lp_sentinel.faults.verdict import FaultVerdict


class CaptureResult:
    """What was found in one capture, in the order in which it was found; more than fits in memory is on disk."""

    def __init__(self, capture: str | None) -> None:
        """``capture``: ``None`` for a session in mitmproxy."""
        self.capture = capture
        self.end: CaptureEnd | None = None
        """``None`` while it goes on."""
        self._findings = Shelf[Finding]()
        self._journeys = Shelf[JourneySummary]()
        self._places: dict[str, int] = {}
        """Of each journey, by name."""

    @property
    def findings(self) -> Sequence[Finding]:
        return self._findings

    @property
    def journeys(self) -> Sequence[JourneySummary]:
        return self._journeys

    def journey(self, name: str | None) -> JourneySummary | None:
        """The journey of this name; ``None`` if there is none."""
        place = self._places.get(name) if name is not None else None
        return None if place is None else self._journeys[place]

    def has_journey(self, name: str | None) -> bool:
        return name in self._places

    def add_finding(self, finding: Finding) -> None:
        self._findings.add(finding)

    def add_journey(self, journey: JourneySummary) -> None:
        """Take a journey, once."""
        self._places[journey.journey] = len(self._journeys)
        self._journeys.add(journey, 1 + len(journey.hops))

    @property
    def name(self) -> str:
        """For people."""
        return "this session" if self.capture is None else self.capture

    @property
    def problem(self) -> str | None:
        return self.end.problem if self.end else None

    @property
    def bare_problem(self) -> str:
        """The same without the capture's name, for where that stands before it."""
        return (self.problem or "").removeprefix(f"{self.name}: ")

    @property
    def faults(self) -> tuple[FaultVerdict, ...]:
        """How the app took each injected fault."""
        return self.end.faults if self.end else ()


type Results = Mapping[str | None, CaptureResult]
type Write = Callable[[Results, Criteria], Iterable[str]]


class Collected:
    """Keeps all that is found, and at the end has it written by ``write``."""

    def __init__(self, path: str, criteria: Callable[[], Criteria], write: Write) -> None:
        """``criteria`` is called when it is written. Raises ReportError if the file can't be written."""
        self._file = ReportFile(path)
        self._criteria = criteria
        self._write = write
        self._results: dict[str | None, CaptureResult] = {}

    def finding(self, finding: Finding) -> None:
        """Keep a finding."""
        self._of(finding.capture).add_finding(finding)

    def journey(self, journey: JourneySummary) -> None:
        """Keep a journey."""
        self._of(journey.capture).add_journey(journey)

    def capture(self, end: CaptureEnd) -> None:
        """Keep how a capture ended: one without findings is in the report, too."""
        self._of(end.capture).end = end

    def close(self) -> None:
        """Write the report. Raises ReportError."""
        try:
            for piece in self._write(self._results, self._criteria()):
                self._file.write(piece)
        finally:
            self._file.close()

    def abandon(self) -> None:
        """Write nothing: what was found so far is less than what there is to find."""
        self._file.abandon()

    def _of(self, capture: str | None) -> CaptureResult:
        return self._results.setdefault(capture, CaptureResult(capture))


def all_findings(results: Results) -> Iterator[Finding]:
    for result in results.values():
        yield from result.findings


def places_by[K](findings: Iterable[Finding], key: Callable[[Finding], K]) -> Mapping[K, Sequence[int]]:
    """Where among all findings those stand that have the same key, by key; eight bytes for each."""
    places: defaultdict[K, array[int]] = defaultdict(lambda: array("Q"))
    for place, finding in enumerate(findings):
        places[key(finding)].append(place)
    return places


def overall(results: Results) -> str:
    """The verdict on all findings, and how many captures hold more than could be read."""
    broken = sum(result.problem is not None for result in results.values())
    told = verdict(all_findings(results))
    return f"{told}, {counted(broken, 'capture')} not read to the end" if broken else told


def verdict(findings: Iterable[Finding]) -> str:
    """``2 errors, 1 warning (1 allowed)``, or ``no findings``."""
    counts, apart = Counter[Severity](), Counter[str]()
    for one in findings:
        if one.counts:
            counts[one.severity] += 1
        else:
            apart[one.excuse] += 1
    parts = [of_severity(counts[severity], severity) for severity in WORST_FIRST if counts[severity]]
    remark = ", ".join(f"{count:,} {why}" for why, count in sorted(apart.items()))
    return (", ".join(parts) or "no findings") + (f" ({remark})" if remark else "")
