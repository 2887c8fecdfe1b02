"""Flows that are read where they stand are those that mitmproxy reads."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from bench.archive import Traffic
from hypothesis import given, settings
from mitmproxy import http
from mitmproxy.flow import Flow

from lp_sentinel.captures.extract import extract
from lp_sentinel.captures.layout import Unusual, flow_end, read_exchange
from lp_sentinel.exchange import Exchange
from tests.captures.judging import ROOT
from tests.captures.making import flows, written
from tests.captures.reading import read_capture


@given(flows().filter(lambda flow: isinstance(flow, http.HTTPFlow)))
@settings(max_examples=500, deadline=None)
def test_any_exchange_read_in_place_is_the_one_that_mitmproxy_reads(flow: Flow) -> None:
    record = written(flow)
    try:
        exchange = read_exchange(record, 0, 0)
    except Unusual:
        return
    [expected] = read_capture(io.BytesIO(record))
    assert exchange == expected


def test_a_token_exchange_is_read_without_mitmproxy() -> None:
    record = (ROOT / "captures" / "demo.flow").read_bytes()
    read: list[Exchange] = []
    at = 0
    while at < len(record):
        read.append(read_exchange(record, at, len(read)))
        at = flow_end(record, at)
    assert any(one.request_body and one.response_body for one in read)


def test_an_exchange_read_in_place_is_the_one_that_mitmproxy_reads(tmp_path: Path) -> None:
    path = tmp_path / "a.flow"
    for record in Traffic(5).login():
        path.write_bytes(record)
        assert [read_exchange(record, 0, 0)] == list(read_capture(path))


@pytest.mark.parametrize("size", [20, 5_000])
def test_a_length_of_any_size_breaks_no_more_than_its_flow(size: int) -> None:
    """It is wrong, but no more than that: one with so many digits is no place in a file, or no number to Python."""
    login = Traffic(5).login()[1]
    flow = login[login.index(b":") + 1 : -1]
    for length in re.finditer(rb"[0-9]+(?=:)", flow):
        damaged = flow[: length.start()] + b"9" * size + flow[length.end() :]
        content = b"%d:%b}" % (len(damaged), damaged) + login
        assert len(extract(content, 0, len(content)).survey.offsets) == 2
