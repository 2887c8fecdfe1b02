"""Processes that work off tasks."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
import time

from lp_sentinel.workers import Workers


def test_only_its_own_processes_are_ended_when_something_fails() -> None:
    other = multiprocessing.get_context("spawn").Process(target=time.sleep, args=(60,))
    other.start()
    try:
        workers = Workers(1, int)
        waits = workers.submit(time.sleep, 60)
        workers.__exit__(ZeroDivisionError)
        assert waits.exception() is not None
        assert multiprocessing.active_children() == [other]
    finally:
        other.terminate()
        other.join()


TOLD_AT_ONCE = """
import os, signal, time
from pathlib import Path
from lp_sentinel.workers import Workers

def tell():
    for child in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split():
        os.kill(int(child), signal.SIGTERM)

os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])  # so that the child has not gone on by then
signal.signal(signal.SIGTERM, lambda *_: os._exit(1))  # as the command has one
os.register_at_fork(after_in_parent=tell)
with Workers(1, int) as workers:
    print(type(workers.submit(time.sleep, 60).exception()).__name__)
"""


def test_one_that_is_told_to_end_as_soon_as_it_is_there_ends() -> None:
    """As when another was killed: all are told to end, and it is waited for until they have."""
    done = subprocess.run([sys.executable, "-c", TOLD_AT_ONCE], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == "BrokenProcessPool\n"
