"""Faults and requests for tests, from a line of text."""

from __future__ import annotations

from pathlib import Path

from lp_sentinel.documents.document import parse_document
from lp_sentinel.exchange import Exchange
from lp_sentinel.faults.landings import Known
from lp_sentinel.faults.plan import Fault
from lp_sentinel.faults.reading import read_plan, schema

AUTHORIZE = "/sentinel/api/account/12345678/authorize"
TOKEN = "/sentinel/api/account/12345678/token"
CB = "https://app.example/cb"
REAL = f"{CB}?own=1&code=c0de&state=a%2Bb%26c"
KNOWN = Known(
    redirect_uri=f"{CB}?own=1",
    state="a+b&c",
    registered=(CB, "https://app.example/cb2"),
    earlier_code="c1",
    other_state="s1",
    made_up=lambda what: f"MADE-{what}",
    may_go_to=lambda host: host in ("app.example", "localhost"),
)


def plan(text: str) -> tuple[Fault, ...]:
    """The faults of a plan file with this text."""
    return read_plan(parse_document(text, Path("plan.yaml"), schema()))


def fault(entry: str) -> Fault:
    """The fault of an entry in YAML's flow style, without the braces."""
    name = "" if "name:" in entry or "preset:" in entry else "name: it, "
    return plan(f"seed: 1\nfaults:\n  - {{{name}{entry}}}\n")[0]


def exchange(target: str, *, host: str = "sentinel.example", method: str = "GET", **more: object) -> Exchange:
    """An exchange of one browser, over https."""
    known: dict[str, object] = {
        "index": 0,
        "client": "127.0.0.1",
        "scheme": "https",
        "port": 443,
        "request_headers": (("user-agent", "Visitor"),),
    }
    return Exchange(**(known | {"method": method, "host": host, "target": target} | more))  # type: ignore[arg-type]
