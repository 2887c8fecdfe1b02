"""What is let by unseen changes nothing: a live session comes to what the engine does that is fed with all of it."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from bench.archive import Traffic
from hypothesis import given, settings
from hypothesis import strategies as st
from mitmproxy import http
from mitmproxy.flow import Flow

from lp_sentinel.captures.flows import exchange_of, load_flow
from lp_sentinel.config import config_from
from lp_sentinel.engine import Engine, Verdict
from lp_sentinel.finding import by_place
from lp_sentinel.project import Project
from lp_sentinel.proxy.feed import Feed
from lp_sentinel.sieve import Sieve
from tests.asked import AUTHORIZE, asked
from tests.captures.judging import KNOWN, PLAIN, RECORDED, UNKNOWN
from tests.captures.making import flows
from tests.ours import saved_flows

CAPTURES = Path(__file__).resolve().parent.parent / "captures"


def through_the_sieve(given: Sequence[Flow], project: Project) -> tuple[list[Any], int]:
    """What is found live, and how many flows were let by."""
    engine = Engine(project, PLAIN)
    verdicts: list[Verdict] = []
    session = Feed(engine, project.config, lambda _, verdict: verdicts.append(verdict))
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
    assert not session.sieve.take_begun()
    return _told([*verdicts, *engine.close()]), let_by


def whole(given: Sequence[Flow], project: Project) -> list[Any]:
    engine = Engine(project, PLAIN)
    verdicts: list[Verdict] = []
    for index, flow in enumerate(given):
        if isinstance(flow, http.HTTPFlow):
            exchange = exchange_of(flow, index)
            engine.announce(exchange)
            verdicts.append(engine.feed(exchange))
    return _told([*verdicts, *engine.close()])


def _told(verdicts: Sequence[Verdict]) -> list[Any]:
    findings = by_place(finding for verdict in verdicts for finding in verdict.findings)
    return [*findings, *(journey for verdict in verdicts for journey in verdict.closed)]


@given(st.lists(st.tuples(flows(), st.sampled_from([1.5, 5.0, 950.0])), max_size=14), st.sampled_from([KNOWN, UNKNOWN]))
@settings(max_examples=150)
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


@pytest.mark.parametrize("path", sorted(CAPTURES.glob("*.flow")), ids=lambda path: path.name)
def test_recorded_captures_come_to_the_same(path: Path) -> None:
    given = saved_flows(path)
    assert through_the_sieve(given, RECORDED)[0] == whole(given, RECORDED)


@pytest.mark.parametrize("project", [KNOWN, UNKNOWN], ids=["known", "unknown"])
def test_most_flows_are_let_by(project: Project) -> None:
    traffic = Traffic(6)
    records = [record for _ in range(20) for record in (*(traffic.other() for _ in range(30)), *traffic.login())]
    given = [load_flow(record) for record in records]
    found, let_by = through_the_sieve(given, project)
    assert found == whole(given, project)
    assert let_by > 0.95 * 30 * 20


LOGIN_PAGE = asked("login.liveperson.net", "/login")
LANDED = asked("va.sentinel.liveperson.net", AUTHORIZE, location="https://app.example/cb?code=c0de&state=s1")


@pytest.mark.parametrize(
    ("before", "flow", "is_let_by"),
    [
        ([], asked("cdn.example", "/x.js"), True),
        ([], asked("cdn.example", "/x.js?e=code&u=a%3Dcode%3D1"), True),
        ([], asked("any.example", "/SenTinel/x"), False),
        ([], asked("any.example", "/x?state=1"), False),
        ([], asked("any.example", "/x?%63ode=1"), False),
        ([], asked("any.example", "/x", location="https://b.example/?code=1"), False),
        ([], asked("any.example", "/x", location="https://b.example/?co\tde=1"), False),
        ([], asked("any.example", "/x", location="https://b.example/?code=1", status=200), False),
        ([], asked("any.example", "/x", location="https://b.example/"), True),
        ([], LOGIN_PAGE, True),
        ([asked("va.sentinel.liveperson.net", AUTHORIZE)], LOGIN_PAGE, False),
        ([asked("va.sentinel.liveperson.net", AUTHORIZE, client="10.0.0.2")], LOGIN_PAGE, True),
        ([LANDED], asked("cdn.example", "/x.js", REFERER="https://app.example/page"), False),
        ([LANDED], asked("cdn.example", "/x.js", referer=" https://app.example/page"), False),
        ([LANDED], asked("cdn.example", "/x.js", referer="https://app.example"), False),
        ([LANDED], asked("cdn.example", "/x.js", referer="https://b.example/?code=c0de", client="10.0.0.2"), False),
        ([LANDED], asked("cdn.example", "/x.js", referer="https://b.example/?code=other", client="10.0.0.2"), True),
        ([LANDED], asked("192.0.2.1", "/x", Host="cdn.example"), True),
        ([LANDED], asked("192.0.2.1", "/x", HOST="app.example"), False),
        ([LANDED], asked("192.0.2.1", "/x", Host="app.example/not-a-host"), False),
        ([LANDED], asked("192.0.2.1", "/x", authority="app.example"), False),
        ([LANDED], asked("192.0.2.1", "/x", authority="cdn.example"), True),
    ],
)
def test_what_is_let_by(before: Sequence[http.HTTPFlow], flow: http.HTTPFlow, *, is_let_by: bool) -> None:
    sieve = Sieve(KNOWN.config)
    for earlier in before:
        assert not sieve.lets_by(earlier)
        sieve.learn(exchange_of(earlier, 0))
    assert sieve.lets_by(flow) == is_let_by
    assert sieve.lets_by(flow) == is_let_by, "what has been looked into is judged alike"


def test_another_config_makes_other_hosts_relevant() -> None:
    sieve = Sieve(UNKNOWN.config)
    step, page = asked("va.sentinel.liveperson.net", AUTHORIZE), asked("login.company.example", "/login")
    assert not sieve.lets_by(step)
    sieve.learn(exchange_of(step, 0))
    assert sieve.lets_by(page)
    sieve.change(config_from({"login_hosts": ["login.company.example"]}))
    assert not sieve.lets_by(page)
    assert not sieve.lets_by(asked("app.example", "/")), "what was learnt stays"


def test_a_page_is_looked_at_again_when_a_code_has_landed_or_a_host_was_learnt() -> None:
    sieve = Sieve(KNOWN.config)
    told = asked("cdn.example", "/x.js", referer="https://b.example/?code=other", client="10.0.0.2")
    seen = asked("cdn.example", "/x.js", referer="https://new.example/page")
    sieve.learn(exchange_of(LANDED, 0))
    assert sieve.lets_by(told)
    assert sieve.lets_by(seen)
    login = "va.sentinel.liveperson.net"
    sieve.learn(exchange_of(asked(login, AUTHORIZE, location="https://app.example/cb?code=other"), 0))
    assert not sieve.lets_by(told)
    assert sieve.lets_by(seen)
    sieve.learn(exchange_of(asked(login, AUTHORIZE, location="https://new.example/cb"), 0))
    assert not sieve.lets_by(seen)


def test_of_long_referers_none_is_kept() -> None:
    sieve = Sieve(KNOWN.config)
    sieve.learn(exchange_of(LANDED, 0))
    tracemalloc.start()
    for number in range(100):
        assert sieve.lets_by(asked("cdn.example", "/x.js", referer=f"https://b.example/{number:x<50000}"))
    gc.collect()
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 500_000
