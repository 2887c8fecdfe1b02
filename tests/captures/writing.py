"""Exchanges as flow files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from mitmproxy import connection, flow, http

from lp_sentinel.exchange import Exchange, Headers, as_bytes, header
from lp_sentinel.uri import DEFAULT_PORTS
from tests.captures.making import written


def write_flows(path: Path, exchanges: Iterable[Exchange]) -> None:
    path.write_bytes(written(*map(flow_of, exchanges)))


def flow_of(exchange: Exchange) -> http.HTTPFlow:
    """An exchange as mitmproxy records it."""
    client = connection.Client(
        peername=(exchange.client or "127.0.0.1", 40000),
        sockname=("127.0.0.1", 8080),
        timestamp_start=exchange.started or 0.0,
    )
    made = http.HTTPFlow(client, connection.Server(address=(exchange.host, exchange.port)))
    started = exchange.started or 0.0
    made.request = http.Request(
        exchange.host.strip("[]"),
        exchange.port,
        as_bytes(exchange.method),
        as_bytes(exchange.scheme),
        b"",
        as_bytes(exchange.target),
        b"HTTP/1.1",
        _headers((*_host(exchange), *exchange.request_headers)),
        exchange.request_body,
        None,
        started,
        started,
    )
    if exchange.status is not None:
        made.response = http.Response(
            b"HTTP/1.1",
            exchange.status,
            b"",
            _headers(exchange.response_headers),
            exchange.response_body,
            None,
            exchange.answered or started,
            exchange.answered,
        )
    elif exchange.error is not None:
        made.error = flow.Error(exchange.error, exchange.answered or started)
    return made


def _host(exchange: Exchange) -> Headers:
    if header(exchange.request_headers, "host") is not None:
        return ()
    is_default = exchange.port == DEFAULT_PORTS.get(exchange.scheme)
    return (("host", exchange.host if is_default else f"{exchange.host}:{exchange.port}"),)


def _headers(headers: Headers) -> http.Headers:
    return http.Headers([(as_bytes(name), as_bytes(value)) for name, value in headers])
