"""What a flow shows of a fault that was injected into it, in mitmproxy's windows, in what is saved and to the app."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lp_sentinel.exchange import FAULT_HEADER, FAULT_KEY
from lp_sentinel.faults.plan import Fault
from lp_sentinel.marks import INJECTED, fault_story, put_on

if TYPE_CHECKING:
    from mitmproxy.http import HTTPFlow, Response

_HEADER = "-".join(part.upper() if part == "lp" else part.title() for part in FAULT_HEADER.split("-"))


def note(flow: HTTPFlow, fault: Fault, number: int, did: str) -> None:
    """Note that a fault was injected for the ``number``-th time, and what it did. A person's mark and comment stay."""
    flow.metadata[FAULT_KEY] = f"{_named(fault, number)}: {did}"
    put_on(flow, INJECTED, fault_story(flow))


def forget(flow: HTTPFlow) -> None:
    """Take the note away from a flow that begins anew."""
    flow.metadata.pop(FAULT_KEY, None)


def name_in(response: Response, fault: Fault, number: int) -> None:
    """Name the fault in a header of the answer."""
    # mitmproxy puts names into lower case for HTTP/2 itself, but logs that each time.
    name = FAULT_HEADER if response.is_http2 or response.is_http3 else _HEADER
    response.headers[name] = _named(fault, number)


def _named(fault: Fault, number: int) -> str:
    return f"{fault.name}; n={number}"
