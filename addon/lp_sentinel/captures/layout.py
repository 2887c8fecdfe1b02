"""Flows read where they stand in a flow file: only what an Exchange needs, by mitmproxy's layout.

The layout is that of the flow format that mitmproxy writes today, with its keys in the order in which it writes them.
Whatever else is found is left to mitmproxy. A text that could imitate the layout (with ``,``, ``;``, ``#`` or ``^``
in it) counts as something else, except where its length is followed.
"""

from __future__ import annotations

import re
from functools import lru_cache
from mmap import mmap

from lp_sentinel.captures.parts import asked_host, may_have_token, origin_form, was_taken_out, without_authority
from lp_sentinel.exchange import (
    LARGEST_BODY,
    REQUEST_HEADERS,
    RESPONSE_HEADERS,
    Exchange,
    Headers,
    as_text,
    header,
    is_injected,
)
from lp_sentinel.wording import counted

type Buffer = mmap | bytes
type _Pair = tuple[str, str] | tuple[()]

SIZE = rb"([0-9]{1,12}):"
LENGTH = re.compile(SIZE)
LONGEST_LENGTH = 13
ENDING = b";4:type;4:http;7:version;2:21#}"
"""How every HTTP flow of the format ends."""
VERSION = ENDING[ENDING.rindex(b";7:") :]
"""How every flow of the format ends, HTTP or not."""

PLAIN = rb"[^,;#^]*+"
TIMES = (
    rb"13:timestamp_end;[0-9]++:[0-9.]*+[\^~]15:timestamp_start;[0-9]++:([0-9]{10}\.[0-9]++)\^8:trailers;0:~7:content;"
)
HEAD = re.compile(
    rb"(?<![0-9])%s9:websocket;0:~8:response;(?:0:~|%s6:reason;[0-9]++:%s,11:status_code;3:([0-9]{3})#%s%s)"
    % (SIZE, SIZE, PLAIN, TIMES, SIZE)
)
"""The length of a flow; of its response the length, the status, the start, and the length of the body."""
REQUEST = re.compile(rb"7:request;" + SIZE + rb"4:path;" + SIZE)
"""The lengths of the request and of its path."""
_REST = re.compile(
    rb",9:authority;[0-9]++:(" + PLAIN + rb"),6:scheme;[0-9]++:([A-Za-z+.\-]*+),6:method;[0-9]++:([A-Za-z\-_]*+),"
    rb"4:port;[0-9]++:([0-9]{1,5})#4:host;[0-9]++:(" + PLAIN + rb");" + TIMES + SIZE
)
"""What follows a request's path: authority, scheme, method, port, host, start, length of the body."""
_HEADERS = re.compile(rb"[,~]7:headers;" + SIZE)
_HEADER = re.compile(SIZE + rb"([0-9]++:[^,]*+)," + SIZE)
_MESSAGE_END = re.compile(rb"\]12:http_version;[0-9]++:([A-Za-z0-9./]*+),\}")
_VERSIONS = {b"]12:http_version;8:" + version + b",}": version for version in (b"HTTP/1.0", b"HTTP/1.1", b"HTTP/2.0")}
_BETWEEN = re.compile(
    rb"6:backup;0:~17:timestamp_created;[0-9]++:[^\^]*+\^7:comment;0:;8:metadata;0:\}6:marked;0:;9:is_replay;0:~"
    rb"11:intercepted;5:false!11:server_conn;"
)
_CLIENT_END = re.compile(
    rb"8:peername;[0-9]+:[0-9]+:(" + PLAIN + rb");(?:[0-9]+:[0-9]+#)+\]\}5:error;0:~2:id;36:([0-9a-f-]{36})" + ENDING
)
_COMMA = ord(",")
_LONGEST_CLIENT_END = 200
_LONGEST_KEPT, _MOST_KEPT = 400, 2000
BY_AUTHORITY = (b"HTTP/2.0", b"HTTP/3")


class Unusual(Exception):  # noqa: N818  (no error: mitmproxy is asked instead)
    """A flow that does not have the usual layout."""


class _Wanted:
    """Headers that matter, by their names. Browsers send most of their headers again and again, so they are kept."""

    def __init__(self, names: frozenset[str]) -> None:
        self.known: dict[bytes, _Pair] = {}
        self._names = {b"%d:%s" % (len(name), name.encode()): name for name in names}

    def read(self, piece: bytes) -> _Pair:
        """A header without its ``,]``; an empty tuple if it does not matter. Raises Unusual."""
        sizes = _HEADER.match(piece)
        # The comma at its end is counted in its length, but not the colon before it.
        if sizes is None or int(sizes[1]) != len(piece) - sizes.end(1):
            raise Unusual
        name = self._names.get(sizes[2].lower())
        pair: _Pair = ()
        if name:
            if int(sizes[3]) != len(piece) - sizes.end():
                raise Unusual
            pair = (name, as_text(piece[sizes.end() :]).strip(" \t"))
        if len(piece) <= _LONGEST_KEPT:
            if len(self.known) >= _MOST_KEPT:
                self.known.clear()
            self.known[piece] = pair
        return pair


_OF_REQUEST, _OF_RESPONSE = _Wanted(REQUEST_HEADERS), _Wanted(RESPONSE_HEADERS)
_OF_BODY = _Wanted(frozenset({"content-encoding", "content-length"}))


