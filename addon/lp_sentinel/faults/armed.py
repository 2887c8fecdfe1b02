"""A fault of a plan as it stands in the proxy: whether it is armed, and how often its turn has come."""

from __future__ import annotations

import time
from collections import Counter
from typing import NamedTuple

from lp_sentinel.faults.counting import is_due
from lp_sentinel.faults.plan import Fault


class ListedFault(NamedTuple):
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
        self.injected: Counter[str] = before.injected if before else Counter()
        self.told: Counter[str] = before.told if before and self.is_dry else Counter()
        """How often it was only told of (dry-run): that takes no number of those that were injected."""
        self.could_not: list[str] = []
        """Why matching exchanges were passed by, fit to be shown; each reason is told once."""
        self._begin()

    def _begin(self) -> None:
        """Let its ``times`` begin. What is numbered goes on, so that no two injections have one number."""
        self._since = time.monotonic()
        self._matched_before, self._counted_before = self.matched.copy(), self.counted.copy()

    @property
    def counted(self) -> Counter[str]:
        """What goes on now: how often it was injected, or told of."""
        return self.told if self.is_dry else self.injected

    def arm(self) -> None:
        """From now on it is injected, even if its plan says otherwise or its ``times`` were over."""
        self.is_on, self.is_dry, self.is_asked = True, False, True
        self._begin()

    def disarm(self) -> None:
        """From now on it is injected no more."""
        self.is_on, self.is_asked = False, True

    def is_turn(self, client: str, count: int) -> bool:
        """Count a match; whether it is this one's turn."""
        self.matched[client] = count
        place = count - self._matched_before[client]
        so_far = self.counted[client] - self._counted_before[client]
        if not is_due(self.fault, place, so_far, time.monotonic() - self._since):
            return False
        self.counted[client] += 1
        return True

    @property
    def row(self) -> ListedFault:
        return ListedFault(
            name=self.fault.name,
            at=self.fault.at,
            state="off" if not self.is_on else "dry-run" if self.is_dry else "armed",
            injected=self.counted.total(),
            seed=self.fault.seed,
        )
