"""What is no expression of a rule is refused when it is compiled, at the place of the mistake."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lp_sentinel.rules.expression import Compiler
from lp_sentinel.rules.syntax import ExpressionError
from tests.rules.making import REQUEST, truth


def refused(text: str, moment: str = "request", *, of: bool = True) -> tuple[str, str]:
    """The problem, and what stands at its place."""
    with pytest.raises(ExpressionError) as caught:
        Compiler(moment).proof(text, of=of)
    return caught.value.problem, text[caught.value.offset :]


@pytest.mark.parametrize(
    ("text", "problem", "place"),
    [
        ("request.stat is None", "unknown field 'stat', did you mean 'state'?", "stat is None"),
        ("app.known and reqest.v is None", "unknown name 'reqest', did you mean 'request'?", "reqest.v is None"),
        ("landing.code is None", "'landing' is not known at 'request' (known: request, app)", "landing.code is None"),
        ("request.redirect.hots == 'a'", "unknown field 'hots', did you mean 'host'?", "hots == 'a'"),
        ("'é' == request.vv", "unknown field 'vv', did you mean 'v'?", "vv"),
        (" " * 20 + "'é' == request.vv", "unknown field 'vv', did you mean 'v'?", "vv"),
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
        ("request.v == 1", "these can't be compared: text and a number", "1"),
        ("request.v_number in ('1',)", "a number cannot be in this: it is a list", "('1',)"),
        ("1 in request.v", "a number cannot be in this: it is text", "request.v"),
        ("request.v < 1", "cannot tell which is more: text or a number", "request.v < 1"),
        ("app.known < True", "cannot tell which is more: true or false or true or false", "app.known < True"),
        ("app == request", "these can't be compared: a record and a record", "request"),
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


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("request.repeated", "expected NAME in LIST, such as 'name in request.repeated'"),
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
    ("text", "problem", "place"),
    [
        ("a { b", "a lone brace: holes are {expression}, braces are {{ and }}", "{ b"),
        ("a } b", "a lone brace: holes are {expression}, braces are {{ and }}", "} b"),
        ("a {} b", "an expression is missing here", "} b"),
        ("é {request.vv}", "unknown field 'vv', did you mean 'v'?", "vv}"),
        ("é { request.vv}", "unknown field 'vv', did you mean 'v'?", "vv}"),
        ("a {request.}", "not an expression: invalid syntax", "}"),
    ],
)
def test_template_refused(text: str, problem: str, place: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        Compiler("request").template(text, [])
    assert (caught.value.problem, text[caught.value.offset :]) == (problem, place)


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
