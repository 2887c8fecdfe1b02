"""Exchanges from HAR files, in the dialects of browsers and proxies."""

from __future__ import annotations

import base64
import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import msgspec

from lp_sentinel.captures.entries import NoEntriesError, entry_texts
from lp_sentinel.captures.parts import (
    is_injected,
    may_have_token,
    moment,
    origin_form,
    split_authority,
    was_taken_out,
)
from lp_sentinel.captures.stream import reason
from lp_sentinel.exchange import Exchange, Headers, header

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lp_sentinel.captures.stream import Stream

_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}
_URL = re.compile(r"([A-Za-z]+)://([^/?#]*)(.*)", re.DOTALL)

# Tools put null, numbers and texts where others put the other.
Scalar = str | int | float | bool | None


class _Pair(msgspec.Struct):
    name: Scalar = None
    value: Scalar = None


class _Request(msgspec.Struct):
    method: Scalar = None
    url: Scalar = None
    # The second form is that of Slack's desktop app.
    headers: list[_Pair | list[Scalar]] | None = None


class _Response(msgspec.Struct):
    status: Scalar = None
    headers: list[_Pair | list[Scalar]] | None = None
    redirect: Scalar = msgspec.field(default=None, name="redirectURL")
    error: Scalar = msgspec.field(default=None, name="_error")


class _Timings(msgspec.Struct):
    blocked: Scalar = None
    dns: Scalar = None
    connect: Scalar = None
    send: Scalar = None
    wait: Scalar = None


class _Entry(msgspec.Struct):
    started: Scalar = msgspec.field(default=None, name="startedDateTime")
    time: Scalar = None
    request: _Request | None = None
    response: _Response | None = None
    timings: _Timings | None = None


class _PostData(msgspec.Struct):
    text: Scalar | msgspec.UnsetType = msgspec.UNSET
    encoding: Scalar = None
    params: list[_Pair] | None = None


class _RequestBody(msgspec.Struct):
    size: Scalar = msgspec.field(default=None, name="bodySize")
    data: _PostData | None = msgspec.field(default=None, name="postData")


class _Content(msgspec.Struct):
    text: Scalar = None
    encoding: Scalar = None
    size: Scalar = None


class _ResponseBody(msgspec.Struct):
    content: _Content | None = None


class _Bodies(msgspec.Struct):
    request: _RequestBody | None = None
    response: _ResponseBody | None = None


# Two readers, since the bodies are nearly all of a HAR and hardly ever needed.
_ENTRY = msgspec.json.Decoder(_Entry)
_BODIES = msgspec.json.Decoder(_Bodies)


def read_har(stream: Stream) -> Iterator[Exchange]:
    """The exchanges of a HAR file, entry by entry; what can't be read is noted and passed over."""
    count = 0
    try:
        for index, text in enumerate(entry_texts(stream)):
            count = index + 1
            try:
                exchange = _exchange(text, index)
            except (msgspec.MsgspecError, ValueError, RecursionError) as error:
                stream.fail(f"entry {index} cannot be read: {reason(error)}")
                continue
            if exchange is not None:
                yield exchange
    except EOFError:
        what = stream.cut or "the file ends in the middle of the JSON"
        stream.fail(f"broken after {count} entries, at byte {stream.offset}: {what}")
    except NoEntriesError:
        stream.fail("is neither a flow file nor a HAR file: it is JSON without log.entries")


