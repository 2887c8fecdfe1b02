"""What ``lp-authorize check`` leaves behind when it does not come to its end, and how it says so."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from bench import archive

from lp_sentinel import check
from tests.ours import CAPTURES

CONFIG = CAPTURES / "lp-authorize.yaml"
DEMO = CAPTURES / "demo.flow"
IN_ORDER = CAPTURES / "in-order.flow"
LP_AUTHORIZE = Path(sys.executable).with_name("lp-authorize")
# Where a shell has started the tests in the background, they and what they start are deaf to Ctrl-C.
HEARING = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from lp_sentinel.cli import main
main()
"""
COLLECTED = ("x.json", "x.sarif", "x.xml", "x.html", "x.md", "x.annotations")


@pytest.mark.parametrize("is_quiet", [False, True])
def test_after_ctrl_c_no_report_says_that_all_is_well(tmp_path: Path, is_quiet: bool) -> None:
    for name in ("x.md", "x.html"):
        (tmp_path / name).write_text("earlier")
    reports = [argument for name in ("lines.jsonl", *COLLECTED) for argument in ("--report", name)]
    command: list[str | Path] = [sys.executable, "-c", HEARING, "check", "--config", CONFIG, *reports, DEMO, "-"]
    process = subprocess.Popen(
        [*command, *(["--quiet"] if is_quiet else [])],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    )
    while "journey" not in _content(tmp_path / "lines.jsonl"):
        assert process.poll() is None
    process.send_signal(signal.SIGINT)  # while it waits for what comes on standard input
    _, complaints = process.communicate(timeout=30)
    assert (process.returncode, complaints) == (130, "\nlp-authorize: interrupted\n")
    assert {path.name: _content(path) for path in tmp_path.iterdir() if path.name != "lines.jsonl"} == {
        "x.md": "earlier",
        "x.html": "earlier",
    }
    assert _content(tmp_path / "lines.jsonl").endswith("}\n")


def _content(path: Path) -> str:
    return path.read_text("utf-8") if path.exists() else ""


def test_a_report_that_cannot_be_written_is_named_and_the_others_are_not(tmp_path: Path) -> None:
    (tmp_path / "full.jsonl").symlink_to("/dev/full")
    (tmp_path / "earlier.md").write_text("earlier")
    reports = ("--report", "full.jsonl", "--report", "after.md", "--report", "earlier.md")
    assert _checked(tmp_path, DEMO, *reports) == (
        2,
        "",
        "lp-authorize: report full.jsonl: cannot be written: No space left on device\n",
    )
    assert not (tmp_path / "after.md").exists()
    assert _content(tmp_path / "earlier.md") == "earlier"


def test_of_a_run_that_came_to_its_end_all_reports_are_written_that_can_be(tmp_path: Path) -> None:
    (tmp_path / "full.md").symlink_to("/dev/full")
    reports = ("--report", "before.md", "--report", "full.md", "--report", "after.md")
    status, _, complaints = _checked(tmp_path, DEMO, *reports)
    assert (status, complaints) == (
        2,
        "lp-authorize: report full.md: cannot be written: No space left on device\n",
    )
    assert "state-lost" in _content(tmp_path / "before.md")
    assert _content(tmp_path / "after.md") == _content(tmp_path / "before.md")


def test_a_file_that_is_named_in_two_ways_is_written_once(tmp_path: Path) -> None:
    (tmp_path / "link.jsonl").symlink_to("lines.jsonl")
    named = ("lines.jsonl", "./lines.jsonl", str(tmp_path / "lines.jsonl"), "link.jsonl")
    _checked(tmp_path, DEMO, *(argument for name in named for argument in ("--report", name)))
    _checked(tmp_path, DEMO, "--report", "once.jsonl", "--no-redact")
    assert _content(tmp_path / "lines.jsonl").count("\n") == _content(tmp_path / "once.jsonl").count("\n")


