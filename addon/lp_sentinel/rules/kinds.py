"""What kinds of values the facts hold, read from their type hints: what expressions are checked against."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

from msgspec import Struct


class Kind(NamedTuple):
    """The kind of a value."""

    what: Literal["truth", "number", "text", "list", "record"]
    may_be_absent: bool = False
    """Its field may be ``None``."""
    of: type = str
    """A record's class; for text ``str`` or what says how it is shown (``Secret``, ``Url``, …)."""
    element: Kind | None = None
    """Of a list; ``None`` where an empty one does not tell."""
    choices: tuple[str, ...] = ()
    """All that a text can be, where that is known."""

    def __str__(self) -> str:
        """For messages."""
        names = {"truth": "true or false", "number": "a number", "text": "text", "record": "a record"}
        return names.get(self.what, "a list")

    @property
    def can_be_shown(self) -> bool:
        """Whether it makes a text by itself: a record's fields have to be named."""
        return self.what != "record" and (self.element is None or self.element.what != "record")


TRUTH = Kind("truth")
NUMBER = Kind("number")


def _kind_of(hint: Any) -> Kind:
    """The kind that a type hint stands for. Raises ``TypeError`` for one that the facts have no use for."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        present = [argument for argument in arguments if argument is not NoneType]
        if len(present) == 1 and len(arguments) > 1:
            return _kind_of(present[0])._replace(may_be_absent=True)
    elif origin is Annotated:
        return _kind_of(arguments[1])
    elif origin is Literal and all(isinstance(choice, str) for choice in arguments):
        return Kind("text", choices=arguments)
    elif origin is tuple and len(arguments) > 1 and arguments[1] is Ellipsis:
        return Kind("list", element=_kind_of(arguments[0]))
    elif isinstance(hint, type):
        return _kind_of_class(hint)
    message = f"no kind of value that a rule can speak of: {hint}"
    raise TypeError(message)


def _kind_of_class(hint: type) -> Kind:
    if issubclass(hint, bool):
        return TRUTH
    if issubclass(hint, int | float):
        return NUMBER
    if issubclass(hint, str):
        return Kind("text", of=hint)
    if issubclass(hint, Struct) or hasattr(hint, "_fields"):
        return Kind("record", of=hint)
    message = f"no kind of value that a rule can speak of: {hint}"
    raise TypeError(message)


@cache
def fields_of(record: type) -> Mapping[str, Kind]:
    """The fields of a ``Struct`` or ``NamedTuple``, in their order."""
    return {name: _kind_of(hint) for name, hint in get_type_hints(record, include_extras=True).items()}


def comparable(left: Kind, right: Kind) -> bool:
    """Whether asking if they are equal makes sense."""
    if left.what != right.what or left.what == "record":
        return False
    return left.element is None or right.element is None or comparable(left.element, right.element)
