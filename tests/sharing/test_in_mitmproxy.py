"""The command ``lp.redact``."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from mitmproxy import exceptions
from mitmproxy.flow import Flow
from mitmproxy.test import taddons

from lp_sentinel.mitm import Addon
from tests.captures.reading import read_capture
from tests.sharing.planted import flows, found_in


@pytest.mark.parametrize(("name", "exchanges"), [("shared.flow", 9), ("shared.har", 9)])
def test_flows_are_written_without_their_secrets_and_stay_what_they_are(
    name: str, exchanges: int, tmp_path: Path
) -> None:
    target = tmp_path / name
    given = flows()
    before = [flow.get_state() for flow in given]
    asyncio.run(_redact(given, target))
    assert [flow.get_state() for flow in given] == before
    assert found_in(target.read_bytes()) == []
    assert len(list(read_capture(target))) == exchanges


def test_many_flows_are_redacted_while_the_traffic_goes_on(tmp_path: Path) -> None:
    target = tmp_path / "shared.flow"
    asyncio.run(_redact_many(flows() * 40, target))
    assert found_in(target.read_bytes()) == []
    assert len(list(read_capture(target))) == 9 * 40


async def _redact_many(given: list[Flow], target: Path) -> None:
    addon = Addon()
    with taddons.context(addon) as context:  # type: ignore[no-untyped-call]
        context.configure(addon)
        context.master.commands.call("lp.redact", given, str(target))
        [task] = asyncio.all_tasks() - {asyncio.current_task()}
        turns = 0
        while not task.done():
            await asyncio.wait([task], timeout=0.001)
            turns += 1
        assert turns > 10


async def _redact(given: object, target: Path) -> None:
    addon = Addon()
    with taddons.context(addon) as context:  # type: ignore[no-untyped-call]
        context.configure(addon)
        context.master.commands.call("lp.redact", given, str(target))
        with pytest.raises(exceptions.CommandError, match="already exists"):
            context.master.commands.call("lp.redact", given, str(target))
        with pytest.raises(exceptions.CommandError, match="cannot be written: File name too long"):
            context.master.commands.call("lp.redact", given, str(target.with_name("x" * 300)))
