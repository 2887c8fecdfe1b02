"""Processes that work off tasks."""

from __future__ import annotations

import multiprocessing
import time

import pytest

from lp_sentinel.workers import Workers


def test_only_its_own_processes_are_ended_when_something_fails() -> None:
    other = multiprocessing.get_context("spawn").Process(target=time.sleep, args=(60,))
    other.start()
    try:
        with pytest.raises(ZeroDivisionError), Workers(1, int) as workers:
            waits = workers.submit(time.sleep, 60)
            raise ZeroDivisionError
        assert waits.exception() is not None
        assert multiprocessing.active_children() == [other]
    finally:
        other.terminate()
        other.join()
