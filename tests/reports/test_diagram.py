"""Sequence diagrams: who is asked, and what is marked as broken."""

from __future__ import annotations

import pytest

from lp_sentinel.finding import Hop
from lp_sentinel.reports.diagram import LANES, draw
from tests.reports.runs import BOOK
from tests.reports.samples import HOPS, SENTINEL, finding, hop


def lane(x: int) -> str:
    return LANES[(x - 96) // 186]


@pytest.mark.parametrize(
    ("kind", "url", "start", "end"),
    [
        ("authorize", f"{SENTINEL}/authorize", "Browser", "Sentinel"),
        ("login", "https://authentication.liveperson.net/login.html", "Browser", "Login page"),
        ("login", "https://va.sentinel.liveperson.net/sentinel/session", "Browser", "Sentinel"),
        ("callback", "https://app.example/cb", "Browser", "App"),
        ("token", f"{SENTINEL}/token", "App", "Sentinel"),
    ],
)
def test_lanes(kind: Hop, url: str, start: str, end: str) -> None:
    row = draw([HOPS[0], hop(index=9, hop=kind, url=url)], [], BOOK).rows[1]
    assert (lane(row.request.start), lane(row.request.end)) == (start, end)
    assert row.answer is not None
    assert (lane(row.answer.start), lane(row.answer.end)) == (end, start)


@pytest.mark.parametrize(
    ("rule", "at", "index", "request_", "answer"),
    [
        ("LPA130", "authorize", 0, "error", None),
        ("LPA203", "authorize", 0, None, "error"),
        ("LPA310", "landing", 3, None, "error"),
        ("LPA310", "landing", 4, "error", None),
        ("LPA408", "callback", 4, "error", None),
        ("MINE1", "login", 3, "error", None),
    ],
)
def test_what_is_marked(rule: str, at: Hop, index: int, request_: str | None, answer: str | None) -> None:
    rows = draw(HOPS, [finding(rule=rule, hop=at, index=index)], BOOK).rows
    marked = {row.hop.index: (row.request.broken, row.answer and row.answer.broken) for row in rows if row.broken}
    assert marked == {index: (request_, answer)}


def test_the_worst_is_marked_and_what_does_not_count_is_not() -> None:
    found = [finding(severity="info"), finding(severity="warning"), finding(allowed=True), finding(injected=True)]
    assert [row.broken for row in draw(HOPS, found, BOOK).rows] == [None, "warning", None]


def test_labels_fit_and_many_hops_are_cut() -> None:
    long = hop(url=f"{SENTINEL}/authorize?{'x' * 500}", leads_to=f"https://{'y' * 500}.example/")
    picture = draw([long] * 50, [], BOOK)
    assert (len(picture.rows), picture.left_out) == (40, "… and 10 hops more")
    assert max(len(row.request.label) for row in picture.rows) <= 76
