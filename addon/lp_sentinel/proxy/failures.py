"""What goes wrong in here is logged, once for each cause, and the traffic passes."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from contextlib import suppress

from lp_sentinel.reports import ReportError

_MOST_CAUSES = 100

_logger = logging.getLogger(__name__)


class Failures:
    """Keeps our own mistakes from mitmproxy."""

    def __init__(self, may_tell: Callable[[], bool]) -> None:
        """``may_tell``: whether the text of an error may be logged, which may hold what was captured."""
        self._may_tell = may_tell
        self._causes: set[tuple[object, ...]] = set()

    def guard(self, act: Callable[[], object]) -> None:
        """Do something; if it fails, that is logged."""
        try:
            act()
        except Exception as error:  # noqa: BLE001
            self.report(error)

    def report(self, error: Exception) -> None:
        """Log what went wrong."""
        frames = traceback.extract_tb(error.__traceback__)
        cause = (type(error), *((frame.filename, frame.lineno) for frame in frames[-1:]))
        if cause in self._causes or len(self._causes) >= _MOST_CAUSES:
            return
        self._causes.add(cause)
        is_plain = isinstance(error, OSError | ReportError) or self._may_tell()
        text = (
            f"{type(error).__name__}: {error}"
            if is_plain
            else f"{type(error).__name__} (--set lp_redact=off shows its text)"
        )
        with suppress(SystemExit):  # of mitmproxy, where it can't print: there may be reports still to be written
            _logger.error(
                "lp-authorize failed, and the traffic passes; the same cause is not logged again.\n%s%s",
                "".join(traceback.format_list(frames)),
                text,
            )
