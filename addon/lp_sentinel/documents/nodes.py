"""What PyYAML makes of a text: its nodes, with their places, and the plain values that they stand for.

Apart from :mod:`lp_sentinel.documents.document`, which is loaded always: PyYAML takes its time to load.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import yaml

from lp_sentinel.documents.broken import explained
from lp_sentinel.documents.places import DocumentError, Where, error_at, index_at, line_starts
from lp_sentinel.wording import quoted

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG = "tag:yaml.org,2002:"
_TEXT_TAGS = {_TAG + name for name in ("str", "timestamp", "value", "merge")}
"""Dates stay text, so that the plain values are those of JSON and a schema can speak of them."""
_OTHER_TAGS = {_TAG + name for name in ("null", "bool", "int", "float")}

_DEEPEST = 40
"""Levels of nesting: libyaml's composer recurses on the C stack and overflows it at some tens of thousands."""
_SHALLOW = 1_000_000
"""Characters of a text that can't be nested that deep by indentation alone: the nth level takes a line of n spaces."""
_FEW = 10_000
"""So many characters that may begin a level do not overflow it either."""
_MOST_VALUES = 200_000
"""Values with every alias written out: aliases of aliases grow exponentially when they are walked."""

_KEPT = 16
"""Texts of which the nodes are kept, for the places of what is found wrong with them later."""

_LONGEST_INTEGER = 30
"""A longer row of digits is an id, and stays text: Python refuses to read or print the longest ones as numbers."""
_NOT_YAML = yaml.reader.Reader.NON_PRINTABLE
"""PyYAML's own says the same; to compile another takes as long as to judge a login."""


def read(text: str, path: Path) -> Any:
    """The plain values of a text that stands for the file ``path``; ``None`` if it is empty. Raises DocumentError."""
    root = _root(text, path)
    return None if root is None else _Reader(path, text).read(root)


def place_of(text: str, path: Path, where: Where, *, of_key: bool, offset: int) -> int:
    """Where in the text the value at ``where`` begins, or its key, or character ``offset`` of it.

    A way that leads nowhere is followed as far as it goes.
    """
    key, value = _at(text, path, where)
    node = key if of_key and key is not None else value
    if node is None:
        return 0
    start = _index(text, node.start_mark)
    if offset and not of_key and isinstance(value, yaml.ScalarNode):
        start = _index_of_character(text, start, value, offset)
    return start


def spelling_of(text: str, path: Path, where: Where) -> str | None:
    """The text of a scalar as the file spells it, quotes aside."""
    _, node = _at(text, path, where)
    return node.value if isinstance(node, yaml.ScalarNode) else None


def _at(text: str, path: Path, where: Where) -> tuple[Any, Any]:
    key, value = None, _root(text, path)
    for step in where:
        found: tuple[Any, Any] | None = None
        if isinstance(value, yaml.MappingNode):
            found = next(((k, v) for k, v in value.value if k.value == step), None)
        elif isinstance(value, yaml.SequenceNode) and isinstance(step, int) and step < len(value.value):
            found = None, value.value[step]
        if found is None:
            break
        key, value = found
    return key, value


@lru_cache(_KEPT)
def _root(text: str, path: Path) -> Any:
    if bad := _NOT_YAML.search(text):
        raise error_at(path, text, bad.start(), f"the character U+{ord(bad[0]):04X} is not allowed")
    try:
        if len(text) < _SHALLOW and sum(map(text.count, "[{-?")) < _FEW:
            with suppress(yaml.MarkedYAMLError, RecursionError):  # of what is not compiled, the recursion is Python's
                return yaml.compose(text, Loader=_LOADER)
        _check_outline(text, path)
        return yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        at, problem = explained(error, text, partial(_index, text))
        raise error_at(path, text, at, problem) from None


