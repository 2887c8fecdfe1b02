"""A capture judged in pieces comes to what one engine comes to."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mitmproxy.flow import Flow
from mitmproxy.http import HTTPFlow
from msgspec.structs import replace

from lp_sentinel import check, journey
from lp_sentinel.captures.flows import exchange_of
from lp_sentinel.check import announced
from lp_sentinel.cluster import pieces
from lp_sentinel.cluster.dividing import divided
from lp_sentinel.cluster.pieces import Event, JudgedPiece, judge_piece, told, united, without_rules
from lp_sentinel.config import config_from
from lp_sentinel.engine import Engine
from lp_sentinel.exchange import Exchange
from lp_sentinel.finding import Finding, JourneySummary, by_place
from lp_sentinel.memory import Ageing
from lp_sentinel.project import Project
from lp_sentinel.redact import Redactor
from lp_sentinel.rules import load_rules
from tests.captures.judging import KNOWN, UNKNOWN
from tests.captures.making import flows
from tests.captures.reading import in_order
from tests.logins import WAYS, Fault, Login, Step

PLAIN = Redactor(on=False)
BOOK = load_rules()
APP = {"client_id": "app-1", "redirect_uris": ["https://app1.example/cb", "https://app1.example/other"]}
SMALL = Project(config_from({"accounts": {"10000001": {"apps": [APP]}}, "limits": {"open_journeys": 3}}), BOOK)

type Stream = list[Exchange | float]


def at_once(stream: Stream, project: Project) -> tuple[list[Finding], list[JourneySummary]]:
    engine = Engine(project, PLAIN, "a")
    verdicts = [
        engine.pass_by(one) if isinstance(one, float) else engine.feed(one) for one in announced(stream, engine)
    ]
    verdicts += engine.close()
    findings = by_place(finding for verdict in verdicts for finding in verdict.findings)
    return list(findings), [one for verdict in verdicts for one in verdict.closed]


def in_pieces(stream: Stream, project: Project, most: int) -> tuple[list[Finding], list[JourneySummary]]:
    """As a foreman has it done, but here."""
    parts = divided(stream, most)

    def judge(by: Project, heard: Sequence[Event]) -> list[JudgedPiece]:
        return [judge_piece(part, heard, by, PLAIN, "a", piece) for piece, part in enumerate(parts)]

    heard = told(judge(without_rules(project), []))
    while (new := told(judged := judge(project, heard))) != heard:
        heard = new
    return united(judged)


@given(st.lists(flows(), min_size=1, max_size=25), st.sampled_from([KNOWN, UNKNOWN]), st.integers(1, 4))
@settings(max_examples=150, deadline=None)
def test_pieces_of_any_flows_come_to_the_same(held: list[Flow], project: Project, most: int) -> None:
    stream: Stream = []
    stream += in_order(exchange_of(flow, index) for index, flow in enumerate(held) if isinstance(flow, HTTPFlow))
    assert in_pieces(stream, project, most) == at_once(stream, project)


LOGINS = st.builds(
    Login,
    # Equal numbers: the same state and code again. Numbers 1 and 1001: the same app, whose URIs are registered.
    number=st.sampled_from([1, 2, 3, 4, 1001, 1002, 2001]),
    browser=st.sampled_from([(f"10.0.0.{number}", "Chrome") for number in range(5)]),
    way=st.sampled_from(WAYS),
    fault=st.sampled_from([None, *get_args(Fault.__value__)]),
    redeems=st.booleans(),
)

_DENIED = "https://app1.example/cb?error=access_denied"
STRAYS = st.builds(
    lambda browser, url, location: Step((browser, "Chrome"), "GET", url, 302 if location else 200, location),
    st.sampled_from(["10.0.0.0", "10.0.0.7"]),
    st.sampled_from([_DENIED, "https://app1.example/", "https://other.example/"]),
    st.sampled_from([None, _DENIED]),
)
"""What is part of no login, and yet leads to where one may end."""


@st.composite
def streams(draw: st.DrawFn) -> Stream:
    """Logins that are under way at the same time, with moments between and times left out here and there."""
    scripts = [list(login.steps()) for login in draw(st.lists(LOGINS, min_size=2, max_size=12))]
    scripts += [[stray] for stray in draw(st.lists(STRAYS, max_size=3))]
    turns = draw(st.permutations([number for number, script in enumerate(scripts) for _ in script]))
    steps = [scripts[number].pop(0) for number in turns]
    waits = draw(st.lists(st.sampled_from([0.0, 1.0, 5.0, 400.0]), min_size=len(steps), max_size=len(steps)))
    stream: Stream = []
    for index, (step, now) in enumerate(zip(steps, accumulate(waits, initial=1.7e9), strict=False)):
        one = step.at(index, now)
        kind = draw(st.sampled_from(["plain"] * 8 + ["timeless", "injected", "passed"]))
        if kind == "passed":
            stream.append(now)
        if kind == "timeless":
            one = replace(one, started=None)
        stream.append(replace(one, injected=True) if kind == "injected" else one)
    return stream


@pytest.fixture
def cramped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memories that forget soon, as they else do in a capture of many thousand logins."""
    monkeypatch.setattr(Ageing.__init__, "__defaults__", (3,))
    monkeypatch.setattr(journey, "_MOST_FINISHED", 2)
    for module in (check, pieces):
        monkeypatch.setattr(module, "AHEAD", 4)


