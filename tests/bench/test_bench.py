"""What measures is itself right, on archives small enough for a test."""

from __future__ import annotations

import statistics
import sys
from itertools import islice
from pathlib import Path

import pytest
from bench import __main__ as command
from bench import live
from bench.archive import MEAN_SIZE, Traffic, write
from bench.competitors import OWN, Competitor, Result, measure
from bench.processes import FailedError, Memory, Run, run
from bench.tables import comparison, machine, put, scaling
from click.testing import CliRunner

from tests.ours import saved_flows

ROOT = Path(__file__).resolve().parents[2]
ALLOCATES = """\
import mmap, subprocess, sys, time
if len(sys.argv) > 2:
    subprocess.run([sys.executable, "-c", *sys.argv[1:2] * 2, sys.argv[3]])
else:
    kept = b"x" * 60_000_000
    with open(sys.argv[1] if len(sys.argv) < 3 else sys.argv[2], "rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    sum(mapped[::4096])
    time.sleep(0.3)
"""


@pytest.mark.alone
def test_memory_is_told_apart(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"y" * 80_000_000)
    alone = run((sys.executable, "-c", ALLOCATES, "large"), tmp_path)
    assert alone.peak is not None
    assert 57 < alone.peak.own < 90
    assert alone.peak.whole > alone.peak.own + 76
    started = "import subprocess, sys; subprocess.run([sys.executable, '-c', *sys.argv[1:]])"
    below = run((sys.executable, "-c", started, ALLOCATES, "large"), tmp_path)
    assert below.peak is not None
    assert below.peak.own > alone.peak.own + 2
    assert 0.3 < alone.seconds < 30
    assert alone.processor > 0.02


def test_what_fails_is_not_measured(tmp_path: Path) -> None:
    fails = (sys.executable, "-c", "import sys; sys.exit('out of order')")
    with pytest.raises(FailedError, match="status 1: out of order"):
        run(fails, tmp_path)
    assert run(fails, tmp_path, (0, 1)).seconds > 0


def test_the_slow_run_less_often(tmp_path: Path) -> None:
    pair = [Competitor("quick", ("true",)), Competitor("slow", ("sleep", "0.4"))]
    quick, slow = measure(pair, tmp_path, rounds=4, patience=1.0)
    assert (len(quick.runs), len(slow.runs)) == (4, 2)
    assert quick.seconds < 0.4 < slow.seconds


def test_a_table_compares_medians() -> None:
    def result(name: str, *seconds: float) -> Result:
        return Result(name, [Run(one, one / 2, Memory(20 + one, 900)) for one in seconds])

    lines = "".join(
        comparison("Small", [result(OWN, 3, 1, 2), result("slow", 50)], 60_000_000, 2_000, "flows")
    ).splitlines()
    assert lines[0] == "**Small**: 60 MB, 2,000 flows of 30.0 KB on average."
    assert lines[4] == f"| `{OWN}` | 2.00 | 3 | 1.00 | 1,000 | 30 | 1.00 | 23 | 900 |"
    assert lines[5] == "| `slow` | 50.00 | 1 | 25.00 | 40 | 1 | 25 | 70 | 900 |"
    assert len({line.count("|") for line in lines[2:]}) == 1


@pytest.mark.parametrize(
    ("seconds", "says"), [((1.5, 2.5), "one: 1.00 (start-up, 0.50 s, apart)"), ((0.51, 0.52), "Too small to tell")]
)
def test_how_time_grows(seconds: tuple[float, float], says: str) -> None:
    assert says in "".join(scaling(0.5, (1_000_000, 2_000_000), seconds))


def test_figures_are_put_into_their_place(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- live -->\nold\n<!-- /live -->\nb\n")
    put(page, "live", "new\\1\n")
    assert page.read_text() == "a\n<!-- live -->\nnew\\1\n<!-- /live -->\nb\n"
    with pytest.raises(ValueError, match="0 places for har"):
        put(page, "har", "")


def test_the_mix_is_what_it_is_said_to_be(tmp_path: Path) -> None:
    sizes = [len(record) for record in islice(Traffic(3).realistic(), 12_000)]
    assert 0.9 * MEAN_SIZE < statistics.mean(sizes) < 1.1 * MEAN_SIZE
    assert statistics.median(sizes) < 0.5 * MEAN_SIZE, "sizes are not skewed as a log-normal's are"
    for is_worst, least, most in ((False, 0.006, 0.016), (True, 1, 1)):
        path = tmp_path / "archive.flow"
        count = write(path, 20_000_000 if is_worst else 90_000_000, worst=is_worst)
        flows = saved_flows(path)
        assert len(flows) == count
        logins = [flow for flow in flows if "liveperson" in flow.request.host or flow.request.host == "app.example"]
        assert least <= len(logins) / count <= most


def test_all_competitors_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "performance.md"
    page.write_text((ROOT / "docs" / "performance.md").read_text("utf-8"))
    monkeypatch.setattr(command, "DOCUMENTED", {page: ("machine", "realistic", "scaling", "har")})
    sizes = ["--size", "1", "--worst", "1", "--har", "1", "--rounds", "1", "--folder", str(tmp_path), "--write"]
    result = CliRunner().invoke(command.main, [*sizes, "realistic", "scaling", "har"])
    assert result.exit_code == 0, result.output
    for name in (OWN, "FlowReader loop", "mitmdump -nr", "mitmdump -nr -s addon/lp_authorize.py", "json.load", "cat"):
        assert f"| `{name}` | " in result.output
    assert "**Twice the archive**" in result.output
    written = page.read_text("utf-8").splitlines()
    assert [line for line in result.output.splitlines() if line not in written] == []
    assert machine() in written
    assert list(tmp_path.iterdir()) == [page], "archives are left"


def test_live_traffic_passes_all_competitors() -> None:
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in live.table(1, 2, 120).splitlines()[4:]]
    assert [row[0] for row in rows] == ["`no proxy`", "`mitmdump`", "`mitmdump -s empty`", "`mitmdump -s addon`"]
    assert rows[1][3:] == ["1.000", "1.000"]
    without, bare, _, judging = (int(row[1].replace(",", "")) for row in rows)
    assert without > bare
    assert judging > 0


def test_tasks_of_a_cluster_are_measured(tmp_path: Path) -> None:
    sizes = ["--size", "30", "--worst", "2", "--folder", str(tmp_path)]
    result = CliRunner().invoke(command.main, [*sizes, "cluster"])
    assert result.exit_code == 0, result.output
    rows = [line.split("|") for line in result.output.splitlines() if line.startswith("| *")]
    assert [row[1].split("*")[1] for row in rows] == ["e", "k", "x", "c", "j", "p", "r"]
    figures = [[float(cell.split()[0].strip("%").replace(",", "")) for cell in row[3:5]] for row in rows]
    assert all(logins > 0 for _, logins in figures)
    assert figures[0][0] > figures[0][1], "to read logins takes longer than to pass over others"
    assert "10 TB of only logins" in result.output


def test_every_part_has_its_place() -> None:
    assert {name for names in command.DOCUMENTED.values() for name in names} == {*command.PARTS, "machine"}
    for page, names in command.DOCUMENTED.items():
        text = page.read_text("utf-8")
        for name in names:
            assert text.count(f"<!-- {name} -->") == text.count(f"<!-- /{name} -->") == 1
