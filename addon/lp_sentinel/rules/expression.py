"""Rule expressions: a checked subset of Python, compiled so that what is not known is neither true nor false.

An expression is never evaluated to one of three truth values. It is compiled to a proof that it is true, or to a proof
that it is false: plain two-valued Python, in which everything that may be unknown is guarded first.
``and`` is proved true by all its parts and false by any of them, ``or`` the other way round (Kleene's logic).
"""

from __future__ import annotations

import ast
import keyword
import re
from collections.abc import Callable, Iterable, Mapping
from itertools import count
from typing import Any, NamedTuple

from lp_sentinel.facts import MOMENTS
from lp_sentinel.rules.function import FIRED, Function
from lp_sentinel.rules.kinds import NUMBER, TRUTH, Kind, comparable, fields_of
from lp_sentinel.rules.syntax import (
    FALSE,
    NONE,
    TRUE,
    ExpressionError,
    Term,
    all_of,
    check_equal,
    check_in,
    constant,
    is_there,
    literal_of,
    load,
    parse,
    unchained,
    value_or,
)
from lp_sentinel.taken_out import is_taken_out
from lp_sentinel.texts import Joined, Secret
from lp_sentinel.wording import quoted, unknown

_FUNCTIONS = ("len", "lower", "matches", "join", "fired", "errors")

_EACH = re.compile(r"\s*([A-Za-z][A-Za-z0-9_]*)\s+in\s+(\S.*)", re.DOTALL)
_HOLE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


class Mention(NamedTuple):
    """A rule id, or the beginning of ids, that an expression asks about."""

    text: str
    is_prefix: bool
    offset: int
    """Where in the expression it stands."""

    def means(self, rule: str) -> bool:
        """Whether the expression asks about this rule."""
        return rule.startswith(self.text) if self.is_prefix else rule == self.text


_TAKEN_OUT = "_is_taken_out"
_numbers = count()
"""Of constants: those of several rules stand beside each other where a moment's rules are asked at once."""


