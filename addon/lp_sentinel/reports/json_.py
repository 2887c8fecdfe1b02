"""JSON: one document with the captures, the findings, the journeys and the injected faults, for scripts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from lp_sentinel.finding import severity_counts
from lp_sentinel.reports.collected import CaptureResult, Results, all_findings
from lp_sentinel.reports.criteria import Criteria
from lp_sentinel.reports.records import as_json, fault_record, finding_record, journey_record
from lp_sentinel.version import TOOL, tool_version

_FORMAT = 1
"""Raised when a key changes its meaning or goes; keys may be added without."""


def write(results: Results, _criteria: Criteria) -> Iterator[str]:
    """The document, one finding and one journey a line, so that two reports can be compared by line."""
    yield f'{{"version": {_FORMAT},\n"tool": {as_json({"name": TOOL, "version": tool_version()})}'
    yield from _list("captures", map(_capture, results.values()))
    yield from _list("findings", map(finding_record, all_findings(results)))
    journeys = (journey for result in results.values() for journey in result.journeys)
    yield from _list("journeys", map(journey_record, journeys))
    yield from _list("faults", (fault_record(fault) for result in results.values() for fault in result.faults))
    yield f',\n"summary": {as_json(_summary(results))}}}\n'


def _list(name: str, records: Iterator[dict[str, object]]) -> Iterator[str]:
    yield f',\n"{name}": ['
    between = "\n"
    for record in records:
        yield between + as_json(record)
        between = ",\n"
    yield "\n]"


def _capture(result: CaptureResult) -> dict[str, object]:
    end = result.end
    return {
        "capture": result.capture,
        "exchanges": end.exchanges if end else None,
        "findings": len(result.findings),
        "journeys": len(result.journeys),
        "problem": result.problem,
    }


def _summary(results: Results) -> dict[str, object]:
    excuses, rules = Counter[str](), Counter[str]()
    for finding in all_findings(results):
        excuses[finding.excuse] += 1
        rules[finding.rule] += 1
    outcomes = Counter(journey.outcome for result in results.values() for journey in result.journeys)
    return {
        "findings": rules.total(),
        "counted": severity_counts(all_findings(results)),
        "allowed": excuses["allowed"],
        "injected": excuses["injected"],
        "rules": dict(sorted(rules.items())),
        "journeys": sum(outcomes.values()),
        "outcomes": dict(sorted(outcomes.items())),
    }
