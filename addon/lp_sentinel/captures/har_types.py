"""What is read of an entry of a HAR, as leniently as tools write it."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec

# Tools put null, numbers and texts where others put the other.
Scalar = str | int | float | bool | None


# None of these can be part of a cycle, which spares the garbage collector.
class Pair(msgspec.Struct, gc=False):
    """A header or a form's field."""

    name: Scalar = None
    value: Scalar = None


# The second form is that of Slack's desktop app.
type Pairs = list[Pair | list[Scalar]] | None


class Request(msgspec.Struct, gc=False, omit_defaults=True):
    """A request without its body."""

    method: Scalar = None
    url: Scalar = None
    headers: Pairs = None
    query: Pairs = msgspec.field(default=None, name="queryString")


class Response(msgspec.Struct, gc=False, omit_defaults=True):
    """A response without its body."""

    status: Scalar = None
    headers: Pairs = None
    redirect: Scalar = msgspec.field(default=None, name="redirectURL")
    error: Scalar = msgspec.field(default=None, name="_error")
    failure: Any = msgspec.field(default=None, name="_failureText")
    """Playwright's; a text."""
    by_worker: Any = msgspec.field(default=None, name="_fetchedViaServiceWorker")
    """Chrome's; ``True`` where a service worker answered."""
    from_disk: Any = msgspec.field(default=None, name="fromDiskCache")
    """chrome-har's, like the next two."""
    from_worker: Any = msgspec.field(default=None, name="fromServiceWorker")
    from_prefetch: Any = msgspec.field(default=None, name="fromPrefetchCache")


class Timings(msgspec.Struct, gc=False, omit_defaults=True):
    """How long the steps before a response took, in milliseconds."""

    blocked: Scalar = None
    dns: Scalar = None
    connect: Scalar = None
    send: Scalar = None
    wait: Scalar = None


class Entry(msgspec.Struct, gc=False, omit_defaults=True):
    """A request and its response."""

    started: Scalar = msgspec.field(default=None, name="startedDateTime")
    time: Scalar = None
    request: Request | None = None
    response: Response | None = None
    timings: Timings | None = None
    cache: Any = msgspec.field(default=None, name="_fromCache")
    """Chrome's."""
    fetched: Any = msgspec.field(default=None, name="_fetchType")
    """Safari's."""
    kind: Any = msgspec.field(default=None, name="_resourceType")
    """Chrome's."""


class PostData(msgspec.Struct, omit_defaults=True):
    """What was posted."""

    kind: Scalar = msgspec.field(default=None, name="mimeType")
    text: Scalar | msgspec.UnsetType = msgspec.UNSET
    encoding: Scalar = None
    params: list[Pair] | None = None
    file: Any = msgspec.field(default=None, name="_file")
    """Playwright's; where the text stands that is left out here,"""
    digest: Any = msgspec.field(default=None, name="_sha1")
    """and what that is called there."""


class RequestBody(msgspec.Struct, omit_defaults=True):
    """The part of a request that holds its body."""

    size: Scalar = msgspec.field(default=None, name="bodySize")
    data: PostData | None = msgspec.field(default=None, name="postData")


class Content(msgspec.Struct, omit_defaults=True):
    """What was answered."""

    text: Scalar = None
    encoding: Scalar = None
    size: Scalar = None


class ResponseBody(msgspec.Struct, omit_defaults=True):
    """The part of a response that holds its body."""

    content: Content | None = None


class Bodies(msgspec.Struct, omit_defaults=True):
    """An entry's other part: nearly all of a HAR, and hardly ever needed."""

    request: RequestBody | None = None
    response: ResponseBody | None = None


CACHES = ("memory", "disk", "Memory Cache", "Disk Cache", "Service Worker")
"""Where a browser says that it took an answer from, when it asked nobody for it."""

ENTRY = msgspec.json.Decoder(Entry)
ENTRIES = msgspec.json.Decoder(list[Entry])
BODIES = msgspec.json.Decoder(Bodies)
TEXTS = msgspec.json.Decoder(list[msgspec.Raw])

_LONGEST_STRING, _LONGEST_LENIENT = 8 << 20, 1 << 20
"""The second for what Python parses, in many times the memory."""
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)

UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)
"""What :func:`decode` raises."""


def decode[T](decoder: msgspec.json.Decoder[T], text: bytes) -> T:
    """Decode JSON, or what comes near to it."""
    text = _emptied(text, _LONGEST_STRING)
    try:
        return decoder.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        if isinstance(error, msgspec.ValidationError):
            raise
        # Lone surrogates and bytes that are not UTF-8 are no JSON, but tools write them for what was really sent.
        lenient = json.loads(_emptied(text, _LONGEST_LENIENT).decode("utf-8", "surrogateescape"), strict=False)
        return msgspec.convert(lenient, decoder.type)


def _emptied(text: bytes, longest: int) -> bytes:
    """JSON without what its longer strings hold: no token answer is that long."""
    if len(text) <= longest:
        return text
    return _STRING.sub(lambda found: found[0] if len(found[0]) <= longest else b'""', text)


def encode(value: Entry | Bodies, *, plain: bool) -> bytes:
    """In a line, so that :func:`decode` gives the same again. ``plain`` says that it came from JSON by the book."""
    if plain:
        try:
            return msgspec.json.encode(value)
        except UnicodeEncodeError:
            pass
    return json.dumps(msgspec.to_builtins(value)).encode()


def text_of(value: Scalar) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else str(value).lower()
