"""Exchanges from HAR files, in the dialects of browsers and proxies."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import msgspec
from msgspec import Raw

from lp_sentinel.captures.entries import Entries
from lp_sentinel.captures.har_fields import bytes_of, encoded, epoch, fields_of, first
from lp_sentinel.captures.har_types import (
    BODIES,
    CACHES,
    ENTRIES,
    ENTRY,
    TEXTS,
    UNREADABLE,
    Bodies,
    Entry,
    Pairs,
    Request,
    RequestBody,
    Response,
    ResponseBody,
    Scalar,
    Timings,
    decode,
    encode,
    text_of,
)
from lp_sentinel.captures.parts import NO_ANSWER, finite, may_have_token, origin_form, split_authority, was_taken_out
from lp_sentinel.captures.stream import Stream
from lp_sentinel.captures.walk import Run
from lp_sentinel.exchange import LARGEST_BODY, Exchange, Headers, header, is_injected
from lp_sentinel.taken_out import NOT_RECORDED, known
from lp_sentinel.uri import DEFAULT_PORTS, parse_parameters
from lp_sentinel.wording import reason

_PORTS = {**DEFAULT_PORTS, "ws": 80, "wss": 443}
# Of a longer authority no host could be looked up, and it must not be kept by the cache.
_URL = re.compile(r"([A-Za-z]+)://([^/?#]{0,300})(|[/?#].*)", re.DOTALL)
_HAS_SECRET = re.compile(rb"(?:^|&)client_secret=[^&]")
_named = lru_cache(1 << 12)(split_authority)


class RequestLine(NamedTuple):
    """Where a request went."""

    method: str
    scheme: str
    host: str
    port: int
    target: str


class Found(NamedTuple):
    """An entry that holds an exchange."""

    place: int
    """From 0, among all entries."""
    request_line: RequestLine
    entry: Entry
    bodies: Bodies | None
    """``None`` unless it may be a token exchange."""
    plain: bool
    """Whether it is JSON by the book."""
    creator: str | None
    """Which of ``FOLLOW_REDIRECTS`` (entries.py) made the HAR."""

    @property
    def started(self) -> float | None:
        """Seconds since the epoch."""
        return epoch(self.entry.started)

    @property
    def referer(self) -> str | None:
        return first(self.entry.request.headers, "referer") if self.entry.request else None

    @property
    def location(self) -> str | None:
        """Where the response points, whatever its status."""
        response = self.entry.response
        if response is None:
            return None
        location, redirect = first(response.headers, "location"), text_of(response.redirect).strip(" \t")
        # Logger++ writes the text "null" for none.
        return redirect if redirect not in ("", "null") and known(location) is None else location


def find_exchanges(stream: Stream) -> Iterator[Found]:
    """The entries of a HAR file that hold exchanges; what can't be read is noted and passed over."""
    entries, index = Entries(stream), 0
    for run in entries.runs(ENTRIES):
        yield from _found(run, index, stream, entries.creator)
        index += len(run.entries) or 1


