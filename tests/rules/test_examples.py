"""Examples in rule files become exchanges, and what they give is compared exactly."""

from __future__ import annotations

import pytest

from lp_sentinel.documents.document import DocumentError, parse_document
from lp_sentinel.engine import Engine
from lp_sentinel.exchange import Exchange, header, header_values
from lp_sentinel.finding import Hop
from lp_sentinel.project import Project
from lp_sentinel.redact import Redactor
from lp_sentinel.rules import RuleBook, load_rules
from lp_sentinel.rules.book import Example
from lp_sentinel.rules.examples import Failure, example_config, example_exchanges, run_examples
from lp_sentinel.rules.files import schema
from tests.labelled import in_turn
from tests.rules.making import PATH, entry, rules_of

BOOK = load_rules()
CALLBACK = "https%3A%2F%2Fapp.example%2Fcb"


def example(*exchanges: dict[str, object], **others: object) -> Example:
    (rule,) = rules_of(entry(good=[{"exchanges": list(exchanges), **others}]))
    return rule.good[0]


def made(**exchange: object) -> Exchange:
    (only,) = example_exchanges(example(exchange))
    return only


@pytest.mark.parametrize("rule", BOOK.by_id)
def test_own_rules_keep_what_their_examples_promise(rule: str) -> None:
    assert [str(failure) for failure in run_examples(BOOK, [rule])] == []


HOPS: dict[str, set[Hop]] = {
    "LPA1": {"authorize"},
    "LPA2": {"authorize"},
    "LPA3": {"landing"},
    "LPA4": {"callback"},
    "LPA401": {"landing"},
    "LPA403": {"login"},
    "LPA404": {"authorize"},
    "LPA410": {"callback", "token"},
    "LPA5": {"authorize"},
    "LPA502": {"landing"},
    "LPA6": {"token"},
}
"""Where along the login it broke, by rule, else by series."""


@pytest.mark.parametrize("rule", BOOK.by_id)
def test_own_rules_say_where_it_broke(rule: str) -> None:
    found: set[Hop] = set()
    for example in BOOK.by_id[rule].bad:
        engine = Engine(Project(example_config(example), BOOK), Redactor())
        verdicts = [*map(engine.feed, in_turn(example)), *engine.close()]
        found |= {finding.hop for verdict in verdicts for finding in verdict.findings if finding.rule == rule}
    assert found == (HOPS.get(rule) or HOPS[rule[:4]])


@pytest.mark.parametrize(
    ("changes", "query"),
    [
        ({}, f"v=1.0&response_type=code&client_id=my-app&redirect_uri={CALLBACK}&state=af0ifjsldkjFvB2Xq9ZwTg"),
        ({"state": None, "redirect_uri": None}, "v=1.0&response_type=code&client_id=my-app"),
        ({"state": "", "redirect_uri": None, "v": "ü &"}, "v=%C3%BC%20%26&response_type=code&client_id=my-app&state="),
        (
            {"state": None, "redirect_uri": None, "v": ["1", "2"], "a b": "c"},
            "v=1&v=2&response_type=code&client_id=my-app&a%20b=c",
        ),
    ],
)
def test_authorize(changes: dict[str, object], query: str) -> None:
    exchange = made(authorize=changes)
    assert exchange.method == "GET"
    assert exchange.url == f"https://va.sentinel.liveperson.net/sentinel/api/account/12345678/authorize?{query}"
    assert (exchange.status, exchange.answered, exchange.error, exchange.response_body) == (None, None, None, None)


def test_values_are_sent_as_the_file_spells_them() -> None:
    text = "[{authorize: {v: 1.00, state: 0123, redirect_uri: null, nonce: yes, client_id: [1.0, 0x10]}}]"
    document = parse_document(f"- {{exchanges: {text}}}", PATH, {})
    (exchange,) = example_exchanges(Example(document, (0,)))
    assert exchange.query == "v=1.00&response_type=code&client_id=1.0&client_id=0x10&state=0123&nonce=yes"


