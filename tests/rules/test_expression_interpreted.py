"""An expression as it is compiled comes to the same as one that is looked at node by node."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from lp_sentinel.facts import AppFacts, Facts, RequestFacts, UriFacts
from tests.rules.making import made, truth

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
