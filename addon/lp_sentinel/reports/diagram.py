"""A journey as a sequence diagram: who speaks to whom in what order, as places on a canvas that a template draws."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from lp_sentinel.finding import SEVERITIES, Finding, Hop, JourneyHop, Severity
from lp_sentinel.redact import printable
from lp_sentinel.reports.words import answer_of, answered_with, gap
from lp_sentinel.rules import RuleBook
from lp_sentinel.wording import counted

LANES = ("Browser", "App", "Sentinel", "Login page")
_BROWSER, _APP, _SENTINEL, _LOGIN = range(4)
_ASKED: Mapping[Hop, int] = {
    "authorize": _SENTINEL,
    "login": _LOGIN,
    "landing": _APP,
    "callback": _APP,
    "token": _SENTINEL,
}

WIDTH = 720
_FIRST = 96
"""Where the first lane is; to its left stands how much time has passed."""
_BETWEEN = 186
_TOP = 34
_ROW = 60
_ARROW = 22
"""From the top of a row to its request, and from there to its answer."""
_LONGEST = 76
"""Characters of a label that fit between the first lane and the right edge."""
_CHARACTER = 7.3
_MOST_HOPS = 40


class Arrow(NamedTuple):
    """A message from one lane to another, or, with ``stops``, one that never got there."""

    y: int
    start: int
    end: int
    label: str
    label_x: int
    broken: Severity | None
    stops: bool = False


class DrawnHop(NamedTuple):
    """A hop: its request and its answer."""

    number: int
    """From 1, as the list of hops counts."""
    hop: JourneyHop
    top: int
    height: int
    gap: str
    """How long after the hop before."""
    request: Arrow
    answer: Arrow | None
    broken: Severity | None
    told: str
    """In few words, for those who don't see the picture; the list of hops has them all."""


class Diagram(NamedTuple):
    """All that is to be drawn."""

    height: int
    lanes: tuple[tuple[str, int], ...]
    rows: tuple[DrawnHop, ...]
    left_out: str
    """What was not drawn, in words; empty if nothing."""


def draw(hops: Sequence[JourneyHop], findings: Collection[Finding], book: RuleBook) -> Diagram:
    """The diagram of a journey; what broke is marked at the request or at the answer."""
    # Where a landing was only seen as the callback request, that is what broke, not what it was answered.
    called = {hop.index for hop in hops if hop.hop == "callback"}
    asked, answered = _broken(findings, book, called)
    sentinel = {_origin(hop.url) for hop in hops if hop.hop == "authorize"}
    rows = []
    before: JourneyHop | None = None
    for place, hop in enumerate(hops[:_MOST_HOPS]):
        # On the way back from the login page Sentinel may be asked again.
        server = _SENTINEL if hop.hop == "login" and _origin(hop.url) in sentinel else _ASKED[hop.hop]
        rows.append(_row(place, hop, server, before, asked.get(hop.index), answered.get(hop.index)))
        before = hop
    more = len(hops) - len(rows)
    return Diagram(
        height=_TOP + _ROW * len(rows) + 8,
        lanes=tuple((name, _x(lane)) for lane, name in enumerate(LANES)),
        rows=tuple(rows),
        left_out=f"… and {counted(more, 'hop')} more" if more else "",
    )


def _broken(
    findings: Collection[Finding], book: RuleBook, called: Collection[int]
) -> tuple[dict[int, Severity], dict[int, Severity]]:
    """The worst that was found about each exchange's request, and about its answer."""
    asked: dict[int, Severity] = {}
    answered: dict[int, Severity] = {}
    for finding in findings:
        if not finding.counts:
            continue
        lands = finding.hop == "landing" or book.judges_answer(finding.rule)
        of = answered if lands and finding.index not in called else asked
        of[finding.index] = max(of.get(finding.index, "info"), finding.severity, key=SEVERITIES.index)
    return asked, answered


def _row(
    place: int,
    hop: JourneyHop,
    server: int,
    before: JourneyHop | None,
    asked: Severity | None,
    answered: Severity | None,
) -> DrawnHop:
    top = _TOP + _ROW * place
    start, end = _x(_APP if hop.hop == "token" else _BROWSER), _x(server)
    answer = _answer_text(hop)
    # An answer that isn't in the capture can't be pointed at: then it's the request that is marked.
    both = asked if answer else _worse(asked, answered)
    stops = hop.status is None and hop.error is not None
    return DrawnHop(
        number=place + 1,
        hop=hop,
        top=top,
        height=_ROW,
        gap=gap(before, hop),
        request=Arrow(top + _ARROW, start, end, _fitting(f"{hop.method} {_short(hop.url)}", start), start + 8, both),
        answer=Arrow(top + 2 * _ARROW, end, start, _fitting(answer, start), start + 8, answered, stops)
        if answer
        else None,
        broken=_worse(asked, answered),
        told=f"{place + 1}. {hop.hop}: {hop.method}, {answered_with(hop)}",
    )


def _worse(one: Severity | None, other: Severity | None) -> Severity | None:
    if one is None or other is None:
        return one or other
    return max(one, other, key=SEVERITIES.index)


def _origin(url: str) -> str:
    return "/".join(url.partition("?")[0].split("/", 3)[:3])


def _x(lane: int) -> int:
    return _FIRST + _BETWEEN * lane


def _answer_text(hop: JourneyHop) -> str:
    if hop.status is None:
        return f"{answer_of(hop)}: {hop.error}" if hop.error is not None else ""
    return f"{hop.status} → {_short(hop.leads_to)}" if hop.leads_to else str(hop.status)


def _short(url: str) -> str:
    """A URL without what every one has, and without the beginning of Sentinel's long path."""
    return url.removeprefix("https://").replace("/sentinel/api/account/", "/…/", 1)


def _fitting(text: str, start: int) -> str:
    return printable(text, min(_LONGEST, int((WIDTH - start - 16) / _CHARACTER)))