@pytest.mark.usefixtures("cramped")
@given(streams(), st.sampled_from([SMALL, UNKNOWN]), st.integers(2, 4))
@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_pieces_forget_what_one_engine_forgets(stream: Stream, project: Project, most: int) -> None:
    assert in_pieces(stream, project, most) == at_once(stream, project)


@pytest.mark.usefixtures("cramped")
def test_what_time_decided_is_known_before_another_pieces_login_pushes_a_journey_out() -> None:
    renewing, other = ("10.0.0.0", "Chrome"), ("10.0.0.1", "Chrome")
    first, again = [Login(3, renewing, "session", redeems=True)], [Login(3, renewing, "session")]
    later = [Login(number, other, "session") for number in (1, 2)]
    stream: Stream = []
    for now, logins in ((1.7e9, first), (1.7e9 + 1, again), (1.7e9 + 400, later)):
        stream += [step.at(len(stream) + place, now) for place, step in enumerate(_steps(logins))]
    findings, journeys = at_once(stream, UNKNOWN)
    assert "LPA503" in {finding.rule for finding in findings if finding.journey == "j2"}
    assert journeys[1].findings == sum(finding.journey == "j2" for finding in findings)
    assert all(divided(stream, 2))
    assert in_pieces(stream, UNKNOWN, 2) == (findings, journeys)


def _steps(logins: Sequence[Login]) -> list[Step]:
    return [step for login in logins for step in login.steps()]


def test_a_code_that_was_taken_out_is_unknown_to_all_pieces() -> None:
    host, api = "va.sentinel.liveperson.net", "/sentinel/api/account/10000001/"
    asked = "authorize?v=1.0&response_type=code&client_id=app-1&redirect_uri=https%3A%2F%2Fapp1.example%2Fcb&state=x"
    form = b"grant_type=authorization_code&code=SplxlOBeZQQYbYS6WxSbIA&client_id=app-1&client_secret=x"
    landed = Exchange(0, "GET", "https", host, 443, api + asked, started=1.0, client="10.0.0.1", status=302)
    redeemed = Exchange(1, "POST", "https", host, 443, api + "token?v=2.0", started=2.0, client="10.0.0.9", status=200)
    stream: Stream = [
        replace(landed, response_headers=(("location", "https://app1.example/cb?code=[redacted]&state=x"),)),
        replace(redeemed, request_headers=(("content-type", "application/x-www-form-urlencoded"),), request_body=form),
    ]
    assert all(divided(stream, 2))
    assert in_pieces(stream, SMALL, 2) == at_once(stream, SMALL)
    assert "LPA608" not in {finding.rule for finding in at_once(stream, SMALL)[0]}
