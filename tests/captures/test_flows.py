"""Flows become exchanges, whatever their bytes are."""

from __future__ import annotations

import gzip
import zlib
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mitmproxy import http
from mitmproxy.flow import Error
from mitmproxy.io import tnetstring
from mitmproxy.test import tflow

from lp_sentinel.captures.flows import exchange_of
from lp_sentinel.wording import counted
from tests.captures.making import written
from tests.captures.reading import read

if TYPE_CHECKING:
    from mitmproxy.flow import Flow


TOKEN = b"/sentinel/api/account/1/token?v=2.0"


def flow_of(
    *, resp: bool = True, err: bool = False, headers: tuple[tuple[bytes, bytes], ...] = (), **fields: Any
) -> http.HTTPFlow:
    """An HTTP flow whose request (and, as ``answer_``, whose response) has these raw fields."""
    flow = tflow.tflow(resp=resp, err=err)
    flow.request.headers = http.Headers(headers)
    for name, value in fields.items():
        if name.startswith("answer_"):
            assert flow.response
            setattr(flow.response.data, name.removeprefix("answer_"), value)
        else:
            setattr(flow.request.data, name, value)
    return flow


def test_the_fields_of_a_flow() -> None:
    flow = flow_of(
        scheme=b"HTTPS",
        host="App.Example",
        port=443,
        path=b"/cb?code=1#_",
        method=b"GET",
        headers=((b"Referer", b"\xff"), (b"cookie", b"does not matter")),
    )
    exchange = exchange_of(flow, 7)
    assert (exchange.index, exchange.flow, exchange.client) == (7, flow.id, "127.0.0.1")
    assert (exchange.method, exchange.url) == ("GET", "https://app.example/cb?code=1")
    assert exchange.request_headers == (("referer", "\udcff"),)
    assert (exchange.started, exchange.answered, exchange.status) == (946681200, 946681202, 200)
    assert exchange.response_headers == ()
    assert (exchange.request_body, exchange.response_body, exchange.error, exchange.injected) == (
        None,
        None,
        None,
        False,
    )


@pytest.mark.parametrize(
    ("fields", "origin"),
    [
        ({}, "http://address:22"),
        ({"headers": ((b"Host", b"Sentinel.Example"),)}, "http://sentinel.example"),
        ({"headers": ((b"Host", b"sentinel.example:8080"),)}, "http://sentinel.example:8080"),
        ({"headers": ((b"Host", b"ADDRESS"),)}, "http://address:22"),
        ({"headers": ((b"Host", b"[::1]:8443"),)}, "http://[::1]:8443"),
        ({"headers": ((b"Host", "bücher.example".encode()),)}, "http://xn--bcher-kva.example"),
        ({"host": "::1", "port": 8080}, "http://[::1]:8080"),
        ({"host": "::1", "port": 8080, "headers": ((b"Host", b"[::1]"),)}, "http://[::1]:8080"),
        ({"authority": b"other.example:81"}, "http://other.example:81"),
        (
            {"authority": b"h2.example", "http_version": b"HTTP/2.0", "headers": ((b"Host", b"h1.example"),)},
            "http://h2.example",
        ),
        ({"authority": b"abs.example", "headers": ((b"Host", b"host.example"),)}, "http://host.example"),
    ]
    + [
        ({"headers": ((b"Host", raw),)}, "http://address:22")
        for raw in (b"", b"a b", b"[::1", b"a:b", b"x:99999", b"a/b", b"evil\x00", b"h" * 1_000_000, b"a:1:2")
    ],
)
def test_host_and_port_are_those_the_client_asked_for(fields: dict[str, Any], origin: str) -> None:
    exchange = exchange_of(flow_of(path=b"/", **fields), 0)
    assert exchange.url == f"{origin}/"


@pytest.mark.parametrize(
    ("method", "path", "target"),
    [
        (b"GET", b"/a?b=c", "/a?b=c"),
        (b"GET", b"/a?b=c#d?e", "/a?b=c"),
        (b"GET", b"http://other.example/a?b", "/a?b"),
        (b"GET", b"https://other.example", "/"),
        (b"GET", b"https://other.example?a=b", "/?a=b"),
        (b"GET", b"", "/"),
        (b"GET", b"a/b", "/a/b"),
        (b"GET", b"//a/b", "//a/b"),
        (b"GET", b"/cb?next=http://x.example/", "/cb?next=http://x.example/"),
        (b"GET", b"/\xff\x00\xc3\xbc", "/\udcff\x00ü"),
        (b"OPTIONS", b"*", ""),
        (b"CONNECT", b"", ""),
        (b"CONNECT", b"a.example:443", ""),
    ],
)
def test_the_target(method: bytes, path: bytes, target: str) -> None:
    assert exchange_of(flow_of(method=method, path=path), 0).target == target


