"""Whether mitmproxy could read the capture that it replays, and what was wrong with it."""

from __future__ import annotations

import logging
import os

from mitmproxy.addons import readfile

from lp_sentinel.captures.gather import gather
from lp_sentinel.captures.opening import STANDARD_INPUT, find_captures
from lp_sentinel.config import Config
from lp_sentinel.proxy.started import batch_capture
from lp_sentinel.wording import reason


class Replayed(logging.Handler):
    """Hears mitmproxy's reader fail: it says so in its log, and nowhere else. To be closed."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self._failure: BaseException | None = None
        self._logger = logging.getLogger(readfile.__name__)
        self._logger.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep why it failed."""
        self._failure = record.exc_info[1] if record.exc_info else None

    def close(self) -> None:
        """Hear no more."""
        self._logger.removeHandler(self)
        super().close()

    def problem(self, config: Config) -> str | None:
        """What was wrong with the capture of a batch run, as ``lp-authorize check`` says it; ``None``: nothing."""
        capture = batch_capture()
        if self._failure is None or capture is None:
            return None
        return _told(capture, config) or f"{capture}: {reason(self._failure)}"


def _told(capture: str, config: Config) -> str | None:
    """What reading it once more tells. What came through a pipe is gone."""
    paths = find_captures([os.path.expanduser(capture)])  # noqa: PTH111  (a Path forgets that it began with ./)
    if len(paths) != 1 or paths[0] == STANDARD_INPUT or (paths[0].exists() and not paths[0].is_file()):
        return None
    with gather(paths[0], config) as gathered:
        return gathered.problem
