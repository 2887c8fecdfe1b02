"""The way to mitmproxy's own reader, for flows that do not have the usual layout: it is loaded when one is met."""

from __future__ import annotations

from lp_sentinel.captures.layout import LENGTH, LONGEST_LENGTH, Buffer, flow_end
from lp_sentinel.captures.parts import LARGEST_BODY
from lp_sentinel.captures.stream import reason
from lp_sentinel.exchange import Exchange

_LARGE = LARGEST_BODY + 2 * LONGEST_LENGTH
"""Bytes that a value takes, its length included."""
_DROPPED = {b"7:content;": b"0:~", b"9:websocket;": b"0:~", b"8:messages;": b"0:]"}
"""What may be large in a flow, and what stands for nothing of it."""


class Unreadable(Exception):  # noqa: N818  (it says what the flow is)
    """A flow that mitmproxy can't read either, and why."""


def read_unusual(buffer: Buffer, start: int, end: int, index: int) -> Exchange | None:
    """The exchange of the flow from ``start`` to ``end``, of any version; ``None`` if it is another kind of flow.

    Raises Unreadable.
    """
    from mitmproxy.http import HTTPFlow  # noqa: PLC0415  (takes longer to load than many a capture to judge)

    from lp_sentinel.captures.flows import exchange_of, load_flow  # noqa: PLC0415

    try:
        flow = load_flow(_without_bodies(buffer, start, end))
    except Exception as error:  # noqa: BLE001  (mitmproxy's converters raise anything on what they do not expect)
        raise Unreadable(reason(error)) from None
    return exchange_of(flow, index) if isinstance(flow, HTTPFlow) else None


def _without_bodies(buffer: Buffer, start: int, end: int) -> bytes:
    """A dictionary without what is large in it; as it is if it is small, broken, or something else."""
    if end - start <= _LARGE or buffer[end - 1] != ord("}"):
        return buffer[start:end]
    pieces: list[bytes] = []
    length = LENGTH.match(buffer, start)
    at = length.end() if length else end
    while at < end - 1:
        value = flow_end(buffer, at)
        behind = flow_end(buffer, value) if 0 < value < end else -1
        if not 0 < behind < end:
            return buffer[start:end]
        key = buffer[at:value]
        nothing = _DROPPED.get(key) if behind - value > _LARGE else None
        pieces += key, nothing or _without_bodies(buffer, value, behind)
        at = behind
    held = b"".join(pieces)
    return b"%d:%b}" % (len(held), held)
