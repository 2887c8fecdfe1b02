"""What a project chose (``select``, ``ignore``, ``severity``, ``allow``) counts wherever findings are told."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.shell_completion import ShellComplete
from click.testing import CliRunner, Result
from junitparser import JUnitXml

from lp_sentinel.cli import main
from tests.ours import CAPTURES, SCRIPT
from tests.world.proxy import Options, replay

REGISTERED = yaml.safe_load((CAPTURES / "lp-authorize.yaml").read_text())
DEMO = CAPTURES / "demo.flow"
ALLOW = {"rule": "LPA310", "reason": "known", "until": "2999-01-01"}
ENDINGS = (".jsonl", ".json", ".sarif", ".xml", ".md", ".html")


def config(folder: Path, **rules: Any) -> Path:
    path = folder / "lp-authorize.yaml"
    path.write_text(yaml.safe_dump({**REGISTERED, "rules": rules}))
    return path


def check(folder: Path, *options: str, **rules: Any) -> tuple[Result, list[dict[str, Any]]]:
    report = folder / "report.jsonl"
    more = [argument for ending in ENDINGS for argument in ("--report", str(folder / f"report{ending}"))]
    arguments = ["check", str(DEMO), "--config", str(config(folder, **rules)), *more, *options]
    result = CliRunner().invoke(main, arguments)
    lines = [json.loads(line) for line in report.read_text().splitlines()]
    return result, [line for line in lines if "rule" in line]


def ids(findings: list[dict[str, Any]]) -> set[str]:
    return {finding["rule"] for finding in findings}


@pytest.mark.parametrize(
    ("rules", "options", "left"),
    [
        ({"select": ["LPA3"]}, [], {"LPA310"}),
        ({"ignore": ["LPA3", "LPA605"]}, [], {"LPA120", "LPA408"}),
        ({"select": ["LPA3"]}, ["--select", "LPA1"], {"LPA120"}),
        ({"ignore": ["LPA120"]}, ["--ignore", "LPA6"], {"LPA310", "LPA408"}),
    ],
)
def test_select_and_ignore(tmp_path: Path, rules: dict[str, Any], options: list[str], left: set[str]) -> None:
    result, findings = check(tmp_path, *options, **rules)
    assert ids(findings) == left
    out = {"LPA120", "LPA310", "LPA408", "LPA605"} - left
    assert not [rule for rule in out if rule in result.output]
    for ending in ENDINGS:
        text = (tmp_path / f"report{ending}").read_text()
        assert f"{min(left)}" in text
        assert not [rule for rule in out if rule in text]


@pytest.mark.parametrize(
    ("severity", "fail_on", "status"),
    [({}, "error", 1), ({"LPA310": "warning"}, "error", 0), ({"LPA310": "info"}, "info", 1), ({}, "never", 0)],
)
def test_severity_decides_the_exit_status(tmp_path: Path, severity: dict[str, str], fail_on: str, status: int) -> None:
    result, findings = check(tmp_path, "--fail-on", fail_on, select=["LPA310"], severity=severity)
    assert result.exit_code == status
    assert {finding["severity"] for finding in findings} == {severity.get("LPA310", "error")}
    level = {"error": "error", "warning": "warning", "info": "note"}[severity.get("LPA310", "error")]
    sarif = json.loads((tmp_path / "report.sarif").read_text())
    [run] = sarif["runs"]
    assert {found["level"] for found in run["results"]} == {level}
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["LPA310"]
    changed = [{"descriptor": {"id": "LPA310", "index": 0}, "configuration": {"level": level}}] if severity else []
    assert run["invocations"][0].get("ruleConfigurationOverrides", []) == changed
    [case] = [case for suite in JUnitXml.fromfile(str(tmp_path / "report.xml")) for case in suite]
    assert case.is_passed is (status == 0)


@pytest.mark.parametrize(("fail_on", "failing"), [("never", {"LPA310"}), ("warning", {"LPA310", "LPA408"})])
def test_what_fails_in_mitmproxy(tmp_path: Path, fail_on: str, failing: set[str]) -> None:
    chosen = config(tmp_path, select=["LPA3", "LPA4"])
    options: Options = {"lp_config": chosen, "lp_report": tmp_path / "report.xml", "lp_fail_on": fail_on}
    ended = replay(DEMO, "-s", SCRIPT, options=options)
    assert ended.status == (fail_on != "never"), ended
    cases = [case for suite in JUnitXml.fromfile(str(tmp_path / "report.xml")) for case in suite]
    assert {case.name[:4] for case in cases} == {"LPA3", "LPA4"}
    assert {case.name[:6] for case in cases if not case.is_passed} == failing


def test_what_is_allowed_is_told_and_does_not_count(tmp_path: Path) -> None:
    result, findings = check(tmp_path, select=["LPA310"], allow=[ALLOW])
    assert [finding["allowed"] for finding in findings] == [True]
    assert (result.exit_code, "allowed" in result.output) == (0, True)
    assert "<failure" not in (tmp_path / "report.xml").read_text()
    sarif = json.loads((tmp_path / "report.sarif").read_text())
    assert [bool(found["suppressions"]) for found in sarif["runs"][0]["results"]] == [True]


@pytest.mark.parametrize(
    ("entry", "covers"),
    [
        ({"client_id": "another"}, False),
        ({"account": "12345678"}, True),
        ({"account": "87654321"}, False),
        ({"redirect_uri": "https://another.example/cb"}, False),
        ({"until": "2020-01-01"}, False),
    ],
)
def test_an_entry_covers_what_it_names_only(tmp_path: Path, entry: dict[str, str], covers: bool) -> None:
    result, findings = check(tmp_path, select=["LPA310"], allow=[ALLOW | entry])
    assert ([finding["allowed"] for finding in findings], result.exit_code) == ([covers], 0 if covers else 1)


def test_a_folder_is_shown_as_a_table_too(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["check", str(CAPTURES), "--config", str(config(tmp_path))])
    rows = {line.split()[0]: line.split()[1:] for line in result.output.splitlines() if line.strip()}
    assert rows["capture"][:2] == ["exchanges", "journeys"]
    assert rows["demo.flow"] == rows["demo.har"]


def test_quiet_prints_only_what_could_not_be_read(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["check", str(DEMO), "nowhere.har", "--quiet", "--config", str(config(tmp_path))])
    assert (result.exit_code, result.stdout) == (2, "")
    assert [line.startswith("lp-authorize: nowhere.har") for line in result.stderr.splitlines()] == [True]


@pytest.mark.parametrize(
    ("before", "typed", "has"),
    [
        (["rules"], "state-l", "state-lost"),
        (["rules"], "LPA31", "LPA310"),
        (["check", "--ignore"], "LPA120,lpa31", "LPA120,LPA310"),
        (["check", "--fail-on"], "w", "warning"),
        (["check", "--config", "captures/lp-authorize.yaml", "--select"], "lpa31", "LPA310"),
        ([], "re", "redact"),
    ],
)
def test_a_shell_completes(before: list[str], typed: str, has: str) -> None:
    shell = ShellComplete(main, {}, "lp-authorize", "_LP_AUTHORIZE_COMPLETE")
    assert has in [item.value for item in shell.get_completions(before, typed)]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_is_told_how(shell: str) -> None:
    # For bash, click asks the shell for its version, in an event loop of its own.
    try:
        result = CliRunner().invoke(main, ["completion", shell])
    finally:
        asyncio.set_event_loop(None)
    assert (result.exit_code, "_LP_AUTHORIZE_COMPLETE" in result.stdout) == (0, True)