def read_exchange(buffer: Buffer, start: int, index: int) -> Exchange:
    """The exchange of the flow that begins at ``start``. Raises Unusual if mitmproxy must be asked."""
    head = _found(HEAD.match(buffer, start))
    length, answer, status, answered, body = head.groups()
    if not answer:
        raise Unusual  # an error, with its time
    end, told = head.end(1) + 1 + int(length), head.end(2) + 1 + int(answer)
    answer_headers, _ = _message(buffer, head.end() + int(body), told, _OF_RESPONSE)
    request_body = response_body = None
    request = _found(REQUEST.match(buffer, told + 1))
    path_end = request.end() + int(request[2])
    rest = _found(_REST.match(buffer, path_end))
    authority, raw_scheme, raw_method, port, address, started, sent = rest.groups()
    method, scheme = raw_method.decode(), raw_scheme.decode().lower() or "https"
    target = origin_form(without_authority(as_text(buffer[request.end() : path_end])), method)
    request_end = request.end(1) + 1 + int(request[1])
    if may_have_token(target):
        request_body = _body(buffer, rest.end(), int(sent), request_end) if method == "POST" else None
        response_body = _body(buffer, head.end(), int(body), told)
    headers, version = _message(buffer, rest.end() + int(sent), request_end, _OF_REQUEST)
    if _BETWEEN.match(buffer, request_end + 1) is None:
        raise Unusual
    ending = _found(_CLIENT_END.search(buffer, max(start, end - _LONGEST_CLIENT_END), end + 1))
    if ending.end() != end + 1:
        raise Unusual
    named = [value for name, value in headers if name == "host"]
    host, port_asked = _asked(address, port, scheme, ", ".join(named) if named else None, authority, version)
    return Exchange(
        index=index,
        flow=ending[2].decode(),
        started=float(started),
        answered=float(answered),
        client=as_text(ending[1]),
        method=method,
        scheme=scheme,
        host=host,
        port=port_asked,
        target=target,
        request_headers=headers,
        request_body=request_body,
        status=int(status),
        response_headers=answer_headers,
        response_body=response_body,
        injected=bool(answer_headers) and is_injected(answer_headers),
    )


def flow_end(buffer: Buffer, at: int) -> int:
    """Behind the flow, or any other value, that begins at ``at``; negative if none does."""
    length = LENGTH.match(buffer[at : at + LONGEST_LENGTH])
    return at + length.end() + int(length[1]) + 1 if length else -1


def is_cut_length(ahead: bytes) -> bool:
    """Whether what stands where a flow should begin is the beginning of its length, and the file's end."""
    return ahead.isdigit() and len(ahead) < LONGEST_LENGTH


def broken_off(flows: int, at: int, *, is_cut: bool, why: str | None = None) -> str:
    """What is said of a file of which only so many flows can be read; ``why`` it was cut off, if that is known."""
    what = (why or "the file ends in the middle of a flow") if is_cut else "no flow begins there"
    return f"broken after {counted(flows, 'flow')}, at byte {at}: {what}"


@lru_cache(256)
def _asked(
    address: bytes, port: bytes, scheme: str, named: str | None, authority: bytes, version: bytes
) -> tuple[str, int]:
    by_authority = version in BY_AUTHORITY
    return asked_host(as_text(address), int(port), scheme, named, as_text(authority), by_authority=by_authority)


def redirects_to(buffer: Buffer, at: int, end: int) -> str:
    """The Locations of a response whose body ends at ``at`` and which ends at ``end``, or a text that counts as one."""
    try:
        headers, _ = _message(buffer, at, end, _OF_RESPONSE)
    except Unusual:
        return "?code="
    return " ".join(value for name, value in headers if name == "location") or "/"


def _body(buffer: Buffer, at: int, size: int, end: int) -> bytes | None:
    """The body at ``at`` of a message that ends at ``end``, as mitmproxy would decode it. Raises Unusual."""
    headers, _ = _message(buffer, at + size, end, _OF_BODY)
    if header(headers, "content-encoding") is not None:
        raise Unusual
    was_held = buffer[at + size] == _COMMA and (size or not was_taken_out(headers))
    return buffer[at : at + size] if was_held and size <= LARGEST_BODY else None


def _message(buffer: Buffer, at: int, end: int, wanted: _Wanted) -> tuple[Headers, bytes]:
    """The headers that are wanted and the version of a message whose body ends at ``at`` and which ends at ``end``."""
    found = _found(_HEADERS.match(buffer, at))
    begin, stop = found.end(), found.end() + int(found[1])
    tail = buffer[stop : end + 1]
    version = _VERSIONS.get(tail) or _found(_MESSAGE_END.fullmatch(tail))[1]
    return _headers(buffer[begin:stop], wanted), version


def _headers(block: bytes, wanted: _Wanted) -> Headers:
    """The headers in ``block`` that are wanted. Raises Unusual.

    Each is ``LENGTH:LENGTH:name,LENGTH:value,]``. A value may look like the end of a header and the beginning of
    another: then a length does not agree, and mitmproxy is asked.
    """
    pieces = block.split(b",]")
    if pieces.pop():
        raise Unusual
    found, known = [], wanted.known
    for piece in pieces:
        pair = known.get(piece)
        if pair is None:
            pair = wanted.read(piece)
        if pair:
            found.append(pair)
    return tuple(found)


def _found(match: re.Match[bytes] | None) -> re.Match[bytes]:
    if match is None:
        raise Unusual
    return match
