"""The syntax trees of rule expressions: read from text, and the pieces that compiled code is made of."""

from __future__ import annotations

import ast
import re
import warnings
from typing import NamedTuple

from lp_sentinel.rules.kinds import NUMBER, TRUTH, Kind, comparable
from lp_sentinel.wording import unknown

NONE, TRUE, FALSE = ast.Constant(None), ast.Constant(True), ast.Constant(False)  # noqa: FBT003


class ExpressionError(ValueError):
    """What is wrong with an expression, and how many characters into its text."""

    def __init__(self, problem: str, offset: int = 0) -> None:
        """Without an offset it is the whole expression."""
        super().__init__(problem)
        self.problem = problem
        self.offset = offset


class Term(NamedTuple):
    """A value: only known where every guard holds, and those are asked first."""

    kind: Kind
    guards: tuple[ast.expr, ...]
    value: ast.expr


def parse(text: str, offset: int = 0) -> ast.expr:
    """The syntax tree of an expression. Columns count its characters, and ``offset`` before them."""
    line = re.sub(r"\s", " ", text)
    start = len(line) - len(line.lstrip())
    if start == len(line):
        raise ExpressionError("an expression is missing here", offset)
    try:
        with warnings.catch_warnings():
            # What Python only warns of is a mistake here, such as '\\d' for a backslash and a d.
            warnings.simplefilter("error")
            tree = ast.parse(line[start:], mode="eval").body
    except SyntaxError as error:
        place = offset + (start + error.offset - 1 if error.offset else len(line))
        raise ExpressionError(f"not an expression: {error.msg}", place) from None
    except (ValueError, RecursionError, MemoryError):
        raise ExpressionError("nested too deeply", offset + start) from None
    if line.isascii() and offset + start == 0:
        return tree  # Python counts bytes, which then are our characters
    encoded = line[start:].encode()
    for node in ast.walk(tree):
        if isinstance(node, ast.expr):
            node.col_offset = offset + start + len(encoded[: node.col_offset].decode())
            node.end_col_offset = offset + start + len(encoded[: node.end_col_offset].decode())
    return tree


def value_or(term: Term, default: ast.expr = NONE) -> ast.expr:
    """Code for the value where it is known, else for ``default``."""
    return ast.IfExp(all_of(*term.guards), term.value, default) if term.guards else term.value


def literal_of(node: ast.expr, what: str) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    raise ExpressionError(f"expected {what} in quotes", node.col_offset)


def constant(node: ast.Constant) -> Term:
    value = node.value
    if isinstance(value, bool):
        return Term(TRUTH, (), ast.Constant(value))
    if isinstance(value, int | float):
        return Term(NUMBER, (), ast.Constant(value))
    if isinstance(value, str):
        return Term(Kind("text", choices=(value,)), (), ast.Constant(value))
    problem = "None only stands after 'is' or 'is not'" if value is None else "expected text or a number"
    raise ExpressionError(problem, node.col_offset)


def check_equal(one: Kind, other: Kind, left: ast.expr, right: ast.expr) -> None:
    if not comparable(one, other):
        raise ExpressionError(f"these can't be compared: {one} and {other}", right.col_offset)
    if one.choices and other.choices and not set(one.choices) & set(other.choices):
        is_right = isinstance(right, ast.Constant)
        wrong, known = (other, one) if is_right else (one, other)
        place = right if is_right else left
        raise ExpressionError(unknown("value", wrong.choices[0], known.choices), place.col_offset)


def check_in(one: Kind, container: Kind, right: ast.expr) -> None:
    if container.what == "text" and one.what == "text":
        return
    if container.what != "list" or (container.element and not comparable(one, container.element)):
        raise ExpressionError(f"{one} cannot be in this: it is {container}", right.col_offset)


def unchained(node: ast.Compare) -> ast.expr:
    """``a < b < c`` as ``a < b and b < c``: nothing in an expression has an effect, so ``b`` may be asked twice."""
    operands = [node.left, *node.comparators]
    pairs = zip(operands, node.ops, operands[1:], strict=False)
    parts: list[ast.expr] = [ast.copy_location(ast.Compare(left, [op], [right]), node) for left, op, right in pairs]
    return ast.copy_location(ast.BoolOp(ast.And(), parts), node)


def load(name: str) -> ast.Name:
    return ast.Name(name, ast.Load())


def is_there(value: ast.expr) -> ast.expr:
    return ast.Compare(value, [ast.IsNot()], [NONE])


def all_of(*conditions: ast.expr) -> ast.expr:
    return conditions[0] if len(conditions) == 1 else ast.BoolOp(ast.And(), list(conditions))
