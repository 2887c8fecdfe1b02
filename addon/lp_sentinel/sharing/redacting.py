"""From a capture to a redacted one: learnt from first, then cleaned, and put in place when it is whole."""

from __future__ import annotations

import gzip
import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

import zstandard
from mitmproxy.flow import Flow
from mitmproxy.http import HTTPFlow
from mitmproxy.io import FlowWriter

from lp_sentinel.captures.entries import Entries
from lp_sentinel.captures.flows import load_flow, records
from lp_sentinel.captures.opening import no_capture
from lp_sentinel.captures.stream import Stream, open_stream
from lp_sentinel.config import Config
from lp_sentinel.overwriting import ITSELF, is_one_of
from lp_sentinel.sharing.cleaner import Cleaner
from lp_sentinel.sharing.flows import clean_flow
from lp_sentinel.sharing.har import clean_entry
from lp_sentinel.wording import reason


class SharingError(Exception):
    """A capture that could not be redacted. The text says why, and holds nothing of the capture."""


class Redacted(NamedTuple):
    """What was written."""

    exchanges: int
    lines: tuple[str, ...]
    """What was replaced and what was left out, by kind."""
    problem: str | None
    """What could not be read, and so is not in what was written."""


def redact_capture(source: Path, target: Path, config: Config, *, may_overwrite: bool = False) -> Redacted:
    """Write ``source`` to ``target`` without its secrets: a flow file as a flow file, a HAR as a HAR.

    A target that ends in .gz or .zst is packed.

    Raises SharingError; then ``target`` is as it was.
    """
    _check(source, target, may_overwrite=may_overwrite)
    cleaner = Cleaner(config)
    try:
        kind = _kind(source)
        for _ in _clean_flows(source, cleaner, []) if kind == "flows" else _clean_entries(source, cleaner, []):
            pass
        cleaner.stand_ins.seal()
        problems: list[str] = []
        with _replacing(target) as whole, _packing(whole, target) as file:
            if kind == "flows":
                count = _write_flows(file, _clean_flows(source, cleaner, problems))
            else:
                count = _write_har(file, _clean_entries(source, cleaner, problems), cleaner)
            if problems and not count:
                raise SharingError(f"{source}: {problems[0]}")
    except OSError as error:
        # What is written has a name of its own until it is whole, or the error names no file.
        is_source = error.filename is not None and Path(error.filename) == source
        at_fault = f"{source}: cannot be read" if is_source else f"{target}: cannot be written"
        raise SharingError(f"{at_fault}: {reason(error)}") from error
    lines = [*cleaner.summary(), *_other_than_named(target, kind)]
    return Redacted(count, tuple(lines), f"{source}: {problems[0]}" if problems else None)


def _other_than_named(target: Path, kind: str) -> Iterator[str]:
    """That the name promises the other format, by which other programs go."""
    is_called_har = target.name.lower().removesuffix(".gz").removesuffix(".zst").endswith(".har")
    if is_called_har and kind == "flows":
        yield "it is a flow file, as the original is, although its name ends as a HAR's"


def redact_flows(flows: Iterable[Flow], target: Path, config: Config) -> Redacted:
    """Write flows without their secrets: as a HAR if ``target`` ends like one, else as a flow file; packed likewise."""
    if os.path.exists(target):  # noqa: PTH110  (Path's raises where it may not look, or the name is too long)
        raise SharingError(f"{target}: already exists")
    flows = list(flows)
    cleaner = Cleaner(config)
    for flow in map(_copy, flows):
        clean_flow(flow, cleaner)
    cleaner.stand_ins.seal()
    clean = [_copy(flow) for flow in flows]
    for flow in clean:
        clean_flow(flow, cleaner)
    try:
        with _replacing(target) as whole, _packing(whole, target) as file:
            if target.name.lower().endswith((".har", ".har.gz", ".har.zst")):
                # It brings half of mitmproxy along, which the command line does without.
                from mitmproxy.addons.savehar import SaveHar  # noqa: PLC0415

                har = SaveHar().make_har([flow for flow in clean if isinstance(flow, HTTPFlow)])
                file.write(json.dumps(har, indent=1).encode())
            else:
                _write_flows(file, clean)
    except OSError as error:
        raise SharingError(f"{target}: cannot be written: {reason(error)}") from error
    return Redacted(len(clean), tuple(cleaner.summary()), None)


