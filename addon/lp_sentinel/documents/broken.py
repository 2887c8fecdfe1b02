"""Files that are not YAML: what PyYAML says of them is about its parser, what is said here about the file."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import yaml

from lp_sentinel.wording import visible

_IN_BLOCK = ("while parsing a block mapping", "while parsing a block collection")
_CLOSING = {"[": "]", "{": "}"}


class _Saying(NamedTuple):
    parser: str
    """What PyYAML says begins like this, be it compiled or not: a regular expression."""
    text: str
    """What we say."""
    is_of_beginning: bool = False
    """Whether it is about where that begins which could not be read on."""


_SAYINGS = (
    # A pattern of hosts, which YAML takes for an alias.
    _Saying(r"while scanning an alias", "in YAML a text that begins with * must stand in quotes", is_of_beginning=True),
    _Saying(
        r"while scanning an anchor", "in YAML a text that begins with & must stand in quotes", is_of_beginning=True
    ),
    _Saying(r".*cannot start any token", "in YAML a text that begins with {here} must stand in quotes"),
    _Saying(r".*unknown escape", r"in double quotes \ changes what follows it: use single quotes, or write \\"),
    _Saying(r".*quoted scalar.*end of stream", "this quotation mark is not closed", is_of_beginning=True),
    _Saying(
        r"while parsing a flow (sequence|mapping)",
        "expected , or {closing} here: the {opening} in line {line} is still open",
    ),
    _Saying(r"while parsing a block mapping", "expected a key here, indented like one of those above"),
    _Saying(r"while parsing a block collection", "expected a - here, indented like the one in line {line}"),
    _Saying(
        r".*mapping values are not allowed",
        "unexpected colon: a text that holds one must stand in quotes, and a key begins a line, indented as others",
    ),
    _Saying(
        r"while scanning a plain scalar.*unexpected ':'",
        "a space must follow this colon, or the text must stand in quotes",
    ),
    _Saying(r"while scanning a simple key", "expected a colon behind this key", is_of_beginning=True),
    _Saying(r"block sequence entries are not allowed", "each - of a list begins a line of its own"),
    _Saying(r"while parsing a (flow|block) node", "expected a value here"),
)


def explained(error: yaml.MarkedYAMLError, text: str, index: Callable[[Any], int]) -> tuple[int, str]:
    """Where a file ceases to be YAML, and what to do about it; ``index`` finds the place of a mark in the text."""
    told = ", ".join(part for part in (error.context, error.problem) if part)
    mark = error.problem_mark or error.context_mark
    at = index(mark) if mark else 0
    begun = index(error.context_mark) if error.context_mark else at
    here, opening = text[at : at + 1], text[begun : begun + 1]
    if here == "\t":
        return at, "YAML is indented by spaces, not by tabs"
    if "flow" in told and opening in _CLOSING and not text[at:].strip():
        return begun, f"this {opening} is not closed"
    if told.startswith(_IN_BLOCK) and text[text.rfind("\n", 0, at) + 1 : at].strip():
        return at, "the value ends before this: put all of it in quotes, or take this out"
    for saying in _SAYINGS:
        if re.match(saying.parser, told):
            line = text.count("\n", 0, begun) + 1
            words = {"here": visible(here), "opening": opening, "closing": _CLOSING.get(opening, ""), "line": line}
            return begun if saying.is_of_beginning else at, saying.text.format(**words)
    return at, visible(told)
