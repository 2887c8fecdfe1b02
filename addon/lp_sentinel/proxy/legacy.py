"""What an addon leaves to the one that takes its place when mitmproxy reloads the script."""

from __future__ import annotations

import logging
import pickle
from typing import NamedTuple, cast

from lp_sentinel.faults import FaultVerdict
from lp_sentinel.finding import Finding, JourneySummary
from lp_sentinel.proxy.settings import Settings

_LOST = "the code has changed so much that nothing of what was found before the reload can be taken over"

_logger = logging.getLogger(__name__)


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
        """The settings that were in force; ``None`` if none were kept, or none that can be read any more."""
        return cast("Settings | None", _read(self.packed))


def packed(settings: Settings) -> bytes | None:
    """Settings for a legacy; ``None`` if they can't be pickled, as where a rule is nested too deep."""
    try:
        return pickle.dumps(settings)
    except Exception:  # noqa: BLE001  (a reload that goes well needs none)
        return None


def read_legacy(left: bytes | None) -> Legacy | None:
    """What the addon before has left; ``None`` if there was none, or, as is told, none that can be read any more."""
    legacy = cast("Legacy | None", _read(left))
    if left and legacy is None:
        _logger.warning("lp-authorize: %s", _LOST)
    return legacy


def _read(packed: bytes | None) -> object:
    try:
        return pickle.loads(packed) if packed else None  # noqa: S301  (of this process)
    except Exception:  # noqa: BLE001  (code may have changed in any way)
        return None


LEFT: list[bytes] = []
"""The legacy of the last addon that has ended, if one has: pickled, as its classes will be loaded anew.

The script reads it before it drops this module.
"""
