"""Findings, journeys and injected faults as JSON objects, with the keys in the order that others rely on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lp_sentinel.faults.verdict import FaultVerdict
    from lp_sentinel.finding import Finding, JourneySummary

_ENCODE = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode


def finding_record(finding: Finding) -> dict[str, object]:
    """A finding with all keys; what is not known is ``None``."""
    return {
        "rule": finding.rule,
        "name": finding.name,
        "severity": finding.severity,
        "message": finding.message,
        "account": finding.account,
        "client_id": finding.client_id,
        "journey": finding.journey,
        "hop": finding.hop,
        "flow": finding.flow,
        "index": finding.index,
        "capture": finding.capture,
        "time": finding.time,
        "method": finding.method,
        "url": finding.url,
        "status": finding.status,
        "evidence": dict(finding.evidence),
        "cite": list(finding.cite),
        "injected": finding.injected,
        "allowed": finding.allowed,
    }


def journey_record(journey: JourneySummary) -> dict[str, object]:
    """A journey with all keys; what is not known is ``None``."""
    return {
        "journey": journey.journey,
        "capture": journey.capture,
        "account": journey.account,
        "client_id": journey.client_id,
        "outcome": journey.outcome,
        "exchanges": list(journey.exchanges),
        "findings": journey.findings,
        "injected": journey.injected,
    }


def fault_record(fault: FaultVerdict) -> dict[str, object]:
    """How the app took an injected fault, with all keys; what is not known is ``None``."""
    return {
        "fault": fault.fault,
        "verdict": fault.verdict,
        "injected": fault.injected,
        "expected": fault.expected or None,
        "seen": fault.seen or None,
    }


def as_json(value: object) -> str:
    """The JSON of a value, in one line. Values that JSON does not have are no part of what was found.

    It may be read on a terminal: the name of a capture can hold what that would act on.
    """
    text = _ENCODE(value)
    return text if text.isprintable() else "".join(map(_escaped, text))


def _escaped(char: str) -> str:
    return char if char.isprintable() else json.dumps(char)[1:-1]
