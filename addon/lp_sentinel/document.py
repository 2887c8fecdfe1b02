"""YAML files that people write: loaded safely, checked against a JSON Schema, every mistake shown where it stands."""

from __future__ import annotations

import difflib
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import yaml  # type: ignore[import-untyped]

type Where = tuple[str | int, ...]
"""The way to a value: keys of mappings and indexes of lists, from the root."""

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_CONSTRUCTOR = yaml.constructor.SafeConstructor()
_TAG = "tag:yaml.org,2002:"
_TEXT_TAGS = {_TAG + name for name in ("str", "timestamp", "value", "merge")}
"""Dates stay text, so that the plain values are those of JSON and a schema can speak of them."""
_OTHER_TAGS = {_TAG + name for name in ("null", "bool", "int", "float")}

_DEEPEST = 40
"""Levels of nesting: libyaml's composer recurses on the C stack and overflows it at some tens of thousands."""
_MOST_VALUES = 200_000
"""Values with every alias written out: aliases of aliases grow exponentially when they are walked."""

_LINE_BREAK = re.compile(r"\r\n|[\r\n\x85\u2028\u2029]")
_NOT_YAML = re.compile(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SECRET = re.compile(r"((?:secr|passw)\w*[\"']?\s*:\s*)([^\s,}][^,}]*)", re.IGNORECASE)
"""A secret of the config is not shown with the line that it stands in."""
_WIDEST = 100
"""Characters of a source line that are shown around the caret."""
_KINDS = {
    "object": "a mapping",
    "array": "a list",
    "string": "text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "null": "nothing",
}


class DocumentError(ValueError):
    """A mistake in a file, with its place. ``line`` and ``column`` count characters from 1."""

    def __init__(self, file: str, line: int, column: int, problem: str, source: str = "") -> None:
        """Take the source line too, for the caret; without one ``str()`` is a single line."""
        super().__init__(file, line, column, problem, source)  # all of them, so that it survives pickling
        self.file = file
        self.line = line
        self.column = column
        self.problem = problem
        self.source = source

    def __str__(self) -> str:
        """``file:line:column: problem``, the source line, and a caret below its place."""
        head = f"{visible(self.file)}:{self.line}:{self.column}: {self.problem}"
        if not self.source.strip():
            return head
        shown, caret = _window(self.source, self.column - 1)
        return f"{head}\n  {shown}\n  {' ' * caret}^"


@dataclass(frozen=True, slots=True)
class Document:
    """A checked YAML file. ``data`` holds plain JSON values; the keys of its mappings are as the file spells them."""

    path: Path
    data: Any
    text: str = field(repr=False)
    _root: Any = field(repr=False, compare=False)

    def error(self, where: Where, problem: str, *, of_key: bool = False, offset: int = 0) -> DocumentError:
        """The error for the value at ``where``, or for its key, or ``offset`` characters into its text.

        A way that leads nowhere is followed as far as it goes.
        """
        key, value = self._nodes(where)
        node = key if of_key and key is not None else value
        if node is None:
            return _error_at(self.path, self.text, 0, problem)
        start = _index(self.text, node.start_mark)
        if offset and not of_key and isinstance(value, yaml.ScalarNode):
            start = _index_of_character(self.text, start, value, offset)
        return _error_at(self.path, self.text, start, problem)

    def spelling(self, where: Where) -> str | None:
        """The text of a scalar as the file spells it, quotes aside: ``0123`` where ``data`` holds a number."""
        _, node = self._nodes(where)
        return node.value if isinstance(node, yaml.ScalarNode) else None

    def _nodes(self, where: Where) -> tuple[Any, Any]:
        key, value = None, self._root
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


def load_document(path: Path, schema: Mapping[str, Any]) -> Document:
    """Read and check a file. Raises ``DocumentError``, also for a file that cannot be read."""
    try:
        raw = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DocumentError(str(path), 1, 1, f"cannot be read: {reason}") from error
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        sound = raw[: error.start].decode("utf-8")
        problem = f"byte x{raw[error.start]:02X} is not UTF-8"
        raise _error_at(path, sound, len(sound), problem) from error
    return parse_document(text, path, schema)


def parse_document(text: str, path: Path, schema: Mapping[str, Any]) -> Document:
    """Check a text that stands for the file ``path``. An empty one is an empty mapping. Raises ``DocumentError``."""
    text = text.removeprefix("\ufeff")
    root = _compose(text, path)
    data = {} if root is None else _Reader(path, text).read(root)
    document = Document(path, {} if data is None else data, text, root)
    _validate(document, schema)
    return document


def data_file(name: str) -> Path:
    """A file of the project's ``rules/`` folder: beside the package in a checkout, inside it once installed."""
    here = Path(__file__).resolve().parent
    installed = here / "_rules" / name
    return installed if installed.exists() else here.parent.parent / "rules" / name


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The one of ``known`` that ``word`` was most likely meant to be; ``None`` if none comes near."""
    plain = {_bare(name): name for name in known}
    matches = difflib.get_close_matches(_bare(word[:_WIDEST]), plain, n=1, cutoff=0.6)
    return plain[matches[0]] if matches else None


def unknown(what: str, word: str, known: Iterable[str]) -> str:
    """``unknown key 'x', did you mean 'y'?``; where nothing comes near, the known ones are listed."""
    names = list(known)
    near = nearest(word, names)
    if near is not None:
        return f"unknown {what} {quoted(word)}, did you mean {quoted(near)}?"
    return f"unknown {what} {quoted(word)}" + (f" (known: {', '.join(names)})" if names else "")


def quoted(value: object) -> str:
    """A value of the file for a message: in quotes if it is text, escaped, cut."""
    text = visible(str(value))
    text = text if len(text) <= _WIDEST else text[: _WIDEST - 1] + "…"
    return f"'{text}'" if isinstance(value, str) else text


def visible(text: str) -> str:
    """With what a terminal would act on or hide (controls, direction marks, lone surrogates) escaped."""
    return text if text.isascii() and text.isprintable() else "".join(_visible(char) for char in text)


def _visible(char: str) -> str:
    return char if char.isprintable() else char.encode("unicode_escape").decode("ascii")


def _bare(word: str) -> str:
    return word.lower().replace("-", "_")


# --- from text to plain values -----------------------------------------------------------------------------------


def _compose(text: str, path: Path) -> Any:
    if bad := _NOT_YAML.search(text):
        raise _error_at(path, text, bad.start(), f"the character U+{ord(bad[0]):04X} is not allowed")
    try:
        _check_outline(text, path)
        return yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = visible(", ".join(part for part in (error.context, error.problem) if part))
        raise _error_at(path, text, _index(text, mark) if mark else 0, problem) from None


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
            problem = "a second document begins here, a file holds one" if documents > 1 else ""
        if problem:
            raise _error_at(path, text, _index(text, event.start_mark), problem)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Turns nodes into plain values, each once: what aliases share stays shared."""

    path: Path
    text: str
    done: dict[int, tuple[Any, int, int]] = field(default_factory=dict)
    """By the node's identity: its value, how many values that is, and how deep."""
    open: set[int] = field(default_factory=set)

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
        size, depth = 1, 0
        plain: Any = {} if is_mapping else []
        for child in node.value:
            value, values, levels = self._read(child[1] if is_mapping else child)
            size, depth = size + values, max(depth, levels)
            if size > _MOST_VALUES or depth >= _DEEPEST:
                raise self._error(node, "too large once its aliases are written out")
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
            problem = f"the key {quoted(key.value)} is there twice, first in line {first.start_mark.line + 1}"
            raise self._error(key, problem)
        return str(key.value)

    def _scalar(self, node: Any) -> tuple[Any, int, int]:
        if node.tag in _TEXT_TAGS:
            return node.value, 1, 0
        if node.tag not in _OTHER_TAGS:
            raise self._error(node, f"the tag {quoted(node.tag)} is not allowed")
        try:
            value = _CONSTRUCTOR.construct_object(node)
        except (ValueError, LookupError, ArithmeticError):
            raise self._error(node, f"{quoted(node.value)} is not of its type") from None
        if isinstance(value, float) and value - value != 0:
            raise self._error(node, f"expected a finite number, not {quoted(node.value)}")
        return value, 1, 0

    def _error(self, node: Any, problem: str) -> DocumentError:
        return _error_at(self.path, self.text, _index(self.text, node.start_mark), problem)


# --- against the schema ------------------------------------------------------------------------------------------


def _validate(document: Document, schema: Mapping[str, Any]) -> None:
    errors = [
        found
        for error in jsonschema.Draft202012Validator(schema).iter_errors(document.data)
        for found in _errors_of(document, jsonschema.exceptions.best_match([error]))
    ]
    if errors:
        raise min(errors, key=lambda error: (error.line, error.column))


def _errors_of(document: Document, error: Any) -> Iterator[DocumentError]:
    where: Where = tuple(error.absolute_path)
    if "propertyNames" in error.absolute_schema_path:
        yield document.error((*where, error.instance), _problem(error), of_key=True)
    elif error.validator == "additionalProperties" and isinstance(error.instance, dict):
        known = tuple(error.schema.get("properties", ()))
        patterns = tuple(error.schema.get("patternProperties", ()))
        for key in error.instance:
            if key not in known and not any(re.search(pattern, key) for pattern in patterns):
                yield document.error((*where, key), unknown("key", key, known), of_key=True)
    elif error.validator == "required":
        missing = next(key for key in error.validator_value if key not in error.instance)
        yield document.error(where, f"missing key {quoted(missing)}")
    else:
        yield document.error(where, _problem(error))


def _problem(error: Any) -> str:
    wanted, found = error.validator_value, error.instance
    if "errorMessage" in error.schema and error.validator != "type":
        # The keyword by which editors, too, find the message for a person.
        return f"{error.schema['errorMessage']}, not {quoted(found)}"
    match error.validator:
        case "type":
            kinds = [wanted] if isinstance(wanted, str) else [kind for kind in wanted if kind != "null"]
            return f"expected {' or '.join(_KINDS[kind] for kind in kinds)}, not {_kind(found)}"
        case "enum" if isinstance(found, str):
            return f"expected one of {', '.join(map(str, wanted))}, not {quoted(found)}" + _did_you_mean(found, wanted)
        case "minLength" | "minItems" | "minProperties" if wanted == 1:
            return "must not be empty"
        case "exclusiveMinimum":
            return f"expected more than {wanted}, not {quoted(found)}"
        case "minimum":
            return f"expected {wanted} or more, not {quoted(found)}"
    return visible(str(error.message))[: 2 * _WIDEST]


def _did_you_mean(word: str, known: Iterable[object]) -> str:
    near = nearest(word, [name for name in known if isinstance(name, str)])
    return f", did you mean {quoted(near)}?" if near else ""


def _kind(value: object) -> str:
    match value:
        case None:
            return _KINDS["null"]
        case bool():
            return "true" if value else "false"
        case dict():
            return _KINDS["object"]
        case list():
            return _KINDS["array"]
        case str():
            return f"the text {quoted(value)}"
    return f"the number {quoted(value)}"


# --- places ------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=8)
def _line_starts(text: str) -> tuple[int, ...]:
    return 0, *(found.end() for found in _LINE_BREAK.finditer(text))


def _index(text: str, mark: Any) -> int:
    starts = _line_starts(text)
    return min(starts[mark.line] + int(mark.column), len(text)) if mark.line < len(starts) else len(text)


def _index_of_character(text: str, start: int, node: Any, offset: int) -> int:
    """Where character ``offset`` of a scalar stands; its start where escapes make that more than counting."""
    place = start
    if node.style in ("|", ">"):
        place = next((begin for begin in _line_starts(text) if begin > start), start)
    elif node.style is not None:
        place += 1
    for char in node.value[:offset]:
        if char.isspace():
            place = _after_space(text, place)
            continue
        place = _after_space(text, place)
        if text[place : place + 1] != char:
            return start
        place += 1
    return _after_space(text, place)


def _after_space(text: str, place: int) -> int:
    while place < len(text) and text[place].isspace():
        place += 1
    return place


def _error_at(path: Path, text: str, index: int, problem: str) -> DocumentError:
    starts = _line_starts(text)
    line = bisect_right(starts, index) - 1
    source = _LINE_BREAK.split(text[starts[line] : starts[line] + 10_000], maxsplit=1)[0]
    return DocumentError(str(path), line + 1, index - starts[line] + 1, problem, source)


def _window(source: str, column: int) -> tuple[str, int]:
    """As much of a source line as is shown, and in which column of that ``column`` stands."""
    source = _SECRET.sub(lambda match: match[1] + "•" * len(match[2]), source)
    begin = max(0, column - _WIDEST // 2) if len(source) > _WIDEST else 0
    end = begin + _WIDEST
    before = ("…" if begin else "") + visible(source[begin:column])
    after = visible(source[column:end]) + ("…" if end < len(source) else "")
    return before + after, sum(_width(char) for char in before)


def _width(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
