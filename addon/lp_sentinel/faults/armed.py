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

    def __init__(self, fault: Fault, before: Armed | None = None) -> None:
        """``before`` is the fault as its plan had it earlier: its numbers go on.

        So does what somebody asked for, unless the plan has another ``mode`` now, which is the newer wish.
        """
        self.fault = fault
        self.is_on = fault.mode != "off"
        self.is_dry = fault.mode == "dry-run"
        self.is_asked = False
        """Whether somebody asked for it to be armed or off, whatever its plan says."""
        if before and before.is_asked and before.fault.mode == fault.mode:
            self.is_on, self.is_dry, self.is_asked = before.is_on, before.is_dry, True
        self.matched: Counter[str] = before.matched if before else Counter()
        has_numbers = before is not None and (self.is_dry or not before.is_dry)  # what was only told of has none
        self.injected: Counter[str] = before.injected if before and has_numbers else Counter()
        self.could_not: str | None = None
        """Why a matching exchange was passed by; told once."""
        self._begin()

    def _begin(self) -> None:
        """Let its ``times`` begin. What is numbered goes on, so that no two injections have one number."""
        self._since = time.monotonic()
        self._matched_before, self._injected_before = self.matched.copy(), self.injected.copy()

    def arm(self) -> None:
        """From now on it is put in, even if its plan says otherwise or its ``times`` were over."""
        if self.is_dry:
            self.injected.clear()
        self.is_on, self.is_dry, self.is_asked = True, False, True
        self._begin()

    def disarm(self) -> None:
        """From now on it is put in no more."""
        self.is_on, self.is_asked = False, True

    def is_turn(self, client: str, count: int) -> bool:
        """Count a match; whether it is this one's turn."""
        self.matched[client] = count
        place = count - self._matched_before[client]
        put_in = self.injected[client] - self._injected_before[client]
        if not is_due(self.fault, place, put_in, time.monotonic() - self._since):
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
