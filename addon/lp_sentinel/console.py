"""Rich's console, as wide as what it writes to. It is loaded only to print, since rich takes its time."""

from __future__ import annotations

from typing import Any, TextIO

from rich.console import Console

_WIDTH = 80


def console_for(file: TextIO, **how: Any) -> Console:
    """A console; ``how`` is what rich takes. A width of 0 (``COLUMNS=0``) is one that is not known."""
    console = Console(file=file, **how)
    if console.width == 0:  # else it is not set: it is looked up each time, as a window may change
        console.width = _WIDTH
    return console
