"""Flows of mitmproxy without the secrets in them."""

from __future__ import annotations

from mitmproxy import connection, dns, http, tcp, udp
from mitmproxy.flow import Flow

from lp_sentinel.captures.content import content_of
from lp_sentinel.exchange import FAULT_KEY, Headers, as_bytes, as_text
from lp_sentinel.paths import token_path
from lp_sentinel.sharing.bodies import LARGEST
from lp_sentinel.sharing.cleaner import Cleaner


def clean_flow(flow: Flow, cleaner: Cleaner) -> None:
    """Change a flow. What is no HTTP keeps its place, and nothing of what was said."""
    flow._backup = None  # noqa: SLF001  (as it was before somebody changed it)
    if flow.comment:
        cleaner.leave_out("comments")
    flow.comment = ""
    flow.metadata = {key: True for key in flow.metadata if key == FAULT_KEY}
    _clean_connection(flow.client_conn, cleaner)
    _clean_connection(flow.server_conn, cleaner)
    flow.server_conn.via = None
    if flow.error:
        flow.error.msg = cleaner.text(flow.error.msg)
    if isinstance(flow, http.HTTPFlow):
        _clean_http(flow, cleaner)
    elif isinstance(flow, tcp.TCPFlow | udp.UDPFlow):
        flow.messages = []
        cleaner.leave_out("flows that are not HTTP")
    elif isinstance(flow, dns.DNSFlow):
        flow.response = None
        cleaner.leave_out("flows that are not HTTP")


def _clean_connection(conn: connection.Connection, cleaner: Cleaner) -> None:
    if conn.certificate_list:
        cleaner.leave_out("certificates")
    conn.certificate_list = ()
    if isinstance(conn, connection.Client):
        conn.mitmcert = None
    conn.error = cleaner.text(conn.error) if conn.error else conn.error
    for name in ("peername", "sockname"):
        if address := getattr(conn, name):
            setattr(conn, name, (cleaner.address(address[0]), *address[1:]))


def _clean_http(flow: http.HTTPFlow, cleaner: Cleaner) -> None:
    request, response = flow.request, flow.response
    target = as_text(request.data.path)
    is_token = token_path(target.partition("?")[0]) is not None
    request.data.path = as_bytes(cleaner.urls.url(target))
    request.data.method = as_bytes(cleaner.method(as_text(request.data.method)))
    _clean_message(request, cleaner, is_token=is_token)
    if response:
        response.data.reason = as_bytes(cleaner.text(as_text(response.data.reason)))
        _clean_message(response, cleaner, is_token=is_token)
    if flow.websocket:
        cleaner.leave_out("web sockets' messages")
        flow.websocket = None


def _clean_message(message: http.Message, cleaner: Cleaner, *, is_token: bool) -> None:
    headers = message.headers
    _clean_body(message, cleaner, is_token=is_token)
    message.headers = _clean_headers(headers, cleaner, is_token=is_token)
    if message.trailers:
        message.trailers = _clean_headers(message.trailers, cleaner, is_token=is_token)


def _clean_headers(headers: http.Headers, cleaner: Cleaner, *, is_token: bool) -> http.Headers:
    pairs: Headers = tuple((as_text(name), as_text(value)) for name, value in headers.fields)
    clean = cleaner.values.headers(pairs, is_token_request=is_token)
    return http.Headers([(as_bytes(name), as_bytes(value)) for name, value in clean])


def _clean_body(message: http.Message, cleaner: Cleaner, *, is_token: bool) -> None:
    """Its length is written anew only where a body stays: one that was taken out must look like that."""
    raw, headers = message.raw_content, message.headers
    if not raw:
        return
    content = content_of(raw, headers.get("content-encoding", ""), LARGEST)
    clean = cleaner.bodies.body(content, headers.get("content-type", ""), is_token=is_token) if content else None
    if clean is None:
        cleaner.leave_out("bodies")
        message.data.content = None
        return
    message.data.content = clean
    headers.pop("content-encoding", None)
    if "content-length" in headers:
        headers["content-length"] = str(len(clean))
