"""The command as a process of its own: where its output goes, and what it loads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lp_sentinel.reports.formats import FORMATS
from tests.ours import CAPTURES

CONFIG = str(CAPTURES / "lp-authorize.yaml")
DEMO = str(CAPTURES / "demo.flow")
IN_ORDER = str(CAPTURES / "in-order.har")


def test_a_reader_that_goes_away_ends_it_quietly(tmp_path: Path) -> None:
    command: list[str | Path] = [
        Path(sys.executable).with_name("lp-authorize"),
        "check",
        "--config",
        CONFIG,
        *[DEMO] * 60,
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path, env=os.environ)
    assert process.stdout
    assert process.stderr
    process.stdout.read(10)
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    process.wait()


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("--version",),
        ("check", "--help"),
        ("check", DEMO),
        ("check", DEMO, "--quiet", "--report", "-"),
        ("rules",),
        ("rules", "LPA310"),
        ("test-rules",),
        ("completion", "bash"),
        ("simulate", "--port", "0"),
    ],
    ids=" ".join,
)
def test_a_disk_that_is_full_is_one_clear_message(arguments: tuple[str, ...]) -> None:
    command: list[str | Path] = [Path(sys.executable).with_name("lp-authorize"), *arguments]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False, timeout=60)
        what = b"report -: cannot be written" if "-" in arguments else b"cannot write"
        assert (done.returncode, done.stderr) == (2, b"lp-authorize: %s: No space left on device\n" % what)
        assert subprocess.run(command, stdout=full, stderr=full, check=False, timeout=60).returncode == 2


@pytest.mark.parametrize(("arguments", "others"), [((), set()), (("--quiet",), {"rich"})])
def test_to_judge_a_login_loads_only_what_that_takes(arguments: tuple[str, ...], others: set[str]) -> None:
    program = f"""\
import sys
from lp_sentinel.cli import main
main(["check", *{arguments!r}, {IN_ORDER.replace("har", "flow")!r}], standalone_mode=False)
print(*sys.modules, file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    dear = {"asyncio", "difflib", "html", "jinja2", "lp_sentinel.captures.har", "mitmproxy", "multiprocessing"}
    assert (dear | others) & set(done.stderr.split()) == set()


def test_no_report_loads_mitmproxy(tmp_path: Path) -> None:
    reports = [f"--report={tmp_path / 'report'}{ending}" for ending in FORMATS]
    program = f"""\
import sys
from lp_sentinel.cli import main
main(["check", "--quiet", *{reports!r}, {IN_ORDER!r}], standalone_mode=False)
print("mitmproxy" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
    assert len(list(tmp_path.iterdir())) == len(FORMATS)


# Root may read all that it likes, unless it gives that up.
UNPRIVILEGED = ["setpriv", "--inh-caps=-all", "--bounding-set=-all"] if os.geteuid() == 0 else []


def test_what_may_not_be_read_is_told_and_the_rest_is_judged(tmp_path: Path) -> None:
    def told(*arguments: str | Path) -> tuple[int, list[str]]:
        command = [*UNPRIVILEGED, str(Path(sys.executable).with_name("lp-authorize")), "check", "--quiet", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, cwd=tmp_path)
        assert done.stdout == ""
        return done.returncode, done.stderr.splitlines()

    folder, report, dash = tmp_path / "captures", tmp_path / "report.json", tmp_path / "dash" / "-"
    for place in (folder / "within", folder / "listed", dash):
        place.mkdir(parents=True)
    for name in ("a.flow", "b.flow", "listed/c.flow", "within/d.flow"):
        (folder / name).write_bytes(Path(DEMO).read_bytes())
    for name, target in (("nowhere", "missing"), ("round", "round"), ("through", "a.flow/x")):
        (folder / name).symlink_to(target)
    (folder / "b.flow").chmod(0)
    (folder / "within").chmod(0)
    (folder / "listed").chmod(0o400)
    dash.chmod(0)
    denied = "cannot be read: Permission denied"
    try:
        unread = [f"lp-authorize: captures/{name}: {denied}" for name in ("b.flow", "listed/c.flow", "within")]
        assert told("--config", CONFIG, "--report", report, "captures") == (2, unread)
        captures = json.loads(report.read_text("utf-8"))["captures"]
        assert [one["exchanges"] > 0 for one in captures] == [True, False, False, False]
        assert told("--config", CONFIG, "--cluster", "local", "captures") == (2, unread)
        report.chmod(0o200)
        named = [f"captures/{name}" for name in ("b.flow", "listed/c.flow", "within", "a.flow")]
        assert told("--config", CONFIG, "--report", report, *named) == (2, unread)
        assert told("captures/within/d.flow") == (2, [f"lp-authorize: captures/within/d.flow: {denied}"])
        assert told("dash") == (2, [f"lp-authorize: dash/-: {denied}"])
        assert told("--config", "captures/b.flow", DEMO)[1][0] == f"lp-authorize: captures/b.flow:1:1: {denied}"
    finally:
        for closed in (folder / "within", folder / "listed", dash):
            closed.chmod(0o700)
