"""Captures where fsspec finds them: named by path or by URL, with globs and folders."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

from fsspec import AbstractFileSystem
from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from lp_sentinel.captures.gather import HEAD_SIZE, holds_flows
from lp_sentinel.captures.opening import STANDARD_INPUT, find_captures
from lp_sentinel.captures.stream import Readable, open_stream
from lp_sentinel.check import size_of
from lp_sentinel.cluster.errors import UnreadableError
from lp_sentinel.wording import reason

_AT_A_TIME = 16
"""Files of a folder of which the beginning is read, to see whether they are captures."""
_GLOB = re.compile(r"[*?\[]")
_FOLDERS_AND_MORE = re.compile(r"(?<=/)[^/]*\*\*[^/]*")


def _located(url: str) -> tuple[AbstractFileSystem, str]:
    # To fsspec "::" chains URLs, in the name of a file here, too.
    return url_to_fs(url) if "://" in url else (LocalFileSystem(), url)


class Source(NamedTuple):
    """A capture to be read by whoever comes to do it."""

    name: str
    """As it is reported."""
    url: str
    """A path is an absolute one here: whoever reads it may work in another folder."""
    size: int = 0
    """In bytes; 0 if that could not be told here."""
    problem: str | None = None
    """Why it can't even be looked for."""

    @property
    def is_here(self) -> bool:
        """Whether only this process can read it."""
        return self.name == str(STANDARD_INPUT)

    @property
    def path(self) -> Path:
        """Where it is, if that is on this machine; else a name of no file here."""
        return STANDARD_INPUT if self.is_here else Path(self.url.removeprefix("file://"))

    def read(self, begin: int, end: int) -> bytes:
        """So many of its bytes, or those that there are. Raises UnreadableError."""
        return self.read_ranges([(begin, end)])[0]

    def read_ranges(self, ranges: Iterable[tuple[int, int]]) -> list[bytes]:
        """Some of its bytes, at the same time where the storage can do that. Raises UnreadableError."""
        begins, ends = map(list, zip(*ranges, strict=True))
        with self._telling():
            filesystem, path = _located(self.url)
            pieces: list[bytes] = filesystem.cat_ranges([path] * len(begins), begins, ends, on_error="raise")
            return pieces

    def looked_at(self) -> tuple[int, bool]:
        """Its size in bytes, and whether it is a flow file that can be read in ranges. Raises UnreadableError."""
        with self._telling():
            filesystem, path = _located(self.url)
            about = filesystem.info(path)
            if about["type"] == "directory":
                filesystem.ls(path)  # or it may not be looked into
                raise UnreadableError(f"{self.name}: no captures in this folder")
            size = int(about["size"] or 0)
            return size, size > 0 and holds_flows(_head(filesystem, path))

    @contextmanager
    def opened(self) -> Iterator[Readable]:
        """The file, to be read from its beginning to its end. Raises UnreadableError."""
        with self._telling():
            filesystem, path = _located(self.url)
            with filesystem.open(path, "rb") as file:
                yield _Named(file, self.name)

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except UnreadableError:
            raise
        except Exception as error:  # noqa: BLE001  (each kind of storage has its own errors)
            raise UnreadableError(unreadable(self.name, error)) from None


class _Named:
    """A file with its capture's name, which only fails as files do."""

    def __init__(self, file: Readable, name: str) -> None:
        self._file, self.name = file, name

    def read(self, size: int, /) -> bytes:
        try:
            return self._file.read(size)
        except Exception as error:
            raise OSError(reason(error)) from error


def find_sources(names: Iterable[str]) -> list[Source]:
    """The captures that ``names`` name, each once; what can't be found stays in, as without a cluster."""
    found: dict[str, Source] = {}
    for name in names:
        for source in _at_url(name) if "://" in name else _at_path(name):
            found.setdefault(source.name, source)
    return list(found.values())


def _at_path(name: str) -> Iterator[Source]:
    for path in find_captures([name]):
        yield Source(os.fspath(path), os.path.abspath(path), size_of(path))  # noqa: PTH100  (resolve() would follow links)


def _at_url(url: str) -> list[Source]:
    try:
        filesystem, path = url_to_fs(url)
        listed = _matching(filesystem, path) if _GLOB.search(path) else {path: filesystem.info(path)}
        sizes: dict[str, int] = {}
        for found, about in sorted(listed.items()):
            sizes |= _within(filesystem, found) if about["type"] == "directory" else {found: int(about["size"] or 0)}
        urls = {filesystem.unstrip_protocol(found): size for found, size in sizes.items()}
    except Exception as error:  # noqa: BLE001  (each kind of storage has its own errors)
        return [Source(url, url, problem=unreadable(url, error))]
    return [Source(one, one, size) for one, size in urls.items()] or [Source(url, url)]


def unreadable(name: str, error: BaseException) -> str:
    """What is said of a capture that can't be read."""
    is_missing = isinstance(error, FileNotFoundError)
    return f"{name}: cannot be read: {os.strerror(errno.ENOENT) if is_missing else reason(error)}"


def _matching(filesystem: AbstractFileSystem, glob: str) -> dict[str, Any]:
    """What matches a glob, hidden files and folders left out as a shell does."""
    root = len(_GLOB.split(glob, maxsplit=1)[0].rpartition("/")[0])
    found = filesystem.glob(_spelt_out(glob), detail=True)
    return {path: about for path, about in found.items() if "/." not in path[root:]}


def _spelt_out(glob: str) -> str:
    """A glob whose ``**.flow`` is ``**/*.flow``: fsspec takes ``**`` for whole folders only."""
    return _FOLDERS_AND_MORE.sub(
        lambda found: found[0] if found[0] == "**" else f"**/{found[0].replace('**', '*')}", glob
    )


def _head(filesystem: AbstractFileSystem, path: str) -> bytes:
    """How a file begins: without the much larger blocks that opened files are read in."""
    head: bytes = filesystem.cat_file(path, 0, HEAD_SIZE)
    return head


def _within(filesystem: AbstractFileSystem, folder: str) -> dict[str, int]:
    """The captures in a folder, told as those in one on this machine, and their sizes; hidden files are passed over."""
    root = len(folder.rstrip("/"))
    sizes = {
        path: int(about["size"] or 0)
        for path, about in sorted(filesystem.find(folder, detail=True).items())
        if "/." not in path[root:]
    }

    def is_capture(path: str) -> bool:
        _, head = open_stream(BytesIO(_head(filesystem, path) if sizes[path] else b""))
        return head.is_capture(path)

    with ThreadPoolExecutor(_AT_A_TIME) as readers:
        return {
            path: size
            for (path, size), is_one in zip(sizes.items(), readers.map(is_capture, sizes), strict=True)
            if is_one
        }
