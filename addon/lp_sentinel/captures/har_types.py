"""What is read of an entry of a HAR, as leniently as tools write it."""

from __future__ import annotations

import json
import re
from typing import Any, TypeGuard, cast, get_args

import msgspec

from lp_sentinel.exchange import as_text
from lp_sentinel.taken_out import NOT_RECORDED

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

_LONGEST_STRING, _LONGEST_LENIENT, _LONGEST_ODD = 8 << 20, 1 << 20, 4 << 20
"""The second for what Python parses, in many times the memory; a longer one with odd members is not read at all."""
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)

UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)
"""What :func:`decode` raises."""


def decode[T](decoder: msgspec.json.Decoder[T], text: bytes) -> T:
    """Decode JSON, or what comes near to it. What is of another kind than it should be is not known."""
    text = _emptied(text, _LONGEST_STRING)
    try:
        return decoder.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        short = _emptied(text, _LONGEST_LENIENT)
        if isinstance(error, msgspec.ValidationError) and len(short) > _LONGEST_ODD:
            raise
        # Lone surrogates and bytes that are not UTF-8 are no JSON, but tools write them for what was really sent.
        lenient = json.loads(as_text(short), strict=False)
        msgspec.convert(lenient, _Least)
        return cast("T", _fitting(lenient, decoder.type))


class _Least(msgspec.Struct):
    """What an entry has to be."""

    request: dict[str, Any] | None = None


def _fitting(given: Any, kind: Any) -> Any:
    """What there is of this kind; ``None`` where it is of another one."""
    try:
        return msgspec.convert(given, kind)
    except msgspec.ValidationError:
        kinds = get_args(getattr(kind, "__value__", kind)) or (kind,)
    record = next((one for one in kinds if isinstance(one, type) and issubclass(one, msgspec.Struct)), None)
    if record is None:
        pairs = pairs_of(given) if any(map(get_args, kinds)) else None
        return None if pairs is None else [Pair(name, value) for name, value in pairs]
    if not isinstance(given, dict):
        return PostData(text=None) if record is PostData else None  # something was posted
    fields = [field for field in msgspec.structs.fields(record) if field.encode_name in given]
    return record(**{field.name: _fitting(given[field.encode_name], field.type) for field in fields})


def pairs_of(given: object) -> list[tuple[Scalar, Scalar]] | None:
    """Names and values, however they are written, of headers or fields; ``None`` if they are in no list."""
    if not isinstance(given, list):
        return None
    found: list[tuple[Scalar, Scalar]] = []
    for one in given:
        name, value = (one.get("name"), one.get("value")) if isinstance(one, dict) else _first_two(one)
        if is_scalar(name):
            found += [(name, part) for part in _values(value)]
    return found


def _first_two(given: object) -> tuple[object, object]:
    return (*given, None, None)[:2] if isinstance(given, list) else (None, None)


def _values(value: object) -> list[Scalar]:
    """Some tools list the values of a header that was there several times. Anything else is there, but not known."""
    values = value if isinstance(value, list) else [value]
    known = [one for one in values if is_scalar(one)]
    return known if len(known) == len(values) else [NOT_RECORDED]


def is_scalar(value: object) -> TypeGuard[Scalar]:
    return value is None or isinstance(value, str | int | float)


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
