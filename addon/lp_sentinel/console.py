"""Rich's console, as wide as what it writes to. It is loaded only to print, since rich takes its time."""

from __future__ import annotations

import io
from typing import Any, TextIO, cast

from rich.console import Console

from lp_sentinel.nowhere import send_nowhere

_WIDTH = 80


def console_for(file: TextIO | None, **how: Any) -> Console:
    """A console; ``how`` is what rich takes. A width of 0 (``COLUMNS=0``) is one that is not known.

    ``None`` is an output that was closed before the program began: nothing is printed, where rich would take another.
    """
    console = _Console(file=io.StringIO() if file is None else file, quiet=file is None, **how)
    if console.width == 0:  # else it is not set: it is looked up each time, as a window may change
        console.width = _WIDTH
    return console


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Print no more, where rich would end the process: there may be reports to write, and a status to give."""
        self.quiet = True
        send_nowhere(cast("TextIO", self.file))