@contextmanager
def _packing(file: IO[bytes], target: Path) -> Iterator[IO[bytes]]:
    """What packs into ``file`` what is written, if ``target`` is named like that; else the file itself."""
    match target.suffix.lower():
        case ".gz":
            with gzip.GzipFile("", "wb", 6, file, mtime=0) as packed:
                yield cast("IO[bytes]", packed)
        case ".zst":
            with zstandard.ZstdCompressor().stream_writer(file, closefd=False) as packed:
                yield packed
        case _:
            yield file


def _copy(flow: Flow) -> Flow:
    """With the same id."""
    return type(flow).from_state(flow.get_state())


def _check(source: Path, target: Path, *, may_overwrite: bool) -> None:
    if not source.is_file():
        what = "is a folder, and one file is expected" if source.is_dir() else "is not a regular file"
        raise SharingError(f"{source}: {what if source.exists() else 'does not exist'}")
    if is_one_of(target, [source]):
        raise SharingError(f"{target}: {ITSELF}")
    if target.exists() and not may_overwrite:
        raise SharingError(f"{target}: already exists (--force overwrites it)")


def _kind(source: Path) -> str:
    with source.open("rb") as file:
        stream, head = open_stream(file)
        if head.kind is None:
            raise SharingError(f"{source}: {no_capture(stream, head)}")
        return head.kind


@contextmanager
def _replacing(target: Path) -> Iterator[IO[bytes]]:
    """A file that becomes ``target`` when all is written, and goes away if that fails.

    A link stays one: the file that it leads to is replaced. A device or a pipe is written to: nothing stands there.
    """
    if target.exists() and not target.is_file():
        with target.open("wb") as file:
            yield file
        return
    target = Path(os.path.realpath(target))
    made = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        with made.open("xb") as file:
            yield file
        if target.exists():
            shutil.copymode(target, made)
        made.replace(target)
    except BaseException:
        made.unlink(missing_ok=True)
        raise


def _clean_flows(source: Path, cleaner: Cleaner, problems: list[str]) -> Iterator[Flow]:
    def each(stream: Stream) -> Iterator[Flow]:
        for index, record in enumerate(records(stream)):
            try:
                clean_flow(flow := load_flow(record), cleaner)
            except Exception as error:  # noqa: BLE001  (mitmproxy's converters raise anything on what they don't expect)
                stream.fail(f"flow {index} cannot be read ({type(error).__name__}) and is left out")
                continue
            yield flow

    return _each(source, problems, each)


def _clean_entries(source: Path, cleaner: Cleaner, problems: list[str]) -> Iterator[dict[str, Any]]:
    def each(stream: Stream) -> Iterator[dict[str, Any]]:
        entries = Entries(stream)
        for index, text in enumerate(entries.texts()):
            try:
                entry = clean_entry(text, cleaner)
            except (ValueError, RecursionError) as error:
                stream.fail(f"entry {index} cannot be read ({type(error).__name__}) and is left out")
                continue
            cleaner.creator = entries.creator
            yield entry

    return _each(source, problems, each)


def _each[T](source: Path, problems: list[str], read: Callable[[Stream], Iterator[T]]) -> Iterator[T]:
    with source.open("rb") as file:
        stream, _ = open_stream(file)
        yield from read(stream)
        if stream.problem:
            problems.append(stream.problem)


def _write_flows(file: IO[bytes], flows: Iterable[Flow]) -> int:
    writer, count = FlowWriter(file), 0  # type: ignore[no-untyped-call]
    for flow in flows:
        writer.add(flow)
        count += 1
    return count


def _write_har(file: IO[bytes], entries: Iterable[dict[str, Any]], cleaner: Cleaner) -> int:
    """Of the log itself hardly anything is known to be harmless: a creator's name, by which its entries are read.

    Pages are made anew from what the entries tell of them.
    """
    count = 0
    creator = json.dumps({"name": cleaner.creator or "lp-authorize", "version": ""}).encode()
    file.write(b'{"log": {"version": "1.2", "creator": %b, "entries": [' % creator)
    for entry in entries:
        file.write((b",\n" if count else b"\n") + json.dumps(entry).encode())
        count += 1
    pages: list[dict[str, Any]] = [
        {"id": page.id, "startedDateTime": page.started, "title": "", "pageTimings": {}}
        for page in cleaner.pages.values()
    ]
    file.write(b"\n]" + (b', "pages": ' + json.dumps(pages).encode() if pages else b"") + b"}}\n")
    for _ in pages:
        cleaner.leave_out("titles and timings of pages in the HAR")
    return count
