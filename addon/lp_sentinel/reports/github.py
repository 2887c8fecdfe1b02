"""GitHub annotations: print the file (``cat findings.annotations``) in a step of a workflow, and they stand at the run.

GitHub shows the first ten errors, warnings and notices of a step each: the worst come first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from lp_sentinel.finding import Finding, Severity, badness
from lp_sentinel.reports.collected import Results, places_by
from lp_sentinel.reports.criteria import Criteria
from lp_sentinel.reports.escaping import command, command_property, one_line
from lp_sentinel.reports.words import where

if TYPE_CHECKING:
    from lp_sentinel.faults.verdict import FaultVerdict

_COMMANDS: Mapping[Severity, str] = {"error": "error", "warning": "warning", "info": "notice"}


def write(results: Results, _criteria: Criteria) -> Iterator[str]:
    """A workflow command for each finding, and one for each capture that could not be used."""
    for result in results.values():
        if result.problem is not None:
            told = f"{result.name}: {one_line(result.bare_problem)}"
            yield _line("error", "capture not usable", result.capture, told)
        for fault in result.faults:
            yield _fault(fault, result.capture)
    ranked = [(result.findings, places_by(result.findings, badness)) for result in results.values()]
    for rank in sorted({rank for _, places in ranked for rank in places}):
        for findings, places in ranked:
            yield from (_annotation(findings[place]) for place in places.get(rank, ()))


def _annotation(finding: Finding) -> str:
    # What does not count is told, but must not look like a mistake.
    kind = _COMMANDS[finding.severity] if finding.counts else "notice"
    title = f"{finding.rule} {finding.name}" + (f" ({finding.excuse})" if finding.excuse else "")
    return _line(kind, title, finding.capture, _message(finding))


def _fault(fault: FaultVerdict, capture: str | None) -> str:
    return _line(fault.severity or "notice", f"fault {fault.fault}", capture, one_line(fault.line))


def _message(finding: Finding) -> str:
    parts = [f"{one_line(finding.message)} ({where(finding)})"]
    parts += [f"expected: {one_line(finding.expected)}"] if finding.expected else []
    parts += [f"fix: {one_line(finding.fix)}"] if finding.fix else []
    return "\n".join(parts)


def _line(kind: str, title: str, capture: str | None, message: str) -> str:
    place = f",file={command_property(one_line(capture))}" if capture is not None else ""
    return f"::{kind} title={command_property(one_line(title))}{place}::{command(message)}\n"
