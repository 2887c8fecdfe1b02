from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from lp_sentinel import check as checking
from lp_sentinel.cli import main

CAPTURES = Path(__file__).resolve().parent.parent / "captures"
CONFIG = str(CAPTURES / "lp-authorize.yaml")
DEMO = str(CAPTURES / "demo.flow")
IN_ORDER = str(CAPTURES / "in-order.har")

type Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")

    def invoked(*arguments: str | Path, **how: Any) -> Result:
        return CliRunner().invoke(main, [str(argument) for argument in arguments], **how)

    return invoked


def records(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_capture_is_judged_and_shown(run: Run) -> None:
    done = run("check", "--config", CONFIG, DEMO)
    assert done.exit_code == 1
    assert "✗ LPA310 state-lost" in done.stdout
    assert "4 journeys" in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("capture", "options", "status"),
    [
        ("in-order.har", [], 0),
        ("demo.flow", [], 1),
        ("demo.flow", ["--fail-on", "never"], 0),
        ("state-missing.flow", [], 0),
        ("state-missing.flow", ["--fail-on", "warning"], 1),
        ("state-missing.flow", ["--fail-on", "info", "--ignore", "LPA130,LPA142"], 0),
        ("demo.flow", ["--select", "LPA2"], 0),
        ("demo.flow", ["--select", "lpa1", "--select", "LPA3"], 1),
        ("demo.flow", ["--select", "LPA3", "--ignore", "LPA310"], 0),
        ("demo.flow", ["--select", "LPA2 LPA3"], 1),
    ],
)
def test_the_exit_status_says_whether_something_was_found(
    run: Run, capture: str, options: list[str], status: int
) -> None:
    done = run("check", "--quiet", "--config", CONFIG, *options, CAPTURES / capture)
    assert (done.exit_code, done.output) == (status, "")


def test_each_capture_is_judged_by_itself(run: Run) -> None:
    done = run("check", "--config", CONFIG, "--report", "report.jsonl", DEMO, IN_ORDER, DEMO)
    assert done.exit_code == 1
    lines = records(Path("report.jsonl").read_text("utf-8"))
    captures = [line["capture"] for line in lines]
    assert captures == sorted(captures, key=captures.index), "capture by capture"
    assert set(captures) == {DEMO, IN_ORDER}
    of_demo = [("rule" in line, line.get("index"), line.get("rule")) for line in lines if line["capture"] == DEMO]
    findings = [entry for entry in of_demo if entry[0]]
    assert of_demo == [*findings, *(entry for entry in of_demo if not entry[0])], "the findings, then the journeys"
    assert findings == sorted(findings, key=lambda entry: (entry[1], entry[2]))
    assert done.stdout.index("demo.flow") < done.stdout.index("in-order.har")


def test_several_at_a_time_come_to_the_same(run: Run) -> None:
    names = ("demo.flow", "in-order.har", "state-missing.flow", "two-users-one-state-lost.flow")
    captures = [CAPTURES / name for name in names]
    alone = run("check", "--config", CONFIG, "--quiet", "--no-redact", "--report", "-", *captures)
    together = run("check", "--config", CONFIG, "--quiet", "--no-redact", "--report", "-", "--jobs", "3", *captures)
    assert alone.stdout == together.stdout
    assert alone.exit_code == together.exit_code == 1


def test_equal_secrets_look_equal_in_all_processes(run: Run) -> None:
    copies = []
    for number in range(4):
        copies.append(Path(f"{number}.flow"))
        copies[-1].write_bytes(Path(DEMO).read_bytes())
    done = run("check", "--config", CONFIG, "--quiet", "--jobs", "4", "--report", "-", *copies)
    urls = {line["url"] for line in records(done.stdout) if line.get("rule") == "LPA310"}
    assert len(urls) == 1


def test_a_report_on_standard_output_has_it_for_itself(run: Run) -> None:
    done = run("check", "--config", CONFIG, "--report", "-", DEMO)
    assert {line["capture"] for line in records(done.stdout)} == {DEMO}
    assert "Summary" in done.stderr


def test_standard_input_is_a_capture(run: Run) -> None:
    done = run("check", "--config", CONFIG, "--quiet", "--report", "-", "-", input=Path(DEMO).read_bytes())
    assert {line["capture"] for line in records(done.stdout)} == {"-"}


