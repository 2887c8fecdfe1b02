"""Captures read whole, with what the engine need not see: what is gathered of them comes to the same."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from pathlib import Path

from lp_sentinel.captures.flows import read_flows
from lp_sentinel.captures.har import exchange_of, find_exchanges
from lp_sentinel.captures.opening import open_capture
from lp_sentinel.captures.stream import CaptureError, Readable
from lp_sentinel.exchange import Exchange


def read_capture(source: Path | Readable) -> Iterator[Exchange]:
    """The exchanges of a capture in the order of the file. Raises CaptureError behind what could be read."""
    with open_capture(source) as (stream, kind):
        if kind == "har":
            yield from map(exchange_of, find_exchanges(stream))
        elif kind == "flows":
            yield from read_flows(stream)


def in_order(exchanges: Iterable[Exchange]) -> list[Exchange]:
    """Sorted by the start of the request; one whose start is not known stays behind the one it stands behind."""
    started = float("-inf")
    keyed: list[tuple[float, Exchange]] = []
    for exchange in exchanges:
        started = started if exchange.started is None else exchange.started
        keyed.append((started, exchange))
    return [exchange for _, exchange in sorted(keyed, key=lambda pair: pair[0])]


def read(data: bytes) -> tuple[list[Exchange], str | None]:
    """What can be read of ``data``, and what was wrong with it."""
    found: list[Exchange] = []
    try:
        found.extend(read_capture(io.BytesIO(data)))
    except CaptureError as error:
        return found, str(error)
    return found, None
