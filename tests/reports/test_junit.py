"""JUnit XML, read back by a library that reads it as others do."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite

from lp_sentinel.config import config_from
from lp_sentinel.faults import FaultVerdict
from lp_sentinel.finding import Severity
from lp_sentinel.project import Project
from lp_sentinel.reports import CaptureEnd, Criteria
from tests.reports.runs import BOOK, CRITERIA, Run, hostile, judged, report, varied
from tests.reports.samples import finding


def suites(folder: Path, *runs: Run, criteria: Criteria = CRITERIA) -> list[TestSuite]:
    report(folder / "report.xml", *runs, criteria=criteria)
    return list(JUnitXml.fromfile(str(folder / "report.xml")))


def case_of(suite: TestSuite, rule: str) -> TestCase:
    [case] = [case for case in suite if case.name.startswith(f"{rule} ")]
    return case


def of(folder: Path, *changes: dict[str, Any], fail_on: Severity | None = "error") -> TestCase:
    findings = [finding(**one) for one in changes]
    run = Run(findings, [], CaptureEnd("captures/demo.har", 9))
    [suite] = suites(folder, run, criteria=CRITERIA._replace(fail_on=fail_on))
    return case_of(suite, "LPA310")


def test_a_case_for_each_rule_and_capture(tmp_path: Path) -> None:
    run = judged()
    first, second = suites(tmp_path, run, judged("empty.har", []))
    assert [suite.name for suite in (first, second)] == ["captures/demo.har", "empty.har"]
    fired = {one.rule for one in run.findings if one.severity == "error"}
    for suite, failing in ((first, fired), (second, set[str]())):
        assert [case.name.split()[0] for case in suite] == sorted(BOOK.by_id)
        assert {case.name.split()[0] for case in suite if not case.is_passed} == failing
        assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (len(BOOK.by_id), len(failing), 0, 0)


def test_a_failure_says_all_of_it(tmp_path: Path) -> None:
    [failure] = of(tmp_path, {}, {"message": "lost again", "index": 7}).result
    assert isinstance(failure, Failure)
    assert (failure.type, failure.message) == ("error", "state was sent, and the landing has none (and 1 more finding)")
    assert failure.text is not None
    for part in ("lost again", "exchange 7", "fix: Carry state through the login.", "RFC 6749 4.1.2", "-> 302"):
        assert part in failure.text


@pytest.mark.parametrize(
    ("changes", "results"),
    [
        ([{"severity": "warning"}], []),
        ([{"severity": "info"}], []),
        ([{"allowed": True}], [Skipped]),
        ([{"injected": True}], [Skipped]),
        ([{"allowed": True}, {"severity": "warning"}], []),
        ([{"injected": True}, {}], [Failure]),
    ],
)
def test_what_fails(tmp_path: Path, changes: list[dict[str, Any]], results: list[type]) -> None:
    case = of(tmp_path, *changes)
    assert [type(result) for result in case.result] == results
    assert "state was sent" in (case.system_out or "")


@pytest.mark.parametrize(
    ("fail_on", "failing"),
    [("error", {"error"}), ("warning", {"error", "warning"}), ("info", {"error", "warning", "info"}), (None, set())],
)
def test_what_fails_the_run_fails_here(tmp_path: Path, fail_on: Severity | None, failing: set[Severity]) -> None:
    for severity in ("error", "warning", "info"):
        case = of(tmp_path, {"severity": severity}, fail_on=fail_on)
        assert case.is_passed is (severity not in failing)
        assert bool(case.system_out) is (severity not in failing)


def test_the_cases_are_the_rules_that_were_asked(tmp_path: Path) -> None:
    chosen = config_from({"rules": {"select": ["LPA3", "LPA4"], "ignore": ["LPA31", "LPA402"]}})
    [suite] = suites(tmp_path, judged(logins=[]), criteria=Criteria(Project(chosen, BOOK), "error"))
    asked = {case.name.split()[0] for case in suite}
    assert asked == {
        rule for rule in BOOK.by_id if rule[:4] in ("LPA3", "LPA4") and rule != "LPA402" and rule[:5] != "LPA31"
    }


@pytest.mark.parametrize(
    ("verdict", "fail_on", "fails"),
    [
        ("not as expected", "error", True),
        ("not as expected", None, False),
        ("never matched", "error", False),
        ("never matched", "warning", True),
        ("as expected", "info", False),
    ],
)
def test_faults_fail_as_they_fail_the_run(tmp_path: Path, verdict: Any, fail_on: Any, *, fails: bool) -> None:
    end = CaptureEnd(None, 5, faults=(FaultVerdict("state-lost", verdict, 1, "", "callback 302"),))
    [suite] = suites(tmp_path, Run([], [], end), criteria=CRITERIA._replace(fail_on=fail_on))
    [case] = [case for case in suite if case.name == "fault state-lost"]
    assert case.is_passed is not fails


def test_the_outer_counts_are_sums(tmp_path: Path) -> None:
    report(tmp_path / "report.xml", varied(judged()), judged("b.har"), hostile())
    whole = JUnitXml.fromfile(str(tmp_path / "report.xml"))
    before = (whole.tests, whole.failures, whole.errors, whole.skipped)
    whole.update_statistics()  # type: ignore[no-untyped-call]
    assert before == (whole.tests, whole.failures, whole.errors, whole.skipped)


def test_a_capture_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    [suite] = suites(tmp_path, Run([], [], CaptureEnd("broken.har", 3, "cut off in entry 3")))
    [error] = next(iter(suite)).result
    assert isinstance(error, Error)
    assert error.message == "cut off in entry 3"


def test_no_captured_text_breaks_the_xml(tmp_path: Path) -> None:
    text = report(tmp_path / "report.xml", hostile())
    assert set(re.findall(r"<(\w+)", text)) == {
        "testsuites", "testsuite", "testcase", "failure", "error", "system"
    }  # fmt: skip
    for suite in suites(tmp_path, hostile()):
        assert len(list(suite)) >= len(BOOK.by_id)
