"""Rule files are checked to the last name, and every mistake is shown where it stands."""

from __future__ import annotations

import pickle
from pathlib import Path

import jsonschema_rs
import pytest

from lp_sentinel.documents.document import DocumentError, parse_document
from lp_sentinel.facts import MOMENTS, RequestFacts
from lp_sentinel.rules.book import RuleBook, load_rules, read_rules
from lp_sentinel.rules.files import own_files, schema
from tests.rules.making import PATH, entry, made, rules_of

RULE = """\
- id: MY001
  name: my-rule
  severity: warning
  summary: Mine.
  given: request
  when: app.known and request.client_id is not None
  each: name in request.repeated
  expect: name == "state"
  parameter: "{name}"
  message: "{name} of {request.client_id}"
  expected: once
  evidence: {client: request.client_id}
  yields_to: [MY001]
  why: why
  fix: fix
  cite: [mine]
  good: [{exchanges: [{authorize: {}}]}]
  bad: [{exchanges: [{authorize: {}}]}]
"""


def mistake(text: str) -> str:
    """The error without its file."""
    with pytest.raises(DocumentError) as caught:
        RuleBook(read_rules(parse_document(text, PATH, schema())))
    return str(caught.value).removeprefix(f"{PATH}:")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("client_id is not", "clientid is not", "6:31: unknown field 'clientid', did you mean 'client_id'?"),
        ("app.known and", "ap.known and", "6:9: unknown name 'ap', did you mean 'app'?"),
        ("app.known and", "landing.code and", "6:9: 'landing' is not known at 'request' (known: request, app)"),
        (
            "name in request.repeated",
            "name in request.repeatd",
            "7:25: unknown field 'repeatd', did you mean 'repeated'?",
        ),
        (
            'expect: name == "state"',
            "expect: >-\n    name ==\n    1",
            "10:5: these can't be compared: text and a number",
        ),
        ('expect: name == "state"', "expect: 3", "8:11: expected text or true or false, not the number 3"),
        ('parameter: "{name}"', 'parameter: "{nam}"', "9:16: unknown name 'nam', did you mean 'name'?"),
        ("of {request.client_id}", "of {request.clint}", "10:32: unknown field 'clint', did you mean 'client_id'?"),
        ("of {request.client_id}", "of {", "10:23: a lone brace: holes are {expression}, braces are {{ and }}"),
        (
            "expected: once",
            "expected: '{request.misspelt}'",
            "11:15: a record cannot be shown, name one of its fields (name, parameter)",
        ),
        ("client: request", "client: requst", "12:22: unknown name 'requst', did you mean 'request'?"),
        (
            "given: request",
            "given: reqest",
            (
                "5:10: expected one of request, answer, landing, begun, renewal, callback, late, leak, closed, token, "
                "not 'reqest', did you mean 'request'?"
            ),
        ),
        ("yields_to: [MY001]", "yields_to: [MY001, MY002]", "13:22: unknown rule 'MY002', did you mean 'MY001'?"),
        ("app.known and", "fired('MY011') and", "6:15: unknown rule 'MY011', did you mean 'MY001'?"),
        ("app.known and", "errors('YY') > 0 and", "6:16: unknown prefix of rules 'YY' (known: MY001)"),
        (
            "id: MY001",
            "id: my001",
            "1:7: expected two to eight capital letters and three digits, such as LPA120, not 'my001'",
        ),
        (
            "id: MY001",
            "id: M001",
            "1:7: expected two to eight capital letters and three digits, such as LPA120, not 'M001'",
        ),
        (
            "severity: warning",
            "severity: warn",
            "3:13: expected one of error, warning, info, not 'warn', did you mean 'warning'?",
        ),
        ("  fix: fix\n", "", "1:3: missing key 'fix'"),
        ("  good: [{exchanges: [{authorize: {}}]}]\n", "", "1:3: missing key 'good'"),
        ("  bad: [{exchanges: [{authorize: {}}]}]", "  bad: []", "18:8: must not be empty"),
        (
            "bad: [{exchanges: [{authorize",
            "bad: [{exchanges: [{autorize",
            "18:23: unknown key 'autorize', did you mean 'authorize'?",
        ),
        (
            "bad: [{exchanges: [{authorize: {}}]}]",
            "bad: [{exchanges: [{request: /cb}]}]",
            "18:32: expected a method and an absolute URL, such as GET https://app.example/cb?code=x, not '/cb'",
        ),
        ("  why: why", "  whi: why", "14:3: unknown key 'whi', did you mean 'why'?"),
        ("  why: why", "  because: why", "1:3: missing key 'why'"),
    ],
)
def test_mistakes(old: str, new: str, expected: str) -> None:
    assert old in RULE
    assert mistake(RULE.replace(old, new)).splitlines()[0] == expected


def test_a_caret_stands_below_the_name() -> None:
    assert mistake(RULE.replace("client_id is not", "clientid is not")) == (
        "6:31: unknown field 'clientid', did you mean 'client_id'?\n"
        "    when: app.known and request.clientid is not None\n"
        "                                ^"
    )


def test_an_id_is_there_once() -> None:
    assert mistake(RULE + RULE).splitlines()[0] == "19:7: MY001 is defined twice, first in mine.yaml:1"


