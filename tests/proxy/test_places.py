"""The place of an exchange in a live session is the one that it has in the file that mitmproxy saves meanwhile."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from mitmproxy import http
from mitmproxy.addons.save import Save
from mitmproxy.eventsequence import iterate
from mitmproxy.flow import Flow
from mitmproxy.hooks import Hook
from mitmproxy.test import taddons, tflow

from lp_sentinel.mitm import Addon
from tests.captures.reading import read_capture
from tests.proxy.sessions import AUTHORIZE, flow_of


def test_what_is_open_while_a_login_passes_comes_behind_it(tmp_path: Path) -> None:
    saved, report = tmp_path / "saved.flow", tmp_path / "report.json"
    asyncio.run(_pass(saved, report))
    told = json.loads(report.read_text("utf-8"))
    # HTTP in its places: the login first, then what was open.
    places = {exchange.flow: exchange.index for exchange in read_capture(saved)}
    assert {one["flow"]: one["index"] for one in told["findings"]}.items() <= places.items()
    assert told["captures"][0]["exchanges"] == len(places) == 3


async def _pass(saved: Path, report: Path) -> None:
    def opened(flow: Flow) -> None:
        hooks[flow] = iterate(flow)
        for hook in hooks[flow]:
            if hook.name in ("websocket_start", "tcp_start", "udp_start", "dns_request"):
                return
            context.master.addons.trigger(hook)

    hooks: dict[Flow, Iterator[Hook]] = {}
    addon, save = Addon(), Save()
    with taddons.context(addon, save) as context:  # type: ignore[no-untyped-call]
        context.configure(addon, lp_report=[str(report)], lp_show="none")
        context.configure(save, save_stream_file=str(saved))
        for open_flow in (
            tflow.twebsocketflow(),
            tflow.ttcpflow(),
            tflow.ttcpflow(err=True),
            tflow.tudpflow(),
            tflow.tdnsflow(resp=True),
            tflow.tdnsflow(resp=True, err=True),
        ):
            opened(open_flow)
        for number in range(2):
            login: http.HTTPFlow = flow_of(f"{AUTHORIZE}?client_id={number}", "https://app.example/cb?code=c")
            for hook in iterate(login):
                context.master.addons.trigger(hook)
            for flow in list(hooks)[number::2]:
                for hook in hooks[flow]:
                    context.master.addons.trigger(hook)
        save.done()
        addon.done()


@pytest.mark.parametrize("is_closed", [True, False])
def test_a_socket_of_the_app_takes_its_place_when_it_is_closed(tmp_path: Path, *, is_closed: bool) -> None:
    saved, report = tmp_path / "saved.flow", tmp_path / "report.json"
    asyncio.run(_open(saved, report, is_closed=is_closed))
    places = {exchange.flow: exchange.index for exchange in read_capture(saved)}
    [socket] = [exchange for exchange in read_capture(saved) if exchange.host == "app.example"]
    assert socket.index == 2
    told = json.loads(report.read_text("utf-8"))
    found = {one["flow"]: one["index"] for one in told["findings"]}
    assert len(found) == 2
    assert found.items() <= places.items()
    assert told["captures"][0]["exchanges"] == 3


async def _open(saved: Path, report: Path, *, is_closed: bool) -> None:
    addon, save = Addon(), Save()
    with taddons.context(addon, save) as context:  # type: ignore[no-untyped-call]
        context.configure(addon, lp_report=[str(report)], lp_show="none")
        context.configure(save, save_stream_file=str(saved))
        logins = [flow_of(f"{AUTHORIZE}?client_id={number}", "https://app.example/cb?code=c") for number in range(2)]
        socket = tflow.twebsocketflow()
        socket.request.host, socket.request.headers["Host"] = "app.example", "app.example"
        hooks = [*iterate(socket)]
        begin = next(place for place, hook in enumerate(hooks) if hook.name == "websocket_start")
        for hook in (*iterate(logins[0]), *hooks[:begin], *iterate(logins[1]), *(hooks[begin:] if is_closed else ())):
            context.master.addons.trigger(hook)
        context.master.should_exit.set()
        addon.done()
        save.done()


def test_a_flow_that_is_loaded_without_an_answer_has_its_place_at_once() -> None:
    """As ``view.flows.load`` does it, while others pass: no answer will come."""
    asyncio.run(_load())


async def _load() -> None:
    addon = Addon()
    with taddons.context(addon) as context:  # type: ignore[no-untyped-call]
        context.configure(addon, lp_show="none")
        loaded = flow_of(AUTHORIZE, "https://app.example/cb?code=c")
        loaded.response, loaded.live = None, False
        await context.cycle(addon, loaded)
        assert addon.active().feed.exchanges == 1
