"""Runs mitmproxy's commands for a test: each is the body of a request to a host that only this answers for."""

from __future__ import annotations

import json
from collections.abc import Sequence

from mitmproxy import command, ctx, exceptions, flow, http

HOST = "commands.localhost"

_seen: list[flow.Flow] = []


@command.command("view.flows.resolve")  # type: ignore[untyped-decorator]
def resolve(spec: str) -> Sequence[flow.Flow]:
    """Stands for that of mitmproxy's windows, which mitmdump lacks: ``@all`` is every flow."""
    assert spec == "@all"
    return _seen


def request(flow: http.HTTPFlow) -> None:
    _seen.append(flow)
    if flow.request.host != HOST:
        return
    try:
        status, said = 200, ctx.master.commands.execute(flow.request.get_text() or "")
    except exceptions.CommandError as error:
        status, said = 400, str(error)
    flow.response = http.Response.make(status, json.dumps(said))
