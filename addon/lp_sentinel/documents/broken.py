"""Files that are not YAML: what PyYAML says of them is about its parser, what is said here about the file."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import yaml

from lp_sentinel.wording import visible

_BLOCK = re.compile(r"while parsing a block (mapping|collection)")
_CLOSING = {"[": "]", "{": "}"}

# What PyYAML says, compiled or not; whether the place is where that began which could not be read on; what we say.
_WORDS: list[tuple[re.Pattern[str], bool, str]] = [
    (re.compile(pattern), is_begun, said)
    for pattern, is_begun, said in (
        # A pattern of hosts, which YAML takes for an alias.
        (r"while scanning an alias", True, "in YAML a text that begins with * must stand in quotes"),
        (r"while scanning an anchor", True, "in YAML a text that begins with & must stand in quotes"),
        (r".*cannot start any token", False, "in YAML a text that begins with {here} must stand in quotes"),
        (r".*unknown escape", False, "in double quotes \\ changes what follows it: use single quotes, or write \\\\"),
        (r".*quoted scalar.*end of stream", True, "this quotation mark is not closed"),
        (
            r"while parsing a flow (sequence|mapping)",
            False,
            "expected , or {closing} here: the {opening} in line {line} is still open",
        ),
        (r"while parsing a block mapping", False, "expected a key here, indented like one of those above"),
        (r"while parsing a block collection", False, "expected a - here, indented like the one in line {line}"),
        (
            r".*mapping values are not allowed",
            False,
            "unexpected colon: a text that holds one must stand in quotes, and a key begins a line, indented as others",
        ),
        (
            r"while scanning a plain scalar.*unexpected ':'",
            False,
            "a space must follow this colon, or the text must stand in quotes",
        ),
        (r"while scanning a simple key", True, "expected a colon behind this key"),
        (r"block sequence entries are not allowed", False, "each - of a list begins a line of its own"),
        (r"while parsing a (flow|block) node", False, "expected a value here"),
    )
]


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
    if _BLOCK.match(told) and text[text.rfind("\n", 0, at) + 1 : at].strip():
        return at, "the value ends before this: put all of it in quotes, or take this out"
    for pattern, is_begun, said in _WORDS:
        if pattern.match(told):
            line = text.count("\n", 0, begun) + 1
            words = {"here": visible(here), "opening": opening, "closing": _CLOSING.get(opening, ""), "line": line}
            return begun if is_begun else at, said.format(**words)
    return at, visible(told)
