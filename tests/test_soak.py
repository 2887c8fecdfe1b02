"""A session as long as a week: memory stays flat, and no exchange costs more than the first ones did."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from lp_sentinel.engine import Engine
from lp_sentinel.project import Project
from lp_sentinel.redact import Redactor
from lp_sentinel.rules import load_rules
from tests.logins import CONFIG, WAYS, Login

JOURNEYS = 50_000
EXCHANGES = 300_000
PARTS = 10
BETWEEN = 2.0
"""Seconds from one exchange to the next: a week has 300,000 of these."""


def resident() -> float:
    """Megabytes of this process in memory."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096 / 1e6


@pytest.mark.alone
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_week() -> None:
    engine = Engine(Project(CONFIG, load_rules()), Redactor())
    fed, findings, closed, now = 0, 0, 0, 1_790_000_000.0
    memory: list[float] = []
    cost: list[float] = []
    for part in range(PARTS):
        began, before = time.process_time(), fed
        for number in range(part * JOURNEYS // PARTS, (part + 1) * JOURNEYS // PARTS):
            browser = (f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", "Firefox")
            login = Login(number, browser, WAYS[number % len(WAYS)], redeems=number % 4 == 0)
            for step in login.steps():
                verdict = engine.feed(step.at(fed, now))
                now += BETWEEN
                fed += 1
                findings += len(verdict.findings)
                closed += len(verdict.closed)
        memory.append(resident())
        cost.append((time.process_time() - began) / (fed - before) * 1e6)
        print(f"{fed:7} exchanges  {memory[-1]:6.1f} MB  {cost[-1]:6.1f} us an exchange")  # noqa: T201  (the figures are what one looks for)
    closed += sum(len(verdict.closed) for verdict in engine.close())
    assert fed >= EXCHANGES
    assert (findings, closed) == (0, JOURNEYS)
    assert memory[-1] < memory[0] * 1.2
    assert memory[-1] < memory[2] * 1.05
    assert min(cost[-3:]) < min(cost[:3]) * 1.3
