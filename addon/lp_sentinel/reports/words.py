"""Words that several reports have in common."""

from __future__ import annotations

from lp_sentinel.exchange import Exchange
from lp_sentinel.finding import Finding, JourneyHop, Severity
from lp_sentinel.wording import counted

UNEXPLAINED = "not found by the rules that apply; those about client_id and redirect_uri need the app in the config"
"""The cause of a refusal, where no rule names one."""
_MINUTES = 600
"""Seconds from which on minutes tell more."""


def of_severity(count: int, severity: Severity) -> str:
    """``2 errors``, ``1 warning``, ``2 info``."""
    return f"{count:,} {severity}" if severity == "info" else counted(count, severity)


def gap(before: JourneyHop | None, hop: JourneyHop) -> str:
    """How long after the hop before this one began; empty if that is not known."""
    if before is None or before.started is None or hop.started is None:
        return ""
    seconds = hop.started - before.started
    if abs(seconds) < 1:
        return f"{seconds * 1000:+.0f} ms"
    return f"{seconds:+.1f} s" if abs(seconds) < _MINUTES else f"{seconds / 60:+.0f} min"


def answer_of(hop: JourneyHop | Exchange) -> str:
    """The status that a hop was answered with; in words where there is none, or where it is not known."""
    if hop.status is not None:
        return str(hop.status)
    return "no answer" if hop.error is not None else "answer not captured"


def answered_with(hop: JourneyHop | Exchange) -> str:
    """The same where the number alone would not say that it is a status."""
    return answer_of(hop) if hop.status is None else f"answered {hop.status}"


def where(finding: Finding) -> str:
    """On which journey, at which hop of it, at which exchange of its capture."""
    return ", ".join(filter(None, (finding.journey, finding.hop, f"exchange {finding.index}")))
