"""Facts and rules made up for tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import yaml

from lp_sentinel.documents.document import parse_document
from lp_sentinel.facts import MOMENTS, Facts, RequestFacts, UriFacts
from lp_sentinel.rules.book import Rule, read_rules
from lp_sentinel.rules.expression import Compiler
from lp_sentinel.rules.files import schema
from lp_sentinel.texts import Rest, Secret

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


REQUEST = made(
    RequestFacts,
    method="GET",
    host="va.sentinel.liveperson.net",
    v="1.0",
    v_number=1.0,
    client_id="My-App",
    state=Secret("AbC"),
    nonce=Secret("[nonce redacted]"),
    redirect=UriFacts("https", "a.example", "https://a.example", "https://a.example/cb", is_loopback=False),
    repeated=("v", "state"),
    undocumented=("scope", Rest("dG9rZW4")),
)


def truth(
    text: str, facts: Mapping[str, Facts | None], moment: str = "request", fired: Mapping[str, bool] | None = None
) -> bool | None:
    """What an expression comes to: true, false or neither; never both."""
    compiler = Compiler(moment)
    holds, fails = (compiler.function(compiler.proof(text, of=of)) for of in (True, False))
    known = (*(facts.get(name) for name in MOMENTS[moment]), fired or {}, None)
    is_true, is_false = holds(*known), fails(*known)
    assert not (is_true and is_false)
    return True if is_true else False if is_false else None


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
