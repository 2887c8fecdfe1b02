"""Expressions are checked when they are compiled, and neither true nor false on what is not known."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
    Secret,
    UriFacts,
    Url,
)
from lp_sentinel.rules.expression import Compiler
from lp_sentinel.rules.kinds import fields_of
from lp_sentinel.rules.syntax import ExpressionError, value_or
from tests.rules.making import made

UNKNOWN = None
APP = made(AppFacts, known=True, redirect_uris=("https://a.example/cb", "https://b.example/cb"))
REQUEST = made(
    RequestFacts,
    method="GET",
    host="va.sentinel.liveperson.net",
    v="1.0",
    v_number=1.0,
    client_id="My-App",
    state=Secret("AbC"),
    redirect=UriFacts("https", "a.example", "https://a.example", "https://a.example/cb", is_loopback=False),
    repeated=("v", "state"),
)


def truth(
    text: str, facts: Mapping[str, Facts | None], moment: str = "request", fired: Mapping[str, bool] | None = None
) -> bool | None:
    """True, false or neither; never both."""
    compiler = Compiler(moment)
    holds, fails = (compiler.function(compiler.proof(text, of=of)) for of in (True, False))
    known = (*(facts.get(name) for name in MOMENTS[moment]), fired or {}, None)
    is_true, is_false = holds(*known), fails(*known)
    assert not (is_true and is_false)
    return True if is_true else False if is_false else None


def shown(text: str, **facts: Facts | None) -> object:
    compiler = Compiler("request")
    return compiler.function(value_or(compiler.value(text)))(facts.get("request"), facts.get("app"), {}, None)


def refused(text: str, moment: str = "request", *, of: bool = True) -> tuple[str, str]:
    """The problem, and what stands at its place."""
    with pytest.raises(ExpressionError) as caught:
        Compiler(moment).proof(text, of=of)
    return caught.value.problem, text[caught.value.offset :]


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
        ("request.response_type == request.nonce", UNKNOWN),
        ("request.v == '1.0'", True),
        ("request.v != '1.0'", False),
        ("request.v == request.response_type", UNKNOWN),
        # of what is not there, nothing is known
        ("request.redirect is None", False),
        ("request.redirect.scheme == 'https'", True),
        ("request.redirect.scheme != 'https' or request.redirect.is_loopback", False),
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
        ("request.v", "1.0", str),
        ("request.response_type", None, type(None)),
        ("request.state", "AbC", Secret),
        ("lower(request.state)", "abc", Secret),
        ("lower(request.client_id)", "my-app", str),
        ("len(request.state)", 3, int),
        ("request.repeated", ("v", "state"), tuple),
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


def test_a_lowered_url_is_still_one() -> None:
    compiler = Compiler("answer")
    location = compiler.function(value_or(compiler.value("lower(answer.location)")))
    value = location(None, None, made(AnswerFacts, location=Url("HTTPS://A")), {}, None)
    assert (value, type(value)) == ("https://a", Url)


@pytest.mark.parametrize(
    ("text", "problem", "place"),
    [
        ("request.stat is None", "unknown field 'stat', did you mean 'state'?", "stat is None"),
        ("app.known and reqest.v is None", "unknown name 'reqest', did you mean 'request'?", "reqest.v is None"),
        ("landing.code is None", "'landing' is not known at 'request' (known: request, app)", "landing.code is None"),
        ("request.redirect.hots == 'a'", "unknown field 'hots', did you mean 'host'?", "hots == 'a'"),
        ("'é' == request.vv", "unknown field 'vv', did you mean 'v'?", "vv"),
        ("request.v.x == 'a'", "text has no field 'x'", "x == 'a'"),
        ("request.path_form == 'near-mis'", "unknown value 'near-mis', did you mean 'near-miss'?", "'near-mis'"),
        (
            "request.path_form in ('dokumented',)",
            "unknown value 'dokumented', did you mean 'documented'?",
            "'dokumented',)",
        ),
        (
            "'nearmiss' == request.path_form",
            "unknown value 'nearmiss', did you mean 'near-miss'?",
            "'nearmiss' == request.path_form",
        ),
        # kinds
        ("request.v", "expected true or false, this is text: compare it", "request.v"),
        ("not request.repeated", "expected true or false, this is a list: compare its len()", "request.repeated"),
        ("app", "expected true or false, this is a record: name one of its fields", "app"),
        (
            "request.v_number and app.known",
            "expected true or false, this is a number: compare it",
            "request.v_number and app.known",
        ),
        ("request.v == 1", "text is never a number", "1"),
        ("request.v_number in ('1',)", "a number cannot be in this: it is a list", "('1',)"),
        ("1 in request.v", "a number cannot be in this: it is text", "request.v"),
        ("request.v < 1", "cannot tell which is more: text or a number", "request.v < 1"),
        ("app.known < True", "cannot tell which is more: true or false or true or false", "app.known < True"),
        ("app == request", "a record is never a record", "request"),
        ("request.v in ('1', 2)", "text and a number in one list", "2)"),
        ("(app.known and True) == True", "this is not allowed in a rule (bool op)", "app.known and True) == True"),
        # None
        ("request.v == None", "None only stands after 'is' or 'is not'", "None"),
        ("request.v is 'a'", "'is' only asks for None, compare with ==", "'a'"),
        ("request.method is None", "'method' is never None", "method is None"),
        ("request is None", "only a field can be asked whether it is None", "request is None"),
        # functions
        ("length(request.v) > 1", "unknown function 'length', did you mean 'len'?", "length(request.v) > 1"),
        ("request.v.lower() == 'a'", "only functions can be called by their names", "request.v.lower() == 'a'"),
        ("len() > 1", "len() takes one value", "len() > 1"),
        ("len(*request.v) > 1", "len() takes one value", "len(*request.v) > 1"),
        ("matches(request.v)", "matches() takes two values", "matches(request.v)"),
        ("fired()", "fired() takes one rule id or more", "fired()"),
        ("len(app.known) > 1", "len() takes a list or text, this is true or false", "app.known) > 1"),
        ("lower(request.v_number) == 'a'", "lower() takes text, this is a number", "request.v_number) == 'a'"),
        ("join(request.misspelt) == 'a'", "join() takes a list of texts, this is a list", "request.misspelt) == 'a'"),
        ("join(request.v) == 'a'", "join() takes a list of texts, this is text", "request.v) == 'a'"),
        ("matches(request.v, request.state)", "expected a regular expression in quotes", "request.state)"),
        ("matches(request.v, '[a')", "not a regular expression: unterminated character set at position 0", "'[a')"),
        ("fired(request.v)", "expected a rule id in quotes", "request.v)"),
        # no other Python
        ("request.v + 'a' == 'b'", "this is not allowed in a rule (bin op)", "request.v + 'a' == 'b'"),
        ("request.repeated[0] == 'b'", "this is not allowed in a rule (subscript)", "request.repeated[0] == 'b'"),
        ("(lambda: True)()", "only functions can be called by their names", "lambda: True)()"),
        (
            "__import__('os')",
            "unknown function '__import__' (known: len, lower, matches, join, fired, errors)",
            "__import__('os')",
        ),
        ("f'{request.v}' == 'a'", "this is not allowed in a rule (joined str)", "f'{request.v}' == 'a'"),
        ("b'a' == request.v", "expected text or a number", "b'a' == request.v"),
        ("[x for x in request.v] == 'a'", "this is not allowed in a rule (list comp)", "[x for x in request.v] == 'a'"),
        ("(x := True)", "this is not allowed in a rule (named expr)", "x := True)"),
        # not even that
        ("", "an expression is missing here", ""),
        ("app.known and", "not an expression: invalid syntax", ""),
        ("app.known = True", "not an expression: invalid syntax", "= True"),
        ("not " * 3000 + "True", "nested too deeply", "not " * 3000 + "True"),
        ("(" * 900, "not an expression: too many nested parentheses", "(" * 700),
    ],
)
def test_refused(text: str, problem: str, place: str) -> None:
    assert refused(text) == (problem, place)
    assert refused(text, of=False) == (problem, place)


def test_a_backslash_that_means_nothing_is_refused() -> None:
    problem, _ = refused(r"matches(request.v, '\d')")
    assert problem.startswith("not an expression: ")
    assert "invalid escape sequence" in problem
    assert truth(r"matches(request.v, r'\d[.]\d')", {"request": REQUEST}) is True


@pytest.mark.parametrize("name", ["request.redirect", "request.misspelt", "app"])
def test_a_record_is_not_shown(name: str) -> None:
    with pytest.raises(ExpressionError, match="a record cannot be shown, name one of its fields"):
        Compiler("request").value(name)


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
    ("text", "problem"),
    [
        ("request.repeated", "expected a name, in, and a list: such as 'name in request.repeated'"),
        ("app in request.repeated", "'app' already means something else"),
        ("len in request.repeated", "'len' already means something else"),
        ("class in request.repeated", "'class' already means something else"),
        ("x in request.v", "expected a list, this is text"),
        ("x in ()", "expected a list, this is a list"),
        ("x in request.repeatd", "unknown field 'repeatd', did you mean 'repeated'?"),
    ],
)
def test_each_refused(text: str, problem: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        Compiler("request").each(text)
    assert caught.value.problem == problem


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


@pytest.mark.parametrize(
    ("text", "problem", "place"),
    [
        ("a { b", "a lone brace: holes are {expression}, braces are {{ and }}", "{ b"),
        ("a } b", "a lone brace: holes are {expression}, braces are {{ and }}", "} b"),
        ("a {} b", "an expression is missing here", "} b"),
        ("é {request.vv}", "unknown field 'vv', did you mean 'v'?", "vv}"),
        ("a {request.}", "not an expression: invalid syntax", "}"),
    ],
)
def test_template_refused(text: str, problem: str, place: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        Compiler("request").template(text, [])
    assert (caught.value.problem, text[caught.value.offset :]) == (problem, place)


def test_every_field_of_every_fact_can_be_spoken_of() -> None:
    for moment, facts in MOMENTS.items():
        for name, record in facts.items():
            for field, kind in fields_of(record).items():
                if kind.can_be_shown:
                    assert Compiler(moment).value(f"{name}.{field}").kind.what == kind.what


# --- against another way to compute the same ---------------------------------------------------------------------

ATOMS = st.sampled_from(
    [
        "True",
        "False",
        "app.known",
        "app.of_other_account",
        "app.registers_redirect_uri",
        "app.registers_redirect_uri is None",
        "request.v is None",
        "request.v == '1'",
        "request.v != request.response_type",
        "request.v in ('1', request.response_type)",
        "0 < request.v_number < 2",
        "request.redirect.is_loopback",
        "request.redirect is not None",
        "len(request.v) == 1",
        "matches(request.response_type, 'co.*')",
    ]
)
EXPRESSIONS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        inner.map("not ({})".format),
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(lambda parts: "({}) {} ({})".format(*parts)),
    ),
    max_leaves=8,
)
TRUTHS = st.sampled_from([True, False, None])
TEXTS = st.sampled_from([None, "1", "code"])


@st.composite
def known(draw: st.DrawFn) -> dict[str, Facts | None]:
    uri = UriFacts("https", "a", "https://a", "https://a/", is_loopback=draw(st.booleans()))
    request = made(
        RequestFacts,
        v=draw(TEXTS),
        response_type=draw(TEXTS),
        v_number=draw(st.sampled_from([None, 0.5, 2.0])),
        redirect=draw(st.sampled_from([None, uri])),
    )
    registers = draw(TRUTHS)
    app = made(
        AppFacts, known=draw(st.booleans()), of_other_account=draw(st.booleans()), registers_redirect_uri=registers
    )
    return {"request": draw(st.sampled_from([None, request])), "app": draw(st.sampled_from([None, app]))}


@given(EXPRESSIONS, known())
def test_compiled_as_interpreted(text: str, facts: dict[str, Facts | None]) -> None:
    assert truth(text, facts) is interpreted(ast.parse(text, mode="eval").body, facts)


def interpreted(node: ast.expr, facts: Mapping[str, Facts | None]) -> Any:  # noqa: PLR0911
    """The value with ``None`` for unknown, node by node."""
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name):
            return facts[name]
        case ast.Attribute(value=holder, attr=name):
            return getattr(interpreted(holder, facts), name, None)
        case ast.UnaryOp(operand=operand):
            value = interpreted(operand, facts)
            return None if value is None else not value
        case ast.BoolOp(op=op, values=values):
            decisive = isinstance(op, ast.Or)
            found = [interpreted(value, facts) for value in values]
            return decisive if decisive in found else None if None in found else not decisive
        case ast.Compare(ops=[ast.Is() | ast.IsNot() as op], left=ast.Attribute() as left):
            if interpreted(left.value, facts) is None:
                return None
            return (interpreted(left, facts) is None) == isinstance(op, ast.Is)
        case ast.Compare(ops=ops, left=left, comparators=rights):
            operands = [left, *rights]
            return kleene_and([compared(operands[i], ops[i], operands[i + 1], facts) for i in range(len(ops))])
        case ast.Call(func=ast.Name(id=name), args=args):
            value = interpreted(args[0], facts)
            return None if value is None else len(value) if name == "len" else value.startswith("co")
    raise AssertionError(ast.dump(node))


def compared(left: ast.expr, op: ast.cmpop, right: ast.expr, facts: Mapping[str, Facts | None]) -> bool | None:
    one = interpreted(left, facts)
    if isinstance(right, ast.Tuple):
        others = [interpreted(element, facts) for element in right.elts]
        return None if one is None or None in others else one in others
    other = interpreted(right, facts)
    if one is None or other is None:
        return None
    return cast(
        "bool",
        {ast.Eq: one == other, ast.NotEq: one != other}[type(op)]
        if isinstance(one, str)
        else (one < other if isinstance(op, ast.Lt) else one == other),
    )


def kleene_and(values: list[bool | None]) -> bool | None:
    return False if False in values else None if None in values else True


@given(st.text(alphabet=st.sampled_from("request.vapkno 'is()[]{},=<>!\"\\\n1#:é"), max_size=30) | st.text(max_size=20))
def test_any_text_compiles_or_is_refused_at_a_place_in_it(text: str) -> None:
    assert 0 <= place_of_mistake(lambda: Compiler("request").proof(text, of=True)) <= len(text)
    assert 0 <= place_of_mistake(lambda: Compiler("request").template(text, [])) <= len(text)


def place_of_mistake(work: Callable[[], object]) -> int:
    try:
        work()
    except ExpressionError as error:
        return error.offset
    return 0
