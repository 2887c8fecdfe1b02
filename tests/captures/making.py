"""Flows of all kinds, drawn by Hypothesis, and flow files as mitmproxy writes them."""

from __future__ import annotations

import io

from hypothesis import strategies as st
from mitmproxy import http
from mitmproxy.flow import Error, Flow
from mitmproxy.io import FlowWriter
from mitmproxy.test import tflow
from mitmproxy.websocket import WebSocketData


def written(*flows: Flow) -> bytes:
    file = io.BytesIO()
    writer = FlowWriter(file)  # type: ignore[no-untyped-call]
    for flow in flows:
        writer.add(flow)
    return file.getvalue()


SENTINEL, LOGIN, APPS, OTHER = "va.sentinel.liveperson.net", "login.liveperson.net", "app.example", "cdn.example"
HOSTS = st.sampled_from(
    [SENTINEL, LOGIN, APPS, "new.example", "idp.example", "gate.example", OTHER, "xn--bcher-kva.example"]
)
AUTHORIZE = "/sentinel/api/account/12345678/authorize?v=1.0&response_type=code&client_id=my-app"
TARGETS = st.sampled_from([
    f"{AUTHORIZE}&redirect_uri=https%3A%2F%2Fapp.example%2Fcb&state=s1",
    f"{AUTHORIZE}&redirect_uri=https%3A%2F%2Fnew.example%2Fcb&state=s2",
    AUTHORIZE,
    "/sentinel/api/account/12345678/token?v=2.0",
    "/", "/login", "/login?next=1", "/cb", "/cb?code=c1&state=s1", "/cb?code=c2", "/cb?st%61te=s2&c%6Fde=c1",
    "/cb?error=access_denied&state=s1", "/a,b;c?x=c1", "/x?y=1",
])  # fmt: skip
URLS = st.builds(lambda host, target: f"https://{host}{target}", HOSTS, TARGETS)
REFERERS = st.one_of(
    st.none(), URLS, HOSTS.map(lambda host: f"https://{host}/"), URLS.map(lambda url: f" {url}\t"),
    st.sampled_from(["", "about:blank", "/x?c1"])
)  # fmt: skip
LOCATIONS = st.one_of(URLS, TARGETS, st.sampled_from([
    "", "?code=c1", "#state=s1", "/cb?co\tde=c2", "app:/cb?code=c1", "///app.example/cb", "/\\login.example/", "http://[x/"
]))  # fmt: skip


@st.composite
def flows(draw: st.DrawFn) -> Flow:
    """A flow of any kind, of which many have to do with a login."""
    kind = draw(st.sampled_from(["http"] * 12 + ["error", "websocket", "tcp", "marked"]))
    if kind == "tcp":
        return tflow.ttcpflow()
    host = draw(HOSTS)
    flow = tflow.tflow(resp=kind != "error")
    flow.client_conn.peername = (draw(st.sampled_from(["10.0.0.1", "10.0.0.2", "::1"])), 1234)
    request = flow.request.data
    request.http_version = draw(st.sampled_from([b"HTTP/1.1", b"HTTP/2.0"]))
    request.host, request.port, request.scheme = draw(st.sampled_from([host, "192.0.2.1"])), 443, b"https"
    request.authority = host.encode() if request.http_version == b"HTTP/2.0" else b""
    request.path, request.method = (
        draw(TARGETS).encode(),
        draw(st.sampled_from([b"GET", b"GET", b"GET", b"POST", b"OPTIONS"])),
    )
    request.content = draw(st.sampled_from([b"", b"", b"code=c1&grant_type=authorization_code", None]))
    request.timestamp_start = draw(st.one_of(
        st.floats(1.7e9, 1.7e9 + 3000), st.sampled_from([1.7e9, 1.7e9 + 5, 1.7e9 + 950, 17.0, float("nan")])
    ))  # fmt: skip
    # What tflow has here are whole numbers, which mitmproxy itself never writes.
    flow.timestamp_created = 1.7e9 + 0.5
    request.timestamp_end = draw(st.sampled_from([request.timestamp_start + 0.25, None]))
    fields = [(draw(st.sampled_from([b"Host", b"host", b"HOST"])), host.encode())] if not request.authority else []
    if (referer := draw(REFERERS)) is not None:
        fields.append((draw(st.sampled_from([b"Referer", b"referer", b"REFERER"])), referer.encode()))
    fields += draw(st.lists(st.sampled_from([
        (b"user-agent", b"a"), (b"cookie", b"x=4:host,3:a.b,]"), (b"cookie", b"7:referer,2:x,,]9:"), (b"x", b""),
        (b"referer", b"https://cdn.example/?x=c2"), (b"sec-fetch-dest", b"image"),
        (b"content-length", b"44"), (b"Content-Encoding", b""),
    ]), max_size=3))  # fmt: skip
    request.headers = http.Headers(draw(st.permutations(fields)))
    if kind == "error":
        flow.error = Error("broken", timestamp=request.timestamp_start + 1)
        return flow
    assert flow.response
    answer = flow.response.data
    answer.status_code = draw(st.sampled_from([200, 302, 302, 303, 404]))
    answer.content = draw(st.sampled_from([b"", b"7:request;1:", None, b'{"access_token": "t", "expires_in": 60}']))
    answer.timestamp_start, answer.timestamp_end = request.timestamp_start + 1, request.timestamp_start + 1.5
    locations = draw(st.lists(LOCATIONS, min_size=answer.status_code in (302, 303), max_size=2))
    about_body = draw(st.sampled_from([[], [], [(b"Content-Length", b"46")], [(b"content-encoding", b"gzip")]]))
    answer.headers = http.Headers([*((b"Location", location.encode()) for location in locations), *about_body])
    if kind == "marked":
        flow.marked, flow.comment = ":star:", "}9:websocket;0:~"
    elif kind == "websocket":
        flow.websocket = WebSocketData()
    return flow
