"""Bodies in JSON."""

from __future__ import annotations

import msgspec


def json_object(body: bytes | None) -> dict[str, object] | None:
    """A body that is a JSON object by RFC 8259, in UTF-8; ``None`` for any other."""
    try:
        value = msgspec.json.decode(body or b"")
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
