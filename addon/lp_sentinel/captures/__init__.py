"""Captures: flow files and HAR files, told apart by content, read as exchanges."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from lp_sentinel.captures.har import read_har
from lp_sentinel.captures.stream import CaptureError, open_stream, reason, standard_input

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lp_sentinel.captures.stream import Readable
    from lp_sentinel.exchange import Exchange

__all__ = ["CaptureError", "find_captures", "in_order", "read_capture"]

STANDARD_INPUT = Path("-")


def find_captures(paths: Iterable[Path | str]) -> list[Path]:
    """The captures that ``paths`` name, each once: files as they are, folders searched by content in sorted order.

    Hidden files and whatever else stands in a folder is passed over. A named file that is no capture, and a folder
    without any, stay in the list: ``read_capture`` says what is wrong with them.
    """
    found = (one for path in map(Path, paths) for one in (_within(path) if path.is_dir() else (path,)))
    return list(dict.fromkeys(found))


def read_capture(source: Path | Readable) -> Iterator[Exchange]:
    """The exchanges of a capture in the order of the file; ``-`` is standard input, binary files are read as they come.

    Raises CaptureError, after what could be read, if that was not all.
    """
    if not isinstance(source, Path):
        yield from _read(source, str(getattr(source, "name", "the capture")))
        return
    try:
        if source == STANDARD_INPUT:
            yield from _read(standard_input(), "standard input")
        elif source.is_dir():
            raise CaptureError(f"{source}: no captures in this folder")
        else:
            with source.open("rb", buffering=0) as file:
                yield from _read(file, str(source))
    except OSError as error:
        raise CaptureError(f"{source}: cannot be read: {reason(error)}") from error


def in_order(exchanges: Iterable[Exchange]) -> list[Exchange]:
    """Sorted by the start of the request; one whose start is not known stays behind the one it stands behind."""
    started = float("-inf")
    keyed: list[tuple[float, Exchange]] = []
    for exchange in exchanges:
        started = started if exchange.started is None else exchange.started
        keyed.append((started, exchange))
    return [exchange for _, exchange in sorted(keyed, key=lambda pair: pair[0])]


def _read(source: Readable, name: str) -> Iterator[Exchange]:
    stream, head = open_stream(source)
    if head.kind == "har":
        yield from read_har(stream)
    elif head.kind == "flows":
        from lp_sentinel.captures.flows import read_flows  # noqa: PLC0415  (mitmproxy takes a fifth of a second)

        yield from read_flows(stream)
    elif stream.cut is not None:
        stream.fail(f"cannot be read: {stream.cut}")
    elif not stream.peek(1):
        stream.fail("is empty when unpacked" if head.packed else "is empty")
    else:
        stream.fail("is neither a flow file nor a HAR file")
    if stream.problem is not None:
        more = f" (and {stream.problems - 1} more problems)" if stream.problems > 1 else ""
        raise CaptureError(f"{name}: {stream.problem}{more}")


def _within(folder: Path) -> list[Path]:
    """The captures in ``folder``; itself if it has none, so that this can be told."""
    found: list[Path] = []
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        paths = (Path(place, name) for name in files if not name.startswith("."))
        found += (path for path in paths if path.is_file() and _is_capture(path))
    return sorted(found) or [folder]


def _is_capture(path: Path) -> bool:
    try:
        with path.open("rb", buffering=0) as file:
            _, head = open_stream(file)
    except OSError:
        return False
    return head.kind == "flows" or (head.kind == "har" and head.is_log)
