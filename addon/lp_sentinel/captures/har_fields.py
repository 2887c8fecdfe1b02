"""What the fields of a HAR's entries say: names and values, times, bodies."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import chain
from urllib.parse import urlencode

from lp_sentinel.captures.har_types import Pair, Pairs, Scalar, text_of
from lp_sentinel.exchange import as_bytes

_AS_SENT = re.compile(r"(?:[A-Za-z0-9*._~+!'()-]|%[0-9A-Fa-f]{2})*")


def fields_of(pairs: Iterable[Pair | list[Scalar]] | None) -> Iterator[tuple[str, str]]:
    """Names and values; what has no name is left out."""
    for pair in pairs or ():
        name, value = (pair.name, pair.value) if isinstance(pair, Pair) else (*pair, None, None)[:2]
        if name:
            yield text_of(name), text_of(value)


def encoded(fields: Iterable[Pair | list[Scalar]] | None) -> str:
    """A query or a form that stands there field by field. Some tools decode the fields, some leave them as sent."""
    texts = list(fields_of(fields))
    if any("%" in text for field in texts for text in field) and all(map(_AS_SENT.fullmatch, chain(*texts))):
        return "&".join(f"{name}={value}" for name, value in texts)
    return urlencode(texts, errors="surrogatepass")


def first(pairs: Pairs, name: str) -> str | None:
    """The first value of a header (lower-case), as they stand in an entry; ``None`` if absent."""
    size = len(name)
    for pair in pairs or ():
        key = pair.name if isinstance(pair, Pair) else pair[0] if pair else None
        if isinstance(key, str) and len(key) == size and key.lower() == name:
            value = pair.value if isinstance(pair, Pair) else pair[1] if len(pair) > 1 else None
            return text_of(value).strip(" \t")
    return None


def epoch(value: Scalar) -> float | None:
    """An ISO 8601 time as seconds since the epoch; one without an offset is taken as UTC."""
    if not isinstance(value, str):
        return None
    try:
        time = datetime.fromisoformat(value.strip())
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def bytes_of(value: Scalar, encoding: Scalar) -> bytes | None:
    """A body as bytes; ``None`` if it is no base64 though it says so."""
    text = text_of(value)
    try:
        if text_of(encoding).lower() == "base64":
            return base64.b64decode(text)
        return as_bytes(text)
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
    except ValueError:
        return None