def _exchange(text: bytes, index: int) -> Exchange | None:
    """``None`` if the entry's URL is none of http (``data:``, ``about:blank``, an extension's)."""
    entry = _decode(_ENTRY, text)
    request, response = entry.request or _Request(), entry.response or _Response()
    method = _text(request.method)
    url = _URL.fullmatch(_text(request.url))
    scheme = url[1].lower() if url else ""
    asked = split_authority(url[2]) if url else None
    if url is None or asked is None or scheme not in _PORTS:
        return None
    target = origin_form(url[3], method)
    status, started = _status(response.status), _epoch(entry.started)
    headers, answer = _headers(request.headers), _headers(response.headers)
    if response.redirect and header(answer, "location") is None:
        answer = (*answer, ("Location", _text(response.redirect)))
    bodies = _decode(_BODIES, text) if may_have_token(target) else _Bodies()
    return Exchange(
        index=index,
        started=started,
        answered=_answered(started, entry) if status is not None else None,
        method=method,
        scheme=scheme,
        host=asked[0],
        port=asked[1] or _PORTS[scheme],
        target=target,
        request_headers=headers,
        request_body=_sent(bodies.request, headers) if method == "POST" else None,
        status=status or None,
        response_headers=answer,
        response_body=_received(bodies.response, answer) if status else None,
        error=_text(response.error) or "status 0" if status == 0 else None,
        injected=is_injected(answer),
    )


def _decode[T](decoder: msgspec.json.Decoder[T], text: bytes) -> T:
    try:
        return decoder.decode(text)
    except msgspec.DecodeError as error:
        if isinstance(error, msgspec.ValidationError):
            raise
        # Lone surrogates and bytes that are not UTF-8 are no JSON, but tools write them for what was really sent.
        lenient = json.loads(text.decode("utf-8", "surrogateescape"), strict=False)
        return msgspec.convert(lenient, decoder.type)


def _text(value: Scalar) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else str(value).lower()


def _status(value: Scalar) -> int | None:
    """``None`` is "not known", 0 "no answer"."""
    try:
        return max(int(value), 0) if isinstance(value, str | int | float) else None
    except (ValueError, OverflowError):
        return None


def _headers(pairs: list[_Pair | list[Scalar]] | None) -> Headers:
    """Without HTTP/2's pseudo-headers, which say again what stands in the URL."""
    named = ((pair.name, pair.value) if isinstance(pair, _Pair) else (*pair, None, None)[:2] for pair in pairs or ())
    return tuple((_text(name), _text(value)) for name, value in named if name and not _text(name).startswith(":"))


def _epoch(value: Scalar) -> float | None:
    """An ISO 8601 time as seconds since the epoch; one without an offset is taken as UTC."""
    if not isinstance(value, str):
        return None
    try:
        time = datetime.fromisoformat(value.strip())
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def _answered(started: float | None, entry: _Entry) -> float | None:
    """When the response began: what a HAR gives for it is how long each step took, in milliseconds."""
    if started is None:
        return None
    timings = entry.timings or _Timings()
    steps = (moment(step) for step in (timings.blocked, timings.dns, timings.connect, timings.send, timings.wait))
    known = [step for step in steps if step is not None and step >= 0]
    took = sum(known) if known else moment(entry.time)
    return None if took is None else started + max(took, 0.0) / 1000


def _sent(request: _RequestBody | None, headers: Headers) -> bytes | None:
    if request is None:
        return None
    data = request.data
    if data is None:
        return _empty(request.size, headers) if request.size == 0 else None
    if isinstance(data.text, msgspec.UnsetType) or (data.text is None and data.params):
        if data.params:
            return urlencode([(_text(p.name), _text(p.value)) for p in data.params], errors="surrogatepass").encode()
        return _empty(request.size, headers) if request.size == 0 else None
    if data.text is None:
        return None
    return _bytes(data.text, data.encoding) if data.text else _empty(request.size, headers)


def _received(response: _ResponseBody | None, headers: Headers) -> bytes | None:
    content = response.content if response else None
    if content is None:
        return None
    if content.text is None:
        return _empty(content.size, headers) if content.size == 0 else None
    return _bytes(content.text, content.encoding) if content.text else _empty(content.size, headers)


def _empty(size: Scalar, headers: Headers) -> bytes | None:
    """No body, unless a size says that there was one: then a tool has taken it out."""
    return None if (moment(size) or 0) > 0 or was_taken_out(headers) else b""


def _bytes(value: Scalar, encoding: Scalar) -> bytes | None:
    text = _text(value)
    try:
        if _text(encoding).lower() == "base64":
            return base64.b64decode(text)
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
    except ValueError:
        return None
