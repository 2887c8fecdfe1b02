"""Expressions are checked when they are compiled, and neither true nor false on what is not known."""

from __future__ import annotations

import pytest

from lp_sentinel.facts import (
    MOMENTS,
    AnswerFacts,
    AppFacts,
    CallbackFacts,
    Facts,
    LandingFacts,
    LateFacts,
    Misspelt,
    RequestFacts,
)
from lp_sentinel.rules.expression import Compiler
from lp_sentinel.rules.kinds import fields_of
from lp_sentinel.rules.syntax import ExpressionError, value_or
from lp_sentinel.texts import Joined, Secret, Url, Word
from tests.rules.making import REQUEST, made, truth

UNKNOWN = None
APP = made(AppFacts, known=True, redirect_uris=("https://a.example/cb", "https://b.example/cb"))


def shown(text: str, **facts: Facts | None) -> object:
    compiler = Compiler("request")
    return compiler.function(value_or(compiler.value(text)))(facts.get("request"), facts.get("app"), {}, None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("True", True),
        ("False", False),
        (" not False ", True),
        ("app.known", True),
        ("not app.known", False),
        ("app.of_other_account", False),
        ("app.registers_redirect_uri", UNKNOWN),
        ("not app.registers_redirect_uri", UNKNOWN),
        ("app.registers_redirect_uri is None", True),
        ("app.registers_redirect_uri is not None", False),
        # a parameter: absent is known
        ("request.v is None", False),
        ("request.v is not None", True),
        ("request.response_type is None", True),
        ("request.response_type is not None", False),
        ("request.response_type == 'code'", UNKNOWN),
        ("request.response_type != 'code'", UNKNOWN),
        ("request.response_type == request.fetch_mode", UNKNOWN),
        ("request.v == '1.0'", True),
        ("request.v != '1.0'", False),
        ("request.v == request.response_type", UNKNOWN),
        # of what is not there, nothing is known
        ("request.redirect is None", False),
        ("request.redirect.scheme == 'https'", True),
        ("request.redirect.scheme != 'https' or request.redirect.is_loopback", False),
        # what was taken out is there
        ("request.nonce is not None", True),
        ("request.nonce == 'n'", UNKNOWN),
        ("request.nonce != request.v", UNKNOWN),
        ("request.v in ('1', request.nonce)", UNKNOWN),
        ("'[' in request.nonce", UNKNOWN),
        ("lower(request.nonce) == 'n'", UNKNOWN),
        ("not matches(request.nonce, 'n')", UNKNOWN),
        ("len(request.nonce) < 7", UNKNOWN),
        # numbers
        ("request.v_number == 1", True),
        ("request.v_number > 1", False),
        ("0 < request.v_number <= 1.0", True),
        ("2 < request.v_number < request.state_bits", False),
        ("0 < request.v_number < request.state_bits", UNKNOWN),
        ("request.v_number > -1", True),
        ("request.state_bits < 64", UNKNOWN),
        # lists and texts
        ("request.method in ('GET', 'OPTIONS')", True),
        ("request.method not in ('GET', 'OPTIONS')", False),
        ("request.response_type in ('code',)", UNKNOWN),
        ("request.response_type not in ('code',)", UNKNOWN),
        ("request.method in ('GET', request.response_type)", UNKNOWN),
        ("'state' in request.repeated", True),
        ("request.client_id in request.repeated", False),
        ("'.' in request.v", True),
        ("'.' in request.response_type", UNKNOWN),
        ("request.repeated == ('v', 'state')", True),
        ("request.repeated != ()", True),
        ("'a' < request.method", False),
        # functions
        ("len(app.redirect_uris) > 1", True),
        ("len(request.response_type) > 1", UNKNOWN),
        ("lower(request.client_id) == 'my-app'", True),
        ("lower(request.response_type) == 'code'", UNKNOWN),
        ("matches(request.v, '[0-9]+([.][0-9]+)?')", True),
        ("matches(request.v, '[0-9]')", False),
        ("matches(request.response_type, '.*')", UNKNOWN),
        ("not matches(request.response_type, '.*')", UNKNOWN),
        ("join(request.repeated) == 'v, state'", True),
        # Kleene
        ("app.registers_redirect_uri and False", False),
        ("app.registers_redirect_uri and True", UNKNOWN),
        ("False and app.registers_redirect_uri", False),
        ("app.registers_redirect_uri or True", True),
        ("app.registers_redirect_uri or False", UNKNOWN),
        ("not (app.registers_redirect_uri or True)", False),
        ("app.known and app.registers_redirect_uri and app.of_other_account", False),
        ("(app.known) == True", True),
        ("app.registers_redirect_uri == True", UNKNOWN),
        # what has fired
        ("fired('LPA110')", True),
        ("fired('LPA111')", False),
        ("fired('LPA111', 'LPA130')", True),
        ("errors('LPA1') == 1", True),
        ("errors('LPA2') == 0", True),
        ("errors('LPA130') == 0", True),
    ],
)
def test_truth(text: str, expected: bool | None) -> None:
    facts: dict[str, Facts | None] = {"request": REQUEST, "app": APP}
    assert truth(text, facts, fired={"LPA110": True, "LPA130": False}) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("landing.code is None", UNKNOWN),
        ("landing.code is not None", UNKNOWN),
        ("landing.code_without_value", UNKNOWN),
        ("landing.target.scheme == 'http'", UNKNOWN),
        ("len(landing.tokens) == 0", UNKNOWN),
        ("landing.via in ('location', 'callback')", UNKNOWN),
        ("landing.code is None and callback.in_journey", False),
        ("landing.code is None or not callback.in_journey", True),
        ("callback.code is None", True),
    ],
)
def test_nothing_is_known_of_a_fact_that_is_not_there(text: str, expected: bool | None) -> None:
    assert truth(text, {"callback": made(CallbackFacts)}, "callback") is expected


