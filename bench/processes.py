"""Runs a command to its end, and tells what it took: time, processor time, memory."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from tempfile import TemporaryFile
from threading import Event, Thread
from typing import NamedTuple, Self

_LOOK_EVERY = 0.01
"""Seconds between two looks at the memory: a peak that is shorter may be missed."""
_BUSY = 0.1
"""Looking takes at most about so much of a processor's time."""
_LINE = re.compile(r"^(\w+):\s+([0-9]+) kB$", re.MULTILINE)


class FailedError(RuntimeError):
    """A command ended otherwise than it should; its time would say nothing."""


class Run(NamedTuple):
    """What a process and those that it started took."""

    seconds: float
    processor: float
    """Seconds of all processors together."""
    peak: Memory | None
    """``None`` where the system does not tell, or it was too short to be looked at."""


class Memory(NamedTuple):
    """MB of a process and of those that it started."""

    own: float
    """Without pages of mapped files."""
    whole: float


def run(command: Sequence[str], where: Path, statuses: Collection[int] = (0,)) -> Run:
    """Run a command in a folder, its output thrown away. Raises FailedError if its exit status is another."""
    with TemporaryFile() as told:
        began = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=told, cwd=where)
        with _Watch(process.pid) as watch:
            _, status, used = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        told.seek(0)
        errors = told.read().decode(errors="replace")
    if process.returncode not in statuses:
        raise FailedError(f"{' '.join(command)}: status {process.returncode}: {errors[-500:]}")
    return Run(seconds, used.ru_utime + used.ru_stime, watch.peak)


class _Watch:
    """Looks at the memory of a process and of all that it started, again and again, within a ``with``."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._end = Event()
        self._looking = Thread(target=self._look, daemon=True)
        self.peak: Memory | None = None

    def __enter__(self) -> Self:
        self._looking.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._looking.join()

    def _look(self) -> None:
        own = whole = 0
        pause = 0.0
        while not self._end.wait(pause):
            began = time.perf_counter()
            family = _family(self._pid)
            held = [_share(pid) if len(family) > 1 else _held(pid) for pid in family]
            own, whole = max(own, sum(one[0] for one in held)), max(whole, sum(one[1] for one in held))
            if not whole:
                return
            self.peak = Memory(own / 1024, whole / 1024)
            pause = max(_LOOK_EVERY, (time.perf_counter() - began) / _BUSY)


def _family(pid: int) -> list[int]:
    """The process, its children, and theirs."""
    try:
        started = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii")
    except OSError:  # it has ended, or there is no such file here
        return [pid]
    return [pid, *(one for child in started.split() for one in _family(int(child)))]


def _held(pid: int) -> tuple[int, int]:
    """KB of a process without pages of mapped files, and with them."""
    return _told(pid, "status", "RssAnon", "VmRSS")


def _share(pid: int) -> tuple[int, int]:
    """The same, of a page that several processes have only its part: a fork shares what neither has written to."""
    return _told(pid, "smaps_rollup", "Pss_Anon", "Pss")


def _told(pid: int, file: str, own: str, whole: str) -> tuple[int, int]:
    try:
        lines = Path(f"/proc/{pid}/{file}").read_text("utf-8", "replace")
    except OSError:
        return 0, 0
    told = dict(_LINE.findall(lines))
    return int(told.get(own, 0)), int(told.get(whole, 0))
