"""``~`` in the names of files."""

from __future__ import annotations

import os
from pathlib import Path


def expanded(name: str) -> Path:
    """A path whose ``~`` or ``~user`` is that home. One that is not known stays as it is, as in a shell."""
    return Path(os.path.expanduser(name))  # noqa: PTH111  (Path.expanduser raises RuntimeError then)
