"""The way to mitmproxy's own reader, for flows that do not have the usual layout: it is loaded when one is met."""

from __future__ import annotations

from lp_sentinel.captures.bodies import without_bodies
from lp_sentinel.captures.layout import Buffer
from lp_sentinel.exchange import Exchange
from lp_sentinel.wording import reason


class Unreadable(Exception):  # noqa: N818  (it says what the flow is)
    """A flow that mitmproxy can't read either, and why."""


def read_unusual(buffer: Buffer, start: int, end: int, index: int) -> Exchange | None:
    """The exchange of the flow from ``start`` to ``end``, of any version; ``None`` if it is another kind of flow.

    Raises Unreadable.
    """
    from mitmproxy.http import HTTPFlow  # noqa: PLC0415  (takes longer to load than many a capture to judge)

    from lp_sentinel.captures.flows import exchange_of, load_flow  # noqa: PLC0415

    try:
        flow = load_flow(without_bodies(_Held(buffer, start), end - start))
    except Exception as error:  # noqa: BLE001  (mitmproxy's converters raise anything on what they do not expect)
        raise Unreadable(reason(error)) from None
    return exchange_of(flow, index) if isinstance(flow, HTTPFlow) else None


class _Held:
    """A buffer from one place on."""

    def __init__(self, buffer: Buffer, at: int) -> None:
        self._buffer, self._at = buffer, at

    def peek(self, size: int) -> bytes:
        return self._buffer[self._at : self._at + size]

    def read(self, size: int) -> bytes:
        data = self.peek(size)
        self._at += size
        return data

    def skip(self, size: int) -> None:
        self._at += size
