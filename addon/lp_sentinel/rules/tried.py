"""The built-in rule files, as they were read and tried when the package was built.

To read YAML and to check all that it holds takes as long as to judge hundreds of logins. A file that was edited since
is read and checked as any other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec

FILE = Path(__file__).with_name("tried.msgpack")
"""The values of each text, by its digest."""


def values_of(text: str) -> Any:
    """The values of a text that has been tried; ``None`` if it has not."""
    return _all(FILE).get(_digest(text))


def write(tried: Iterable[tuple[str, Any]]) -> None:
    """Keep texts and their values, and forget all others."""
    FILE.write_bytes(msgspec.msgpack.encode({_digest(text): values for text, values in tried}))


@cache
def _all(file: Path) -> Mapping[bytes, Any]:
    try:
        return msgspec.msgpack.decode(file.read_bytes(), type=dict[bytes, Any])
    except (OSError, msgspec.DecodeError):
        return {}


def _digest(text: str) -> bytes:
    return blake2b(text.encode(), digest_size=16).digest()