class Compiler:
    """Compiles the expressions of one rule. Its functions take the moment's facts, what has fired, and the element."""

    def __init__(self, moment: str) -> None:
        """``moment`` is one of ``MOMENTS``."""
        self._moment = moment
        self._facts = {name: Kind("record", of=record) for name, record in MOMENTS[moment].items()}
        self._variable: tuple[str, Kind] | None = None
        self._constants: dict[str, Any] = {"len": len, "errors": errors, _TAKEN_OUT: is_taken_out}
        self._temporaries = 0
        self.mentions: list[Mention] = []

    def each(self, text: str) -> Term:
        """Check ``name in expression``; from then on ``name`` is known. Returns the list that it runs through."""
        match = _EACH.fullmatch(text)
        if not match:
            raise ExpressionError("expected NAME in LIST, such as 'name in request.repeated'")
        name, start = match[1], match.start(1)
        if name in self._facts or name in _FUNCTIONS or keyword.iskeyword(name):
            raise ExpressionError(f"{quoted(name)} already means something else", start)
        term = self._known(parse(match[2], match.start(2)))
        if term.kind.what != "list" or term.kind.element is None:
            raise ExpressionError(f"expected a list, this is {term.kind}", match.start(2))
        self._variable = name, term.kind.element
        return term

    def proof(self, text: str, *, of: bool) -> ast.expr:
        """Code that holds where the expression is certainly true, or, ``of=False``, where it is certainly false."""
        return _nested(lambda: self._proof(parse(text), of=of))

    def value(self, text: str, offset: int = 0) -> Term:
        """The value of an expression that is to be shown."""
        node = parse(text, offset)
        term = _nested(lambda: self._shown(node))
        if not term.kind.can_be_shown:
            record = term.kind.element or term.kind
            known = ", ".join(fields_of(record.of))
            raise ExpressionError(f"a record cannot be shown, name one of its fields ({known})", node.col_offset)
        given = self._of_its_kind(term)
        if isinstance(node, ast.Call) and term.kind.of not in (str, Secret) and term.kind.what == "text":
            return self._joined(node) or given
        return given

    def template(self, text: str, holes: list[Term]) -> tuple[str | int, ...]:
        """Split a text with ``{expression}`` holes: their places in ``holes``, to which they are added, among texts."""
        parts: list[str | int] = []
        end = 0
        for match in _HOLE.finditer(text):
            parts.append(text[end : match.start()])
            end = match.end()
            if match[1] is not None:
                parts.append(len(holes))
                holes.append(self.value(match[1], match.start(1)))
            elif len(match[0]) > 1:
                parts.append(match[0][0])
            else:
                raise ExpressionError("a lone brace: holes are {expression}, braces are {{ and }}", match.start())
        return tuple(part for part in (*parts, text[end:]) if part != "")

    @property
    def empty(self) -> ast.expr:
        """Code for a list without elements."""
        return ast.Tuple([], ast.Load())

    def values(self, holes: list[Term]) -> ast.expr:
        """Code for the values of holes; ``None`` for one that is not known."""
        return ast.Tuple([value_or(term) for term in holes], ast.Load())

    def function(self, body: ast.expr) -> Function:
        """A function of the facts, what has fired, and the element."""
        element = self._variable[0] if self._variable else "_element"
        # A copy: constants of what is compiled later are none of its own, and it may be pickled before.
        return Function((*self._facts, FIRED, element), body, dict(self._constants))

    # From Python's syntax to proofs and terms

    def _proof(self, node: ast.expr, *, of: bool) -> ast.expr:
        match node:
            case ast.BoolOp(op=op, values=values):
                joined = ast.And() if isinstance(op, ast.And) == of else ast.Or()
                return ast.BoolOp(joined, [self._proof(value, of=of) for value in values])
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return self._proof(operand, of=not of)
            case ast.Compare(ops=ops) if len(ops) > 1:
                return self._proof(unchained(node), of=of)
        term = self._known(node)
        if term.kind.what != "truth":
            hint = {"list": ": compare its len()", "record": ": name one of its fields"}.get(term.kind.what, "")
            raise ExpressionError(
                f"expected true or false, this is {term.kind}{hint or ': compare it'}", node.col_offset
            )
        # Asked last: what is in order needs no proof of the opposite.
        known = [ast.UnaryOp(ast.Not(), ast.Call(load(_TAKEN_OUT), [text], [])) for text in term.texts]
        return all_of(*term.guards, term.value if of else ast.UnaryOp(ast.Not(), term.value), *known)

    def _shown(self, node: ast.expr) -> Term:
        is_negation = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)
        if not (is_negation or isinstance(node, ast.BoolOp | ast.Compare)):
            return self._known(node)
        holds, fails = self._proof(node, of=True), self._proof(node, of=False)
        value = ast.IfExp(holds, TRUE, ast.IfExp(fails, FALSE, NONE))
        return self._if_there(TRUTH, (), value)

    def _known(self, node: ast.expr) -> Term:
        match node:
            case ast.Constant():
                return constant(node)
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
                return Term(NUMBER, (), ast.Constant(-number))
            case ast.Name():
                return self._name(node)
            case ast.Attribute():
                return self._attribute(node)
            case ast.Tuple(elts=elements):
                return self._tuple(elements)
            case ast.Call():
                return self._call(node)
            case ast.Compare(ops=[op], left=left, comparators=[right]):
                is_identity = isinstance(op, ast.Is | ast.IsNot)
                return self._is_none(left, op, right) if is_identity else self._comparison(left, op, right)
        what = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(node).__name__).lower()
        raise ExpressionError(f"this is not allowed in a rule ({what})", node.col_offset)

    def _name(self, node: ast.Name) -> Term:
        name = node.id
        if self._variable and name == self._variable[0]:
            return Term(self._variable[1], (), load(name))
        if name in self._facts:
            return Term(self._facts[name], (is_there(load(name)),), load(name))
        if any(name in facts for facts in MOMENTS.values()):
            known = ", ".join(self._facts)
            raise ExpressionError(f"{quoted(name)} is not known at {self._moment!r} (known: {known})", node.col_offset)
        names = [*self._facts, *([self._variable[0]] if self._variable else [])]
        raise ExpressionError(unknown("name", name, names), node.col_offset)

    def _field(self, node: ast.Attribute) -> tuple[Kind, Term, ast.expr]:
        holder = self._known(node.value)
        place = (node.end_col_offset or 0) - len(node.attr)
        if holder.kind.what != "record":
            raise ExpressionError(f"{holder.kind} has no field {quoted(node.attr)}", place)
        fields = fields_of(holder.kind.of)
        if node.attr not in fields:
            raise ExpressionError(unknown("field", node.attr, fields), place)
        return fields[node.attr], holder, ast.Attribute(holder.value, node.attr, ast.Load())

    def _attribute(self, node: ast.Attribute) -> Term:
        kind, holder, access = self._field(node)
        term = self._if_there(kind, holder.guards, access) if kind.may_be_absent else Term(kind, holder.guards, access)
        return term._replace(texts=(term.value,)) if kind.what == "text" and not kind.choices else term

    def _if_there(self, kind: Kind, guards: tuple[ast.expr, ...], value: ast.expr) -> Term:
        """A term of what may be ``None``: computed once, kept for the value."""
        self._temporaries += 1
        name = f"_{self._temporaries}"
        kept = ast.NamedExpr(ast.Name(name, ast.Store()), value)
        return Term(kind._replace(may_be_absent=False), (*guards, is_there(kept)), load(name))

    def _is_none(self, left: ast.expr, op: ast.cmpop, right: ast.expr) -> Term:
        if not (isinstance(right, ast.Constant) and right.value is None):
            raise ExpressionError("'is' only asks for None, compare with ==", right.col_offset)
        if not isinstance(left, ast.Attribute):
            raise ExpressionError("only a field can be asked whether it is None", left.col_offset)
        kind, holder, access = self._field(left)
        if not kind.may_be_absent:
            raise ExpressionError(f"{quoted(left.attr)} is never None", (left.end_col_offset or 0) - len(left.attr))
        return Term(TRUTH, holder.guards, ast.Compare(access, [op], [NONE]))

    def _comparison(self, left: ast.expr, op: ast.cmpop, right: ast.expr) -> Term:
        one, other = self._known(left), self._known(right)
        if isinstance(op, ast.In | ast.NotIn):
            check_in(one.kind, other.kind, right)
            for element in right.elts if isinstance(right, ast.Tuple) else ():
                check_equal(one.kind, self._known(element).kind, left, element)
        elif isinstance(op, ast.Eq | ast.NotEq):
            check_equal(one.kind, other.kind, left, right)
        elif one.kind.what != other.kind.what or one.kind.what not in ("number", "text"):
            raise ExpressionError(f"cannot tell which is more: {one.kind} or {other.kind}", left.col_offset)
        compared = ast.Compare(one.value, [op], [other.value])
        return Term(TRUTH, one.guards + other.guards, compared, one.texts + other.texts)

    def _tuple(self, elements: list[ast.expr]) -> Term:
        terms = [self._known(element) for element in elements]
        for element, term in zip(elements, terms, strict=True):
            if not comparable(terms[0].kind, term.kind):
                raise ExpressionError(f"{terms[0].kind} and {term.kind} in one list", element.col_offset)
        kind = Kind("list", element=terms[0].kind._replace(choices=()) if terms else None)
        guards = tuple(guard for term in terms for guard in term.guards)
        texts = tuple(text for term in terms for text in term.texts)
        return Term(kind, guards, ast.Tuple([self._of_its_kind(term).value for term in terms], ast.Load()), texts)

    def _joined(self, node: ast.Call) -> Term | None:
        """The texts that ``join`` is given, to be joined when each of them is shown; ``None`` for another function."""
        if not (isinstance(node.func, ast.Name) and node.func.id == "join"):
            return None
        term = self._of_its_kind(self._known(node.args[0]))
        return term._replace(value=ast.Call(load(self._keep(Joined)), [term.value], []))

    def _of_its_kind(self, term: Term) -> Term:
        """With the value, or each of a list, given the class that says how it is shown."""
        kind = term.kind.element or term.kind
        if kind.what != "text" or kind.of is str:
            return term
        give: Callable[..., object] = _each_of_kind if term.kind.element else _of_kind
        value = ast.Call(load(self._keep(give)), [load(self._keep(kind.of)), term.value], [])
        return term._replace(value=value)

    # Functions

    def _call(self, node: ast.Call) -> Term:
        name = node.func.id if isinstance(node.func, ast.Name) else None
        if name not in _FUNCTIONS:
            named = unknown("function", name, _FUNCTIONS) if name else "only functions can be called by their names"
            raise ExpressionError(named, node.func.col_offset)
        wanted = {"matches": "two values", "fired": "one rule id or more"}.get(name, "one value")
        count = len(node.args)
        fits = count > 0 if name == "fired" else count == (2 if name == "matches" else 1)
        if not fits or node.keywords or any(isinstance(argument, ast.Starred) for argument in node.args):
            raise ExpressionError(f"{name}() takes {wanted}", node.col_offset)
        if name in ("fired", "errors"):
            return self._history(name, node.args)
        return self._function(name, node)

    def _function(self, name: str, node: ast.Call) -> Term:
        first, *others = node.args
        kind, guards, value, texts = self._known(first)
        allowed = {"len": ("list", "text"), "join": ("list",)}.get(name, ("text",))
        of = kind.element if name == "join" and kind.element else kind
        if kind.what not in allowed or (name == "join" and of.what != "text"):
            wanted = "a list of texts" if name == "join" else " or ".join(str(Kind(what)) for what in allowed)  # type: ignore[arg-type]
            raise ExpressionError(f"{name}() takes {wanted}, this is {kind}", first.col_offset)
        if name == "len":
            return Term(NUMBER, guards, ast.Call(load("len"), [value], []), texts)
        if name == "matches":
            found = ast.Call(load(self._regex(others[0])), [value], [])
            return Term(TRUTH, guards, is_there(found), texts)
        lower = ast.Call(ast.Attribute(value, "lower", ast.Load()), [], [])
        joined = ast.Call(ast.Attribute(ast.Constant(", "), "join", ast.Load()), [value], [])
        text: ast.expr = lower if name == "lower" else joined
        if of.of is not str:
            # What is made of a secret is one.
            text = ast.Call(load(self._keep(of.of)), [text], [])
        return Term(Kind("text", of=of.of), guards, text, texts)

    def _regex(self, node: ast.expr) -> str:
        literal = literal_of(node, "a regular expression")
        try:
            return self._keep(re.compile(literal, re.DOTALL).fullmatch)
        except (re.error, OverflowError, RecursionError) as error:
            raise ExpressionError(f"not a regular expression: {error}", node.col_offset) from None

    def _keep(self, value: object) -> str:
        name = f"_constant_{next(_numbers)}"
        self._constants[name] = value
        return name

    def _history(self, name: str, arguments: list[ast.expr]) -> Term:
        what = "a rule id" if name == "fired" else "the beginning of rule ids"
        texts = [literal_of(argument, what) for argument in arguments]
        mentions = zip(texts, arguments, strict=True)
        self.mentions += [Mention(text, name == "errors", node.col_offset) for text, node in mentions]
        if name == "errors":
            return Term(NUMBER, (), ast.Call(load("errors"), [load(FIRED), ast.Constant(texts[0])], []))
        asked: list[ast.expr] = [ast.Compare(ast.Constant(text), [ast.In()], [load(FIRED)]) for text in texts]
        return Term(TRUTH, (), asked[0] if len(asked) == 1 else ast.BoolOp(ast.Or(), asked))


def _of_kind(kind: type[str], text: str) -> str:
    """A text that says how it is shown; one that does already stays what it is."""
    return kind(text) if type(text) is str else text


def _each_of_kind(kind: type[str], texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(_of_kind(kind, text) for text in texts)


def errors(fired: Mapping[str, bool], prefix: str) -> int:
    """How many rules of that prefix have fired whose severity by default is error."""
    return sum(is_error and rule.startswith(prefix) for rule, is_error in fired.items())


def _nested[T](work: Callable[[], T]) -> T:
    try:
        return work()
    except RecursionError:
        raise ExpressionError("nested too deeply") from None