@pytest.mark.parametrize("name", ["earlier.md", "earlier.jsonl"])
def test_a_run_that_never_began_leaves_an_earlier_report_alone(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("earlier")
    assert _checked(tmp_path, DEMO, "--report", name, "--report", "x.txt")[0] == 2
    assert _content(tmp_path / name) == "earlier"


def test_a_shorter_report_leaves_nothing_of_the_earlier_one(tmp_path: Path) -> None:
    for capture in (DEMO, IN_ORDER):
        for name in ("twice.md", f"{capture.stem}.md"):
            _checked(tmp_path, capture, "--report", name)
    assert _content(tmp_path / "twice.md") == _content(tmp_path / "in-order.md")


def test_a_report_that_cannot_be_opened_leaves_those_before_it_alone(tmp_path: Path) -> None:
    (tmp_path / "earlier.md").write_text("earlier")
    reports = ("--report", "earlier.md", "--report", "new.md", "--report", "none/x.md")
    status, _, complaints = _checked(tmp_path, DEMO, *reports)
    assert status == 2
    assert "report none/x.md: cannot be written" in complaints
    assert [(path.name, _content(path)) for path in tmp_path.iterdir()] == [("earlier.md", "earlier")]


@pytest.mark.parametrize(("capture", "status"), [(IN_ORDER, 0), (DEMO, 1)])
@pytest.mark.parametrize("reads", [0, 1])
def test_where_nobody_reads_on_the_reports_are_written_and_the_status_tells_what_was_found(
    tmp_path: Path, capture: Path, status: int, reads: int
) -> None:
    command = ("check", "--no-redact", "--config", CONFIG, capture, "--report", "x.md")
    assert _unread(tmp_path, reads, *command) == (status, "")
    _checked(tmp_path, capture, "--no-redact", "--report", "expected.md")
    assert _content(tmp_path / "x.md") == _content(tmp_path / "expected.md")


@pytest.mark.parametrize("reads", [0, 1])
def test_where_nobody_reads_the_report_on_it_is_one_that_cannot_be_written(tmp_path: Path, reads: int) -> None:
    reports = ("--report", "-", "--report", "x.md")
    many = [tmp_path / f"{number}.flow" for number in range(60)]
    for copy in many:
        copy.symlink_to(DEMO)
    assert _unread(tmp_path, reads, "check", "--quiet", "--config", CONFIG, *reports, *many) == (2, "")
    assert _content(tmp_path / "x.md").count("### ") > 60, "and the others are written"


def _unread(folder: Path, reads: int, *arguments: str | Path) -> tuple[int, str]:
    """Status and complaints where of the output only so many bytes are read."""
    process = subprocess.Popen(
        [LP_AUTHORIZE, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder
    )
    assert process.stdout
    assert process.stderr
    process.stdout.read(reads)
    process.stdout.close()
    complaints = process.stderr.read()
    process.stderr.close()
    return process.wait(60), complaints


@pytest.mark.parametrize("several", [False, True])
def test_a_process_that_is_killed_is_one_clear_message(tmp_path: Path, several: bool) -> None:
    half = tmp_path / "half.flow"
    archive.write(half, check.WORTH_WORKERS // 2 + 1, worst=True)
    captures = [tmp_path / "1.flow", tmp_path / "2.flow"] if several else [tmp_path / "large.flow"]
    for capture in captures:
        capture.write_bytes(half.read_bytes() * (1 if several else 16))  # long enough to be shared out
    process = subprocess.Popen(
        [LP_AUTHORIZE, "check", "--jobs", "2", "--quiet", "--report", "x.md", *captures],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    )
    while not (children := Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()):
        assert process.poll() is None
    os.kill(int(children[0]), signal.SIGKILL)
    printed, complaints = process.communicate(timeout=60)
    assert (process.returncode, printed) == (2, "")
    assert complaints == ("lp-authorize: a worker process died, perhaps for lack of memory; --jobs 1 needs the least\n")
    assert not (tmp_path / "x.md").exists()


TOLD = '"outcome": "code"'


@pytest.mark.parametrize(
    ("arguments", "closed", "status", "printed", "complaints"),
    [
        ([IN_ORDER], "2>&-", 0, "Summary", ""),
        ([IN_ORDER, "--report", "-"], "2>&-", 0, TOLD, ""),
        ([IN_ORDER, "--report", "-", "--quiet"], "2>&-", 0, TOLD, ""),
        ([IN_ORDER, "--report", "x.jsonl"], ">&-", 0, "", ""),
        ([IN_ORDER, "--report", "x.jsonl"], ">&- 2>&-", 0, "", ""),
        (["missing.flow"], "2>&-", 2, "", ""),
        (
            [IN_ORDER, "--report", "-"],
            ">&-",
            2,
            "",
            "lp-authorize: report -: cannot be written: there is no standard output\n",
        ),
        ([IN_ORDER, "--report", "-"], ">&- 2>&-", 2, "", ""),
    ],
)
def test_an_output_that_is_closed_from_the_start_changes_nothing_else(
    tmp_path: Path, arguments: list[str | Path], closed: str, status: int, printed: str, complaints: str
) -> None:
    command = " ".join(map(str, [LP_AUTHORIZE, "check", "--config", CONFIG, *arguments]))
    done = subprocess.run(
        ["bash", "-c", f"{command} {closed}"], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert (done.returncode, done.stderr) == (status, complaints)
    assert printed in done.stdout
    assert ("Summary" in done.stdout) == (printed == "Summary"), "no blocks among the lines"
    assert (tmp_path / "x.jsonl").exists() == ("x.jsonl" in arguments)


def _checked(folder: Path, capture: Path, *arguments: str) -> tuple[int, str, str]:
    command: list[str | Path] = [LP_AUTHORIZE, "check", "--quiet", "--config", CONFIG, capture, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, timeout=60)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("ends_by", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_process_outlives_the_one_that_started_it(tmp_path: Path, ends_by: signal.Signals) -> None:
    for number in range(4):
        with (tmp_path / f"{number}.flow").open("wb") as file:
            file.writelines([DEMO.read_bytes()] * 200)
    judges = ("check", "--quiet", "--jobs", "2", "--config")
    process = subprocess.Popen([sys.executable, "-c", HEARING, *judges, CONFIG, tmp_path], stderr=subprocess.DEVNULL)
    while len(children := _children(process.pid)) < 2:
        assert process.poll() is None
        time.sleep(0.01)
    time.sleep(0.3)
    process.send_signal(ends_by)
    process.wait(timeout=20)
    assert process.returncode == {signal.SIGINT: 130, signal.SIGTERM: 143}.get(ends_by, -ends_by)
    waits_until = time.monotonic() + 20
    while any(Path(f"/proc/{child}/task").exists() for child in children):
        assert time.monotonic() < waits_until
        time.sleep(0.05)


def _children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()


@pytest.mark.parametrize("signal_", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_in_temporary_folders(signal_: signal.Signals, tmp_path: Path) -> None:
    """What processes leave for each other there has codes in it."""
    folder, capture = tmp_path / "temporary", tmp_path / "a.flow"
    folder.mkdir()
    archive.write(capture, 90_000_000, worst=True)
    process = subprocess.Popen(
        [LP_AUTHORIZE, "check", capture, "--jobs", "2", "--quiet"],
        env=os.environ | {"TMPDIR": str(folder)},
    )
    while not list(folder.glob("lp-authorize-*/*")) and process.poll() is None:
        time.sleep(0.005)
    assert process.poll() is None
    process.send_signal(signal_)
    assert process.wait(20) == (128 + signal_ if signal_ == signal.SIGTERM else -signal_)
    deadline = time.monotonic() + 20
    while list(folder.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert list(folder.iterdir()) == []
