"""What the engine hands on: findings, and a summary for each journey. Both hold redacted text only.

They may be made without keywords, so that they are pickled without: with them that takes twice as long.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Literal

from msgspec import Struct

type Severity = Literal["error", "warning", "info"]
type Hop = Literal["authorize", "login", "landing", "callback", "token"]

SEVERITIES: tuple[Severity, ...] = ("info", "warning", "error")
"""In rising order."""
WORST_FIRST: tuple[Severity, ...] = SEVERITIES[::-1]


def is_at_least(severity: Severity, least: Severity) -> bool:
    """Whether a severity is ``least`` or a higher one."""
    return SEVERITIES.index(severity) >= SEVERITIES.index(least)


def rfc3339(seconds: float | None) -> str | None:
    """Seconds since the epoch in UTC with milliseconds; ``None`` if not known, or beyond what a calendar holds."""
    if seconds is None:
        return None
    try:
        moment = datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return None
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Finding(Struct, frozen=True):
    """One rule that fired on one exchange. The keys of its JSON form are a contract (``reports/records.py``)."""

    rule: str
    name: str
    severity: Severity
    message: str
    account: str | None
    client_id: str | None
    journey: str | None
    hop: Hop
    flow: str | None
    index: int
    capture: str | None
    time: str | None
    """RFC 3339, UTC, milliseconds."""
    method: str
    url: str
    """Redacted."""
    status: int | None
    evidence: Mapping[str, object]
    """Redacted, plain JSON values."""
    cite: tuple[str, ...]
    injected: bool = False
    """The exchange was altered by a fault plan: never counts as a violation."""
    allowed: bool = False
    """An ``allow`` entry of the config accepts it."""
    expected: str = ""
    """What would have been in order; redacted. Not part of the JSON form."""
    fix: str = ""
    why: str = ""
    parameter: str | None = None

    @property
    def counts(self) -> bool:
        """Whether it may decide an exit status."""
        return not self.excuse

    @property
    def excuse(self) -> str:
        """Why it does not count; empty if it does."""
        return "injected" if self.injected else "allowed" if self.allowed else ""


def by_place(findings: Iterable[Finding]) -> list[Finding]:
    """In the order in which a capture's findings are reported: by place in the capture, then by rule."""
    return sorted(findings, key=lambda finding: (finding.index, finding.rule))


def severity_counts(findings: Iterable[Finding]) -> dict[Severity, int]:
    """How many findings count, by severity, the worst first."""
    counts = Counter(finding.severity for finding in findings if finding.counts)
    return {severity: counts[severity] for severity in WORST_FIRST}


def badness(finding: Finding) -> tuple[bool, int]:
    """To sort the worst first: what counts before what does not, then by severity."""
    return not finding.counts, WORST_FIRST.index(finding.severity)


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """Among those that are equally bad the order stays."""
    return sorted(findings, key=badness)


class JourneyHop(Struct, frozen=True):
    """One exchange of a journey, as it is shown. ``url`` and ``leads_to`` are redacted."""

    index: int
    flow: str | None
    hop: Hop
    method: str
    url: str
    status: int | None
    error: str | None
    started: float | None
    answered: float | None
    leads_to: str | None = None
    """The ``Location`` it answered with."""
    injected: bool = False

    @property
    def time(self) -> str | None:
        """``started`` as RFC 3339 in UTC with milliseconds."""
        return rfc3339(self.started)


class JourneySummary(Struct, frozen=True):
    """One login: what was asked, what came of it, and the hops it took."""

    journey: str
    capture: str | None
    account: str | None
    client_id: str | None
    outcome: str
    """``code``, ``error:<code>``, ``refused:<status>``, ``login``, ``elsewhere``, ``no-response`` or ``unknown``."""
    findings: int
    injected: bool = False
    started: float | None = None
    open: bool = False
    """Whether it was still waiting for something when the capture ended."""
    hops: tuple[JourneyHop, ...] = ()

    @property
    def exchanges(self) -> tuple[int, ...]:
        """The places of its hops in the capture."""
        return tuple([hop.index for hop in self.hops])

    @property
    def is_unexplained(self) -> bool:
        """Whether it was refused, and no rule says why: that is no login in order, although nothing was found."""
        return self.outcome.startswith("refused:") and not self.findings and not self.injected
