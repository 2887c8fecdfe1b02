"""What goes wrong in here is logged, once for each cause, and the traffic passes."""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress

from lp_sentinel.reports import ReportError
from lp_sentinel.wording import os_problem

_MOST_CAUSES = 100

_logger = logging.getLogger(__name__)


class Failures:
    """Keeps our own mistakes from mitmproxy."""

    def __init__(self, may_tell: Callable[[], bool]) -> None:
        """``may_tell``: whether the text of an error may be logged, which may hold what was captured."""
        self._may_tell = may_tell
        self._causes: set[object] = set()

    def __bool__(self) -> bool:
        """Whether anything has gone wrong."""
        return bool(self._causes)

    def guard(self, act: Callable[[], object]) -> None:
        """Do something; if it fails, that is logged."""
        try:
            act()
        except Exception as error:  # noqa: BLE001
            self.report(error)

    def report(self, error: Exception) -> None:
        """Log what went wrong; that whoever read standard output has gone is nothing wrong."""
        if isinstance(error, BrokenPipeError):
            return
        frames = traceback.extract_tb(error.__traceback__)
        place = [(frame.filename, frame.lineno) for frame in frames[-1:]]
        # A full disk is told by its name; what is wrong in here, by its place.
        known = os_problem(error) if isinstance(error, OSError) else ""
        known = str(error) if isinstance(error, ReportError) else known
        cause = known or (type(error), *place)
        if cause in self._causes or len(self._causes) >= _MOST_CAUSES:
            return
        self._causes.add(cause)
        told = f": {known}" if known else self._told(error, frames)
        try:
            _logger.error("lp-authorize%s", told)
        except SystemExit:  # of mitmproxy, which can't print; there may be reports still to be written
            with suppress(OSError):
                sys.stderr.write(f"lp-authorize{told}\n")

    def _told(self, error: Exception, frames: traceback.StackSummary) -> str:
        text = f": {error}" if self._may_tell() else " (--set lp_redact=off shows its text)"
        trace = "".join(traceback.format_list(frames))
        return (
            f" failed, and the traffic passes; the same cause is not logged again.\n{trace}{type(error).__name__}{text}"
        )
