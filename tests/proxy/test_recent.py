from __future__ import annotations

import time
from typing import Any

from msgspec.structs import replace

from lp_sentinel.engine import Verdict
from lp_sentinel.finding import Finding, JourneySummary
from lp_sentinel.proxy.recent import MOST, Recent
from lp_sentinel.reports.html import environment
from tests.reports.runs import BOOK
from tests.reports.samples import JOURNEY, finding


def judged(journey: str | None, *findings: Finding, closed: tuple[JourneySummary, ...] = ()) -> Verdict:
    return Verdict(journey, "authorize" if journey else None, findings, closed)


def stand(journey: str) -> JourneySummary:
    return replace(JOURNEY, journey=journey, findings=0)


def test_only_what_has_changed_is_drawn_and_handed_out() -> None:
    recent = Recent(BOOK, stand)
    recent.take(judged("j1"))
    recent.take(judged("j2"))
    assert recent.has_changed
    recent.draw()
    assert (recent.version, recent.has_changed, recent.ids) == (1, False, ["c2", "c1"])
    first = recent.cards(0)["c1"]
    recent.take(judged("j2", finding(journey="j2")))
    recent.draw()
    assert list(recent.cards(1)) == ["c2"]
    assert recent.cards(2) == {}
    assert recent.cards()["c1"] is first
    told = recent.overview()
    assert (told["verdict"], told["journeys"], told["in_order"]) == ("1 error", 2, 1)
    assert (told["rules"], told["accounts"]) == (["LPA310"], ["12345678"])


def test_a_closed_journey_stays_as_it_ended() -> None:
    recent = Recent(BOOK, lambda _: None)
    recent.take(judged("j1"))
    recent.draw()
    assert recent.ids == [], "nothing is known of it"
    recent.take(judged(None, closed=(replace(stand("j1"), outcome="error:access_denied"),)))
    recent.draw()
    assert "error:access_denied" in recent.cards()["c1"]


def test_an_exchange_outside_any_journey() -> None:
    recent = Recent(BOOK, stand)
    recent.take(judged(None, finding(journey=None, index=7), finding(journey=None, index=7, rule="LPA311")))
    recent.draw()
    assert "Outside any journey" in recent.cards()["c1"]
    assert recent.overview()["journeys"] == 0


def test_the_newest_are_kept() -> None:
    recent = Recent(BOOK, stand)
    for number in range(MOST + 5):
        recent.take(judged(f"j{number}", finding(journey=f"j{number}")))
        for _ in range(300):
            recent.take(judged(None, finding(journey=f"j{number}")))
    start = time.perf_counter()
    recent.draw()
    assert time.perf_counter() - start < 60
    assert len(recent.ids) == MOST
    assert recent.ids[0] == f"c{MOST + 5}"
    assert recent.left_out
    parts: Any = environment().get_template("live_parts.html.j2").make_module({"version": "1"})
    shown = {name: recent.overview()[name] for name in ("verdict", "counts", "journeys", "in_order", "left_out")}
    assert f"in the newest {MOST} journeys" in parts.top(**shown)


def test_another_session_has_another_epoch() -> None:
    assert Recent(BOOK, stand).epoch != Recent(BOOK, stand).epoch