def test_an_exchange_in_full() -> None:
    first, second = example_exchanges(
        example(
            {"request": "GET https://A.example:8443/x?a=b%20c#d", "at": 2.5},
            {
                "request": "POST http://[::1]?a",
                "from": "10.0.0.9",
                "agent": "mine",
                "headers": {"Referer": "r", "X": ["1", 2]},
                "body": "a=ü",
                "response": 302,
                "location": ["l", "m"],
                "response_headers": {"lp-authorize-fault": "f"},
                "response_body": "ü",
            },
        )
    )
    assert (first.host, first.port, first.target) == ("a.example", 8443, "/x?a=b%20c")
    assert first.started is not None
    assert second.started == first.started + 1
    assert second.answered == pytest.approx(second.started + 0.05)
    assert (second.method, second.scheme, second.host, second.port, second.target) == (
        "POST",
        "http",
        "[::1]",
        80,
        "/?a",
    )
    assert (second.index, second.client, second.browser) == (1, "10.0.0.9", ("10.0.0.9", "mine"))
    assert header_values(second.request_headers, "x") == ("1", "2")
    assert header(second.request_headers, "content-type") == "application/x-www-form-urlencoded"
    assert (second.request_body, second.response_body) == ("a=ü".encode(), "ü".encode())
    assert (second.status, second.injected, first.injected) == (302, True, False)
    assert header_values(second.response_headers, "location") == ("l", "m")


def test_a_connection_that_failed() -> None:
    assert made(authorize={}, error="reset").no_answer
    assert not made(authorize={}, error="reset", response=200).no_answer


@pytest.mark.parametrize(
    ("exchange", "problem"),
    [
        ({"response": 200}, "expected either 'request' or 'authorize'"),
        ({"request": "GET https://a.example/", "authorize": {}}, "expected either 'request' or 'authorize'"),
        ({"request": "GET https://a b/"}, "expected an absolute http or https URL"),
    ],
)
def test_what_is_no_exchange(exchange: dict[str, object], problem: str) -> None:
    with pytest.raises(DocumentError, match=problem):
        made(**exchange)


def test_config() -> None:
    app = example_config(example({"authorize": {}})).app("12345678", "my-app")
    assert app is not None
    assert app.redirect_uris == ("https://app.example/cb",)
    config = example_config(
        example({"authorize": {}}, accounts={}, config={"limits": {"loop_requests": 5}}), "LPA", "MY"
    )
    assert (config.accounts, config.limits.loop_requests, config.rules.select) == ({}, 5, ("LPA", "MY"))


def failures(**changes: object) -> list[str]:
    fine: dict[str, object] = {"exchanges": [{"authorize": {}}]}
    no_v = {"exchanges": [{"authorize": {"v": None}}]}
    rule = entry(message="no v from {request.client_id}", good=[fine], bad=[no_v]) | changes
    book = RuleBook([*BOOK.by_id.values(), *rules_of(rule)])
    found = run_examples(book, ["MY001"])
    assert all(failure.rule == "MY001" and failure.place.startswith(f"{PATH}:") for failure in found)
    return [failure.problem for failure in found]


@pytest.mark.parametrize(
    ("bad", "problems"),
    [
        ({"also": ["LPA110"]}, []),
        ({"also": ["LPA110"], "finds": "no v from my-app"}, []),
        ({}, ["not expected: LPA110 (v, the API version, was not sent)"]),
        ({"also": ["LPA110", "LPA130"]}, ["did not fire: LPA130"]),
        ({"also": ["LPA110"], "finds": "no v"}, ["the message is 'no v from my-app', expected 'no v'"]),
        (
            {"also": ["LPA110"], "config": {"limit": {}}},
            ["the example cannot be used: unknown key 'limit', did you mean 'limits'?"],
        ),
    ],
)
def test_a_bad_example_fires_exactly_what_it_says(bad: dict[str, object], problems: list[str]) -> None:
    assert failures(bad=[{"exchanges": [{"authorize": {"v": None}}], **bad}]) == problems


@pytest.mark.parametrize(
    ("good", "problems"),
    [
        ({"exchanges": [{"authorize": {}}]}, []),
        ({"exchanges": [{"authorize": {"state": None}}], "also": ["LPA130"]}, []),
        ({"exchanges": [{"authorize": {}}], "also": ["LPA130"]}, ["did not fire: LPA130"]),
        ({"exchanges": [{"authorize": {"v": None}}], "also": ["LPA110"]}, ["not expected: MY001 (no v from my-app)"]),
    ],
)
def test_a_good_example_is_silent(good: dict[str, object], problems: list[str]) -> None:
    bad = {"exchanges": [{"authorize": {"v": None}}], "also": ["LPA110"]}
    assert failures(good=[good], bad=[bad]) == problems


def test_a_failure_says_where() -> None:
    assert str(Failure("MY001", "mine.yaml:3", "did not fire")) == "mine.yaml:3: MY001: did not fire"


def test_the_schema_knows_no_other_keys() -> None:
    rule = schema()["$defs"]["rule"]
    with pytest.raises(DocumentError, match="unknown key 'respons', did you mean 'response'"):
        parse_document(
            "- {bad: [{exchanges: [{respons: 3}]}]}",
            PATH,
            {"items": {"properties": {"bad": rule["properties"]["bad"]}}, "$defs": schema()["$defs"]},
        )
