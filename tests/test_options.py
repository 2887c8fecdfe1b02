"""The addon's options, given to the real tools: what is wrong is told, and stops only what has not begun."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.ours import CAPTURES, SCRIPT
from tests.world.proxy import (
    MITMDUMP,
    Mitmdump,
    Options,
    arguments_of,
    environment,
    replay,
    run_mitmdump,
)

CONFIG = CAPTURES / "lp-authorize.yaml"


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"lp_show": "foo"}, "lp_show: unknown value 'foo'"),
        ({"lp_show": ["info", "error"]}, "lp_show: expected one text, not ['info', 'error']"),
        ({"lp_fail_on": "eror"}, "lp_fail_on: unknown value 'eror', did you mean 'error'?"),
        ({"lp_redact": "false"}, "lp_redact: unknown value 'false'"),
        ({"lp_report": "report.foo"}, "report report.foo: its ending must be one of these"),
        ({"lp_report": "no/such/report.jsonl"}, "report no/such/report.jsonl: cannot be written"),
        ({"lp_config": "missing.yaml"}, "missing.yaml:1:1: cannot be read: No such file"),
        ({"lp_faults": "~nobody-here/p.yaml"}, "~nobody-here/p.yaml:1:1: cannot be read: No such file"),
        (
            {"lp_config": "broken.yaml"},
            "broken.yaml:2:1: unknown key 'acounts', did you mean 'accounts'?\n  acounts: {}\n  ^",
        ),
        ({"lp_config": "rule.yaml"}, "rule.yaml:2:12: unknown rule 'LPA999'"),
    ],
)
def test_a_bad_option_stops_mitmdump_before_it_listens(tmp_path: Path, options: Options, problem: str) -> None:
    (tmp_path / "broken.yaml").write_text("login_hosts: []\nacounts: {}\n")
    (tmp_path / "rule.yaml").write_text("rules:\n  ignore: [LPA999]\n")
    listen = ("--listen-host", "127.0.0.1", "--listen-port", "0")
    ended = run_mitmdump(*listen, "-s", SCRIPT, options=options, cwd=tmp_path)
    assert ended.status == 1, ended
    assert (ended.stdout + ended.stderr).count(problem) == 1, ended
    assert "listening" not in ended.stdout
    assert "Traceback" not in ended.stdout + ended.stderr


MISTYPED = {"lp_fualts": "lp_faults", "lp_failon": "lp_fail_on", "lp-config": "lp_config"}


def configured(folder: Path, config: dict[str, Any], *arguments: str | Path) -> tuple[int, str, str]:
    """How mitmdump ends with this ``config.yaml``, which may name the scripts, and what it says."""
    (folder / "config.yaml").write_text(json.dumps(config))
    command: list[str | Path] = [MITMDUMP, *arguments_of({"confdir": folder}), *arguments]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=60, cwd=folder, env=environment()
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("option", "value", "problem"),
    [
        ("lp_report", "y.jsonl", "expected a list of texts, not 'y.jsonl'"),
        ("lp_report", None, "expected a list of texts, not nothing"),
        ("lp_report", ["y.jsonl", 3], "expected a list of texts, not ['y.jsonl', 3]"),
        ("lp_faults", "access_denied", "expected a list of texts, not 'access_denied'"),
        ("lp_show", None, "expected one text, not nothing"),
        ("lp_show", ["info"], "expected one text, not ['info']"),
        ("lp_redact", False, "expected one text, not False"),
        ("lp_simulate", [], "has no value (on, off)"),
        ("lp_config", [], "has no value"),
    ],
)
def test_an_option_of_another_type_in_config_yaml_stops_the_start(
    tmp_path: Path, option: str, value: object, problem: str
) -> None:
    status, stdout, stderr = configured(tmp_path, {option: value}, "-s", SCRIPT, "-nr", CAPTURES / "demo.flow")
    assert (status, stderr) == (1, f"lp-authorize: {option}: {problem}\n")
    assert "Summary" not in stdout


@pytest.mark.parametrize(("given", "meant"), MISTYPED.items())
@pytest.mark.parametrize("where", ["given", "given with a capture", "config.yaml"])
def test_an_option_that_nobody_declares_stops_the_start(tmp_path: Path, given: str, meant: str, where: str) -> None:
    arguments: list[str | Path] = ["--listen-host", "127.0.0.1", "--listen-port", "0"]
    if where == "config.yaml":
        config = {"scripts": [str(SCRIPT)], "lp_show": "none", given: ["error"]}
    else:
        arguments += ["-s", SCRIPT, "--set", f"{given}=error"]
        config = {}
    if where == "given with a capture":
        arguments += ["-nr", CAPTURES / "demo.flow"]
    status, stdout, stderr = configured(tmp_path, config, *arguments)
    assert (status, stderr) == (1, f"lp-authorize: unknown option '{given}', did you mean '{meant}'?\n")
    assert "No authorize request" not in stdout


@pytest.mark.parametrize("scripts", [("other.py", SCRIPT), (SCRIPT, "other.py")], ids=["before", "after"])
def test_options_that_others_declare_and_all_of_ours_stop_nothing(
    tmp_path: Path, scripts: tuple[str | Path, ...]
) -> None:
    (tmp_path / "other.py").write_text("def load(loader):\n    loader.add_option('lp_other', str, '', 'Ours.')\n")
    options = {"lp_page": "", "lp_redact": "on", "lp_simulate": "off", "lp_faults": [], "lp_report": ["report.jsonl"]}
    config = {"lp_show": "none", **options, "scripts": [str(tmp_path / script) for script in scripts]}
    given = arguments_of({"lp_other": "x", "lp_fail_on": "error", "lp_config": CONFIG, "not_for_us": "y"})
    for name, expected in (("demo.flow", 1), ("in-order.flow", 0)):
        status, stdout, stderr = configured(tmp_path, config, "-nr", CAPTURES / name, *given)
        assert (status, stderr, "unknown" in stdout) == (expected, "", False)


def test_an_option_that_nobody_declares_does_not_end_what_is_running(tmp_path: Path) -> None:
    options: Options = {"lp_fualts": "x", "termlog_verbosity": "warn"}
    listen = ["--listen-host", "127.0.0.1", "--listen-port", "0"]
    (tmp_path / "later.py").write_text(
        "import asyncio\nfrom mitmproxy import ctx\n"
        f"def add():\n    ctx.options.update(scripts=[*ctx.options.scripts, {str(SCRIPT)!r}])\n"
        "def running():\n    asyncio.get_running_loop().call_later(0.5, add)\n"
    )
    process = Mitmdump([*listen, "-s", "later.py", *arguments_of(options)], tmp_path, None, None)
    try:
        process.wait_for("unknown option 'lp_fualts', did you mean 'lp_faults'?")
    finally:
        assert process.stop().status == 0


@pytest.mark.parametrize("option", ["-r", "-C", "-S", "-w", "hardump"])
def test_no_report_is_written_over_a_capture_in_use(tmp_path: Path, option: str) -> None:
    capture = tmp_path / "c.json"
    capture.write_bytes(content := (CAPTURES / "in-order.flow").read_bytes())
    (tmp_path / "link.json").symlink_to(capture)
    other = tmp_path / "other.jsonl"
    using = ("--set", f"hardump={capture}") if option == "hardump" else (option, capture)
    ended = run_mitmdump("-n", *using, "-s", SCRIPT, options={"lp_report": [other, tmp_path / "link.json"]})
    assert ended.status == 1, ended
    assert (ended.stdout + ended.stderr).count("link.json: is the capture itself, which is never overwritten") == 1
    assert "Traceback" not in ended.stdout + ended.stderr
    assert not other.exists()
    assert option == "-w" or capture.read_bytes() == content


@pytest.mark.parametrize("wrong", [{"lp_report": "none/x.md"}, {"lp_fualts": "x"}])
def test_what_stops_the_start_leaves_reports_alone(tmp_path: Path, wrong: dict[str, str]) -> None:
    (tmp_path / "earlier.md").write_text("earlier")
    reports = ["earlier.md", "new.md", *wrong.values()] if "lp_report" in wrong else ["earlier.md", "new.md"]
    ended = replay(CAPTURES / "demo.flow", "-s", SCRIPT, options={**wrong, "lp_report": reports}, cwd=tmp_path)
    assert ended.status == 1, ended
    assert [(path.name, path.read_text("utf-8")) for path in tmp_path.iterdir()] == [("earlier.md", "earlier")]


def test_the_config_in_the_working_directory_is_taken(tmp_path: Path) -> None:
    (tmp_path / "lp-authorize.yaml").write_text("rules:\n  ignore: [LPA]\n")
    ended = replay(CAPTURES / "demo.flow", "-s", SCRIPT, options={"flow_detail": "0"}, cwd=tmp_path)
    assert "0 findings" in ended.stdout


def test_a_refused_change_leaves_the_logins_under_way_alone(tmp_path: Path) -> None:
    script, reports = tmp_path / "change.py", [tmp_path / "plain.jsonl", tmp_path / "changed.jsonl"]
    script.write_text(
        "from mitmproxy import ctx, exceptions\n"
        "def response(flow):\n"
        "    try:\n"
        "        ctx.options.update(lp_config='missing.yaml')\n"
        "    except exceptions.OptionsError:\n"
        "        print('refused', ctx.options.lp_config)\n"
    )
    plain: Options = {"lp_config": CONFIG, "lp_redact": "off", "termlog_verbosity": "error"}
    replay(CAPTURES / "state-altered.flow", "-s", SCRIPT, options={**plain, "lp_report": reports[0]})
    changed: Options = {**plain, "lp_report": reports[1]}
    ended = replay(CAPTURES / "state-altered.flow", "-s", SCRIPT, "-s", script, options=changed)
    assert f"refused {CONFIG}" in ended.stdout
    assert reports[1].read_text("utf-8") == reports[0].read_text("utf-8")


def test_options_can_be_listed() -> None:
    ended = run_mitmdump("-s", SCRIPT, "--options")
    assert ended.status == 0
    for name in ("lp_config", "lp_report", "lp_faults", "lp_fail_on", "lp_redact", "lp_show"):
        assert f"{name}:" in ended.stdout


@pytest.mark.parametrize(
    ("option", "problem"), [("lp_show", "lp_show: unknown value 'foo'"), ("lp_shwo", "unknown option 'lp_shwo'")]
)
@pytest.mark.parametrize("name", ["mitmproxy", "mitmweb"])
def test_the_other_tools_stop_as_well(tmp_path: Path, name: str, option: str, problem: str) -> None:
    status, printed = on_a_terminal(name, {"confdir": tmp_path, option: "foo"})
    assert (status, printed.count(problem)) == (1, 1), printed


def test_a_report_that_could_hold_up_the_traffic_stops_the_start(tmp_path: Path) -> None:
    pipe = tmp_path / "findings.jsonl"
    os.mkfifo(pipe)
    ended = run_mitmdump("-n", "-r", CAPTURES / "demo.flow", "-s", SCRIPT, options={"lp_report": pipe})
    assert ended.status == 1, ended
    assert f"lp-authorize: report {pipe}: is a named pipe; name a file" in ended.stdout + ended.stderr


def test_a_report_that_cannot_be_looked_at_is_told_as_one_that_cannot_be_written(tmp_path: Path) -> None:
    report = tmp_path / ("x" * 300 + ".jsonl")
    ended = run_mitmdump("-n", "-r", CAPTURES / "demo.flow", "-s", SCRIPT, options={"lp_report": report})
    assert ended.status == 1, ended
    told = ended.stdout + ended.stderr
    assert f"lp-authorize: report {report}: cannot be written: File name too long" in told
    assert "Traceback" not in told


def test_a_report_on_standard_output_is_not_for_the_console(tmp_path: Path) -> None:
    status, printed = on_a_terminal("mitmproxy", {"confdir": tmp_path, "lp_report": "-"})
    told = "lp-authorize: report -: mitmproxy's windows use standard output; name a file"
    assert (status, printed.count(told)) == (1, 1), printed


def on_a_terminal(name: str, options: Options) -> tuple[int, str]:
    """How one of mitmproxy's tools ends there, and what it prints."""
    more = ["--no-web-open-browser", "--web-port", "0"] if name == "mitmweb" else []
    listen = ["--listen-host", "127.0.0.1", "--listen-port", "0"]
    command = [MITMDUMP.with_name(name), "-s", SCRIPT, *listen, *more, *arguments_of(options)]
    done = subprocess.run(
        ["script", "-qec", f"stty cols 80 rows 24; {' '.join(map(str, command))}", "/dev/null"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=environment(TERM="xterm"),
    )
    return done.returncode, done.stdout
