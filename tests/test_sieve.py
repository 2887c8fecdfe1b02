"""What is let by unseen changes nothing: a live session comes to what the engine does that is fed with all of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from mitmproxy import http
from mitmproxy.flow import Flow

from lp_sentinel.captures.flows import exchange_of
from lp_sentinel.engine import Engine, Verdict
from lp_sentinel.finding import by_place
from lp_sentinel.live import LiveSession
from lp_sentinel.project import Project
from tests.captures.test_gather import KNOWN, PLAIN, UNKNOWN, flows

CAPTURES = Path(__file__).resolve().parent.parent / "captures"


def through_the_sieve(given: Sequence[Flow], project: Project) -> tuple[list[Any], int]:
    """What is found live, and how many flows were let by."""
    engine = Engine(project.config, project.book, PLAIN)
    verdicts: list[Verdict] = []
    session = LiveSession(engine, project.config, lambda _, verdict: verdicts.append(verdict))
    let_by = 0
    for flow in given:
        if not isinstance(flow, http.HTTPFlow):
            session.count_other()
            continue
        response, flow.response = flow.response, None
        session.sieve.begin(flow)
        flow.response = response
        if session.sieve.lets_by(flow):
            let_by += 1
        else:
            session.response(flow)
    session.close()
    assert session.exchanges == sum(isinstance(flow, http.HTTPFlow) for flow in given)
    assert not session.sieve.under_way
    return _told([*verdicts, engine.close()]), let_by


def whole(given: Sequence[Flow], project: Project) -> list[Any]:
    engine = Engine(project.config, project.book, PLAIN)
    verdicts: list[Verdict] = []
    for index, flow in enumerate(given):
        if isinstance(flow, http.HTTPFlow):
            exchange = exchange_of(flow, index)
            engine.announce(exchange)
            verdicts.append(engine.feed(exchange))
    return _told([*verdicts, engine.close()])


def _told(verdicts: Sequence[Verdict]) -> list[Any]:
    findings = by_place(finding for verdict in verdicts for finding in verdict.findings)
    return [*findings, *(journey for verdict in verdicts for journey in verdict.closed)]


@given(st.lists(st.tuples(flows(), st.sampled_from([1.5, 5.0, 950.0])), max_size=14), st.sampled_from([KNOWN, UNKNOWN]))
@settings(max_examples=400, deadline=None)
def test_any_flows_come_to_the_same(held: list[tuple[Flow, float]], project: Project) -> None:
    now = 1.7e9
    for flow, pause in held:
        now += pause
        if isinstance(flow, http.HTTPFlow):
            flow.request.timestamp_start = now
            if flow.response:
                flow.response.timestamp_start = now + 1
    given = [flow for flow, _ in held]
    assert through_the_sieve(given, project)[0] == whole(given, project)
