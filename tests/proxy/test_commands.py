"""Commands: what ``lp.findings`` tells of flows that were sent again or never judged, and long reports."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from mitmproxy import http
from mitmproxy.command import CommandManager
from mitmproxy.eventsequence import iterate
from mitmproxy.flow import Flow
from mitmproxy.test import taddons

from lp_sentinel.mitm import Addon
from tests.proxy.sessions import AUTHORIZE, flow_of


async def _told() -> list[list[str]]:
    addon = Addon()
    told: list[list[str]] = []
    with taddons.context(addon) as context:  # type: ignore[no-untyped-call]
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


@pytest.mark.parametrize(("answer", "findings"), [({"status": 400}, 1800), ({"location": "https://app.example/cb"}, 0)])
def test_a_long_report_is_written_while_the_traffic_goes_on(
    tmp_path: Path, answer: dict[str, Any], findings: int
) -> None:
    """Of many findings, or of many logins in which nothing was found."""
    report = tmp_path / "findings.json"
    asyncio.run(_report_twice(report, select="LPA1" if findings else "LPA5", **answer))
    told = json.loads(report.read_text("utf-8"))
    assert (len(told["findings"]), len(told["journeys"])) == (findings, 600), "the last one, whole"


def test_a_long_report_that_cannot_be_written(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    report = tmp_path / "findings.json"
    report.symlink_to("/dev/full")
    asyncio.run(_report_twice(report, select="LPA1", status=400))
    assert f"lp-authorize: report {report}: cannot be written: No space left on device" in caplog.messages


async def _report_twice(report: Path, *, select: str, **answer: Any) -> None:
    config = report.with_name("lp-authorize.yaml")
    config.write_text(f"rules: {{select: [{select}]}}")
    addon = Addon()
    with taddons.context(addon) as context:  # type: ignore[no-untyped-call]
        context.configure(addon, lp_show="none", lp_config=str(config))
        for number in range(600):
            for hook in iterate(flow_of(f"{AUTHORIZE}?client_id={number}", **answer)):
                context.master.addons.trigger(hook)
            if number in (550, 599):
                context.master.commands.call("lp.report", str(report))
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        assert len(tasks) == 2, "none of them is done at once"
        await asyncio.wait(tasks)
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


def test_a_long_report_that_is_no_longer_asked_for_is_written_while_the_traffic_goes_on(tmp_path: Path) -> None:
    asyncio.run(_change_reports(tmp_path))
    assert len(json.loads((tmp_path / "again.json").read_text("utf-8"))["findings"]) == 1203, "the last one, whole"


async def _change_reports(folder: Path) -> None:
    addon = Addon()
    page, again = folder / "page.html", str(folder / "again.json")
    with taddons.context(addon) as context:  # type: ignore[no-untyped-call]
        context.configure(addon, lp_show="none", lp_report=[str(page), again])
        for number in range(400):
            for hook in iterate(flow_of(f"{AUTHORIZE}?client_id={number}", status=400)):
                context.master.addons.trigger(hook)
        context.configure(addon, lp_report=[])
        context.configure(addon, lp_report=[again])
        turns = 0
        while not _is_whole(page):
            await asyncio.sleep(0.001)
            turns += 1
        assert turns > 10
        for hook in iterate(flow_of(f"{AUTHORIZE}?client_id=late", status=400)):
            context.master.addons.trigger(hook)
        addon.done()


def _is_whole(page: Path) -> bool:
    return page.read_text("utf-8").rstrip().endswith("</html>")
