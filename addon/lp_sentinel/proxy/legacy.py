"""What an addon leaves to the one that takes its place when mitmproxy reloads the script."""

from __future__ import annotations

from typing import NamedTuple

from lp_sentinel.faults import FaultVerdict
from lp_sentinel.finding import Finding, JourneySummary


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


LEFT: list[bytes] = []
"""The legacy of the last addon that has ended, if one has: pickled, as its classes will be loaded anew.

The script reads it before it drops this module.
"""
