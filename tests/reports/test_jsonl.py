from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path

import pytest

from lp_sentinel.reports import CaptureEnd, ReportError, open_report, open_reports, protect_lines
from tests.reports.runs import CRITERIA
from tests.reports.samples import FINDING, JOURNEY, finding


def test_lines_have_the_keys_of_the_contract_in_their_order(tmp_path: Path) -> None:
    path = tmp_path / "report.jsonl"
    report = open_report(str(path), lambda: CRITERIA)
    report.finding(FINDING)
    report.journey(JOURNEY)
    report.capture(CaptureEnd("captures/demo.har", 5))
    report.close()
    first, second = path.read_text("utf-8").splitlines()
    assert first == (
        '{"rule": "LPA310", "name": "state-lost", "severity": "error",'
        ' "message": "state was sent, and the landing has none", "account": "12345678", "client_id": "my-app",'
        ' "journey": "j3", "hop": "landing", "flow": "7a0c", "index": 3, "capture": "captures/demo.har",'
        ' "time": "2026-09-21T13:33:34.000Z", "method": "POST",'
        ' "url": "https://authentication.liveperson.net/api/login", "status": 302,'
        ' "evidence": {"sent": "af0i…(22)#3fae11", "received": null}, "cite": ["lp-authorize", "RFC 6749 4.1.2"],'
        ' "injected": false, "allowed": false}'
    )
    assert second == (
        '{"journey": "j3", "capture": "captures/demo.har", "account": "12345678", "client_id": "my-app",'
        ' "outcome": "code", "exchanges": [0, 3, 4], "findings": 1, "injected": false}'
    )


def test_a_line_is_in_the_file_as_soon_as_it_was_found(tmp_path: Path) -> None:
    path = tmp_path / "report.JSONL"
    report = open_report(str(path), lambda: CRITERIA)
    report.finding(FINDING)
    assert len(path.read_text("utf-8").splitlines()) == 1
    report.close()


def test_a_dash_is_standard_output_and_leaves_it_open(capsys: pytest.CaptureFixture[str]) -> None:
    report = open_report("-", lambda: CRITERIA)
    report.finding(FINDING)
    report.close()
    print("still open")  # noqa: T201
    first, second = capsys.readouterr().out.splitlines()
    assert json.loads(first)["rule"] == "LPA310"
    assert second == "still open"


def test_a_capture_whose_name_is_not_utf8_is_valid_utf8(tmp_path: Path) -> None:
    path = tmp_path / "report.jsonl"
    report = open_report(str(path), lambda: CRITERIA)
    report.finding(finding(capture="caf\udce9.har", message="line\u2028break"))
    report.close()
    (line,) = path.read_bytes().decode("utf-8").split("\n")[:-1]
    assert json.loads(line)["capture"] == "caf\udce9.har"


@pytest.mark.parametrize("name", ["report.jsonl", "report.html"])
def test_of_a_report_that_was_deleted_it_is_said_that_it_is_lost(tmp_path: Path, name: str) -> None:
    report = open_report(str(tmp_path / name), lambda: CRITERIA)
    report.finding(finding())
    (tmp_path / name).unlink()
    with pytest.raises(ReportError, match=f"{name}: is lost: the file was deleted while it was written"):
        report.close()


@pytest.mark.parametrize(
    ("path", "reports", "is_refused"),
    [
        ("a.jsonl", ["b.json", "a.jsonl"], True),
        ("sub/../a.jsonl", ["a.JSONL", "a.jsonl"], True),
        ("a.jsonl", ["b.jsonl", "-"], False),
        ("a.json", ["a.json"], False),
        ("-", ["-"], False),
    ],
)
def test_lines_that_are_being_written_are_not_written_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, reports: list[str], *, is_refused: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.jsonl").touch()
    with pytest.raises(ReportError, match="is being written as findings come") if is_refused else nullcontext():
        protect_lines(path, reports)


def test_a_device_holds_nothing_that_could_be_taken_out(tmp_path: Path) -> None:
    (tmp_path / "report.jsonl").symlink_to("/dev/null")
    report = open_report(str(tmp_path / "report.jsonl"), lambda: CRITERIA)
    report.finding(finding())
    report.close()


def test_a_run_that_comes_to_its_end_writes_its_reports_and_one_that_is_broken_off_only_lines(tmp_path: Path) -> None:
    lines, whole, old, empty = (tmp_path / name for name in ("a.jsonl", "b.json", "old.json", "empty.jsonl"))
    old.write_text("old")

    def run(*, is_broken_off: bool) -> None:
        with open_reports([str(path) for path in (lines, whole, old, empty)], CRITERIA) as reports:
            for report in reports[:3]:
                report.finding(finding())
            if is_broken_off:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(is_broken_off=True)
    assert json.loads(lines.read_text("utf-8"))["rule"] == "LPA310"
    assert (whole.exists(), old.read_text("utf-8"), empty.exists()) == (False, "old", False)
    run(is_broken_off=False)
    for path in (whole, old):
        assert [one["rule"] for one in json.loads(path.read_text("utf-8"))["findings"]] == ["LPA310"]
    assert (len(lines.read_text("utf-8").splitlines()), empty.read_text("utf-8")) == (1, "")


def test_a_report_whose_link_leads_nowhere_has_a_folder(tmp_path: Path) -> None:
    link = tmp_path / "report.jsonl"
    link.symlink_to(tmp_path / "no" / "such")
    with pytest.raises(ReportError, match=r"report\.jsonl: cannot be written: No such file or directory"):
        open_report(str(link), lambda: CRITERIA)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("report.txt", r"report .*report\.txt: its ending must be one of these: .*\.jsonl"),
        ("report", r"its ending must be one of these"),
        (
            "no/such/folder/report.jsonl",
            r"report .*report\.jsonl: cannot be written: there is no folder .*no/such/folder",
        ),
        ("nul\0byte.jsonl", r"report .*nul\\x00byte\.jsonl: cannot be written"),
        ("", r"its ending must be one of these"),
    ],
)
def test_a_report_that_cannot_be_written_is_one_clear_error(tmp_path: Path, name: str, problem: str) -> None:
    with pytest.raises(ReportError, match=problem) as caught:
        open_report(str(tmp_path / name) if name else "", lambda: CRITERIA)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("ending", ["jsonl", "json", "sarif", "xml"])
def test_the_name_of_a_capture_does_nothing_to_the_terminal(tmp_path: Path, ending: str) -> None:
    name = "evil\x1b[31m\x9b31m\u202e\U000e0001.har"
    path = tmp_path / f"report.{ending}"
    report = open_report(str(path), lambda: CRITERIA)
    report.finding(finding(capture=name))
    report.capture(CaptureEnd(name, 5))
    report.close()
    lines = path.read_text("utf-8").split("\n")
    assert not [line for line in lines if not line.isprintable()]
    if ending == "jsonl":
        assert json.loads(lines[0])["capture"] == name