def exchange_of(found: Found) -> Exchange:
    entry, request_line = found.entry, found.request_line
    request, response = entry.request or Request(), entry.response or Response()
    status = _status(response)
    headers, answer = _headers(request.headers), _headers(response.headers)
    has_headers, location = bool(headers), found.location
    if location is None and (response.headers is None or not (headers or answer)):
        location = NOT_RECORDED  # a redirect of which nothing was recorded led somewhere, too
    if location is not None:
        answer = _with(answer, "location", location)
    bodies = found.bodies or Bodies()
    posted = bodies.request.data if bodies.request else None
    if not headers:  # every request has some
        headers = (("referer", NOT_RECORDED),)
    if not has_headers or not _tells_who_asks(entry, bodies.request, headers):
        headers = (*headers, ("authorization", NOT_RECORDED))
    if posted and posted.kind and known(header(headers, "content-type")) is None:  # tools leave headers out
        headers = _with(headers, "content-type", text_of(posted.kind).strip(" \t"))
    is_told = has_headers or header(headers, "content-type") is not None  # else what the body is, is not known
    return Exchange(
        index=found.place,
        started=found.started,
        answered=_answered(found.started, entry) if status is not None else None,
        method=request_line.method,
        scheme=request_line.scheme,
        host=request_line.host,
        port=request_line.port,
        target=request_line.target,
        request_headers=headers,
        request_body=_sent(bodies.request, headers) if request_line.method == "POST" and is_told else None,
        status=status or None,
        response_headers=answer,
        response_body=_received(bodies.response, answer) if status else None,
        error=text_of(response.error or _failure(response)) or NO_ANSWER if status == 0 else None,
        injected=is_injected(answer),
        hides_redirects=entry.fetched is not None or found.creator is not None,
        is_last_answer=found.creator is not None,
        from_cache=_is_from_cache(entry, response, answer),
    )


def _tells_who_asks(entry: Entry, sent: RequestBody | None, headers: Headers) -> bool:
    """Whether what an app authenticated itself with would be known.

    Chrome leaves out Authorization and cookies unless it is told not to; a secret that was sent may tell even so.
    """
    is_whole = entry.kind is None or any(name in ("authorization", "cookie") for name, _ in headers)
    return is_whole or sent is None or _HAS_SECRET.search(_sent(sent, headers) or b"") is not None


def _is_from_cache(entry: Entry, response: Response, answer: Headers) -> bool:
    marks = (response.by_worker, response.from_disk, response.from_worker, response.from_prefetch)
    is_from_store = True in marks or entry.cache in CACHES or entry.fetched in CACHES
    # Chrome goes to https by itself where it knows that a host wants that, and says so like a server.
    return is_from_store or header(answer, "non-authoritative-reason") is not None


def pack(found: Found) -> bytes:
    """Entry and bodies without all that an exchange has no use for."""
    entry = encode(found.entry, plain=found.plain)
    return entry if found.bodies is None else b"\n".join((entry, encode(found.bodies, plain=found.plain)))


def unpack(record: bytes, place: int, creator: str | None) -> Found:
    """What :func:`pack` made a record of."""
    first, _, second = record.partition(b"\n")
    entry = decode(ENTRY, first)
    request_line = _request_line(entry.request, creator)
    if request_line is None:
        raise AssertionError(first)
    return Found(place, request_line, entry, decode(BODIES, second) if second else None, plain=False, creator=creator)


def _found(run: Run[Entry], index: int, stream: Stream, creator: str | None) -> Iterator[Found]:
    plain, entries, texts = bool(run.entries), run.entries, list[Raw]()
    if not plain:
        texts = [Raw(run.text)]
        one = _decoded(ENTRY, bytes(run.text), index, stream)
        entries = [one] if one else []
    for place, entry in enumerate(entries, index):
        request_line, bodies = _request_line(entry.request, creator), None
        if request_line is None:
            continue
        if may_have_token(request_line.target):
            texts = texts or TEXTS.decode(b"".join((b"[", run.text, b"]")))
            bodies = _decoded(BODIES, bytes(texts[place - index]), place, stream)
            if bodies is None:
                continue
        yield Found(place, request_line, entry, bodies, plain, creator)


def _decoded[T](decoder: msgspec.json.Decoder[T], text: bytes, index: int, stream: Stream) -> T | None:
    try:
        return decode(decoder, text)
    except UNREADABLE as error:
        stream.fail(f"entry {index} cannot be read: {reason(error)}")
        return None


