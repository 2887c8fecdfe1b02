"""Flows read where they stand in a mapped flow file: only what an Exchange needs, never a body, by mitmproxy's layout.

The layout is that of the flow format that mitmproxy writes today, with its keys in the order in which it writes them.
Whatever else is found is left to mitmproxy. A text that could imitate the layout (with ``,``, ``;``, ``#`` or ``^``
in it) counts as something else, except where its length is followed.
"""

from __future__ import annotations

import re
from mmap import mmap
from typing import NamedTuple

from lp_sentinel.captures.parts import asked_host, is_injected, may_have_token, origin_form, without_authority
from lp_sentinel.exchange import Exchange, Headers

type Buffer = mmap | bytes

LENGTH = re.compile(rb"([0-9]{1,12}):")
LONGEST_LENGTH = 13
ENDING = b";4:type;4:http;7:version;2:21#}"
"""How every HTTP flow of the format ends."""

_PLAIN = rb"[^,;#^]*+"
_TIME = rb"[0-9]{1,12}(?:\.[0-9]{1,12})?\^"
HEAD = re.compile(
    rb"([0-9]{1,12}):9:websocket;0:~8:response;"
    rb"(?:0:~|([0-9]{1,12}):6:reason;[0-9]+:" + _PLAIN + rb",11:status_code;3:[0-9]{3}#)"
)
"""The lengths of a flow and of its response."""
REQUEST = re.compile(rb"7:request;([0-9]{1,12}):4:path;([0-9]{1,12}):")
"""The lengths of the request and of its path."""
REST = re.compile(
    rb",9:authority;[0-9]+:(" + _PLAIN + rb"),6:scheme;[0-9]+:([A-Za-z+.\-]*),6:method;[0-9]+:([A-Za-z\-_]*),"
    rb"4:port;[0-9]+:([0-9]{1,5})#4:host;[0-9]+:(" + _PLAIN + rb");13:timestamp_end;(?:0:~|[0-9]+:" + _TIME + rb")"
    rb"15:timestamp_start;[0-9]+:([0-9]{10}\.[0-9]{1,9})\^8:trailers;0:~7:content;(?:0:~|([0-9]{1,12}):)"
)
"""What follows a request's path: authority, scheme, method, port, host, start, length of the body."""
RESPONSE = re.compile(
    rb"6:reason;[0-9]+:" + _PLAIN + rb",11:status_code;3:([0-9]{3})#13:timestamp_end;(?:0:~|[0-9]+:" + _TIME + rb")"
    rb"15:timestamp_start;[0-9]+:([0-9]{10}\.[0-9]{1,9})\^8:trailers;0:~7:content;(?:0:~|([0-9]{1,12}):)"
)
_HEADERS = re.compile(rb"7:headers;([0-9]{1,12}):")
_HEADER = re.compile(rb"[0-9]{1,12}:([0-9]{1,12}):([^,]*+),([0-9]{1,12}):")
_MESSAGE_END = re.compile(rb"\]12:http_version;[0-9]+:([A-Za-z0-9./]*),\}")
_BETWEEN = re.compile(
    rb"6:backup;0:~17:timestamp_created;[0-9]+:[^\^]*\^7:comment;0:;8:metadata;0:\}6:marked;0:;9:is_replay;0:~"
    rb"11:intercepted;5:false!11:server_conn;"
)
_CLIENT_END = re.compile(
    rb"8:peername;[0-9]+:[0-9]+:(" + _PLAIN + rb");(?:[0-9]+:[0-9]+#)+\]\}5:error;0:~2:id;36:([0-9a-f-]{36})" + ENDING
)
_LONGEST_CLIENT_END = 200
_BY_AUTHORITY = (b"HTTP/2.0", b"HTTP/3")


class Unusual(Exception):  # noqa: N818  (no error: mitmproxy is asked instead)
    """A flow that does not have the usual layout."""


class _Message(NamedTuple):
    headers: Headers
    version: bytes


def read_exchange(buffer: Buffer, start: int, index: int) -> Exchange:
    """The exchange of the flow that begins at ``start``. Raises Unusual if mitmproxy must be asked."""
    head = _found(HEAD.match(buffer, start))
    end = head.end(1) + 1 + int(head[1])
    if not head[2]:
        raise Unusual  # an error, with its time
    answer_end = head.end(2) + 1 + int(head[2])
    response = _found(RESPONSE.match(buffer, head.end(2) + 1))
    got = _message(buffer, response.end(), response[3], answer_end)
    request = _found(REQUEST.match(buffer, answer_end + 1))
    path_end = request.end() + int(request[2])
    rest = _found(REST.match(buffer, path_end))
    raw_path = _text(buffer[request.end() : path_end])
    method, scheme = _text(rest[3]), _text(rest[2]).lower() or "https"
    target = origin_form(without_authority(raw_path), method)
    if may_have_token(target):
        raise Unusual  # its bodies are needed, and may be encoded; there are few of these
    request_end = request.end(1) + 1 + int(request[1])
    asked = _message(buffer, rest.end(), rest[7], request_end)
    if _BETWEEN.match(buffer, request_end + 1) is None:
        raise Unusual
    ending = _found(_CLIENT_END.search(buffer, max(start, end - _LONGEST_CLIENT_END), end + 1))
    if ending.end() != end + 1:
        raise Unusual
    host, port = asked_host(
        _text(rest[5]),
        int(rest[4]),
        scheme,
        _host_header(asked.headers),
        _text(rest[1]),
        by_authority=asked.version in _BY_AUTHORITY,
    )
    return Exchange(
        index=index,
        flow=_text(ending[2]),
        started=float(rest[6]),
        answered=float(response[2]),
        client=_text(ending[1]),
        method=method,
        scheme=scheme,
        host=host,
        port=port,
        target=target,
        request_headers=asked.headers,
        status=int(response[1]),
        response_headers=got.headers,
        injected=is_injected(got.headers),
    )


def redirects_to(buffer: Buffer, at: int, end: int) -> str:
    """The Locations of a response that stands between ``at`` and ``end``, or a text that counts as one."""
    try:
        response = _found(RESPONSE.match(buffer, at))
        headers = _message(buffer, response.end(), response[3], end).headers
    except Unusual:
        return "?code="
    return " ".join(value.strip() for name, value in headers if name.lower() == "location") or "/"


def _message(buffer: Buffer, at: int, body: bytes | None, end: int) -> _Message:
    """The rest of a request or response, from its body on; ``body`` is how long that is."""
    if body is not None:
        at += int(body) + 1
    found = _found(_HEADERS.match(buffer, at))
    stop = found.end() + int(found[1])
    ending = _found(_MESSAGE_END.match(buffer, stop))
    if ending.end() != end + 1:
        raise Unusual
    return _Message(read_headers(buffer, found.end(), stop), ending[1])


def read_headers(buffer: Buffer, at: int, stop: int) -> Headers:
    """The headers that stand from ``at`` to ``stop``. Raises Unusual."""
    headers = []
    while at < stop:
        found = _found(_HEADER.match(buffer, at))
        begin = found.end()
        at = begin + int(found[3])
        if int(found[1]) != len(found[2]) or buffer[at : at + 2] != b",]":
            raise Unusual
        headers.append((_text(found[2]), _text(buffer[begin:at])))
        at += 2
    if at != stop:
        raise Unusual
    return tuple(headers)


def _host_header(headers: Headers) -> str | None:
    named = [value for name, value in headers if len(name) == len("host") and name.lower() == "host"]
    return ", ".join(named) if named else None


def _found(match: re.Match[bytes] | None) -> re.Match[bytes]:
    if match is None:
        raise Unusual
    return match


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")
