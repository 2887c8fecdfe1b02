"""What every report format offers, and the files that reports are written to."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from lp_sentinel.overwriting import ITSELF, is_one_of
from lp_sentinel.wording import visible

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TextIO

    from lp_sentinel.faults.verdict import FaultVerdict
    from lp_sentinel.finding import Finding, JourneySummary

STANDARD_OUTPUT = "-"


class ReportError(Exception):
    """A report that can't be written. The text names it and says why."""


class CaptureEnd(NamedTuple):
    """A capture has been judged; its findings and journeys have been handed over."""

    capture: str | None
    """``None`` for a session in mitmproxy."""
    exchanges: int
    """How many were read."""
    problem: str | None = None
    """Why it was not read, or not to its end."""
    faults: tuple[FaultVerdict, ...] = ()
    """How the app took each fault that was injected."""


class Report(Protocol):
    """A report file. For each capture come its findings, then its journeys, then its end."""

    def finding(self, finding: Finding) -> None:
        """Take a finding."""

    def journey(self, journey: JourneySummary) -> None:
        """Take a journey of which no more is expected."""

    def capture(self, end: CaptureEnd) -> None:
        """Take note that a capture is finished."""

    def close(self) -> None:
        """Write what has not been written yet. Raises OSError."""


def spare_captures(paths: Iterable[str], captures: Iterable[Path]) -> None:
    """Raise ReportError if a report would be written over one of the captures. To be asked before any is opened."""
    captures = list(captures)
    for path in paths:
        if path != STANDARD_OUTPUT and is_one_of(_path(path), captures):
            raise ReportError(f"report {visible(path)}: {ITSELF}")


def open_text(path: str) -> TextIO:
    """The file to write a report to, emptied; ``-`` is standard output. Lines are written as they come.

    Raises ReportError.
    """
    # The name of a capture may hold bytes that are not UTF-8: escaped like this, readers of JSON give them back.
    escape = "backslashreplace"
    try:
        if path != STANDARD_OUTPUT:
            return _path(path).open("w", buffering=1, encoding="utf-8", errors=escape, newline="\n")
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8", errors=escape, newline="\n", line_buffering=True)
    except (OSError, ValueError, RuntimeError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise ReportError(f"report {visible(path)}: cannot be written: {reason}") from error
    return sys.stdout


def _path(named: str) -> Path:
    return Path(os.path.expanduser(named))  # noqa: PTH111  (a home that is not known is no error, as in a shell)


def close_text(file: TextIO) -> None:
    """Close it, but for standard output, which belongs to the program."""
    if file is sys.stdout:
        file.flush()
    else:
        file.close()
