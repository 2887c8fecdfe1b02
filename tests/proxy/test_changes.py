"""Options that are changed while it runs, in this process."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from mitmproxy.eventsequence import iterate
from mitmproxy.test import taddons

from lp_sentinel.mitm import Addon
from tests.proxy.test_view import AUTHORIZE, flow_of


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
