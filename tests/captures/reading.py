"""A capture, read to where it breaks."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from lp_sentinel.captures import CaptureError, read_capture

if TYPE_CHECKING:
    from lp_sentinel.exchange import Exchange


def read(data: bytes) -> tuple[list[Exchange], str | None]:
    """What can be read of ``data``, and what was wrong with it."""
    found: list[Exchange] = []
    try:
        found.extend(read_capture(io.BytesIO(data)))
    except CaptureError as error:
        return found, str(error)
    return found, None
