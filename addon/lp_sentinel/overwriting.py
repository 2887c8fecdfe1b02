"""A capture is never written over: it may be the only one there is of what went wrong."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from lp_sentinel.captures.opening import STANDARD_INPUT

ITSELF = "is the capture itself, which is never overwritten"


def is_one_of(target: Path, captures: Iterable[Path]) -> bool:
    """Whether to write ``target`` is to write one of ``captures``, under whatever name and by whatever link."""
    return file_of(target) in map(file_of, captures)


def file_of(path: Path) -> tuple[int, int] | str:
    """Which file that is: for one that is not there (yet), its whole name."""
    try:
        about = os.stat(0 if path == STANDARD_INPUT else path)  # noqa: PTH116  (0 is what was opened as standard input)
    except (OSError, ValueError):
        return os.path.abspath(path)  # noqa: PTH100  (resolve() fails for names that no file can have)
    return about.st_dev, about.st_ino
