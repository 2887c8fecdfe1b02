"""The files that reports are written to."""

from __future__ import annotations

import io
import os
import stat
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from lp_sentinel.home import expanded
from lp_sentinel.overwriting import ITSELF, file_of, is_one_of
from lp_sentinel.reports.base import STANDARD_OUTPUT, ReportError
from lp_sentinel.wording import reason, visible

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import NoReturn, TextIO

_ESCAPE = "backslashreplace"
"""The name of a capture may hold bytes that are not UTF-8: escaped like this, readers of JSON give them back."""


def protect_captures(paths: Iterable[str], captures: Iterable[Path]) -> None:
    """Raise ReportError if a report would be written over one of the captures. To be asked before any is opened."""
    captures = list(captures)
    for path in paths:
        if path != STANDARD_OUTPUT and is_one_of(expanded(path), captures):
            raise ReportError(f"report {visible(path)}: {ITSELF}")


def distinct(paths: Iterable[str]) -> tuple[str, ...]:
    """Each file once, whatever other names and links it was given by."""
    files: dict[object, str] = {}
    for path in paths:
        files.setdefault(path if path == STANDARD_OUTPUT else file_of(expanded(path)), path)
    return tuple(files.values())


class ReportFile:
    """A file to write a report to; ``-`` is standard output. Lines are written as they come.

    What stood there is left as it is until something is written or it is closed: it may be an earlier report. What
    can't be done raises ReportError; BrokenPipeError where nobody reads standard output any more.
    """

    def __init__(self, path: str) -> None:
        self._named = path
        self._is_new = path != STANDARD_OUTPUT and not os.path.lexists(expanded(path))
        try:
            self._file, self._is_emptied = _opened(path), False
        except (OSError, ValueError) as error:
            self._refuse(error)

    def write(self, text: str) -> None:
        """Write some more."""
        try:
            self._empty()
            self._file.write(text)
        except OSError as error:
            self._refuse(error)

    def close(self) -> None:
        """Close it, but for standard output, which belongs to the program."""
        try:
            self._empty()
            was_deleted = self._is_on_disk() and os.fstat(self._file.fileno()).st_nlink == 0
            self._close()
        except OSError as error:
            self._refuse(error)
        if was_deleted:
            raise ReportError(f"report {visible(self._named)}: is lost: the file was deleted while it was written")

    def abandon(self) -> None:
        """Close it with what it holds; one that is new, and holds nothing, was never there."""
        is_needless = self._is_new and self._is_on_disk() and os.fstat(self._file.fileno()).st_size == 0
        with suppress(OSError):
            self._close()
        if is_needless:
            with suppress(OSError):
                expanded(self._named).unlink()

    def _empty(self) -> None:
        """Take out what stood there. A pipe or a device holds nothing."""
        if not self._is_emptied and self._is_on_disk():
            self._file.truncate(0)
        self._is_emptied = True

    def _close(self) -> None:
        if self._is_standard:
            self._file.flush()
        else:
            self._file.close()

    @property
    def _is_standard(self) -> bool:
        return self._named == STANDARD_OUTPUT

    def _is_on_disk(self) -> bool:
        return not self._is_standard and stat.S_ISREG(os.fstat(self._file.fileno()).st_mode)

    def _refuse(self, error: Exception) -> NoReturn:
        if self._is_standard and isinstance(error, BrokenPipeError):
            raise error
        folder = expanded(self._named).parent
        is_lost = isinstance(error, FileNotFoundError) and not folder.exists()
        why = f"there is no folder {visible(os.fspath(folder))}" if is_lost else reason(error)
        raise ReportError(f"report {visible(self._named)}: cannot be written: {why}") from error


def _opened(path: str) -> TextIO:
    if path != STANDARD_OUTPUT:
        return expanded(path).open("a", buffering=1, encoding="utf-8", errors=_ESCAPE, newline="\n")
    if sys.stdout is None:
        raise ReportError(f"report {path}: cannot be written: there is no standard output")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors=_ESCAPE, newline="\n", line_buffering=True)
    return sys.stdout