def _check_outline(text: str, path: Path) -> None:
    depth = documents = 0
    for event in yaml.parse(text, Loader=_LOADER):
        problem = ""
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            problem = f"nested more than {_DEEPEST} levels deep" if depth > _DEEPEST else ""
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            problem = "a second document begins here; a file may hold only one" if documents > 1 else ""
        if problem:
            raise error_at(path, text, _index(text, event.start_mark), problem)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Turns nodes into plain values, each once: what aliases share stays shared."""

    path: Path
    text: str
    done: dict[int, tuple[Any, int, int]] = field(default_factory=dict)
    """By the node's identity: its value, how many values that is, and how deep."""
    open: set[int] = field(default_factory=set)
    """The nodes that are being read: one inside the other."""
    constructor: Any = field(default_factory=yaml.constructor.SafeConstructor)

    def read(self, node: Any) -> Any:
        return self._read(node)[0]

    def _read(self, node: Any) -> tuple[Any, int, int]:
        if id(node) in self.open:
            raise self._error(node, "an alias stands inside the value that it repeats")
        if id(node) not in self.done:
            self.open.add(id(node))
            self.done[id(node)] = self._scalar(node) if isinstance(node, yaml.ScalarNode) else self._collection(node)
            self.open.remove(id(node))
        return self.done[id(node)]

    def _collection(self, node: Any) -> tuple[Any, int, int]:
        is_mapping = isinstance(node, yaml.MappingNode)
        if node.tag != _TAG + ("map" if is_mapping else "seq"):
            raise self._error(node, f"the tag {quoted(node.tag)} is not allowed")
        if len(self.open) > _DEEPEST:
            raise self._too_large(node)
        size, depth = 1, 0
        plain: Any = {} if is_mapping else []
        for child in node.value:
            value, values, levels = self._read(child[1] if is_mapping else child)
            size, depth = size + values, max(depth, levels)
            if size > _MOST_VALUES or depth >= _DEEPEST:
                raise self._too_large(node)
            if is_mapping:
                plain[self._key(child[0], node, plain)] = value
            else:
                plain.append(value)
        return plain, size, depth + 1

    def _key(self, key: Any, mapping: Any, earlier: Mapping[str, Any]) -> str:
        """As the file spells it: an account id is the same written as a number or as text, and ``on`` is no boolean."""
        if not isinstance(key, yaml.ScalarNode):
            raise self._error(key, "a key must be text")
        if key.tag == _TAG + "merge":
            raise self._error(key, "merge keys (<<) are not supported, write the keys out")
        if key.value in earlier:
            first = next(k for k, _ in mapping.value if k.value == key.value)
            problem = f"the key {quoted(key.value)} is defined twice, first in line {first.start_mark.line + 1}"
            raise self._error(key, problem)
        return str(key.value)

    def _scalar(self, node: Any) -> tuple[Any, int, int]:
        if node.tag in _TEXT_TAGS or (node.tag == _TAG + "int" and len(node.value) > _LONGEST_INTEGER):
            return node.value, 1, 0
        if node.tag not in _OTHER_TAGS:
            raise self._error(node, f"the tag {quoted(node.tag)} is not allowed")
        try:
            value = self.constructor.construct_object(node)
        except (ValueError, LookupError, ArithmeticError):
            raise self._error(node, f"{quoted(node.value)} is not of its type") from None
        if isinstance(value, float) and value - value != 0:
            raise self._error(node, f"expected a finite number, not {quoted(node.value)}")
        return value, 1, 0

    def _too_large(self, node: Any) -> DocumentError:
        _check_outline(self.text, self.path)
        return self._error(node, "too large once its aliases are written out")

    def _error(self, node: Any, problem: str) -> DocumentError:
        return error_at(self.path, self.text, _index(self.text, node.start_mark), problem)


def _index(text: str, mark: Any) -> int:
    return index_at(text, mark.line, mark.column)


def _index_of_character(text: str, start: int, node: Any, offset: int) -> int:
    """Where character ``offset`` of a scalar stands; its start where escapes make that more than counting."""
    place = start
    if node.style in ("|", ">"):
        place = next((begin for begin in line_starts(text) if begin > start), start)
    elif node.style in ("'", '"'):
        place += 1
    for char in node.value[:offset]:
        place = _after_space(text, place)
        if char.isspace():
            continue
        if text[place : place + 1] != char:
            return start
        place += 1
    return _after_space(text, place)


def _after_space(text: str, place: int) -> int:
    while place < len(text) and text[place].isspace():
        place += 1
    return place
