"""Processes that work off tasks."""

from __future__ import annotations

import multiprocessing
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
