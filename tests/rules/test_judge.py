"""Rules that fire, yield, see what fired before, and say what was seen."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from lp_sentinel.facts import AnswerFacts, AppFacts, CallbackFacts, Facts, LateFacts, Placeholder, RequestFacts
from lp_sentinel.redact import Redactor
from lp_sentinel.rules import Fired, Hit, RuleBook, judge
from lp_sentinel.texts import Secret, Url
from tests.rules.making import entry, made, rules_of

NO_V: Mapping[str, Facts | None] = {"request": made(RequestFacts), "app": made(AppFacts)}
SHOW = Redactor(on=False).show


def asked(
    *entries: dict[str, object],
    facts: Mapping[str, Facts | None] = NO_V,
    moment: str = "request",
    prior: frozenset[Fired] = frozenset(),
) -> tuple[list[Hit], frozenset[Fired]]:
    return judge(RuleBook(rules_of(*entries)), moment, facts, prior, SHOW)


def reported(hits: list[Hit]) -> list[str]:
    return [hit.rule.id for hit in hits]


def test_nothing_fires() -> None:
    assert asked(entry(expect="request.v is None")) == ([], frozenset())
    assert asked(entry(given="token", expect=False)) == ([], frozenset())
    assert asked(entry(when="app.known", expect=False)) == ([], frozenset())


def test_a_rule_fires() -> None:
    (hit,), fired = asked(entry(evidence={"v": "request.v"}))
    assert (hit.rule.id, hit.parameter, hit.message, hit.expected) == ("MY001", None, "seen", "wanted")
    assert hit.evidence == {"v": None}
    assert fired == {Fired("MY001", None, error=True)}


@pytest.mark.parametrize(
    "facts", [{}, {"request": None, "app": None}, {"app": made(AppFacts)}, {"request": made(RequestFacts, v="1")}]
)
def test_unknown_is_not_wrong(facts: Mapping[str, Facts | None]) -> None:
    unknown = "app.known or request.v is not None" if "app" not in facts else "request.v is not None"
    assert asked(entry(expect=unknown), facts=facts) == ([], frozenset())


@pytest.mark.parametrize(
    ("mine", "others", "is_reported"),
    [
        (None, None, False),
        ("v", None, False),
        (None, "v", False),
        ("v", "v", False),
        ("v", "state", True),
    ],
)
def test_yielding(mine: str | None, others: str | None, is_reported: bool) -> None:
    one, other = entry(id="MY001", yields_to=["MY002"], parameter=mine), entry(id="MY002", parameter=others)
    both = frozenset({Fired("MY001", mine, error=True), Fired("MY002", others, error=True)})
    expected = ["MY001", "MY002"] if is_reported else ["MY002"]

    hits, fired = asked(one, other)
    assert (reported(hits), fired) == (expected, both)

    # the other one fired at an earlier moment
    other["given"] = "answer"
    hits, fired = asked(one, other, prior=frozenset({Fired("MY002", others, error=True)}))
    assert reported(hits) == (["MY001"] if is_reported else [])
    assert fired == {Fired("MY001", mine, error=True)}


def test_what_yielded_has_fired_all_the_same() -> None:
    hits, _ = asked(
        entry(id="MY001", yields_to=["MY002"]),
        entry(id="MY002", yields_to=["MY001"], severity="info"),
        entry(id="MY003", expect="not fired('MY001')"),
        entry(id="MY004", expect="errors('MY') != 2", message="{errors('MY')}"),
    )
    assert [(hit.rule.id, hit.message) for hit in hits] == [("MY003", "seen"), ("MY004", "2")]


def test_what_fired_before_is_remembered() -> None:
    prior = frozenset(
        {Fired("MY001", "v", error=True), Fired("MY001", "state", error=True), Fired("MY002", None, error=False)}
    )
    hits, fired = asked(
        entry(id="MY001"),
        entry(id="MY002", severity="info"),
        entry(id="MY003", given="answer", expect="not fired('MY001', 'MY002')", message="{errors('MY00')}"),
        entry(id="MY004", given="answer", expect="fired('MY001')"),
        entry(id="MY005", given="answer", expect="errors('MY001') == 1"),
        moment="answer",
        prior=prior,
    )
    assert [(hit.rule.id, hit.message) for hit in hits] == [("MY003", "1")]
    assert fired == {Fired("MY003", None, error=True)}


def test_each_element_is_asked_and_yields_by_itself() -> None:
    placeholders = (Placeholder("v", "{v}"), Placeholder("state", "null"), Placeholder("client_id", "null"))
    hits, fired = asked(
        entry(
            id="MY001",
            each="one in request.placeholders",
            expect="one.text == '{v}'",
            parameter="{one.parameter}",
            message="{one.parameter} is {one.text}",
            evidence={"found": "one.text"},
            yields_to=["MY002"],
        ),
        entry(id="MY002", parameter="state"),
        entry(id="MY003", each="name in request.repeated", expect=False),
        facts={"request": made(RequestFacts, placeholders=placeholders)},
    )
    assert [(hit.rule.id, hit.message, hit.evidence) for hit in hits] == [
        ("MY001", "client_id is null", {"found": "null"}),
        ("MY002", "seen", {}),
    ]
    assert {one.parameter for one in fired if one.rule == "MY001"} == {"state", "client_id"}


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("{request.client_id}", "my-app"),
        ("{request.response_type}", "none"),
        ("{app.nearest_redirect_uri}", "none"),
        ("{request.repeated}", "v, state"),
        ("{join(request.repeated)}", "v, state"),
        ("{len(request.repeated)} of {{2}}", "2 of {2}"),
        ("{request.is_loopback} {request.host_is_sentinel}", "true false"),
        ("{request.state_bits}", "47.63"),
        ("{request.v_number}", "1"),
        ("{request.path}", "/a\\nb"),
    ],
)
def test_messages(message: str, expected: str) -> None:
    request = made(
        RequestFacts,
        client_id="my-app",
        repeated=("v", "state"),
        is_loopback=True,
        state_bits=47.6337,
        v_number=1.0,
        path="/a\nb",
    )
    (hit,), _ = asked(entry(expect=False, message=message), facts={"request": request})
    assert hit.message == expected


def test_secrets_are_shown_masked() -> None:
    rule = entry(
        given="answer",
        expect=False,
        parameter="{request.state}",
        message="{request.state} {lower(request.state)} {answer.location}",
        expected="{request.state}",
        evidence={"state": "request.state", "location": "answer.location", "names": "request.repeated"},
    )
    facts: Mapping[str, Facts | None] = {
        "request": made(RequestFacts, state=Secret("SECRET-of-the-state"), repeated=("v",)),
        "answer": made(AnswerFacts, location=Url("https://app.example/cb?code=SECRET-of-the-code")),
    }
    (hit,), fired = judge(RuleBook(rules_of(rule)), "answer", facts, frozenset(), Redactor().show)
    assert "secret-of" not in repr((hit[1:], fired)).lower()
    assert hit.evidence["names"] == ["v"]
    assert hit.message.startswith("SECR…(19)#")


def test_facts_that_are_not_there_are_shown_as_none() -> None:
    rule = entry(
        given="callback", expect="callback.in_journey", message="{request.client_id}, {len(app.redirect_uris)}"
    )
    facts: Mapping[str, Facts | None] = {"request": None, "app": None, "landing": None, "callback": made(CallbackFacts)}
    (hit,), _ = asked(rule, facts=facts, moment="callback")
    assert hit.message == "none, none"


def test_a_moment_with_one_fact() -> None:
    late = {"late": LateFacts(612.5, "token")}
    (hit,), _ = asked(
        entry(given="late", expect="late.seconds <= 600", message="{late.seconds} s"), facts=late, moment="late"
    )
    assert hit.message == "612.5 s"
