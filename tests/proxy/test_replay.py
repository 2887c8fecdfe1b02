"""The addon in a real mitmdump that replays a capture, and ends."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from mitmproxy import io

from lp_sentinel.cli import main
from tests.asked import AUTHORIZE, asked
from tests.captures.making import written
from tests.ours import CAPTURES, SCRIPT, read_report, saved_flows
from tests.world.proxy import MITMDUMP, Ended, Options, arguments_of, environment, replay, run_mitmdump

CONFIG = CAPTURES / "lp-authorize.yaml"


def replayed(capture: Path, **options: Any) -> Ended:
    options = {"lp_config": CONFIG, "termlog_verbosity": "warn", "flow_detail": "0", **options}
    return replay(capture, "-s", SCRIPT, options=options)


def test_what_a_replay_saves_is_marked_by_what_is_known_so_far(tmp_path: Path) -> None:
    saved = tmp_path / "saved.flow"
    ended = run_mitmdump(
        "-nr", CAPTURES / "demo.flow", "-w", saved, "-s", SCRIPT, options={"lp_config": CONFIG, "lp_show": "none"}
    )
    assert ended.status == 0, ended
    comments = [(flow.marked, flow.comment) for flow in saved_flows(saved) if flow.comment]
    assert (":red_circle:", "authorize: 400; LPA120 redirect-uri-missing") in comments
    assert any(mark == ":red_circle:" and "LPA310" in comment for mark, comment in comments)
    assert len(comments) >= 5


def test_a_replay_comes_to_the_findings_of_check(tmp_path: Path) -> None:
    report, checked = tmp_path / "replayed.jsonl", tmp_path / "checked.jsonl"
    capture = CAPTURES / "demo.flow"
    ended = replayed(capture, lp_report=report)
    assert ended.status == 0, ended
    command: list[str | Path] = [
        MITMDUMP.with_name("lp-authorize"),
        "check",
        "--config",
        CONFIG,
        "--report",
        checked,
        "--quiet",
        capture,
    ]
    assert subprocess.run(command, check=False).returncode == 1
    found, journeys = read_report(report)
    expected, expected_journeys = read_report(checked)
    keys = ("rule", "index", "flow", "journey", "hop", "status", "capture")
    assert sorted(_only(found, keys)) == sorted(_only(expected, keys))
    assert journeys == expected_journeys


def test_what_a_replay_holds_without_an_answer_is_judged_once_though_it_is_saved_again(tmp_path: Path) -> None:
    """What mitmproxy saves at its end is judged then in a live session."""
    capture, report, checked = tmp_path / "in.flow", tmp_path / "replayed.jsonl", tmp_path / "checked.jsonl"
    landed = "/cb?code=SplxlOBeZQQYbYS6WxSbIA"
    held = (
        asked("va.sentinel.liveperson.net", AUTHORIZE),
        asked("va.sentinel.liveperson.net", AUTHORIZE, location=f"https://app.example{landed}"),
        asked("app.example", landed),
    )
    held[0].response = held[2].response = None
    capture.write_bytes(written(*held))
    ended = replayed(capture, lp_report=report, lp_fail_on="never", save_stream_file=tmp_path / "out.flow")
    assert ended.status == 0, ended
    command = ["check", str(capture), "--config", str(CONFIG), "--report", str(checked), "--fail-on", "never"]
    assert CliRunner().invoke(main, command).exit_code == 0
    (found, journeys), (expected, expected_journeys) = read_report(report), read_report(checked)
    assert [one["rule"] for one in found] == [one["rule"] for one in expected]
    assert journeys == expected_journeys


def test_a_report_on_standard_output_has_it_for_itself(tmp_path: Path) -> None:
    ended = run_mitmdump(
        "-q", "-nr", CAPTURES / "demo.flow", "-s", SCRIPT, options={"lp_config": CONFIG, "lp_report": "-"}
    )
    assert ended.status == 0, ended
    lines = [json.loads(line) for line in ended.stdout.splitlines()]
    assert "LPA310" in {line.get("rule") for line in lines}
    assert "✗ LPA310 state-lost" in ended.stderr
    assert "Summary" in ended.stderr


def _only(found: list[dict[str, Any]], keys: tuple[str, ...]) -> list[list[str]]:
    return [[str(one[key]) for key in keys] for one in found]


def test_a_fault_that_is_never_injected_fails_no_replay() -> None:
    ended = replayed(CAPTURES / "in-order.flow", lp_fail_on="info", lp_faults="access_denied")
    assert ended.status == 0, ended
    assert "fault access_denied: never matched: what is read from a file is not changed" in ended.stdout, ended


@pytest.mark.parametrize(
    ("fail_on", "capture", "status"),
    [
        ("never", "demo", 0),
        ("error", "demo", 1),
        ("error", "in-order", 0),
        ("warning", "state-missing", 1),
        ("error", "state-missing", 0),
    ],
)
def test_a_batch_run_fails_when_told_to_and_loses_no_other_addons_end(
    tmp_path: Path, fail_on: str, capture: str, status: int
) -> None:
    har = tmp_path / "out.har"
    ended = replayed(CAPTURES / f"{capture}.flow", lp_fail_on=fail_on, hardump=har)
    assert ended.status == status, ended
    assert json.loads(har.read_text("utf-8"))["log"]["entries"]
    assert "Traceback" not in ended.stdout + ended.stderr


@pytest.mark.parametrize(("where", "status"), [("| head -1", 0), ("| true", 0), ("> /dev/full", 1)])
def test_an_output_that_takes_no_more_costs_no_report_and_no_other_addons_end(
    tmp_path: Path, where: str, status: int
) -> None:
    (tmp_path / "last.py").write_text("def done():\n    open('done', 'w').close()\n")
    reports = ("x.jsonl", "x.html", "x.md")
    options: Options = {"lp_config": CONFIG, "lp_report": reports, "confdir": tmp_path / "conf"}
    command = [MITMDUMP, "-q", "-nr", CAPTURES / "demo.flow", "-s", SCRIPT, "-s", "last.py", *arguments_of(options)]
    script = f"set -o pipefail; {' '.join(map(str, command))} {where}"
    done = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, check=False, cwd=tmp_path, env=environment()
    )
    assert done.returncode == status, done
    assert (tmp_path / "done").exists()
    assert "Traceback" not in done.stderr
    for name in reports:
        assert "LPA310" in (tmp_path / name).read_text("utf-8")


def test_reports_of_a_capture_that_cannot_be_read_say_what_check_says(tmp_path: Path) -> None:
    whole = (CAPTURES / "demo.flow").read_bytes()
    contents = {"cut": whole[:20_000], "mangled": whole[:20_000] + b"x" * 100, "none": b"no capture", "missing": None}
    for name, content in contents.items():
        capture, replayed_to, checked_to = (tmp_path / f"{name}{end}" for end in (".flow", ".json", "-checked.json"))
        if content is not None:
            capture.write_bytes(content)
        assert replayed(capture, lp_report=replayed_to).status == 1
        checking = ("check", "--config", CONFIG, "--quiet", "--report", checked_to, capture)
        done = subprocess.run([MITMDUMP.with_name("lp-authorize"), *checking], check=False, stderr=subprocess.DEVNULL)
        assert done.returncode == 2
        told, expected = (json.loads(path.read_text("utf-8"))["captures"] for path in (replayed_to, checked_to))
        assert told == expected
        assert told[0]["problem"]


def test_of_a_broken_capture_from_a_pipe_reports_say_what_mitmproxy_says(tmp_path: Path) -> None:
    options: Options = {"lp_config": CONFIG, "lp_report": "x.json", "confdir": tmp_path / "conf"}
    command: list[str | Path] = [MITMDUMP, "-q", "-nr", "-", "-s", SCRIPT, *arguments_of(options)]
    content = (CAPTURES / "demo.flow").read_bytes()[:20_000]
    done = subprocess.run(command, input=content, capture_output=True, check=False, cwd=tmp_path, env=environment())
    assert done.returncode == 1
    [capture] = json.loads((tmp_path / "x.json").read_text("utf-8"))["captures"]
    assert (capture["exchanges"], capture["problem"]) == (6, "-: Invalid data format")


def test_a_request_without_an_answer_is_judged_in_a_replay(tmp_path: Path) -> None:
    cut, report = tmp_path / "cut.flow", tmp_path / "report.jsonl"
    flow = next(flow for flow in saved_flows(CAPTURES / "state-missing.flow") if "/authorize" in flow.request.path)
    flow.response = None
    with cut.open("wb") as file:
        io.FlowWriter(file).add(flow)  # type: ignore[no-untyped-call]
    replayed(cut, lp_report=report)
    findings, journeys = read_report(report)
    assert "LPA130" in {one["rule"] for one in findings}
    assert [one["outcome"] for one in journeys] == ["unknown"]


def test_a_report_that_cannot_be_written_takes_no_other_with_it(tmp_path: Path) -> None:
    full, whole = tmp_path / "full.jsonl", tmp_path / "whole.json"
    full.symlink_to("/dev/full")
    assert replayed(CAPTURES / "state-missing.flow", lp_report=[full, whole]).status == 1
    written = json.loads(whole.read_text("utf-8"))
    assert "LPA130" in {one["rule"] for one in written["findings"]}
    assert (len(written["journeys"]), written["captures"][0]["exchanges"] > 0) == (1, True)


def test_a_report_on_standard_output_that_cannot_be_written_is_told_elsewhere(tmp_path: Path) -> None:
    options: Options = {"lp_report": "-", "lp_show": "none", "confdir": tmp_path / "conf"}
    replaying: list[str | Path] = [MITMDUMP, "-q", "-nr", CAPTURES / "demo.flow", "-s", SCRIPT]
    command = [*replaying, *arguments_of(options)]
    screen = [*replaying, *arguments_of({"confdir": tmp_path / "conf"})]
    for full, what in ((command, "report -: cannot be written:"), (screen, "cannot write:")):
        with Path("/dev/full").open("wb") as device:
            done = subprocess.run(
                full, stdout=device, stderr=subprocess.PIPE, text=True, check=False, cwd=tmp_path, env=environment()
            )
        assert (done.returncode, done.stderr) == (1, f"lp-authorize: {what} No space left on device\n")
    line = " ".join(map(str, command))
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {line} | head -1"],
        capture_output=True, text=True, check=False, cwd=tmp_path, env=environment(),
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


def test_each_report_that_cannot_be_written_is_named_in_one_line(tmp_path: Path) -> None:
    reports = ("x.jsonl", "x.html", "x.md")
    options: Options = {"lp_config": CONFIG, "lp_report": reports, "lp_show": "none", "confdir": tmp_path / "conf"}
    command = [MITMDUMP, "-q", "-nr", CAPTURES / "demo.flow", "-s", SCRIPT, *arguments_of(options)]
    for limit in ("unlimited", "1"):  # at first mitmproxy makes its certificates, which are files, too
        script = f"ulimit -f {limit}; {' '.join(map(str, command))} | cat"
        done = subprocess.run(
            ["bash", "-c", script], capture_output=True, text=True, check=False, cwd=tmp_path, env=environment()
        )
        told = [f"lp-authorize: report {name}: cannot be written: File too large" for name in reports]
        assert [line.partition("] ")[2] for line in (done.stdout + done.stderr).splitlines()] == (
            told if limit == "1" else []
        )


@pytest.mark.parametrize(
    ("show", "shown", "hidden"),
    [
        ("warning", ("LPA130", "Summary"), ("LPA1 ",)),
        ("error", ("Summary",), ("LPA130",)),
        ("none", (), ("LPA", "Summary")),
    ],
)
def test_no_more_is_shown_than_asked_for(show: str, shown: tuple[str, ...], hidden: tuple[str, ...]) -> None:
    ended = replayed(CAPTURES / "state-missing.flow", lp_show=show)
    for text in shown:
        assert text in ended.stdout
    for text in hidden:
        assert text not in ended.stdout


def test_commands_tell_what_was_found(tmp_path: Path) -> None:
    """Run as a key binding would run them."""
    script, report = tmp_path / "ask.py", tmp_path / "asked.jsonl"
    script.write_text(
        "from mitmproxy import ctx, exceptions\n"
        "class Ask:\n"
        "    flows = []\n"
        "    def response(self, flow):\n"
        "        self.flows.append(flow)\n"
        "    def done(self):\n"
        "        call = ctx.master.commands.call\n"
        "        print(*call('lp.explain', 'lpa310'), sep='\\n')\n"
        f"        call('lp.report', {str(report)!r})\n"
        "        print('found:', *call('lp.findings', self.flows), sep='\\n')\n"
        "        for asked in ('lp.explain state-los', 'lp.report x.foo', 'lp.report c.json'):\n"
        "            try:\n"
        "                call(*asked.split())\n"
        "            except exceptions.CommandError as error:\n"
        "                print(error)\n"
        "addons = [Ask()]\n"
    )
    (tmp_path / "c.json").write_bytes((CAPTURES / "demo.flow").read_bytes())
    options: Options = {"lp_config": CONFIG, "flow_detail": "0"}
    ended = replay(tmp_path / "c.json", "-s", script, "-s", SCRIPT, options=options, cwd=tmp_path)
    assert "LPA310 state-lost (error)\n" in ended.stdout, ended
    assert "unknown rule 'state-los', did you mean 'state-lost'?" in ended.stdout
    assert "report x.foo: its ending must be one of these" in ended.stdout
    assert "report c.json: is the capture itself, which is never overwritten" in ended.stdout
    assert report.exists()


def test_a_report_that_is_being_written_is_not_begun_anew(tmp_path: Path) -> None:
    (tmp_path / "link.jsonl").symlink_to("lines.jsonl")
    (tmp_path / "ask.py").write_text(
        "from mitmproxy import ctx, exceptions\n"
        "def done():\n"
        "    for path in ('lines.jsonl', './lines.jsonl', 'link.jsonl', 'other.jsonl', 'whole.md'):\n"
        "        try:\n"
        "            ctx.master.commands.call('lp.report', path)\n"
        "        except exceptions.CommandError as error:\n"
        "            print(error)\n"
    )
    options: Options = {"lp_config": CONFIG, "lp_show": "none", "lp_report": ["lines.jsonl", "whole.md"]}
    capture = CAPTURES / "demo.flow"
    ended = replay(capture, "-q", "-s", "ask.py", "-s", SCRIPT, options=options, cwd=tmp_path)
    told = "is being written as findings come (lp_report)"
    refused = ("lines.jsonl", "./lines.jsonl", "link.jsonl")
    assert ended.stdout.splitlines() == [f"report {path}: {told}" for path in refused], ended
    assert read_report(tmp_path / "lines.jsonl").findings
    assert "LPA310" in (tmp_path / "whole.md").read_text("utf-8"), "what is written at the end takes its place"
