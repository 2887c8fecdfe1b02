from __future__ import annotations

import io

import pytest
from msgspec.structs import replace

from lp_sentinel.engine import Verdict
from lp_sentinel.finding import Finding, JourneySummary
from lp_sentinel.proxy.blocks import QUIET, Blocks
from lp_sentinel.reports.terminal import Terminal
from tests.reports.samples import FINDING, HOPS, JOURNEY, finding

BEGUN = replace(JOURNEY, hops=HOPS[:1], outcome="login", findings=0, open=True)
LANDED = replace(JOURNEY, hops=HOPS[:2], findings=0)
DONE = replace(JOURNEY, findings=0)


class Session:
    """Journeys as the engine has them, a clock, and what was printed."""

    def __init__(self) -> None:
        self.time = 100.0
        self.journeys: dict[str, JourneySummary] = {}
        self.blocks = Blocks(self.journeys.get, lambda: self.time)

    def happens(self, journey: JourneySummary | None, *findings: Finding, closes: bool = False) -> list[str]:
        """What this prints."""
        name = journey.journey if journey else None
        if journey:
            self.journeys[journey.journey] = journey
        if closes and name:
            del self.journeys[name]
        closed = (journey,) if closes and journey else ()
        self.blocks.take(Verdict(None if closes else name, "authorize", findings, closed))
        return self.show()

    def passes(self, seconds: float) -> list[str]:
        self.time += seconds
        return self.show()

    def show(self) -> list[str]:
        """The first line of each block, and the rules in it."""
        out = io.StringIO()
        self.blocks.show(Terminal(out))
        lines = [line.rstrip() for line in out.getvalue().splitlines()]
        return [line for line in lines if "·" in line or "LPA" in line]


HEADER = "j3 · account 12345678 · my-app · "
LATER = "j3 goes on · account 12345678 · my-app · "
LOST = "✗ LPA310 state-lost  landing · LivePerson, RFC 6749 4.1.2"


def test_a_login_in_order_is_shown_when_it_has_called_back() -> None:
    session = Session()
    assert session.happens(BEGUN) == []
    assert session.passes(60) == []
    assert session.happens(LANDED) == []
    assert session.happens(DONE) == [HEADER + "code ✓"]
    assert session.passes(60) == []
    assert not session.blocks.waits
    assert session.happens(DONE, closes=True) == []


@pytest.mark.parametrize(("outcome", "sign"), [("refused:400", ""), ("no-response", " ✓"), ("elsewhere", " ✓")])
def test_what_went_no_further_is_shown_at_once(outcome: str, sign: str) -> None:
    assert Session().happens(replace(BEGUN, outcome=outcome, open=False)) == [f"{HEADER}{outcome}{sign}"]


@pytest.mark.parametrize("outcome", ["code", "error:access_denied"])
def test_what_has_landed_is_shown_after_a_quiet_moment_though_nobody_called_back(outcome: str) -> None:
    session = Session()
    assert session.happens(replace(LANDED, outcome=outcome)) == []
    assert session.passes(QUIET) == [f"{HEADER}{outcome} ✓"]
    assert session.passes(60) == []


def test_what_was_found_is_shown_after_a_quiet_moment() -> None:
    session = Session()
    assert session.happens(BEGUN, FINDING) == []
    assert session.blocks.waits
    assert session.passes(QUIET / 2) == []
    assert session.passes(QUIET / 2) == [HEADER + "login (open)", LOST]
    assert not session.blocks.waits
    assert session.happens(DONE) == [LATER + "code ✓"]


def test_a_landing_without_callback_is_shown_after_a_quiet_moment() -> None:
    session = Session()
    session.happens(LANDED)
    assert session.passes(QUIET) == [HEADER + "code ✓"]


def test_what_follows_later_is_shown_too() -> None:
    session = Session()
    session.happens(LANDED)
    assert session.passes(QUIET) == [HEADER + "code ✓"]
    assert session.happens(DONE) == [LATER + "code ✓"]
    assert session.happens(DONE) == []


def test_what_is_found_later_is_shown_by_itself() -> None:
    session = Session()
    session.happens(DONE)
    assert session.happens(DONE, finding(rule="LPA407")) == [LATER + "code ✓", LOST.replace("310", "407")]


def test_what_is_still_open_at_the_end_is_shown() -> None:
    session = Session()
    session.happens(BEGUN)
    assert session.happens(BEGUN, FINDING, closes=True) == [HEADER + "login (open)", LOST]


def test_what_belongs_to_no_journey_is_shown_at_once_and_by_exchange() -> None:
    session = Session()
    found = [finding(journey=None, index=index, rule=f"LPA60{index}") for index in (1, 1, 2)]
    assert [line for line in session.happens(None, *found) if "no journey" in line] == [
        "landing · no journey · account 12345678 · my-app"
    ] * 2
    assert session.show() == []


def test_without_a_screen_nothing_piles_up() -> None:
    session = Session()
    session.blocks.take(Verdict("j3", "authorize", (FINDING, finding(journey=None)), ()))
    session.journeys["j3"] = DONE
    session.blocks.show(None)
    assert session.show() == []
