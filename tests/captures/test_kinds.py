"""What a file is, is told by its content; folders are searched; captures are put in order."""

from __future__ import annotations

import gzip
import io
import json
import zlib
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
import zstandard
from mitmproxy.io import FlowWriter
from mitmproxy.test import tflow

from lp_sentinel.captures.opening import find_captures
from lp_sentinel.captures.stream import CaptureError
from lp_sentinel.exchange import Exchange
from tests.captures.reading import in_order, read_capture

if TYPE_CHECKING:
    from collections.abc import Callable

ENTRY = {"request": {"method": "GET", "url": "https://a.example/"}, "response": {"status": 200}}
HAR = json.dumps({"log": {"version": "1.2", "entries": [ENTRY, ENTRY]}}).encode()


def flow_file() -> bytes:
    file = io.BytesIO()
    for _ in range(2):
        FlowWriter(file).add(tflow.tflow(resp=True))  # type: ignore[no-untyped-call]
    return file.getvalue()


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gzip": gzip.compress,
    "gzip in two members": lambda data: gzip.compress(data[:100]) + gzip.compress(data[100:]),
    "zstd": zstandard.ZstdCompressor().compress,
    "zstd in two frames": lambda data: zstandard.compress(data[:100]) + zstandard.compress(data[100:]),
    "zlib": zlib.compress,
}


@pytest.mark.parametrize("packer", PACKERS)
@pytest.mark.parametrize("data", [HAR, b"\xef\xbb\xbf" + HAR, b"\n \t" + HAR, flow_file()])
def test_kind_and_packing_are_told_by_content(tmp_path: Path, data: bytes, packer: str) -> None:
    file = tmp_path / "some.bin"
    file.write_bytes(PACKERS[packer](data))
    assert [exchange.index for exchange in read_capture(file)] == [0, 1]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_what_was_redirected_to_a_file_by_powershell(encoding: str) -> None:
    written = "\ufeff" + HAR.decode().replace("a.example/", "a.example/ü✓😀").replace(",", ",\r\n")
    found = list(read_capture(io.BytesIO(written.encode(encoding))))
    assert [exchange.target for exchange in found] == ["/ü✓😀", "/ü✓😀"]
    with pytest.raises(CaptureError, match=r"at byte [0-9]+: .*truncated data"):
        list(read_capture(io.BytesIO(written.encode(encoding)[:-1])))


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "is empty"),
        (gzip.compress(b"", mtime=0), "is empty when unpacked"),
        (b"hello", "is neither a flow file nor a HAR file"),
        (b"PK\x03\x04\x14\x00", "is a ZIP: unpack it first"),
        (b"12:30 is when we meet", "is neither a flow file nor a HAR file"),
        (b"\x00\xff" * 100, "is neither a flow file nor a HAR file"),
        (b"[1, 2]", "is neither a flow file nor a HAR file"),
        (b"12345", "is neither a flow file nor a HAR file"),
        (b'{"name": "x"}', "is neither a flow file nor a HAR file: it is JSON without log.entries"),
    ],
)
def test_what_is_no_capture(tmp_path: Path, data: bytes, problem: str) -> None:
    file = tmp_path / "x.flow"
    file.write_bytes(data)
    with pytest.raises(CaptureError) as raised:
        list(read_capture(file))
    assert str(raised.value) == f"{file}: {problem}"


@pytest.mark.parametrize("packed", [b"\x1f\x8bnonsense", b"\x28\xb5\x2f\xfdnonsense", b"x\x9cnonsense"])
def test_what_cannot_be_unpacked(packed: bytes) -> None:
    with pytest.raises(CaptureError, match=r"the capture: (cannot be read: .|is empty when unpacked)"):
        list(read_capture(io.BytesIO(packed)))


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="cannot be read: No such file or directory"):
        list(read_capture(tmp_path / "none.flow"))
    with pytest.raises(CaptureError, match="no captures in this folder"):
        list(read_capture(tmp_path))


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(HAR)))
    assert len(list(read_capture(Path("-")))) == 2
    with pytest.raises(CaptureError, match="standard input: is empty"):
        list(read_capture(Path("-")))
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(CaptureError, match="there is no standard input"):
        list(read_capture(Path("-")))


def test_a_failing_read_keeps_what_was_read() -> None:
    class Failing(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            data = super().read(min(size or 0, 100))
            if not data:
                message = "disk on fire"
                raise OSError(message)
            return data

    for data in (flow_file(), HAR[:-1]):
        found: list[Exchange] = []
        with pytest.raises(CaptureError, match=r"the capture: broken after 2 .*: disk on fire"):
            found.extend(read_capture(Failing(data)))
        assert len(found) == 2


def test_folders_are_searched_by_content(tmp_path: Path) -> None:
    for name, data in {
        "b/two.txt": HAR,
        "a.bin": flow_file(),
        "c.gz": gzip.compress(HAR),
        ".hidden.har": HAR,
        ".git/one.har": HAR,
        "package.json": b'{"name": "x", "version": "1"}',
        "logging.json": b'{"log": {"level": "info"}}',
        "readme.md": b"12:30 lunch",
        "empty.flow": b"",
        "page.HAR": b"<!doctype html>",
        "broken.gz": b"\x1f\x8bxx",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    # It is told of what is called a HAR and is none.
    assert find_captures([tmp_path]) == [tmp_path / name for name in ("a.bin", "b/two.txt", "c.gz", "page.HAR")]
    assert find_captures([tmp_path / "c.gz", str(tmp_path)]) == [
        tmp_path / name for name in ("c.gz", "a.bin", "b/two.txt", "page.HAR")
    ]


def test_named_files_stay_as_they_are(tmp_path: Path) -> None:
    named = [Path("-"), tmp_path / "none.flow", tmp_path]
    assert find_captures([*named, *named]) == named


def exchange(index: int, started: float | None) -> Exchange:
    return Exchange(index=index, started=started, method="GET", scheme="https", host="a.example", port=443, target="/")


@pytest.mark.parametrize(
    ("starts", "order"),
    [
        ([], []),
        ([3.0, 1.0, 2.0], [1, 2, 0]),
        ([1.0, 1.0, 0.0, 1.0], [2, 0, 1, 3]),
        ([None, 2.0, None, 1.0], [0, 3, 1, 2]),
        ([None, None], [0, 1]),
    ],
)
def test_order_is_that_of_the_starts(starts: list[float | None], order: list[int]) -> None:
    exchanges = [exchange(index, started) for index, started in enumerate(starts)]
    assert [one.index for one in in_order(exchanges)] == order
