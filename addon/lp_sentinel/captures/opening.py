"""Captures found and opened: flow files and HAR files, told apart by content."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from stat import S_ISREG

from lp_sentinel.captures.stream import CaptureError, Head, Kind, Readable, Stream, open_stream, standard_input
from lp_sentinel.wording import counted, reason

STANDARD_INPUT = Path("-")
_ZIP = b"PK\x03\x04"
_URL = re.compile(r"([a-z][a-z0-9+.-]+:)/")
"""How one begins as a path, in which the second slash is lost."""
_NOWHERE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})
"""What is said of a link that leads nowhere, and of a file that has gone meanwhile."""


def find_captures(paths: Iterable[Path | str]) -> list[Path]:
    """The captures that ``paths`` name, each once: files as they are, folders searched by content in sorted order.

    ``-`` is standard input even where a file has that name, which is ``./-``.

    Hidden files and whatever else stands in a folder is passed over. A named file that is no capture, one in a folder
    that is only called a HAR, a folder without any, and what can't be looked into stay in the list: ``open_capture``
    says what is wrong with them.
    """
    return list(dict.fromkeys(one for named in paths for one in _found(named)))


def is_file(path: Path) -> bool:
    """Whether it is a file that any process can open: standard input is none, even where a file has its name."""
    return path != STANDARD_INPUT and os.path.isfile(path)  # noqa: PTH113  (Path's raises where it may not search)


@contextmanager
def open_capture(source: Path | Readable) -> Iterator[tuple[Stream, Kind | None]]:
    """The bytes of a capture, and what they are; ``None`` if they are none. ``-`` is standard input.

    Raises CaptureError, if there was something wrong with them, when all is done.
    """
    with ExitStack() as closing:
        file, name = _opened(source, closing)
        stream, head = open_stream(file)
        if head.kind is None:
            stream.fail(no_capture(stream, head))
        yield stream, head.kind
    if stream.problem is not None:
        raise CaptureError(problem_of(name, stream.problem, stream.problems))


def problem_of(name: str, first: str, count: int) -> str:
    """What is said of a capture in which ``count`` problems were found: the first, and how many more there are."""
    more = f" (and {counted(count - 1, 'more problem')})" if count > 1 else ""
    return f"{name}: {first}{more}"


def _opened(source: Path | Readable, closing: ExitStack) -> tuple[Readable, str]:
    if not isinstance(source, Path):
        return source, str(getattr(source, "name", "the capture"))
    try:
        if source == STANDARD_INPUT:
            return standard_input(), "standard input"
        if source.is_dir():
            os.scandir(source).close()  # or it may not be looked into
            raise CaptureError(f"{source}: no captures in this folder")
        return closing.enter_context(source.open("rb", buffering=0)), str(source)
    except OSError as error:
        if _URL.match(str(source)):
            url = _URL.sub(r"\1//", str(source), count=1)
            raise CaptureError(f"{url}: cannot be read: a URL needs --cluster, or download it first") from error
        raise CaptureError(f"{source}: cannot be read: {reason(error)}") from error


def no_capture(stream: Stream, head: Head) -> str:
    """Why what begins like this is none."""
    if stream.cut is not None:
        return f"cannot be read: {stream.cut}"
    if not (begin := stream.peek(len(_ZIP))):
        return "is empty when unpacked" if head.packed else "is empty"
    return "is a ZIP: unpack it first" if begin.startswith(_ZIP) else "is neither a flow file nor a HAR file"


def _found(named: Path | str) -> list[Path]:
    if os.fspath(named) == os.fspath(STANDARD_INPUT):
        return [STANDARD_INPUT]
    path = _file(Path(named))
    return _within(path) if os.path.isdir(path) else [path]  # noqa: PTH112  (likewise)


def _file(path: Path) -> Path:
    """The same file, by a name that is not standard input's: a path forgets that it began with ``./``."""
    return path.absolute() if path == STANDARD_INPUT else path


def _within(folder: Path) -> list[Path]:
    """The captures in ``folder``, and what can't be looked into; itself if it has none, so that this can be told."""
    found: list[Path] = []

    def note(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            found.append(_file(Path(error.filename)))

    for place, folders, files in os.walk(folder, onerror=note):
        folders[:] = [name for name in folders if not name.startswith(".")]
        paths = (_file(Path(place, name)) for name in files if not name.startswith("."))
        found += filter(_may_be_capture, paths)
    return sorted(found) or [folder]


def _may_be_capture(path: Path) -> bool:
    try:
        if not S_ISREG(path.stat().st_mode):
            return False
        with path.open("rb", buffering=0) as file:
            _, head = open_stream(file)
    except OSError as error:
        return error.errno not in _NOWHERE
    return head.is_capture(path.name)
