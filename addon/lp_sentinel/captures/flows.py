"""Exchanges from mitmproxy's flows, live or from a flow file."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from mitmproxy import http
from mitmproxy.io import FlowReader, compat

from lp_sentinel.captures.bodies import without_bodies
from lp_sentinel.captures.content import content_of
from lp_sentinel.captures.layout import LENGTH, LONGEST_LENGTH, broken_off, is_cut_length
from lp_sentinel.captures.parts import (
    NO_ANSWER,
    asked_host,
    finite,
    may_have_token,
    origin_form,
    was_taken_out,
    without_authority,
)
from lp_sentinel.captures.stream import Stream
from lp_sentinel.exchange import (
    FAULT_KEY,
    LARGEST_BODY,
    REQUEST_HEADERS,
    RESPONSE_HEADERS,
    Exchange,
    Headers,
    as_text,
    is_injected,
)
from lp_sentinel.wording import reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from mitmproxy.flow import Flow


_OF_REQUEST = {name.encode(): name for name in REQUEST_HEADERS}
_OF_RESPONSE = {name.encode(): name for name in RESPONSE_HEADERS}
_OF_BODY = {b"content-length": "content-length"}
"""Headers that matter, by how they are named on the wire in lower case."""


def read_flows(stream: Stream) -> Iterator[Exchange]:
    """The exchanges of a flow file, of any version that mitmproxy can convert; what it can't is noted and left out."""
    for index, record in enumerate(records(stream, without_bodies)):
        try:
            flow = load_flow(record)
        except Exception as error:  # noqa: BLE001  (mitmproxy's converters raise anything on what they do not expect)
            stream.fail(f"flow {index} cannot be read: {reason(error)}")
            continue
        if isinstance(flow, http.HTTPFlow):
            yield exchange_of(flow, index)


def records(stream: Stream, read: Callable[[Stream, int], bytes] = Stream.read) -> Iterator[bytes]:
    """Each flow of a flow file as its length-prefixed bytes. Where the lengths break off, that is noted.

    ``read`` takes so many bytes from the stream, and may leave out what is large in them.
    """
    count = 0
    while head := stream.peek(LONGEST_LENGTH):
        start = stream.offset
        length = LENGTH.match(head)
        size = length.end() + int(length[1]) + 1 if length else len(head)
        record = read(stream, size)
        is_whole = stream.offset - start == size
        if length and is_whole and record.endswith(b"}"):
            yield record
            count += 1
            continue
        is_cut = not is_whole or is_cut_length(head)
        stream.fail(broken_off(count, stream.offset if is_cut else start, is_cut=is_cut, why=stream.cut))
        return
    if stream.cut:
        stream.fail(broken_off(count, stream.offset, is_cut=True, why=stream.cut))


def exchange_of(flow: http.HTTPFlow, index: int) -> Exchange:
    """The exchange that ``flow`` holds, whatever its bytes are. It never changes the flow."""
    request, response, error = flow.request, flow.response, flow.error
    answer = _headers(response, _OF_RESPONSE) if response else ()
    method = as_text(request.data.method)
    scheme = as_text(request.data.scheme).lower() or "https"
    host, port = _asked(request, scheme)
    target = origin_form(without_authority(as_text(request.data.path)), method)
    needs_bodies = may_have_token(target)
    status = response.status_code if response and response.status_code > 0 else None
    return Exchange(
        index=index,
        flow=flow.id,
        started=finite(request.timestamp_start),
        answered=finite(response.timestamp_start if response else error.timestamp if error else None),
        client=flow.client_conn.peername[0] if flow.client_conn.peername else None,
        method=method,
        scheme=scheme,
        host=host,
        port=port,
        target=target,
        request_headers=_headers(request, _OF_REQUEST),
        request_body=_body(request) if needs_bodies and method == "POST" else None,
        status=status,
        response_headers=answer,
        response_body=_body(response) if needs_bodies and response else None,
        error=error.msg if error else NO_ANSWER if response and status is None else None,
        injected=FAULT_KEY in flow.metadata or is_injected(answer),
    )


def load_flow(record: bytes) -> Flow:
    """The flow of a record, by mitmproxy's own reader; raises anything on what that does not expect."""
    # Its converters remember the connections of all flows; whose they are is of no use here.
    compat.client_connections.clear()
    compat.server_connections.clear()
    for flow in FlowReader(io.BytesIO(record)).stream():
        return flow
    message = "it is empty"
    raise ValueError(message)


def _asked(request: http.Request, scheme: str) -> tuple[str, int]:
    named = request.headers.fields and request.headers.get("host")
    authority = as_text(request.data.authority)
    by_authority = request.is_http2 or request.is_http3
    return asked_host(request.host, request.port, scheme, named or None, authority, by_authority=by_authority)


def _headers(message: http.Message, wanted: Mapping[bytes, str]) -> Headers:
    fields = message.headers.fields
    return tuple([(name, as_text(value).strip(" \t")) for key, value in fields if (name := wanted.get(key.lower()))])


def _body(message: http.Message) -> bytes | None:
    raw = message.raw_content
    if not raw and was_taken_out(_headers(message, _OF_BODY)):
        return None
    return content_of(raw, message.headers.get("content-encoding", ""), LARGEST_BODY)
