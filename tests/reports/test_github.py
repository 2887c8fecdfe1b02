"""GitHub annotations: one command a line, whatever was captured."""

from __future__ import annotations

import re
from pathlib import Path

from lp_sentinel.reports import CaptureEnd
from tests.reports.runs import Run, hostile, judged, report, varied
from tests.reports.samples import finding

COMMAND = re.compile(r"::(error|warning|notice) title=([^:,\n]+)(?:,file=([^:,\n]*))?::([^\r\n]*)")


def commands(folder: Path, *runs: Run) -> list[tuple[str, ...]]:
    lines = report(folder / "found.annotations", *runs).splitlines()
    found = [COMMAND.fullmatch(line) for line in lines]
    assert None not in found, "each line is one command"
    return [one.groups() for one in found if one]


def test_an_annotation(tmp_path: Path) -> None:
    run = Run([finding(message="100%: lost,\nat once", severity="warning")], [], CaptureEnd("a,b:c.har", 1))
    assert report(tmp_path / "found.annotations", run) == (
        "::warning title=LPA310 state-lost,file=captures/demo.har::100%25: lost, at once (j3, landing, exchange 3)"
        "%0Aexpected: the state that was sent%0Afix: Carry state through the login.\n"
    )


def test_the_worst_come_first_and_what_does_not_count_last(tmp_path: Path) -> None:
    found = commands(tmp_path, varied(judged()))
    assert [kind for kind, *_ in found] == ["error"] * 7 + ["warning"] * 2 + ["notice"] * 2
    assert {title.partition(" (")[2] for _, title, *_ in found[-2:]} == {"allowed)", "injected)"}


def test_nothing_captured_is_a_command(tmp_path: Path) -> None:
    run = hostile()
    assert len(commands(tmp_path, run)) == len(run.findings) + 1


def test_a_capture_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    found = commands(tmp_path, Run([], [], CaptureEnd("broken.har", 3, "broken.har: cut off")))
    assert found == [("error", "capture not usable", "broken.har", "broken.har: cut off")]
