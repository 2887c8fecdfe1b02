"""A HAR of any size and kind is judged in little memory."""

from __future__ import annotations

import gzip
import io
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from itertools import chain, islice, repeat
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import zstandard
from bench.har import write

from tests.captures.hars import AUTHORIZE, SENTINEL, TARGET
from tests.captures.memory import MEASURE, UNIT

MOST = 300
"""Megabytes of memory."""
SIZE = 300_000_000

LOGIN = {
    "startedDateTime": "2026-11-23T10:00:00Z",
    "request": {"method": "GET", "url": SENTINEL + AUTHORIZE, "headers": []},
    "response": {"status": 200, "headers": [], "content": {"size": 2, "text": "BODY"}},
}
SMALL = {
    "startedDateTime": "2026-11-23T10:00:01Z",
    "request": {"url": "https://a.example/", "headers": [{"name": "Referer", "value": "https://b.example/?c=d"}]},
    "response": {"status": 200},
}


class Run(NamedTuple):
    """What became of a capture."""

    status: int
    megabytes: float
    rules: list[str]


def judged(pieces: Iterator[bytes]) -> Run:
    """Judge what is written to a pipe piece by piece."""
    command = [str(Path(sys.executable).with_name("lp-authorize")), "check", "--quiet", "--report", "-", "-"]
    with subprocess.Popen(
        [sys.executable, "-c", MEASURE, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        for piece in pieces:
            process.stdin.write(piece)
        process.stdin.close()
        report, said = process.stdout.read(), process.stderr.read()
    status, peak = said.split()[-2:]
    found = [json.loads(line) for line in report.splitlines()]
    return Run(int(status), int(peak) / UNIT, sorted(line["rule"] for line in found if "rule" in line))


def log(entries: Iterator[bytes]) -> Iterator[bytes]:
    """A HAR of a login, these entries, each with a comma behind it, and a last one."""
    yield b'{"log":{"entries":[%b,' % json.dumps(LOGIN).encode()
    yield from entries
    yield b'%b],"pages":[],"version":"1.2"}}' % json.dumps(SMALL).encode()


def filled(entry: Any, mark: str, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The text of an entry with much more where ``mark`` is, and a comma."""
    before, behind = json.dumps(entry).encode().split(mark.encode())
    return chain([before], pieces, [behind, b","])


def many(text: bytes) -> Iterator[bytes]:
    piece = text * (1_000_000 // len(text))
    return repeat(piece, SIZE // len(piece))


def realistic() -> Iterator[bytes]:
    """Traffic as Chrome exports it, over and over."""
    file = io.BytesIO()
    write(file, 10_000_000)
    head, _, entries = file.getvalue().partition(b'"entries": [')
    body = entries.rpartition(b"\n    ]")[0]
    yield head + b'"entries": [' + json.dumps(LOGIN).encode()
    for _ in range(SIZE // len(body)):
        yield b"," + body
    yield b"]}}"


def packed(compress: Callable[[bytes], bytes]) -> Iterator[bytes]:
    """The same, each piece packed by itself: both formats may be put together so."""
    return map(cache(compress), realistic())


MESSAGES = {**SMALL, "_webSocketMessages": ["MANY"]}
COOKIES = {**SMALL, "cookies": ["MANY"]}
MESSAGE = json.dumps({"type": "send", "time": 1.5, "opcode": 1, "data": '{"a":[1,"b"]}'}).encode()
COOKIE = json.dumps({"name": "a", "value": "b" * 50, "httpOnly": True}).encode()


def long_body(text: bytes) -> Iterator[bytes]:
    return log(filled(LOGIN, "BODY", many(text)))


def broken_body() -> Iterator[bytes]:
    return log(filled(LOGIN, "BODY", chain([rb"\ud800", "😀".encode()], repeat(b"x" * 1_000_000, 30))))


def token_answer() -> Iterator[bytes]:
    entry = {**LOGIN, "request": {"method": "POST", "url": TARGET, "headers": []}}
    return log(filled(entry, "BODY", chain(["😀".encode()], repeat(b"x" * 1_000_000, 30))))


def long_list(entry: Any, element: bytes) -> Iterator[bytes]:
    return log(filled(entry, '"MANY"', chain(many(element + b","), [element])))


def long_member() -> Iterator[bytes]:
    screenshots = [b'{"log":{"_screenshots":["a"', *many(b',"data:image/png;base64,%b"' % (b"QUJD" * 25_000))]
    return chain(screenshots, [b'],"entries":[%b,' % json.dumps(LOGIN).encode(), json.dumps(SMALL).encode(), b"]}}"])


def small_entries() -> Iterator[bytes]:
    return log(islice(many(json.dumps(SMALL).encode() + b","), 50))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "logins"),
    [
        pytest.param(realistic, 1, id="realistic"),
        pytest.param(lambda: packed(lambda piece: gzip.compress(piece, 1)), 1, id="gzip"),
        pytest.param(lambda: packed(zstandard.ZstdCompressor(1).compress), 1, id="zstd"),
        pytest.param(lambda: long_body(b"QUJD"), 2, id="a long body"),
        pytest.param(lambda: long_body(rb"{\"a\":\"\\\n\"}"), 2, id="a long body of escapes"),
        pytest.param(broken_body, 2, id="a long body that only Python can parse"),
        pytest.param(token_answer, 1, id="a long token answer"),
        pytest.param(lambda: long_list(MESSAGES, MESSAGE), 1, id="many messages of a WebSocket"),
        pytest.param(lambda: long_list(COOKIES, COOKIE), 1, id="many cookies"),
        pytest.param(long_member, 1, id="many strings that are of no entry"),
        pytest.param(lambda: long_list({**SMALL, "_chunks": ["MANY"]}, b'"QUJD"'), 1, id="many strings in an entry"),
        pytest.param(small_entries, 1, id="many entries"),
    ],
)
def test_peak(make: Callable[[], Iterator[bytes]], logins: int) -> None:
    run = judged(make())
    assert run.status == 1
    assert run.rules.count("LPA201") == logins
    assert run.megabytes < MOST
