"""What an addon leaves to the one that takes its place when mitmproxy reloads the script."""

from __future__ import annotations

import pickle
from typing import NamedTuple, cast

from lp_sentinel.faults import FaultVerdict
from lp_sentinel.finding import Finding, JourneySummary
from lp_sentinel.proxy.settings import Settings


class Legacy(NamedTuple):
    """Values only: what acts on them is loaded anew, as it may have changed."""

    findings: tuple[Finding, ...]
    journeys: tuple[JourneySummary, ...]
    begun: int
    """How many journeys there were: the next one gets the next name."""
    ended: int
    """How many flows have,"""
    others: int
    """and how many of them were no exchanges."""
    faults: tuple[FaultVerdict, ...] = ()
    asked: tuple[tuple[str, bool], ...] = ()
    """Faults that somebody has armed or turned off, by name."""
    page_token: str | None = None
    """The live page's: one that is open goes on."""
    packed: bytes | None = None
    """The settings that were in force, pickled by themselves: what they are made of may have changed most."""

    def settings(self) -> Settings | None:
        """The settings that were in force; ``None`` if they are of no use any more."""
        try:
            return cast("Settings", pickle.loads(self.packed)) if self.packed else None  # noqa: S301  (of this process)
        except Exception:  # noqa: BLE001  (code that has changed in any way)
            return None


def packed(settings: Settings | None) -> bytes | None:
    """Settings for a legacy; ``None`` if they can't be pickled, as where a rule is nested too deep."""
    try:
        return pickle.dumps(settings) if settings else None
    except Exception:  # noqa: BLE001  (a reload that goes well needs none)
        return None


LEFT: list[bytes] = []
"""The legacy of the last addon that has ended, if one has: pickled, as its classes will be loaded anew.

The script reads it before it drops this module.
"""
