"""What is measured against what, on the same archive in the same run."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from bench.processes import Memory, Run, run
from lp_sentinel.workers import cores

_ROOT = Path(__file__).resolve().parent.parent
_BIN = Path(sys.executable).parent
_FLOW_READER = """\
import sys
from mitmproxy.io import FlowReader
with open(sys.argv[1], "rb") as file:
    for _ in FlowReader(file).stream():
        pass
"""
_JSON = """\
import json, sys
with open(sys.argv[1], "rb") as file:
    json.load(file)
"""
_MSGSPEC = """\
import msgspec, sys
with open(sys.argv[1], "rb") as file:
    msgspec.json.decode(file.read())
"""

OWN = "lp-authorize check --jobs 1 --quiet"
"""What the others are compared with."""


class Competitor(NamedTuple):
    """A command that reads an archive to its end."""

    name: str
    command: tuple[str, ...]
    statuses: tuple[int, ...] = (0,)
    """With which it may end."""


class Result(NamedTuple):
    """How a competitor did."""

    name: str
    runs: Sequence[Run]

    @property
    def seconds(self) -> float:
        return statistics.median(one.seconds for one in self.runs)

    @property
    def processor(self) -> float:
        return statistics.median(one.processor for one in self.runs)

    @property
    def peak(self) -> Memory | None:
        """The highest of all runs."""
        peaks = [one.peak for one in self.runs if one.peak]
        return Memory(max(peak.own for peak in peaks), max(peak.whole for peak in peaks)) if peaks else None


def check(archive: Path, jobs: int, *, quiet: bool = True) -> Competitor:
    options = ("--jobs", str(jobs), *(("--quiet",) if quiet else ()))
    name = " ".join(("lp-authorize", "check", *options))
    command = (str(_BIN / "lp-authorize"), "check", *options, str(archive))
    return Competitor(name, command, statuses=(0, 1))  # 1: it found something


def of_flows(archive: Path) -> list[Competitor]:
    """Those for a flow file."""
    dump = (str(_BIN / "mitmdump"), "-nr", str(archive))
    addon = str(_ROOT / "addon" / "lp_authorize.py")
    return [
        *_checks(archive),
        check(archive, 1, quiet=False),
        Competitor("FlowReader loop", (sys.executable, "-c", _FLOW_READER, str(archive))),
        Competitor("mitmdump -nr", dump),
        Competitor("mitmdump -nr -s addon/lp_authorize.py", (*dump, "-s", addon)),
        _cat(archive),
    ]


def of_har(archive: Path) -> list[Competitor]:
    """Those for a HAR."""
    readers = {"json.load": _JSON, "msgspec.json.decode": _MSGSPEC}
    loads = [Competitor(name, (sys.executable, "-c", code, str(archive))) for name, code in readers.items()]
    return [*_checks(archive), *loads, _cat(archive)]


def _checks(archive: Path) -> list[Competitor]:
    return [check(archive, jobs) for jobs in dict.fromkeys((1, cores()))]


def _cat(archive: Path) -> Competitor:
    return Competitor("cat", ("cat", str(archive)))


def measure(competitors: Iterable[Competitor], where: Path, rounds: int, patience: float) -> Iterator[Result]:
    """Run them in turn, each at most ``rounds`` times, and not again when it has taken ``patience`` seconds in all."""
    runs: dict[Competitor, list[Run]] = {one: [] for one in competitors}
    for _ in range(rounds):
        for competitor, taken in runs.items():
            if not taken or sum(one.seconds for one in taken) + taken[-1].seconds <= patience:
                taken.append(run(competitor.command, where, competitor.statuses))
    return (Result(competitor.name, taken) for competitor, taken in runs.items())
