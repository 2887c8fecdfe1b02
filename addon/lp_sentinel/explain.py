"""A rule in words, for those who ask about it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from lp_sentinel.rules import Rule, RuleBook
from lp_sentinel.wording import unknown


def find_rule(book: RuleBook, asked: str) -> Rule:
    """The rule with this id or name, however its letters are. Raises ValueError that names the nearest."""
    wanted = asked.strip().lower()
    for rule in book.by_id.values():
        if wanted in (rule.id.lower(), rule.name.lower()):
            return rule
    raise ValueError(unknown("rule", asked, (*book.by_id, *(rule.name for rule in book.by_id.values()))))


def listed(book: RuleBook) -> str:
    """A line for each rule."""
    rules = sorted(book.by_id.values(), key=lambda rule: rule.id)
    widest = max((len(rule.name) for rule in rules), default=0)
    return "\n".join(f"{rule.id}  {rule.severity:7}  {rule.name:{widest}}  {rule.summary}" for rule in rules)


def explain(rule: Rule, width: int = 80) -> str:
    """What it checks, why that matters, what to do, and where it is documented."""
    return "\n".join(_lines(rule, width))


def _wrapped(text: str, width: int, indent: str = "") -> list[str]:
    return textwrap.wrap(text, width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)


def _lines(rule: Rule, width: int) -> Iterator[str]:
    yield f"{rule.id} {rule.name} ({rule.severity})"
    yield from _wrapped(rule.summary, width)
    for title, text in (("Why", rule.why), ("Fix", rule.fix)):
        yield ""
        yield f"{title}:"
        for paragraph in text.split("\n\n"):
            yield from _wrapped(paragraph, width, "  ")
    yield ""
    yield from _wrapped(f"Documented in: {', '.join(rule.cite)}", width)
    if rule.yields_to:
        others = ", ".join(sorted(rule.yields_to))
        yield from _wrapped(f"Not reported where one of these says it better: {others}", width)
