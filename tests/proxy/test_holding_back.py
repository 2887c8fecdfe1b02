"""Live, an exchange waits for requests that started before it and may belong to its login, but not for ever."""

from __future__ import annotations

import math
import time
from typing import Any

import pytest
from mitmproxy import http

from lp_sentinel.config import Config
from lp_sentinel.engine import Engine
from lp_sentinel.project import Project
from lp_sentinel.proxy.feed import PATIENCE, Feed
from lp_sentinel.redact import Redactor
from lp_sentinel.rules import load_rules
from tests.asked import AUTHORIZE, asked
from tests.proxy.sessions import session_of
from tests.timing import took

BOOK = load_rules()


class Live:
    """A session, and what it has judged by now."""

    def __init__(self) -> None:
        self.judged: list[str] = []
        engine = Engine(Project(Config(), BOOK), Redactor())
        self.session = Feed(engine, Config(), lambda exchange, _: self.judged.append(exchange.target))

    def begin(self, target: str, age: float) -> http.HTTPFlow:
        """A request that started so many seconds ago and is under way."""
        flow = asked("va.sentinel.liveperson.net", target, location="https://login.liveperson.net/")
        flow.request.timestamp_start = time.time() - age
        response, flow.response = flow.response, None
        self.session.sieve.begin(flow)
        flow.response = response
        return flow

    def end(self, flow: http.HTTPFlow) -> None:
        if not self.session.sieve.lets_by(flow):
            self.session.response(flow)


def test_what_started_first_is_judged_first() -> None:
    live = Live()
    first, second, third = (live.begin(f"{AUTHORIZE}{age}", age) for age in (3, 2, 1))
    live.end(third)
    live.end(first)
    assert live.judged == [f"{AUTHORIZE}3"]
    live.end(second)
    assert live.judged == [f"{AUTHORIZE}{age}" for age in (3, 2, 1)]
    assert not live.session.holds_back


@pytest.mark.parametrize("start", [None, "x", math.nan])
def test_a_request_whose_start_another_addon_spoilt_ends_no_judging(start: Any) -> None:
    live = Live()
    spoilt = live.begin(f"{AUTHORIZE}spoilt", 3)
    spoilt.request.timestamp_start = start
    live.end(live.begin(f"{AUTHORIZE}2", 2))
    live.end(live.begin(f"{AUTHORIZE}1", 1))
    assert live.judged == [f"{AUTHORIZE}{age}" for age in (2, 1)]


def test_what_no_login_goes_to_is_not_waited_for() -> None:
    live = Live()
    live.begin("/logo.png", 3)
    live.end(live.begin(AUTHORIZE, 1))
    assert live.judged == [AUTHORIZE]


def test_it_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    live, now = Live(), time.time()
    slow = live.begin(f"{AUTHORIZE}-slow", 3)
    live.end(live.begin(AUTHORIZE, 1))
    live.session.release()
    assert live.session.holds_back
    monkeypatch.setattr(time, "time", lambda: now + PATIENCE - 2)
    live.session.release()
    assert live.judged == [AUTHORIZE]
    live.end(slow)
    assert live.judged == [AUTHORIZE, f"{AUTHORIZE}-slow"]


def test_what_waits_is_marked_by_what_is_known_so_far_and_anew_when_it_is_judged() -> None:
    session, now = session_of(), time.time()
    host, query = (
        "va.sentinel.liveperson.net",
        "v=1.0&response_type=code&client_id=a&redirect_uri=https://app.example/cb",
    )
    slow = asked(host, AUTHORIZE, location="https://login.liveperson.net/")
    landed = asked(
        host,
        f"{AUTHORIZE.partition('?')[0]}?{query}",
        "10.0.0.2",
        location="https://app.example/cb?code=C0dexxxxxxxxxxxxx",
    )
    callback = asked("app.example", "/cb?code=C0dexxxxxxxxxxxxx", "10.0.0.2")
    callback.request.scheme, callback.request.port = "https", 443
    for age, flow in ((3, slow), (2, landed), (1, callback)):
        assert flow.response
        flow.request.timestamp_start = now - age
        flow.response.timestamp_start = flow.response.timestamp_end = now - age + 0.5
        flow.response, answer = None, flow.response
        session.feed.sieve.begin(flow)
        flow.response = answer
    for flow in (landed, callback):
        assert not session.feed.sieve.lets_by(flow)
        session.response(flow)
    assert landed.marked == ":red_circle:"
    assert landed.comment.startswith("authorize: 302 to https://app.example/cb?code=C0de…(17)#")
    assert "LPA130" in landed.comment
    first = callback.comment
    assert not first  # by itself it does not show that it is one
    session.feed.sieve.lets_by(slow)
    session.response(slow)
    assert slow.comment.startswith("authorize (j1): ")
    assert landed.comment.startswith("authorize (j2): 302 to https://app.example/cb?code=C0de…(17)#")
    assert callback.comment == "callback (j2): 200; in order"


@pytest.mark.alone
def test_thousands_that_are_not_answered() -> None:
    def answered(unanswered: int) -> float:
        live = Live()
        for number in range(unanswered):
            live.begin(f"{AUTHORIZE}{number}", 1)

        def release() -> None:
            for _ in range(200):
                live.session.release()

        return took(release)

    assert answered(8_000) < 8 * answered(100) + 0.001
