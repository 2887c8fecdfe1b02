"""Runs mitmproxy's commands for a test: each is the body of a request to a host that only this answers for."""

from __future__ import annotations

import json

from mitmproxy import ctx, exceptions, http

HOST = "commands.localhost"


def request(flow: http.HTTPFlow) -> None:
    if flow.request.host != HOST:
        return
    try:
        status, said = 200, ctx.master.commands.execute(flow.request.get_text() or "")
    except exceptions.CommandError as error:
        status, said = 400, str(error)
    flow.response = http.Response.make(status, json.dumps(said))
