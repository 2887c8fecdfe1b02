"""Plan files that are read anew while their plan is in use."""

from __future__ import annotations

import time
from pathlib import Path

from lp_sentinel.faults.plan import Plan
from lp_sentinel.faults.reading import load_plan

_LOOK_AGAIN = 1.0
"""Seconds between two looks at whether a file has changed."""


class PlanFiles:
    """The files that a plan was read from. What is written while they are read again is a change, too."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._stamps = _stamps(plan)
        self._looked = 0.0

    def changed(self, *, at_once: bool = False) -> Plan | None:
        """What they say now, once after each change. Raises DocumentError, PlanError: once, too.

        Traffic need not be held up by a look each time; ``at_once`` looks even so.
        """
        now = time.monotonic()
        if not self.plan.files or (now - self._looked < _LOOK_AGAIN and not at_once):
            return None
        self._looked = now
        stamps = _stamps(self.plan)
        if stamps == self._stamps:
            return None
        self._stamps = stamps
        self.plan = load_plan(self.plan.sources, seed=self.plan.seed)
        return self.plan


def _stamps(plan: Plan) -> tuple[tuple[int, int] | None, ...]:
    return tuple(_stamp(path) for path in plan.files)


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size