def test_a_value_may_span_lines() -> None:
    landing = made(LandingFacts, code=Secret("a\nb"))
    assert truth("matches(landing.code,\n  'a.b')", {"landing": landing}, "landing") is True


def test_a_choice_is_compared_with_its_choices() -> None:
    assert truth("late.request == 'token'", {"late": LateFacts(1.0, "token")}, "late") is True
    assert truth("answer.leads_to != 'app'", {"answer": made(AnswerFacts)}, "answer") is UNKNOWN


@pytest.mark.parametrize(
    ("text", "expected", "kind"),
    [
        ("request.v", "1.0", Word),
        ("request.client_id", "My-App", str),
        ("lower(request.v)", "1.0", Word),
        ("join(request.undocumented)", ("scope", "dG9rZW4"), Joined),
        ("request.response_type", None, type(None)),
        ("request.state", "AbC", Secret),
        ("lower(request.state)", "abc", Secret),
        ("lower(request.client_id)", "my-app", str),
        ("len(request.state)", 3, int),
        ("request.repeated", ("v", "state"), tuple),
        ("(request.v, request.client_id)", ("1.0", "My-App"), tuple),
        ("app.known and request.v == '2.0'", False, bool),
        ("app.known and request.response_type == 'code'", None, type(None)),
        ("not app.known", False, bool),
        ("0 < request.v_number < 2", True, bool),
        ("-1", -1, int),
    ],
)
def test_values(text: str, expected: object, kind: type) -> None:
    value = shown(text, request=REQUEST, app=APP)
    assert value == expected
    assert type(value) is kind


def test_what_was_taken_out_is_shown_as_it_stands_there() -> None:
    assert shown("lower(request.nonce)", request=REQUEST) == "[nonce redacted]"


def test_a_lowered_url_is_still_one() -> None:
    compiler = Compiler("answer")
    location = compiler.function(value_or(compiler.value("lower(answer.location)")))
    value = location(None, None, made(AnswerFacts, location=Url("HTTPS://A")), {}, None)
    assert (value, type(value)) == ("https://a", Url)


def test_each() -> None:
    compiler = Compiler("request")
    elements = compiler.function(value_or(compiler.each("one in request.misspelt"), compiler.empty))
    named = compiler.function(compiler.proof("one.parameter == 'v'", of=True))
    request = made(RequestFacts, misspelt=(Misspelt("version", "v"), Misspelt("appid", "client_id")))
    assert elements(None, None, {}, None) == ()
    assert [named(request, None, {}, one) for one in elements(request, None, {}, None)] == [True, False]
    with pytest.raises(ExpressionError, match="unknown field 'nam', did you mean 'name'"):
        compiler.proof("one.nam == 'v'", of=True)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", ()),
        ("plain", ("plain",)),
        ("{request.v}", (0,)),
        ("v {request.v}, {len(app.redirect_uris)}.", ("v ", 0, ", ", 1, ".")),
        ("{{{request.v}}}", ("{", 0, "}")),
        ("{{name}}", ("{", "name", "}")),
    ],
)
def test_template(text: str, parts: tuple[str | int, ...]) -> None:
    assert Compiler("request").template(text, []) == parts


def test_every_field_of_every_fact_can_be_spoken_of() -> None:
    for moment, facts in MOMENTS.items():
        for name, record in facts.items():
            for field, kind in fields_of(record).items():
                if kind.can_be_shown:
                    assert Compiler(moment).value(f"{name}.{field}").kind.what == kind.what