@pytest.mark.parametrize(
    ("fields", "request_body", "response_body"),
    [
        ({"path": TOKEN, "content": b"a=b", "answer_content": b"{}"}, b"a=b", b"{}"),
        ({"path": b"/other", "content": b"a=b", "answer_content": b"{}"}, None, None),
        ({"path": TOKEN, "method": b"GET", "content": b"a=b", "answer_content": b"{}"}, None, b"{}"),
        ({"path": TOKEN, "content": None, "answer_content": None}, None, None),
        ({"path": TOKEN, "content": b"", "headers": ((b"Content-Length", b"12"),)}, None, b"message"),
        ({"path": TOKEN, "content": b"", "headers": ((b"Content-Length", b"0"),)}, b"", b"message"),
        ({"path": TOKEN, "content": b"", "headers": ((b"Content-Length", b"many"),)}, b"", b"message"),
        ({"path": TOKEN, "content": b"", "answer_content": b""}, b"", None),
        (
            {"path": TOKEN, "content": gzip.compress(b"a=b"), "headers": ((b"Content-Encoding", b"gzip"),)},
            b"a=b",
            b"message",
        ),
        ({"path": TOKEN, "content": b"a=b", "headers": ((b"Content-Encoding", b"gzip"),)}, None, b"message"),
        ({"path": TOKEN, "content": b"a=b", "headers": ((b"Content-Encoding", b"rot13"),)}, None, b"message"),
        ({"path": TOKEN, "content": b"a=b", "headers": ((b"Content-Encoding", b"\xff\x00"),)}, None, b"message"),
        ({"path": TOKEN, "content": b"a=b", "headers": ((b"Content-Encoding", b"utf8"),)}, None, b"message"),
    ],
)
def test_bodies_are_only_read_for_a_token_exchange(
    fields: dict[str, Any], request_body: bytes | None, response_body: bytes | None
) -> None:
    exchange = exchange_of(flow_of(**{"method": b"POST", **fields}), 0)
    assert (exchange.request_body, exchange.response_body) == (request_body, response_body)


def test_a_failure_and_its_time() -> None:
    exchange = exchange_of(flow_of(resp=False, err=True), 0)
    assert (exchange.status, exchange.error, exchange.answered) == (None, "error", 946681207)
    assert exchange.no_answer


def test_a_truncated_answer_keeps_its_status() -> None:
    exchange = exchange_of(flow_of(err=True), 0)
    assert (exchange.status, exchange.error, exchange.answered) == (200, "error", 946681202)


@pytest.mark.parametrize("status", [0, -1])
def test_a_status_that_stands_for_none(status: int) -> None:
    """As mitmproxy makes it of a HAR."""
    flow = flow_of()
    assert flow.response
    flow.response.status_code = status
    for exchange in (exchange_of(flow, 0), read(written(flow))[0][0]):
        assert (exchange.status, exchange.error, exchange.no_answer) == (None, "status 0", True)


def test_neither_answer_nor_failure_is_unknown() -> None:
    exchange = exchange_of(flow_of(resp=False), 0)
    assert (exchange.status, exchange.error, exchange.answered, exchange.no_answer) == (None, None, None, False)


def test_a_client_without_an_address() -> None:
    flow = flow_of()
    flow.client_conn.peername = None  # type: ignore[assignment]
    assert exchange_of(flow, 0).client is None


def test_injected_by_header_or_metadata() -> None:
    by_header, by_metadata = flow_of(), flow_of()
    assert by_header.response
    by_header.response.headers["LP-Authorize-Fault"] = "access_denied"
    by_metadata.metadata["lp_authorize_fault"] = "access_denied"
    assert exchange_of(by_header, 0).injected
    assert exchange_of(by_metadata, 0).injected


@given(
    fields=st.fixed_dictionaries(
        {},
        optional={
            "path": st.binary() | st.binary().map(lambda raw: raw + b"/token"),
            "method": st.binary() | st.just(b"POST"),
            "scheme": st.binary(),
            "authority": st.binary(),
            "host": st.text(),
            "http_version": st.binary() | st.just(b"HTTP/2.0"),
            "content": st.none() | st.binary(),
            "answer_content": st.none() | st.binary(),
            "timestamp_start": st.none() | st.floats(),
        },
    ),
    headers=st.lists(
        st.tuples(st.sampled_from([b"Host", b"Content-Encoding", b"Content-Length"]) | st.binary(), st.binary())
    ),
)
def test_no_bytes_raise_or_change_the_flow(fields: dict[str, Any], headers: list[tuple[bytes, bytes]]) -> None:
    flow = flow_of(headers=tuple(headers), **fields)
    before = repr(flow.get_state())
    exchange = exchange_of(flow, 0)
    assert exchange.target == "" or exchange.target.startswith("/")
    assert repr(flow.get_state()) == before