def test_an_empty_file_is_no_list_of_rules() -> None:
    assert mistake("# none yet").splitlines()[0] == "1:1: expected a list, not nothing"


def test_a_rule_holds_what_its_file_says() -> None:
    (rule,) = read_rules(parse_document(RULE, PATH, schema()))
    assert (rule.id, rule.name, rule.severity, rule.given, rule.hop) == ("MY001", "my-rule", "warning", "request", None)
    assert (rule.cite, rule.tags, rule.yields_to) == (("mine",), (), frozenset({"MY001"}))
    assert (rule.is_error, rule.place) == (False, "mine.yaml:1")
    assert [example.place for example in (*rule.good, *rule.bad)] == ["mine.yaml:17", "mine.yaml:18"]


def test_conditions_may_be_yaml_booleans() -> None:
    (rule,) = rules_of(entry(when=True, expect=False))
    assert rule.fires(None, None, {}, None)


def test_a_moment_is_asked_at_once_whether_any_of_its_rules_may_fire() -> None:
    book = RuleBook([
        *rules_of(entry(id="MY001", expect="not matches(request.v, '[0-9]')")),
        *rules_of(entry(id="MY002", when="fired('MY003')")),
        *rules_of(entry(id="MY003", each="name in request.repeated", expect="name != 'v'")),
        *rules_of(entry(id="MY004", given="answer"), entry(id="MY005", expect="not matches(request.method, 'PUT')")),
    ])  # fmt: skip
    may_fire = book.may_fire["request"]
    nothing = made(RequestFacts, v="10", repeated=(), method="GET")
    assert not may_fire(nothing, None, {})
    assert not may_fire(None, None, {})
    assert may_fire(made(RequestFacts, v="1", repeated=(), method="GET"), None, {})
    assert may_fire(made(RequestFacts, v="10", repeated=("x",), method="GET"), None, {})
    assert may_fire(made(RequestFacts, v="10", repeated=(), method="PUT"), None, {})
    assert may_fire(made(RequestFacts, v=None, repeated=(), method="GET"), None, {"MY003": True})
    assert not book.may_fire["token"](None, {})


@pytest.mark.parametrize("depth", [1, 50, 199])
def test_what_is_shown_can_be_asked_for_however_deep_it_is_nested(depth: int) -> None:
    (rule,) = rules_of(entry(message=f"{{{'lower(' * depth}request.method{')' * depth}}}"))
    for one in (rule, pickle.loads(pickle.dumps(rule))):  # noqa: S301  (as another process gets it)
        assert one.words.values(made(RequestFacts, method="PUT"), None, {}, None) == ("put",)


def ids(book: RuleBook, moment: str = "request") -> list[str]:
    return [rule.id for rule in book.given[moment]]


def test_rules_are_asked_after_those_they_ask_about() -> None:
    book = RuleBook(
        rules_of(
            entry(id="MY001", expect="not fired('MY003')"),
            entry(id="MY002", expect="errors('MY') == 0"),
            entry(id="MY003"),
            entry(id="MY004", given="answer", when="fired('MY001')"),
            entry(id="MY005"),
        )
    )
    assert list(book.by_id) == ["MY001", "MY002", "MY003", "MY004", "MY005"]
    assert ids(book) == ["MY003", "MY001", "MY005", "MY002"]
    assert ids(book, "answer") == ["MY004"]
    assert ids(book, "token") == []


def test_rules_do_not_ask_in_a_circle() -> None:
    circle = [
        entry(id="MY001", when="fired('MY002')"),
        entry(id="MY002", when="fired('MY003')"),
        entry(id="MY003", when="app.known and fired('MY001')"),
    ]
    with pytest.raises(DocumentError, match="MY003 and 'MY001' each ask whether the other one has fired"):
        RuleBook(rules_of(*circle))


def test_own_rules_are_found_besides_those_that_come_along(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "b.yml").write_text(RULE.replace("MY001", "MY002"), encoding="utf-8")
    (tmp_path / "a.yaml").write_text(RULE, encoding="utf-8")
    (tmp_path / "notes.txt").write_text("none", encoding="utf-8")
    book = load_rules([tmp_path, tmp_path / "a.yaml", *own_files()])
    assert [rule for rule in book.by_id if rule.startswith("MY")] == ["MY001", "MY002"]
    assert set(book.by_id) - {"MY001", "MY002"} == set(load_rules().by_id)


def test_own_rules_may_yield_to_those_that_come_along(tmp_path: Path) -> None:
    mine = tmp_path / "a.yaml"
    mine.write_text(RULE.replace("yields_to: [MY001]", "yields_to: [LPA140]"), encoding="utf-8")
    assert load_rules([mine]).by_id["MY001"].yields_to == {"LPA140"}


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="cannot be read: No such file"):
        load_rules([tmp_path / "none.yaml"])
    with pytest.raises(DocumentError, match="this folder holds no rule file"):
        load_rules([tmp_path])


def test_the_schema_is_one_and_knows_every_moment() -> None:
    jsonschema_rs.meta.validate(dict(schema()))
    assert schema()["$defs"]["rule"]["properties"]["given"]["enum"] == list(MOMENTS)
