"""Commands: what ``lp.findings`` tells of flows that were sent again or never judged, and long reports."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

from mitmproxy import http
from mitmproxy.command import CommandManager
from mitmproxy.eventsequence import iterate
from mitmproxy.flow import Flow
from mitmproxy.test import taddons

from lp_sentinel.mitm import Addon
from lp_sentinel.proxy.commands import Commands
from tests.proxy.sessions import AUTHORIZE, flow_of


async def _told() -> list[list[str]]:
    addon = Addon()
    told: list[list[str]] = []
    with taddons.context(addon, Commands(addon.active, addon.settings, lambda: addon.faults)) as context:  # type: ignore[no-untyped-call]
        context.configure(addon, lp_show="none")

        def rules(*flows: Flow) -> None:
            found: Sequence[str] = CommandManager.call(context.master.commands, "lp.findings", flows)
            told.append([line.split()[1] for line in found])

        sent = flow_of(f"{AUTHORIZE}?v=1.0", "https://app.example/cb?code=c")
        rules(sent)
        for _ in range(2):
            for hook in iterate(sent):
                context.master.addons.trigger(hook)
            rules(sent)
        sent.request.path = f"{AUTHORIZE}?v=1.0&response_type=code&state=af0ifjsldkjFvB2Xq9ZwTg&client_id=a"
        sent.response, sent.request.headers["x"] = http.Response.make(400), "y"
        for hook in iterate(sent):
            context.master.addons.trigger(hook)
        rules(sent)
        rules(flow_of("/"))
        addon.done()
    return told


def test_what_was_found_since_a_flow_was_sent_last() -> None:
    loaded, once, twice, mended, other = asyncio.run(_told())
    assert "LPA130" in loaded
    assert "LPA130" in once
    assert twice.count("LPA130") == 1
    assert "LPA130" not in mended
    assert other == ["findings"], "that there are none"


def test_a_long_report_is_written_while_the_traffic_goes_on(tmp_path: Path) -> None:
    report = tmp_path / "findings.json"
    asyncio.run(_report_twice(report))
    assert len(json.loads(report.read_text("utf-8"))["findings"]) == 1200, "the last one, whole"


async def _report_twice(report: Path) -> None:
    addon = Addon()
    with taddons.context(addon, Commands(addon.active, addon.settings, lambda: addon.faults)) as context:  # type: ignore[no-untyped-call]
        context.configure(addon, lp_show="none")
        turns = 0
        for number in range(400):
            for hook in iterate(flow_of(f"{AUTHORIZE}?client_id={number}", status=400)):
                context.master.addons.trigger(hook)
            if number in (350, 399):
                context.master.commands.call("lp.report", str(report))
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        assert len(tasks) == 2, "none of them is done at once"
        while not all(task.done() for task in tasks):
            await asyncio.wait(tasks, timeout=0.001)
            turns += 1
        assert turns > 10
        addon.done()


def test_what_was_asked_for_is_written_before_mitmproxy_ends(tmp_path: Path) -> None:
    """Reports that wait for one another, over one that ``lp_report`` names, too."""
    asyncio.run(_end_while_writing(tmp_path))
    reports = [json.loads((tmp_path / name).read_text("utf-8")) for name in ("a.json", "b.json", "own.json")]
    assert [len(report["findings"]) for report in reports] == [1200, 1200, 1203], "each whole"


async def _end_while_writing(folder: Path) -> None:
    addon = Addon()
    with taddons.context(addon) as context:  # type: ignore[no-untyped-call]
        context.configure(addon, lp_show="none", lp_report=[str(folder / "own.json")])
        for number in range(400):
            for hook in iterate(flow_of(f"{AUTHORIZE}?client_id={number}", status=400)):
                context.master.addons.trigger(hook)
        for name in ("a.json", "own.json", "b.json"):
            context.master.commands.call("lp.report", str(folder / name))
        context.master.should_exit.set()
        ending = addon.done()
        assert ending
        for hook in iterate(flow_of(f"{AUTHORIZE}?client_id=late", status=400)):
            context.master.addons.trigger(hook)
        await ending
