"""Sessions of the addon without a proxy, and flows for them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from mitmproxy import http
from mitmproxy.test import tflow, tutils

from lp_sentinel.captures.stream import Kind
from lp_sentinel.proxy.session import Session
from lp_sentinel.proxy.settings import OPTIONS, read_settings

AUTHORIZE = "/sentinel/api/account/12345678/authorize"


def session_of(*, replay: Kind | None = None, config: Path | None = None, **options: str) -> Session:
    given = {option.name: option.default for option in OPTIONS} | {"lp_show": "none", "lp_config": str(config or "")}
    capture = "demo" if replay else None
    settings = read_settings(SimpleNamespace(**given | options), None)
    return Session(
        settings,
        [],
        replay=replay,
        capture=capture,
        refresh=lambda _flows: None,
        observe=lambda _exchange, _verdict: None,
        faults=tuple,
        guard=lambda act: act(),
    )


def flow_of(target: str, location: str | None = None, status: int = 302, **request: Any) -> http.HTTPFlow:
    flow = tflow.tflow(req=tutils.treq(host="va.sentinel.liveperson.net", port=443, scheme=b"https", **request))
    flow.request.path = target
    flow.response = tutils.tresp(status_code=status, headers=http.Headers(), content=b"")
    if location is not None:
        flow.response.headers["Location"] = location
    return flow
