"""What rule expressions are compiled to: plain Python functions, each made when it is first called."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from types import CodeType, FunctionType
from typing import Any

from lp_sentinel.facts import MOMENTS
from lp_sentinel.rules.syntax import FALSE

FIRED = "_fired"
"""The argument that holds what has fired so far: whether it is an error, by rule id."""


class Function:
    """A Python function, compiled when it is first called: of many it never is."""

    def __init__(self, names: tuple[str, ...], body: ast.expr, constants: Mapping[str, Any]) -> None:
        """``names`` are those of its arguments; what else the body names is in ``constants``."""
        self.names, self.body, self.constants = names, body, constants

    def __reduce__(self) -> tuple[Callable[..., Function], tuple[object, ...]]:
        # What it was compiled to is in no module by whose name another process could find it.
        return Function, (self.names, self.body, self.constants)

    def __call__(self, *arguments: Any) -> Any:
        return self._compiled(*arguments)

    @cached_property
    def _compiled(self) -> Callable[..., Any]:
        arguments = ast.arguments(
            posonlyargs=[ast.arg(name) for name in self.names], args=[], kwonlyargs=[], kw_defaults=[], defaults=[]
        )
        definition = ast.FunctionDef("rule", arguments, [ast.Return(self.body)], [], type_params=[])
        module = ast.fix_missing_locations(ast.Module([definition], []))
        code = compile(module, "<rule>", "exec")
        function = next(part for part in code.co_consts if isinstance(part, CodeType))
        return FunctionType(function, {"__builtins__": {}, "__name__": __name__, **self.constants})


def any_of(moment: str, functions: Iterable[Function]) -> Function:
    """Of the facts and what has fired: whether any of these functions, that need no element, gives a true value."""
    constants: dict[str, Any] = {}
    bodies: list[ast.expr] = [FALSE, FALSE]  # an "or" has two values at least
    for function in functions:
        constants |= function.constants
        bodies.append(function.body)
    return Function((*MOMENTS[moment], FIRED), ast.BoolOp(ast.Or(), bodies), constants)
