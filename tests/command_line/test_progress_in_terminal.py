"""The bar in a pseudo-terminal, while one large capture is judged."""

from __future__ import annotations

import json
import re
import sys
from itertools import islice
from pathlib import Path

import pexpect
import pytest
from bench.archive import Traffic

from tests.ours import CAPTURES

_PATIENCE = 60.0
# Processes, and a picture ten times a second, are for larger captures.
COMMAND = """
from lp_sentinel import check
from lp_sentinel.command_line import progress
from lp_sentinel.captures import ranges
ranges.RANGE, ranges.WORTH_SHARING, check.WORTH_WORKERS, progress._EVERY = 1 << 20, 0, 0, 0.01
from lp_sentinel.cli import main
main()
"""


def said(*arguments: str | Path) -> str:
    """All that the command writes to a terminal, without its colours."""
    command = ["-c", COMMAND, "check", "--fail-on", "never", *map(str, arguments)]
    child = pexpect.spawn(sys.executable, command, dimensions=(24, 100), encoding="utf-8", timeout=_PATIENCE)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", child.read())
    child.close()
    assert child.exitstatus == 0, text
    return text


def shown(text: str) -> list[int]:
    """Each other percentage that was seen."""
    return list(dict.fromkeys(map(int, re.findall(r"(\d+)% [^\r\n]{20,}capture 1 of 1", text))))


@pytest.fixture(scope="module")
def logins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("large") / "logins.flow"
    path.write_bytes(b"".join(islice(Traffic(2).logins(), 3_000)))
    return path


@pytest.fixture(scope="module")
def har(tmp_path_factory: pytest.TempPathFactory) -> Path:
    def entry(number: int) -> dict[str, object]:
        return {
            "startedDateTime": "2026-11-24T10:00:00Z",
            "request": {"method": "GET", "url": f"https://cdn.example/{number}", "headers": []},
            "response": {"status": 200, "headers": [], "content": {"text": "x" * 3_000}},
        }

    path = tmp_path_factory.mktemp("large") / "large.har"
    path.write_text(json.dumps({"log": {"entries": [entry(number) for number in range(10_000)]}}), "utf-8")
    return path


@pytest.mark.parametrize("jobs", [1, 2])
def test_it_moves_within_a_flow_file(logins: Path, jobs: int, tmp_path: Path) -> None:
    report = tmp_path / "report.jsonl"
    text = said(logins, "--report", report, "--jobs", str(jobs))
    seen = shown(text)
    assert seen == sorted(seen)
    assert len([percentage for percentage in seen if 0 < percentage < 100]) >= 3
    assert re.search(r"\d [kM]B/s +\d:\d\d:\d\d", text), "its rate and the time left"
    assert report.read_text("utf-8").count('"outcome"') == 600


def test_it_moves_within_a_har(har: Path) -> None:
    seen = shown(said(har))
    assert seen == sorted(seen)
    assert [percentage for percentage in seen if 0 < percentage < 100]


def test_not_when_it_shall_be_quiet(logins: Path) -> None:
    assert said(logins, "--quiet") == ""


@pytest.mark.parametrize(
    ("large", "options", "is_told"), [(0, (), True), (0, ("--quiet",), False), (1 << 30, (), False)]
)
def test_that_a_large_capture_is_read_twice_to_redact_it_is_told(
    tmp_path: Path, large: int, options: tuple[str, ...], *, is_told: bool
) -> None:
    script = f"from lp_sentinel.sharing import command; command._LARGE = {large}; command.redact()"
    arguments = ["-c", script, str(CAPTURES / "demo.har"), str(tmp_path / "safe.har"), *options]
    child = pexpect.spawn(sys.executable, arguments, encoding="utf-8", timeout=_PATIENCE)
    text = child.read()
    child.close()
    assert child.exitstatus == 0, text
    assert ("0 MB are read twice, which takes a while; Ctrl-C leaves nothing behind" in text) is is_told
