"""A fault of a plan as it stands in the proxy: whether it is armed, and how often its turn has come."""

from __future__ import annotations

import time
from collections import Counter
from typing import NamedTuple

from lp_sentinel.faults.counting import is_due
from lp_sentinel.faults.plan import Fault


class Row(NamedTuple):
    """A fault as it is listed."""

    name: str
    at: str
    state: str
    """``armed``, ``dry-run`` or ``off``."""
    injected: int
    seed: int


class Armed:
    """A fault and its counters, kept for each app."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.is_on = fault.mode != "off"
        self.is_dry = fault.mode == "dry-run"
        self._since = time.monotonic()
        self.matched: Counter[str] = Counter()
        self.injected: Counter[str] = Counter()
        self.could_not: str | None = None
        """Why a matching exchange was passed by; told once."""

    def arm(self) -> None:
        """From now on it is put in, even if its plan says otherwise."""
        self.is_on, self.is_dry, self._since = True, False, time.monotonic()

    def is_turn(self, client: str, count: int) -> bool:
        """Count a match; whether it is this one's turn."""
        self.matched[client] = count
        if not is_due(self.fault, count, self.injected[client], time.monotonic() - self._since):
            return False
        self.injected[client] += 1
        return True

    @property
    def row(self) -> Row:
        return Row(
            name=self.fault.name,
            at=self.fault.at,
            state="off" if not self.is_on else "dry-run" if self.is_dry else "armed",
            injected=self.injected.total(),
            seed=self.fault.seed,
        )