@pytest.mark.parametrize("kind", ["file", "folder"])
@pytest.mark.parametrize("jobs", [1, 2])
def test_standard_input_is_a_capture_where_a_file_has_its_name_too(
    run: Run, kind: str, jobs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checking, "WORTH_WORKERS", 1)
    here = Path("-")
    if kind == "folder":
        here.mkdir()
        here /= "x.har"
    here.write_bytes(Path(IN_ORDER).read_bytes())

    def judged(*captures: str) -> list[tuple[str, str]]:
        arguments = ("check", "--config", CONFIG, "--quiet", "--jobs", jobs, "--report", "-", *captures)
        lines = records(run(*arguments, input=Path(DEMO).read_bytes()).stdout)
        return [(line["capture"], line["outcome"]) for line in lines if "outcome" in line]

    of_input = judged("-")
    assert (len(of_input), {name for name, _ in of_input}) == (4, {"-"})
    of_file = [(str(here.absolute()), "code")]
    assert judged("./-") == of_file
    assert judged("-", "./-") == of_input + of_file
    assert judged(".") == ([(str(here), "code")] if kind == "folder" else of_file)


def test_secrets_are_masked_unless_asked_for(run: Run) -> None:
    masked = run("check", "--config", CONFIG, "--report", "-", DEMO)
    plain = run("check", "--config", CONFIG, "--report", "-", "--no-redact", DEMO)
    lost = next(line for line in records(plain.stdout) if line.get("rule") == "LPA310")
    secrets = [value for value in lost["evidence"].values() if value]
    assert secrets
    for secret in secrets:
        assert secret not in masked.output
        assert secret in plain.output


def test_bad_captures_are_named_and_the_others_judged(run: Run) -> None:
    Path("empty.har").touch()
    Path("cut.flow").write_bytes(Path(DEMO).read_bytes()[:-100])
    Path("text.txt").write_text("no capture")
    done = run(
        "check", "--config", CONFIG, "--quiet", "--report", "-", "empty.har", "cut.flow", DEMO, "missing", "text.txt"
    )
    assert done.exit_code == 2
    complaints = done.stderr.splitlines()
    assert len(complaints) == 4
    assert all(line.startswith("lp-authorize: ") for line in complaints)
    for name in ("empty.har", "cut.flow", "missing", "text.txt"):
        assert any(name in line for line in complaints)
    found = {line["capture"] for line in records(done.stdout) if "rule" in line}
    assert found == {"cut.flow", DEMO}


@pytest.mark.parametrize(
    ("files", "arguments", "problem"),
    [
        (
            {"c.yaml": "acounts: {}"},
            ["--config", "c.yaml"],
            "c.yaml:1:1: unknown key 'acounts', did you mean 'accounts'?",
        ),
        ({}, ["--config", "none.yaml"], "none.yaml:1:1: cannot be read: No such file or directory"),
        ({}, ["--config", "~nobody-here/c"], "~nobody-here/c:1:1: cannot be read: No such file or directory"),
        ({"lp-authorize.yaml": "rules: {paths: [mine.yaml]}", "mine.yaml": "- id: X1\n"}, [], "mine.yaml:1:"),
        ({"lp-authorize.yaml": "rules: {ignore: [LPB]}"}, [], "lp-authorize.yaml:1:18: unknown rule 'LPB'"),
        ({}, ["--select", "LPB"], "unknown rule 'LPB' (known: LPA1, LPA2, LPA3, LPA4, LPA5, LPA6)\n"),
        ({}, ["--select", "LPB1"], "unknown rule 'LPB1', did you mean 'LPA1'?\n"),
        ({}, ["--select", "State-Lost"], "'State-Lost' is the name of a rule; here its id is expected, LPA310\n"),
        (
            {"lp-authorize.yaml": "rules:\n  paths: [nope/]\n"},
            [],
            "lp-authorize.yaml:2:11: there is no file or folder 'nope'\n    paths: [nope/]\n            ^\n",
        ),
        (
            {"lp-authorize.yaml": r'rules: {paths: ["a\0b"]}'},
            [],
            r"lp-authorize.yaml:1:17: there is no file or folder 'a\x00b'",
        ),
        (
            {},
            ["--report", "no/such/folder/x.jsonl"],
            "report no/such/folder/x.jsonl: cannot be written: there is no folder no/such/folder\n",
        ),
        ({}, ["--report", "x.foo"], "report x.foo: its ending must be one of these"),
        ({}, [""], "Invalid value for 'CAPTURE...': the name is empty"),
        ({}, ["--config", ""], "Invalid value for '--config': the name is empty"),
        ({}, ["--fail-on", "eror"], "Invalid value for '--fail-on'"),
        ({}, ["--jobs", "0"], "Invalid value for '--jobs'"),
    ],
)
def test_what_cannot_be_used_is_one_clear_message(
    run: Run, files: dict[str, str], arguments: list[str], problem: str
) -> None:
    for name, content in files.items():
        Path(name).write_text(content)
    done = run("check", *arguments, IN_ORDER)
    assert done.exit_code == 2
    assert done.stderr.count(problem) == 1
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


