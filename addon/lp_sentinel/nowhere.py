"""Where output goes that nobody reads any more."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TextIO


def send_nowhere(file: TextIO | None) -> None:
    """Lose what is still written to a file, and what waits in its buffer.

    Else Python tries again at its end, and ends with a status of its own. ``None`` is an output that there is not.
    """
    if file is not None:
        with suppress(OSError), Path(os.devnull).open("wb") as nowhere:  # what has no descriptor is in memory
            os.dup2(nowhere.fileno(), file.fileno())
