"""A flow file of any size is judged in little memory."""

from __future__ import annotations

import gzip
import subprocess
import sys
from collections.abc import Callable
from itertools import islice, repeat
from pathlib import Path

import pytest
from bench.archive import Traffic
from mitmproxy.flow import Flow
from mitmproxy.http import HTTPFlow
from mitmproxy.test import tflow
from mitmproxy.websocket import WebSocketData, WebSocketMessage

from lp_sentinel.captures.flows import exchange_of, load_flow
from lp_sentinel.captures.gather import gather
from lp_sentinel.captures.unusual import read_unusual
from lp_sentinel.config import config_from
from lp_sentinel.exchange import LARGEST_BODY, Exchange
from tests.captures.making import written
from tests.captures.memory import MEASURE, UNIT
from tests.captures.reading import read_capture

MOST = 150
"""Megabytes of memory."""
TOKEN = "/sentinel/api/account/1/token"


def peak(path: Path, journeys: int) -> float:
    """Megabytes, while one process judges it, the pages of the file among them; there are at least so many journeys."""
    report = path.with_suffix(".jsonl")
    command = [
        str(Path(sys.executable).with_name("lp-authorize")),
        "check",
        "--quiet",
        "--jobs",
        "1",
        "--fail-on",
        "never",
    ]
    ended = subprocess.run(
        [sys.executable, "-c", MEASURE, *command, "--report", str(report), str(path)],
        capture_output=True,
        check=False,
        text=True,
    )
    status, most = ended.stderr.split()[-2:]
    assert status == "0", ended.stderr
    assert report.read_text("utf-8").count('"outcome"') >= journeys
    return int(most) / UNIT


@pytest.mark.slow
def test_a_realistic_archive(tmp_path: Path) -> None:
    traffic, path = Traffic(1), tmp_path / "large.flow"
    others = b"".join(traffic.other() for _ in range(2_000))
    with path.open("wb") as file:
        for _ in range(6):
            file.write(others)
            file.writelines(islice(traffic.logins(), 200))
    assert path.stat().st_size > 250_000_000
    assert peak(path, 230) < MOST


@pytest.mark.slow
def test_nothing_but_logins(tmp_path: Path) -> None:
    path = tmp_path / "large.flow"
    with path.open("wb") as file:
        file.writelines(islice(Traffic(1).logins(), 10_000))
    assert peak(path, 1_900) < MOST


@pytest.mark.slow
def test_large_flows_of_an_unusual_layout(tmp_path: Path) -> None:
    flow = unusual("marked", 300_000_000)
    path = tmp_path / "large.flow"
    path.write_bytes(b"".join([*islice(Traffic(1).logins(), 100), written(flow)]))
    assert peak(path, 20) < MOST


@pytest.mark.slow
def test_large_flows_behind_a_web_socket(tmp_path: Path) -> None:
    path = tmp_path / "large.flow"
    with path.open("wb") as file:
        file.write(written(unusual("websocket", 100_000)))
        file.writelines(islice(Traffic(1).logins(), 100))
        file.writelines(repeat(written(unusual("plain", 100_000_000)), 2))
    assert peak(path, 20) < MOST


@pytest.mark.slow
def test_large_flows_that_are_packed(tmp_path: Path) -> None:
    path = tmp_path / "large.flow.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.writelines(islice(Traffic(1).logins(), 100))
        for kind in ("marked", "backup", "tcp", "websocket", "token"):
            file.write(written(unusual(kind, 100_000_000)))
    assert peak(path, 20) < MOST


def unusual(kind: str, size: int) -> Flow:
    """A flow that mitmproxy must be asked about, with something of this size in it."""
    if kind == "tcp":
        messages = tflow.ttcpflow()
        messages.messages[0].content = messages.messages[1].content = b"x" * (size // 2)
        return messages
    flow: HTTPFlow = tflow.tflow(resp=True)
    assert flow.response
    if kind == "websocket":
        flow.websocket = WebSocketData(messages=[WebSocketMessage(2, True, b"x" * size)])
        return flow
    if kind == "plain":
        flow.response.content = b"x" * size
        return flow
    flow.comment, flow.marked = "what a person wrote", ":star:"
    if kind == "sent":
        flow.request.method, flow.request.path = "POST", TOKEN
        flow.request.content = b"x" * size
    elif kind == "backup":
        flow.response.content = b"x" * size
        flow.backup()  # type: ignore[no-untyped-call]
        flow.response.content = b"what a person made of it"
    elif kind == "token":
        flow.request.path = TOKEN
        flow.response.content = b'{"access_token": "%b"}' % (b"x" * size)
    else:
        flow.response.content = b"x" * size
    return flow


@pytest.mark.parametrize("size", [100, LARGEST_BODY - 30, LARGEST_BODY, LARGEST_BODY + 1, LARGEST_BODY + 40, 3_000_000])
@pytest.mark.parametrize("kind", ["marked", "websocket", "tcp", "backup", "sent", "token"])
def test_what_is_large_in_a_flow_is_passed_over(kind: str, size: int, tmp_path: Path) -> None:
    path = tmp_path / "a.flow"
    path.write_bytes(content := written(unusual(kind, size)))
    whole = load_flow(content)
    expected = [exchange_of(whole, 0)] if isinstance(whole, HTTPFlow) else []
    assert list(read_capture(path)) == expected
    found = read_unusual(content, 0, len(content), 0)
    assert ([found] if found else []) == expected
    with gather(path, config_from({})) as gathered:
        chosen = [one for one in gathered.exchanges if isinstance(one, Exchange)]
    assert chosen == (expected if kind in {"sent", "token"} else [])


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("broken", [b"7:content;99:x", b"7:content;", b"x", b"1:a;", b"nested"])
def test_a_broken_one_is_left_to_mitmproxy(broken: bytes, pack: Callable[[bytes], bytes], tmp_path: Path) -> None:
    held = b"1:a;2000000:" + b"x" * 2_000_000 + b"," + broken
    if broken == b"nested":
        held = b"1:a;2000000:" + b"x" * 2_000_000 + b","
        for _ in range(2_000):
            held = b"6:backup;%d:%b}" % (len(held), held)
    path = tmp_path / "a.flow"
    path.write_bytes(pack(b"%d:%b}" % (len(held), held) + Traffic(1).other()))
    with gather(path, config_from({})) as gathered:
        assert gathered.held == 1
        assert gathered.problem is not None
        assert "flow 0 cannot be read" in gathered.problem
