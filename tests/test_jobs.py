"""What is written of captures does not depend on how many processes judge them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from bench.archive import Traffic

ROOT = Path(__file__).resolve().parents[1]
# Processes are for large captures: so small ones are called large.
COMMAND = """
import sys
from lp_sentinel import check
from lp_sentinel.captures import ranges
ranges.RANGE, ranges.WORTH_SHARING, check.WORTH_WORKERS = int(sys.argv.pop(1)), 0, 0
from lp_sentinel.cli import main
main()
"""


def judged(captures: list[Path], jobs: int, size: int, given: Path | None = None) -> tuple[int, bytes, bytes]:
    """Status, JSON Lines, and what was said, with flow files split into ranges of ``size`` bytes.

    ``given`` is what stands on standard input.
    """
    command = [sys.executable, "-c", COMMAND, str(size), "check", "--no-redact", "--report", "-", "--jobs", str(jobs)]
    ended = subprocess.run(
        [*command, *map(str, captures)],
        capture_output=True,
        check=False,
        cwd=captures[0].parent,
        input=given.read_bytes() if given else b"",
    )
    return ended.returncode, ended.stdout, ended.stderr


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Flow files: one in order, one in which journeys lie far apart, one broken off, one that is none."""
    folder = tmp_path_factory.mktemp("archives")
    traffic = Traffic(3)
    records = [record for _ in range(40) for record in (*(traffic.other() for _ in range(4)), *traffic.login())]
    whole = b"".join(records)
    contents = {
        "in-order": whole,
        "apart": b"".join(records[::7] + [record for place, record in enumerate(records) if place % 7]),
        "broken": whole[: len(whole) // 2],
        "none": b"no capture",
    }
    for name, content in contents.items():
        (folder / f"{name}.flow").write_bytes(content)
    return [folder / f"{name}.flow" for name in contents]


@pytest.mark.parametrize(
    ("place", "status"), [(0, 1), (1, 1), (2, 2), (3, 2)], ids=["whole", "apart", "broken", "none"]
)
def test_a_flow_file(archives: list[Path], place: int, status: int) -> None:
    path = archives[place]
    alone = judged([path], 1, 1 << 30)
    assert alone[0] == status
    assert judged([path], 2, 60_000) == alone
    assert judged([path], 3, 5_000) == alone


def test_many_captures(archives: list[Path]) -> None:
    captures = sorted((ROOT / "captures").glob("*.[fh][la]*"))
    several = [*archives[:2], *captures[:12], *archives[2:]]
    alone = judged(several, 1, 1 << 30)
    assert alone[1].count(b'"rule"') > 10
    assert judged(several, 2, 40_000) == alone
    assert judged(several, 4, 1 << 30) == alone


def test_a_capture_larger_than_the_others(archives: list[Path]) -> None:
    several = [min((ROOT / "captures").glob("*.flow")), archives[1], archives[3]]
    alone = judged(several, 1, 1 << 30)
    assert judged(several, 2, 40_000) == alone


def test_standard_input_among_others(archives: list[Path]) -> None:
    several = [archives[1], Path("-"), archives[2]]
    alone = judged(several, 1, 1 << 30, archives[0])
    assert b'"capture": "-"' in alone[1]
    assert judged(several, 2, 40_000, archives[0]) == alone
