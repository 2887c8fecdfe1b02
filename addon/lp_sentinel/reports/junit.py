"""JUnit XML: a test suite for each capture, a test case for each rule asked, so that what was in order shows, too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple
from xml.sax.saxutils import escape, quoteattr

from lp_sentinel.finding import Finding
from lp_sentinel.reports.collected import CaptureResult, Results, places_by
from lp_sentinel.reports.criteria import Criteria
from lp_sentinel.reports.escaping import one_line, xml
from lp_sentinel.reports.words import where
from lp_sentinel.rules.citations import spelled_out
from lp_sentinel.version import TOOL
from lp_sentinel.wording import counted, visible

type _Kind = Literal["failure", "error", "skipped"]

_COUNTED: Mapping[str, _Kind] = {"failures": "failure", "errors": "error", "skipped": "skipped"}
"""Attributes of a suite, and what they count of its cases."""


class _Case(NamedTuple):
    """A test case."""

    name: str
    kind: _Kind | None = None
    """``None``: it passes."""
    type: str = ""
    message: str = ""
    failing: Sequence[int] = ()
    """Places of the findings that it fails by,"""
    others: Sequence[int] = ()
    """and of those that are its output."""
    output: str = ""


def write(results: Results, criteria: Criteria) -> Iterator[str]:
    """A test case fails by what fails the run; milder findings are its output. Where none counts, it is skipped."""
    suites = [(result, list(_cases(result, criteria))) for result in results.values()]
    yield '<?xml version="1.0" encoding="UTF-8"?>\n'
    yield _tag("testsuites", name=TOOL, **_counts([case for _, cases in suites for case in cases])) + "\n"
    for result, cases in suites:
        yield _tag("testsuite", name=visible(result.name), **_counts(cases)) + "\n"
        for case in cases:
            yield from _written(case, result)
        yield "</testsuite>\n"
    yield "</testsuites>\n"


def _counts(cases: Sequence[_Case]) -> dict[str, str]:
    kinds = Counter(case.kind for case in cases)
    return {"tests": str(len(cases))} | {attribute: str(kinds[kind]) for attribute, kind in _COUNTED.items()}


def _cases(result: CaptureResult, criteria: Criteria) -> Iterator[_Case]:
    if result.problem is not None:
        yield _Case("the capture can be read", "error", "capture", one_line(result.problem))
    names = {rule.id: f"{rule.id} {rule.name}" for rule in criteria.rules}
    by_rule = places_by(result.findings, lambda finding: finding.rule)
    for rule, places in by_rule.items():
        names.setdefault(rule, f"{rule} {result.findings[places[0]].name}")
    for rule in sorted(names):
        yield _case(names[rule], by_rule.get(rule, ()), result.findings, criteria)
    for fault in result.faults:
        name, line = f"fault {fault.fault}", one_line(fault.line)
        yield _Case(name, "failure", "fault", line) if criteria.fault_fails(fault) else _Case(name, output=line)


def _case(name: str, places: Sequence[int], findings: Sequence[Finding], criteria: Criteria) -> _Case:
    failing, others, excuses = list[int](), list[int](), set[str]()
    for place in places:
        finding = findings[place]
        (failing if criteria.fails(finding) else others).append(place)
        excuses.add(finding.excuse)
    if failing:
        first = findings[failing[0]]
        more = f" (and {counted(len(failing) - 1, 'more finding')})" if len(failing) > 1 else ""
        return _Case(name, "failure", first.severity, one_line(first.message) + more, failing, others)
    if places and "" not in excuses:
        message = f"{counted(len(places), 'finding')}, {', '.join(sorted(excuses))}"
        return _Case(name, "skipped", message=message, others=others)
    return _Case(name, others=others)


def _written(case: _Case, result: CaptureResult) -> Iterator[str]:
    yield _tag("testcase", classname=visible(result.name), name=case.name) + "\n"
    if case.kind:
        yield _tag(case.kind, **({"type": case.type} if case.type else {}), message=case.message)
        yield from _texts(case.failing, result.findings)
        yield f"</{case.kind}>\n"
    if case.others or case.output:
        yield _tag("system-out") + escape(xml(case.output))
        yield from _texts(case.others, result.findings)
        yield "</system-out>\n"
    yield "</testcase>\n"


def _texts(places: Sequence[int], findings: Sequence[Finding]) -> Iterator[str]:
    for number, place in enumerate(places):
        yield ("\n\n" if number else "") + escape(xml(_text(findings[place])))


def _text(finding: Finding) -> str:
    kind = ", ".join(filter(None, (finding.severity, finding.excuse)))
    answer = f" -> {finding.status}" if finding.status is not None else ""
    lines = [f"{finding.rule} {finding.name} ({kind}): {one_line(finding.message)}"]
    lines += [f"where: {where(finding)}: {one_line(finding.method)} {one_line(finding.url)}{answer}"]
    cited = "; ".join(map(spelled_out, finding.cite))
    parts = (("expected", finding.expected), ("why", finding.why), ("fix", finding.fix), ("see", cited))
    return "\n".join([*lines, *(f"{label}: {one_line(text)}" for label, text in parts if text)])


def _tag(element: str, **attributes: str) -> str:
    told = "".join(f" {name}={quoteattr(xml(value))}" for name, value in attributes.items())
    return f"<{element}{told}>"
