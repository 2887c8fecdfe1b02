"""Live, an exchange waits for requests that started before it and may belong to its login, but not for ever."""

from __future__ import annotations

import time

import pytest
from mitmproxy import http

from lp_sentinel.config import Config
from lp_sentinel.engine import Engine
from lp_sentinel.proxy.live import PATIENCE, LiveSession
from lp_sentinel.redact import Redactor
from lp_sentinel.rules import load_rules
from tests.test_long_texts import took
from tests.test_sieve import AUTHORIZE, asked

BOOK = load_rules()


class Live:
    """A session, and what it has judged by now."""

    def __init__(self) -> None:
        self.judged: list[str] = []
        engine = Engine(Config(), BOOK, Redactor())
        self.session = LiveSession(engine, Config(), lambda exchange, _: self.judged.append(exchange.target))

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
