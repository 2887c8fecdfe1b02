"""JUnit XML: a test suite for each capture, a test case for each rule asked, so that what was in order shows, too."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from lp_sentinel.finding import Finding
from lp_sentinel.reports.asked import Asked
from lp_sentinel.reports.collected import CaptureResult, Results
from lp_sentinel.reports.escaping import one_line, xml
from lp_sentinel.reports.words import where
from lp_sentinel.version import TOOL
from lp_sentinel.wording import counted


def write(results: Results, asked: Asked) -> Iterator[str]:
    """A test case fails by what fails the run; milder findings are its output. Where none counts, it is skipped."""
    root = Element("testsuites", name=TOOL)
    for result in results.values():
        _suite(root, result, asked)
    _count(root)
    indent(root)
    yield '<?xml version="1.0" encoding="UTF-8"?>\n'
    yield tostring(root, encoding="unicode") + "\n"


def _suite(root: Element, result: CaptureResult, asked: Asked) -> None:
    suite = SubElement(root, "testsuite", name=xml(result.name))
    names = {rule.id: f"{rule.id} {rule.name}" for rule in asked.rules}
    by_rule = defaultdict[str, list[Finding]](list)
    for finding in result.findings:
        by_rule[finding.rule].append(finding)
        names.setdefault(finding.rule, f"{finding.rule} {finding.name}")
    if result.problem is not None:
        unread = SubElement(suite, "testcase", classname=xml(result.name), name="the capture can be read")
        SubElement(unread, "error", type="capture", message=xml(one_line(result.problem)))
    for rule in sorted(names):
        case = SubElement(suite, "testcase", classname=xml(result.name), name=xml(names[rule]))
        if by_rule[rule]:
            _tell(case, by_rule[rule], asked)
    for fault in result.faults:
        case = SubElement(suite, "testcase", classname=xml(result.name), name=xml(f"fault {fault.fault}"))
        if asked.fault_fails(fault):
            SubElement(case, "failure", type="fault", message=xml(one_line(fault.line)))
        else:
            SubElement(case, "system-out").text = xml(one_line(fault.line))
    _count(suite)


def _tell(case: Element, findings: Sequence[Finding], asked: Asked) -> None:
    failing = [finding for finding in findings if asked.fails(finding)]
    if failing:
        more = f" (and {counted(len(failing) - 1, 'more finding')})" if len(failing) > 1 else ""
        failure = SubElement(case, "failure", type=failing[0].severity)
        failure.set("message", xml(one_line(failing[0].message) + more))
        failure.text = xml("\n\n".join(map(_text, failing)))
    elif not any(finding.counts for finding in findings):
        reasons = ", ".join(sorted({finding.excuse for finding in findings}))
        SubElement(case, "skipped", message=f"{counted(len(findings), 'finding')}, {reasons}")
    if others := [finding for finding in findings if not asked.fails(finding)]:
        SubElement(case, "system-out").text = xml("\n\n".join(map(_text, others)))


def _text(finding: Finding) -> str:
    kind = ", ".join(filter(None, (finding.severity, finding.excuse)))
    answer = f" -> {finding.status}" if finding.status is not None else ""
    lines = [f"{finding.rule} {finding.name} ({kind}): {one_line(finding.message)}"]
    lines += [f"where: {where(finding)}: {one_line(finding.method)} {one_line(finding.url)}{answer}"]
    cited = ", ".join(finding.cite)
    parts = (("expected", finding.expected), ("why", finding.why), ("fix", finding.fix), ("see", cited))
    return "\n".join([*lines, *(f"{label}: {one_line(text)}" for label, text in parts if text)])


def _count(suite: Element) -> None:
    for attribute, path in (("tests", ""), ("failures", "/failure"), ("errors", "/error"), ("skipped", "/skipped")):
        suite.set(attribute, str(len(suite.findall(f".//testcase{path}"))))
