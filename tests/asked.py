"""Flows by what was asked for and where that was redirected to."""

from __future__ import annotations

from mitmproxy import http
from mitmproxy.test import tflow

AUTHORIZE = (
    "/sentinel/api/account/12345678/authorize?client_id=my-app&redirect_uri=https%3A%2F%2Fapp.example%2Fcb&state=s1"
)


def asked(
    host: str,
    target: str,
    client: str = "10.0.0.1",
    location: str | None = None,
    status: int = 302,
    authority: str = "",
    **headers: str,
) -> http.HTTPFlow:
    flow = tflow.tflow(resp=True)
    flow.client_conn.peername = (client, 50_000)
    flow.request.data.host, flow.request.data.path = host, target.encode()
    flow.request.data.authority = authority.encode()
    flow.request.headers = http.Headers([(name.encode(), value.encode()) for name, value in headers.items()])
    assert flow.response
    flow.response.status_code = status if location else 200
    flow.response.headers = http.Headers([(b"Location", location.encode())] if location else [])
    return flow