def _request_line(request: Request | None, creator: str | None) -> RequestLine | None:
    """``None`` if the URL is none of http (``data:``, ``about:blank``, an extension's)."""
    url = _URL.fullmatch(text_of(request.url)) if request else None
    if request is None or url is None or (scheme := url[1].lower()) not in _PORTS:
        return None
    named = _named(url[2])
    if named is None:
        return None
    method = text_of(request.method)
    target = origin_form(url[3], method)
    if creator is not None:
        target = _with_query(target, request.query)
    elif "?" not in target and (query := encoded(request.query)):  # some tools keep it apart
        target = f"{target}?{query}"
    return RequestLine(method, scheme, named[0], named[1] or _PORTS[scheme], target)


def _with_query(target: str, pairs: Pairs) -> str:
    """With the parameters that stand apart: what is typed into a client's table is not in the URL it was given."""
    path, _, query = target.partition("?")
    named = parse_parameters(query).names()
    apart = encoded([pair for pair in pairs or () if not any(name in named for name, _ in fields_of([pair]))])
    whole = "&".join(filter(None, (query, apart)))
    return f"{path}?{whole}" if whole else target


def _status(response: Response) -> int | None:
    """``None`` is "not known", 0 "no answer"."""
    try:
        status = int(response.status) if isinstance(response.status, str | int | float) else None
    except (ValueError, OverflowError):
        return None
    if status is not None and status < 0:  # Playwright's while there is none; it tells of a failure apart
        return 0 if _failure(response) or response.error else None
    return status


def _failure(response: Response) -> str | None:
    return response.failure if isinstance(response.failure, str) else None


def _headers(pairs: Pairs) -> Headers:
    """Without HTTP/2's pseudo-headers, which say again what stands in the URL."""
    texts = ((name.lower(), value.strip(" \t")) for name, value in fields_of(pairs))
    return tuple((name, value) for name, value in texts if not name.startswith(":"))


def _with(headers: Headers, name: str, value: str) -> Headers:
    """With another value in the first header of this name, or, where there is none, with one."""
    names = [own for own, _ in headers]
    place = names.index(name) if name in names else len(names)
    return (*headers[:place], (name, value), *headers[place + 1 :])


def _answered(started: float | None, entry: Entry) -> float | None:
    """When the response began: what a HAR gives for it is how long each step took, in milliseconds."""
    if started is None:
        return None
    timings = entry.timings or Timings()
    steps = (finite(step) for step in (timings.blocked, timings.dns, timings.connect, timings.send, timings.wait))
    known = [step for step in steps if step is not None and step >= 0]
    took = sum(known) if known else finite(entry.time)
    return None if took is None else started + max(took, 0.0) / 1000


def _sent(request: RequestBody | None, headers: Headers) -> bytes | None:
    if request is None:
        return None
    data = request.data
    if data and data.params and not (isinstance(data.text, str) and data.text):
        return encoded(data.params).encode("utf-8", "surrogatepass")
    if data is None or isinstance(data.text, msgspec.UnsetType):
        # A tool that holds no bodies may give 0 for all sizes: that what was sent was of some kind tells of one.
        is_told = header(headers, "content-type") is None or header(headers, "content-length") is not None
        return _empty(request.size, headers) if request.size == 0 and is_told else None
    if data.text is None or (not data.text and (data.file or data.digest)):
        return None
    return _body(data.text, data.encoding) if data.text else _empty(request.size, headers)


def _received(response: ResponseBody | None, headers: Headers) -> bytes | None:
    content = response.content if response else None
    if content is None:
        return None
    return _body(content.text, content.encoding) if content.text else _empty(content.size, headers)


def _body(text: Scalar, encoding: Scalar) -> bytes | None:
    body = bytes_of(text, encoding)
    return body if body is None or len(body) <= LARGEST_BODY else None


def _empty(size: Scalar, headers: Headers) -> bytes | None:
    """``b""`` if a size says that there was no body, and none that there was one: else a tool may have taken it out."""
    length = header(headers, "content-length") or ""
    is_told = size == 0 or (length != "" and not length.strip("0"))
    return None if not is_told or (finite(size) or 0) > 0 or was_taken_out(headers) else b""
