"""What a JSON Schema finds wrong with a file's values, in a person's words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice
from typing import Any, NamedTuple

import jsonschema

from lp_sentinel.places import Where
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
    errors = map(
        jsonschema.exceptions.best_match, ([e] for e in jsonschema.Draft202012Validator(schema).iter_errors(data))
    )
    return list(islice(chain.from_iterable(map(_problems_of, errors)), _MOST_PROBLEMS))


def _problems_of(error: Any) -> Iterator[Problem]:
    where: Where = tuple(error.absolute_path)
    if "propertyNames" in error.absolute_schema_path:
        yield Problem((*where, error.instance), _text(error), of_key=True)
    elif error.validator == "additionalProperties" and isinstance(error.instance, dict):
        known = tuple(error.schema.get("properties", ()))
        patterns = tuple(error.schema.get("patternProperties", ()))
        for key in error.instance:
            if key not in known and not any(re.search(pattern, key) for pattern in patterns):
                yield Problem((*where, key), unknown("key", key, known), of_key=True)
    elif error.validator == "required":
        missing = next(key for key in error.validator_value if key not in error.instance)
        yield Problem(where, f"missing key {quoted(missing)}")
    else:
        yield Problem(where, _text(error))


def _text(error: Any) -> str:
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
        case "exclusiveMinimum" | "minimum" | "maximum" as bound:
            return f"expected {_BOUNDS[bound].format(wanted)}, not {quoted(found)}"
    return visible(str(error.message))[: 2 * WIDEST]


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
