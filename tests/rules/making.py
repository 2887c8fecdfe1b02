"""Facts and rules made up for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import yaml

from lp_sentinel.document import parse_document
from lp_sentinel.rules.book import Rule, read_rules
from lp_sentinel.rules.files import schema

PATH = Path("mine.yaml")


def made[T](record: type[T], **values: object) -> T:
    """An instance whose other fields are ``None`` where they may be, else empty."""
    return record(**{name: values.pop(name, _empty(hint)) for name, hint in get_type_hints(record).items()}, **values)


def _empty(hint: Any) -> object:
    arguments, origin = get_args(hint), get_origin(hint)
    if type(None) in arguments:
        return None
    if origin is tuple:
        return ()
    return arguments[0] if origin is Literal else hint()


def entry(**changes: object) -> dict[str, object]:
    """A rule as its file has it; ``None`` takes a key out."""
    example: dict[str, object] = {"exchanges": [{"authorize": {}}]}
    whole: dict[str, object] = {
        "id": "MY001",
        "name": "my-rule",
        "severity": "error",
        "summary": "Mine.",
        "given": "request",
        "expect": "request.v is not None",
        "message": "seen",
        "expected": "wanted",
        "why": "why",
        "fix": "fix",
        "cite": ["mine"],
        "good": [example],
        "bad": [example],
    }
    return {key: value for key, value in (whole | changes).items() if value is not None}


def rules_of(*entries: dict[str, object]) -> list[Rule]:
    """Rules as they are read from a file that holds the entries."""
    text = yaml.safe_dump(list(entries), sort_keys=False, width=1000)
    return list(read_rules(parse_document(text, PATH, schema())))