def called_otherwise(capture: Path, how: str) -> Path:
    """Another name of the same file, or the same."""
    link = Path("link.json")
    if how == "symlink":
        link.symlink_to(capture.absolute())
    elif how == "hard link":
        link.hardlink_to(capture)
    else:
        return Path(f"{capture.parent}/../{capture}") if how == "other spelling" else capture
    return link


@pytest.mark.parametrize("kind", ["itself", "other spelling", "symlink", "hard link", "standard input"])
@pytest.mark.parametrize("found", ["named", "in its folder"])
def test_no_report_is_written_over_a_capture(run: Run, kind: str, found: str) -> None:
    Path("logins").mkdir()
    capture = Path("logins/c.json")
    capture.write_bytes(content := Path(IN_ORDER).read_bytes())
    report = called_otherwise(capture, kind)
    other, named = Path("other.jsonl"), capture if found == "named" else capture.parent
    other.write_text("earlier")
    program = Path(sys.executable).with_name("lp-authorize")
    command: list[str | Path] = [program, "check", "--report", other, "--report", report]
    with capture.open("rb") as file:
        done = subprocess.run(
            [*command, "-" if kind == "standard input" else named],
            stdin=file if kind == "standard input" else subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"lp-authorize: report {report}: is the capture itself, which is never overwritten\n"
    assert capture.read_bytes() == content
    assert other.read_text() == "earlier", "nothing is opened before all may be written"


def test_a_report_of_the_last_run_is_written_again_beside_its_captures(run: Run) -> None:
    Path("logins").mkdir()
    Path("logins/c.har").write_bytes(Path(IN_ORDER).read_bytes())
    for _ in range(2):
        done = run("check", "--config", CONFIG, "--report", "logins/report.json", "--report", "-", "logins")
        assert (done.exit_code, done.stderr.count("Summary")) == (0, 1)


@pytest.mark.parametrize(
    ("config", "target", "problem"),
    [
        (r'rules: {paths: ["a\0b"]}', "x.flow", r"c.yaml:1:17: there is no file or folder 'a\x00b'"),
        ("acounts: {}", "x.flow", "c.yaml:1:1: unknown key 'acounts'"),
        ("{}", "/proc/x", "lp-authorize: /proc/x: cannot be written: No such file or directory\n"),
        ("{}", "none/x.flow", "lp-authorize: none/x.flow: cannot be written: No such file or directory\n"),
        ("{}", "folder", "lp-authorize: folder: cannot be written: Is a directory\n"),
    ],
)
def test_what_redact_cannot_use_is_one_clear_message(run: Run, config: str, target: str, problem: str) -> None:
    Path("c.yaml").write_text(config)
    Path("folder").mkdir()
    done = run("redact", "--force", "--config", "c.yaml", DEMO, target)
    assert done.exit_code == 2
    assert done.stderr.count(problem) == 1, done.stderr
    assert done.stdout == ""


def test_a_url_needs_a_cluster_and_the_others_are_judged(run: Run) -> None:
    done = run("check", "--config", CONFIG, "--report", "-", "--quiet", "s3://bucket/x.flow", "x.flow", DEMO)
    assert done.exit_code == 2
    assert done.stderr.splitlines() == [
        "lp-authorize: s3://bucket/x.flow: cannot be read: a URL needs --cluster, or download it first",
        "lp-authorize: x.flow: cannot be read: No such file or directory",
    ]
    assert {line["capture"] for line in records(done.stdout)} == {DEMO}


def test_the_config_of_the_working_directory_is_taken(run: Run) -> None:
    Path("lp-authorize.yaml").symlink_to("elsewhere.yaml")
    assert (
        run("check", DEMO).stderr == "lp-authorize: lp-authorize.yaml:1:1: cannot be read: No such file or directory\n"
    )
    Path("elsewhere.yaml").write_text(yaml.safe_dump({"rules": {"select": ["LPA5"]}}))
    assert "0 findings" in run("check", DEMO).stdout


def test_what_was_allowed_until_yesterday_counts_again_and_says_so(run: Run) -> None:
    config = yaml.safe_load(Path(CONFIG).read_text("utf-8"))
    for year, reason, status in ((2999, {}, 0), (2020, {}, 1), (2020, {"reason": "until the March move"}, 1)):
        allow = {"rule": "LPA130", "until": f"{year}-03-31", **reason}
        Path("c.yaml").write_text(yaml.safe_dump({**config, "rules": {"allow": [allow]}}))
        told = "LPA130 was allowed until 2020-03-31 and counts again" + (" (until the March move)" if reason else "")
        for quiet in ((), ("--quiet",)):
            done = run("check", "--config", "c.yaml", "--fail-on", "warning", *quiet, CAPTURES / "state-missing.flow")
            assert done.exit_code == status
            assert done.stderr.count(f"{told}\n") == status


def test_a_capture_in_place_of_a_command_is_told_what_to_type(run: Run, tmp_path: Path) -> None:
    done = run(DEMO)
    assert done.exit_code == 2
    assert f"{DEMO} is no command; to judge it: lp-authorize check {DEMO}" in done.stderr
    assert "No such command 'demo'." in run("demo").stderr
    (tmp_path / "two words.har").touch()
    assert f"lp-authorize check '{tmp_path}/two words.har'\n" in run(tmp_path / "two words.har").stderr
    assert "No such option '-d'." in run("--", "-demo").stderr


def test_no_command_is_cut_short_in_the_list(run: Run) -> None:
    assert "..." not in run("--help").stdout.partition("Commands:")[2]


def test_a_capture_without_a_login_says_so(run: Run) -> None:
    Path("other.har").write_text('{"log": {"entries": []}}')
    done = run("check", "other.har")
    assert done.exit_code == 0
    assert "No authorize request was seen" in done.stdout
    assert "Safari" not in done.stdout
    other = {"request": {"method": "GET", "url": "https://a.example/"}, "response": {"status": 200}}
    Path("other.har").write_text(json.dumps({"log": {"entries": [other]}}))
    told = " ".join(run("check", "other.har").stdout.split())
    assert "Recording must be on before the login begins; and Safari" in told
    assert run("check", "missing.har").stdout == "", "of what could not be read nothing is known"


def test_the_rules_can_be_listed_and_explained(run: Run) -> None:
    listed = run("rules").stdout.splitlines()
    assert any(line.startswith("  LPA310  error    state-lost ") for line in listed)
    for asked in ("LPA310", "lpa310", "state-lost"):
        assert run("rules", asked).stdout.startswith("LPA310 state-lost (error)\n")
    done = run("rules", "state-los")
    assert done.exit_code == 2
    assert done.stderr == "lp-authorize: unknown rule 'state-los', did you mean 'state-lost'?\n"
    assert len(run("rules", "qqq").stderr) < 100


def test_the_examples_of_rule_files_are_tried(run: Run) -> None:
    done = run("test-rules")
    assert done.exit_code == 0
    assert done.stdout.endswith("0 failures\n")
    Path("mine.yaml").write_text("- id: X1\n")
    Path("lp-authorize.yaml").write_text("rules: {paths: [mine.yaml]}")
    for broken in (run("test-rules", "mine.yaml", "--config", CONFIG), run("test-rules")):
        assert broken.exit_code == 2
        assert "mine.yaml:1:" in broken.stderr


def test_the_version_is_told(run: Run) -> None:
    assert run("--version").stdout.startswith("lp-authorize, version ")
