"""Runs the competitors on the same archives, several times in turn, and prints medians and ratios."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from bench.archive import write

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
READER = "import sys; from mitmproxy.io import FlowReader\nfor _ in FlowReader(open(sys.argv[1], 'rb')).stream(): pass"
REALISTIC, WORST, ROUNDS = 1000, 20, 3
"""Megabytes, and how often each is run."""


class Run(NamedTuple):
    """What one process took."""

    seconds: float
    megabytes: float
    """Its peak memory, pages of mapped files included."""


def competitors(archive: Path) -> dict[str, list[str]]:
    """The commands, by what they are called in the table; the last one is the limit."""
    name = str(archive)
    dump = [str(BIN / "mitmdump"), "-nr", name]
    return {
        "lp-authorize check": [str(BIN / "lp-authorize"), "check", "--quiet", name],
        "mitmdump -nr": dump,
        "mitmdump -nr -s addon": [*dump, "-s", str(ROOT / "addon" / "lp_authorize.py")],
        "FlowReader loop": [sys.executable, "-c", READER, name],
        "cat": ["cat", name],
    }


def run(command: list[str], where: Path) -> Run:
    """Run a command to its end, its output thrown away."""
    begin = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=where)
    _, _, used = os.wait4(process.pid, 0)
    process.returncode = 0
    return Run(time.perf_counter() - begin, _peak(used))


def _peak(used: resource.struct_rusage) -> float:
    return used.ru_maxrss / (1 << 10)


def table(title: str, archive: Path, flows: int) -> str:
    """A Markdown table of medians."""
    commands = competitors(archive)
    runs: dict[str, list[Run]] = {name: [] for name in commands}
    for _ in range(ROUNDS):
        for name, command in commands.items():
            runs[name].append(run(command, archive.parent))
    medians = {name: statistics.median(one.seconds for one in found) for name, found in runs.items()}
    own = medians["lp-authorize check"]
    lines = [
        f"{title}: {archive.stat().st_size / 1e6:.0f} MB, {flows} flows, median of {ROUNDS}",
        "",
        "| | seconds | flows/s | times as long as check | peak MB |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, seconds in medians.items():
        peak = max(one.megabytes for one in runs[name])
        lines.append(f"| `{name}` | {seconds:.3f} | {flows / seconds:,.0f} | {seconds / own:.3g} | {peak:.0f} |")
    return "\n".join(lines)


def main() -> None:
    """Print the tables; the sizes in MB may be given."""
    realistic, worst = (int(size) for size in sys.argv[1:3]) if sys.argv[2:] else (REALISTIC, WORST)
    with tempfile.TemporaryDirectory(prefix="lp-bench-") as folder:
        for title, size, is_worst in (("Realistic mix", realistic, False), ("Only small login flows", worst, True)):
            archive = Path(folder) / "archive.flow"
            flows = write(archive, size * 1_000_000, worst=is_worst)
            sys.stdout.write(f"{table(title, archive, flows)}\n\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
