"""The way to mitmproxy's own reader, for flows that do not have the usual layout: it is loaded when one is met."""

from __future__ import annotations

from lp_sentinel.captures.stream import reason
from lp_sentinel.exchange import Exchange


class Unreadable(Exception):  # noqa: N818  (it says what the flow is)
    """A flow that mitmproxy can't read either, and why."""


def read_unusual(record: bytes, index: int) -> Exchange | None:
    """The exchange of a flow of any version; ``None`` if it is another kind of flow. Raises Unreadable."""
    from mitmproxy.http import HTTPFlow  # noqa: PLC0415  (takes longer to load than many a capture to judge)

    from lp_sentinel.captures.flows import exchange_of, load_flow  # noqa: PLC0415

    try:
        flow = load_flow(record)
    except Exception as error:  # noqa: BLE001  (mitmproxy's converters raise anything on what they do not expect)
        raise Unreadable(reason(error)) from None
    return exchange_of(flow, index) if isinstance(flow, HTTPFlow) else None
