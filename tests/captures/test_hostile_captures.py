"""A capture that somebody made to be slow takes no longer than it is long."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from lp_sentinel.captures import walk
from lp_sentinel.captures.gather import gather
from lp_sentinel.captures.layout import ENDING
from lp_sentinel.config import Config
from lp_sentinel.sharing.redacting import redact_capture

pytestmark = pytest.mark.alone


def flows_without_a_comma(count: int) -> bytes:
    body = b"9:websocket;0:~8:response;0:~7:request;20:4:path;99:abcdefgh" + b"x" * 20 + ENDING[:-1]
    return (b"%d:%b}" % (len(body), body)) * count


def entries_that_another_one_holds(count: int) -> bytes:
    small = b",".join(b'{"k%06d":0}' % number for number in range(count))
    return b'{"log":{"version":"1","entries":[%b,{"_x":[%b]}]}}' % (small, small)


def flows_that_are_none(count: int) -> bytes:
    return b"0:}" * count


def digits(count: int) -> bytes:
    return b"1" * (30 * count)


def har(*urls: str, cookies: tuple[str, ...] = (), page: str = "") -> bytes:
    headers = [{"name": "Cookie", "value": cookie} for cookie in cookies]
    entries = [
        {
            "startedDateTime": "2026-11-24T10:00:00Z",
            "request": {"method": "GET", "url": url, "headers": headers},
            "response": {"status": 200, "headers": [], "content": {"text": page, "mimeType": "text/html"}},
        }
        for url in urls
    ]
    return json.dumps({"log": {"version": "1.2", "creator": {}, "entries": entries}}).encode()


def nested_redirect_uris(count: int) -> bytes:
    query = "state=x"
    for _ in range(count // 100):
        query = f"redirect_uri={quote(f'?{query}', safe='')}"
    return har(f"https://a.example/x?{query}")


def secrets_that_begin_alike(count: int) -> bytes:
    return har("https://a.example/", cookies=tuple(f"a=eyJhbGciOiJIUzI1NiJ9.{n:040}.x" for n in range(count)))


def tags_without_an_end(count: int) -> bytes:
    return har("https://a.example/", page="<script" * (4 * count))


def took(work: Callable[[Path], object], path: Path, content: bytes) -> float:
    path.write_bytes(content)
    begin = time.process_time()
    work(path)
    return time.process_time() - begin


def read(path: Path) -> None:
    with gather(path, Config()) as gathered:
        for _ in gathered.exchanges:
            pass


@pytest.mark.parametrize(
    "make",
    [
        flows_without_a_comma,
        entries_that_another_one_holds,
        flows_that_are_none,
        digits,
    ],
)
def test_reading(make: Callable[[int], bytes], tmp_path: Path) -> None:
    path = tmp_path / "a"
    small, large = (min(took(read, path, make(count)) for _ in range(2)) for count in (1_000, 8_000))
    assert large < 24 * small + 0.05


@pytest.mark.parametrize("make", [nested_redirect_uris, secrets_that_begin_alike, tags_without_an_end])
def test_redacting(make: Callable[[int], bytes], tmp_path: Path) -> None:
    def redact(path: Path) -> None:
        redact_capture(path, tmp_path / "b.har", Config(), may_overwrite=True)

    path = tmp_path / "a.har"
    small, large = (min(took(redact, path, make(count)) for _ in range(2)) for count in (1_000, 8_000))
    assert large < 24 * small + 0.05


def test_objects_within_objects(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(walk, "_LONGEST", 1 << 16)
    path = tmp_path / "a.har"
    path.write_bytes(b'{"log":{"version":"1","entries":[{"request":{"url":"https://a.example/"}},' + b'{"a":' * 60_000)
    with gather(path, Config()) as gathered:
        assert gathered.held == 1
        assert "broken after 1 entry" in str(gathered.problem)
