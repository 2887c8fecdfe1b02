"""What a JSON Schema finds wrong with a file's values, in a person's words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import reduce
from itertools import chain, islice
from typing import Any, NamedTuple

from jsonschema_rs import Draft202012Validator, ValidationError

from lp_sentinel.documents.places import Where
from lp_sentinel.wording import WIDEST, nearest, quoted, unknown, visible

_MOST_PROBLEMS = 100
"""Only the first place is told in the end; a file that is wrong throughout need not be searched whole."""

_KINDS = {
    "object": "a mapping",
    "array": "a list",
    "string": "text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "null": "nothing",
}
_BOUNDS = {"exclusiveMinimum": "more than {}", "minimum": "{} or more", "maximum": "{} or less"}


class Problem(NamedTuple):
    """What is wrong with the value at ``where``, or with its key."""

    where: Where
    text: str
    of_key: bool = False


def problems(data: Any, schema: Mapping[str, Any]) -> list[Problem]:
    """What is wrong, in no particular order (JSON Schema draft 2020-12)."""
    errors = Draft202012Validator(dict(schema)).iter_errors(data)
    found = chain.from_iterable(_problems_of(error, data, schema) for error in errors)
    return list(islice(found, _MOST_PROBLEMS))


def _problems_of(error: ValidationError, data: Any, schema: Mapping[str, Any]) -> Iterator[Problem]:
    where = next(_ways(data, error.instance_path))
    value, part = _at(data, where), _at(schema, error.schema_path[:-1])
    match error.kind.name:
        case "additionalProperties":
            for key in error.kind.value:
                yield Problem((*where, key), unknown("key", key, part.get("properties", ())), of_key=True)
        case "required":
            missing = error.kind.as_dict()["property"]
            # A key that is meant for it is a problem of its own, which says so.
            known = part.get("properties", ()) if part.get("additionalProperties") is False else ()
            if not any(nearest(key, known) == missing for key in value if key not in known):
                yield Problem(where, f"missing key {quoted(missing)}")
        case "propertyNames":
            of_key: ValidationError = error.kind.as_dict()["error"]
            key = str(of_key.instance)
            yield Problem((*where, key), _text(of_key, key, _at(schema, of_key.schema_path[:-1])), of_key=True)
        case _:
            yield Problem(where, _text(error, value, part))


def _ways(value: Any, steps: Sequence[str | int]) -> Iterator[Where]:
    """The ways that ``steps`` may stand for: in them a key like 012 is the number 12."""
    if not steps:
        yield ()
        return
    step, *others = steps
    if isinstance(value, list):
        keys = [step] if isinstance(step, int) and step < len(value) else []
    else:
        keys = [key for key in value if key == step or (key.lstrip("+").isdecimal() and int(key) == step)]
    for key in keys:
        for way in _ways(value[key], others):
            yield key, *way


def _at(value: Any, where: Iterable[str | int]) -> Any:
    return reduce(lambda inner, step: inner[step], where, value)


def _text(error: ValidationError, found: Any, schema: Mapping[str, Any]) -> str:
    keyword = str(error.schema_path[-1])
    wanted = schema[keyword]
    hint = _did_you_mean(found, wanted) if keyword == "enum" else ""
    if "errorMessage" in schema and keyword != "type":
        # The keyword by which editors, too, find the message for a person.
        return f"{schema['errorMessage']}, not {_shown(found)}{hint}"
    match keyword:
        case "type":
            kinds = [wanted] if isinstance(wanted, str) else [kind for kind in wanted if kind != "null"]
            such = f" such as [{quoted(found)}]" if kinds == ["array"] and isinstance(found, str) else ""
            return f"expected {' or '.join(_KINDS[kind] for kind in kinds)}{such}, not {_kind(found)}"
        case "enum":
            said = quoted(found) if isinstance(found, str) else _kind(found)
            return f"expected one of {', '.join(map(str, wanted))}, not {said}{hint}"
        case "minLength" | "minItems" | "minProperties" if wanted == 1:
            return "must not be empty"
        case "maxLength":
            return f"expected {wanted} characters or fewer, not {len(found)}"
        case "exclusiveMinimum" | "minimum" | "maximum" as bound:
            return f"expected {_BOUNDS[bound].format(wanted)}, not {quoted(found)}"
    return visible(error.message)[: 2 * WIDEST]


def _did_you_mean(found: object, known: Iterable[object]) -> str:
    near = nearest(found, [name for name in known if isinstance(name, str)]) if isinstance(found, str) else None
    return f", did you mean {quoted(near)}?" if near else ""


def _shown(value: object) -> str:
    """As the file spells it, or what it is: no file says False or None."""
    is_spelled_alike = isinstance(value, str | int | float) and not isinstance(value, bool)
    return quoted(value) if is_spelled_alike else _kind(value)


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
