"""The exit status of a run that is over: mitmproxy itself always ends with 0."""

from __future__ import annotations

import sys
from collections.abc import Callable

from mitmproxy import ctx


def have_last_word(has_failed: Callable[[], bool]) -> None:
    """End the process with status 1 if ``has_failed``, asked after every other addon has had its ``done``."""
    addons = ctx.master.addons
    if known := addons.get(_LastWord.name):  # type: ignore[no-untyped-call]
        known.has_failed = has_failed  # the script was reloaded, and this one has stayed
    else:
        addons.add(_LastWord(has_failed))  # type: ignore[no-untyped-call]


class _LastWord:
    name = "lp-authorize-exit"

    def __init__(self, has_failed: Callable[[], bool]) -> None:
        self.has_failed = has_failed

    def done(self) -> None:
        if self.has_failed():
            sys.exit(1)