def test_other_kinds_of_flow_only_count() -> None:
    flows = [tflow.ttcpflow(), tflow.tflow(), tflow.tudpflow(), tflow.tdnsflow(), tflow.tflow(ws=True)]
    found, problem = read(written(*flows))
    assert [exchange.index for exchange in found] == [1, 4]
    assert problem is None


def test_a_file_gives_what_the_flows_give() -> None:
    flows = [tflow.tflow(resp=True), tflow.tflow(err=True), tflow.twebsocketflow()]
    found, problem = read(written(*flows))
    assert found == [exchange_of(flow, index) for index, flow in enumerate(flows)]
    assert problem is None


def older(flow: Flow, version: int) -> bytes:
    """The flow as a mitmproxy of that flow format version wrote it."""
    state: dict[str, Any] = {**flow.get_state(), "version": version}
    client, server = state["client_conn"], state["server_conn"]
    if version <= 19:
        client["state"] = server["state"] = 0
    if version <= 18:
        client |= {"address": client.pop("peername"), "tls_extensions": None}
        server |= {
            "ip_address": server.pop("peername"),
            "source_address": server.pop("sockname"),
            "via2": server.pop("via"),
        }
        for connection in (client, server):
            connection |= {"tls_established": False, "cipher_name": connection.pop("cipher")}
    if version <= 17:
        del client["proxy_mode"]
    if version <= 16:
        state["mode"] = "regular"
    return tnetstring.dumps(state)


@pytest.mark.parametrize("version", [16, 17, 18, 19, 20])
def test_older_versions_are_converted(version: int) -> None:
    flow = flow_of(path=b"/cb?code=1")
    assert read(older(flow, version)) == ([exchange_of(flow, 0)], None)


def test_a_newer_version_is_said_to_be_newer() -> None:
    newer = tnetstring.dumps({**tflow.tflow().get_state(), "version": 9999})
    found, problem = read(newer * 3)
    assert found == []
    assert problem is not None
    assert "flow 0 cannot be read: mitmproxy " in problem
    assert "cannot read files with flow format version 9999, please update mitmproxy (and 2 more problems)" in problem


def test_what_cannot_be_read_is_passed_over() -> None:
    good = tflow.tflow()
    odd = tnetstring.dumps({**tflow.tflow().get_state(), "request": None})
    found, problem = read(odd + written(good))
    assert found == [exchange_of(good, 1)]
    assert problem is not None
    assert "flow 0 cannot be read: " in problem


@pytest.mark.parametrize("cut", [1, 2, 100, 1000])
def test_a_truncated_file_is_read_as_far_as_it_goes(cut: int) -> None:
    flows = [tflow.tflow(resp=True), tflow.tflow(resp=True)]
    data = written(*flows)[:-cut]
    found, problem = read(data)
    assert found == [exchange_of(flows[0], 0)]
    assert problem == f"the capture: broken after 1 flow, at byte {len(data)}: the file ends in the middle of a flow"


@pytest.mark.parametrize("left", [1, 3, 5])
def test_a_file_cut_in_a_length(left: int) -> None:
    data = written(tflow.tflow())
    assert read(data + data[:left])[1] == (
        f"the capture: broken after 1 flow, at byte {len(data) + left}: the file ends in the middle of a flow"
    )


@pytest.mark.parametrize("junk", [b"\n", b"{}", b"5:hello,", b"9999999999999:x", b"1234567890123", b"12x"])
def test_junk_behind_the_flows(junk: bytes) -> None:
    flow = tflow.tflow()
    data = written(flow)
    found, problem = read(data + junk)
    assert found == [exchange_of(flow, 0)]
    assert problem == f"the capture: broken after 1 flow, at byte {len(data)}: no flow begins there"


@given(st.binary(), st.integers(0, 3000), st.integers(0, 100))
def test_broken_bytes_raise_nothing_but_capture_error(junk: bytes, place: int, removed: int) -> None:
    data = written(tflow.tflow(resp=True), tflow.tflow(err=True))
    read(data[:place] + junk + data[place + removed :])


def test_a_huge_value() -> None:
    flow = flow_of(path=b"/cb?code=" + b"x" * 1_000_000, headers=((b"Referer", b"\xff" * 1_000_000),))
    found, _ = read(written(flow))
    assert len(found[0].target) == 1_000_009


def test_truncated_while_packed() -> None:
    flows = [tflow.tflow(resp=True) for _ in range(50)]
    packed = gzip.compress(written(*flows))[:-200]
    found, problem = read(packed)
    assert 0 < len(found) < 50
    assert problem is not None
    assert problem.startswith(f"the capture: broken after {counted(len(found), 'flow')}, at byte ")
    assert problem.endswith(": the compressed data ends too early")
    assert read(zlib.compress(written(flows[0])))[0] == [exchange_of(flows[0], 0)]


def test_an_error_without_a_time() -> None:
    flow = flow_of(resp=False)
    flow.error = Error("reset", float("nan"))
    assert exchange_of(flow, 0).answered is None
