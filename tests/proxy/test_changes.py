"""Options that are changed while it runs, in this process."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from mitmproxy.eventsequence import iterate
from mitmproxy.test import taddons

from lp_sentinel.mitm import Addon
from tests.ours import read_report
from tests.proxy.sessions import AUTHORIZE, flow_of


async def _changed(*changes: dict[str, Any]) -> None:
    """After each change a login without a state passes, to which more may come."""
    addon = Addon()
    with taddons.context(addon) as context:  # type: ignore[no-untyped-call]
        for number, change in enumerate(changes):
            context.configure(addon, lp_show="none", **change)
            for hook in iterate(flow_of(f"{AUTHORIZE}?v=1.0&client_id={number}", "https://login.liveperson.net/")):
                context.master.addons.trigger(hook)
        addon.done()


def test_that_what_was_found_before_stays_unmasked_is_said(caplog: pytest.LogCaptureFixture) -> None:
    asyncio.run(_changed({}, {"lp_redact": "off"}, {"lp_redact": "on"}, {"lp_page": ""}))
    told = "what was found before stays unmasked in reports and on the live page"
    assert [told in record.message for record in caplog.records].count(True) == 1


def test_a_report_that_is_taken_out_has_the_journeys_that_go_on_and_the_end(tmp_path: Path) -> None:
    lines, document, other = (tmp_path / name for name in ("x.jsonl", "x.json", "y.jsonl"))
    asyncio.run(_changed({"lp_report": [str(lines), str(document), str(other)]}, {"lp_report": [str(other)]}))
    findings, journeys = read_report(lines)
    assert [(one["journey"], one["outcome"]) for one in journeys] == [("j1", "login")]
    assert {one["journey"] for one in findings} == {"j1"}
    whole = json.loads(document.read_text("utf-8"))
    assert (whole["findings"], whole["journeys"]) == (findings, journeys)
    assert whole["captures"][0]["exchanges"] == 1
    assert [one["journey"] for one in read_report(other).journeys] == ["j1", "j2"]
