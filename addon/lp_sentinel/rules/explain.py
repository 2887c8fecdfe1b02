"""A rule in words, for those who ask about it: on a terminal, in mitmproxy and as a page."""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Iterable, Iterator
from itertools import groupby
from typing import Any
from urllib.parse import unquote

from lp_sentinel.config import RuleChoices
from lp_sentinel.exchange import Exchange, header
from lp_sentinel.rules import Rule, RuleBook
from lp_sentinel.rules.citations import spelled_out
from lp_sentinel.rules.examples import example_exchanges
from lp_sentinel.wording import unknown_rule, visible

SERIES = {
    "LPA1": "The authorize request",
    "LPA2": "The answer to the authorize request",
    "LPA3": "The landing: what the app is handed at the end",
    "LPA4": "Along the journey",
    "LPA5": "Across journeys",
    "LPA6": "Redeeming the code",
}
"""By the beginning of the ids."""
_OTHERS = "Rules of this project"

_SHOWN_HEADERS = ("referer", "content-type", "authorization", "sec-fetch-mode", "sec-fetch-dest", "x-requested-with")
_WIDTH = 80
_LONGEST_EXAMPLE = 6
"""Exchanges: a longer story is told shortened."""


def find_rule(book: RuleBook, asked: str) -> Rule:
    """The rule with this id or name, however its letters are. Raises ValueError that names the nearest."""
    wanted = asked.strip().lower()
    for rule in book.by_id.values():
        if wanted in (rule.id.lower(), rule.name.lower()):
            return rule
    raise ValueError(unknown_rule(asked, book.by_id, (rule.name for rule in book.by_id.values())))


def list_or_explain(book: RuleBook, choices: RuleChoices, asked: str | None) -> str:
    """The rules whose ids begin as asked for, or one in full; ``None``: all. Raises ValueError as :func:`find_rule`."""
    begun = [rule for rule in book.by_id.values() if rule.id.startswith((asked or "").upper())]
    if asked is None or (len(begun) > 1 and asked.upper() not in book.by_id):
        return listed(begun, choices)
    return explain(begun[0] if len(begun) == 1 else find_rule(book, asked), choices)


def by_series(rules: Iterable[Rule]) -> Iterator[tuple[str, list[Rule]]]:
    """Titles, and the rules that stand under them, by id."""
    in_order = sorted(rules, key=lambda rule: (rule.id[:4] not in SERIES, rule.id))
    for title, group in groupby(in_order, key=lambda rule: SERIES.get(rule.id[:4], _OTHERS)):
        yield title, list(group)


def listed(rules: Collection[Rule], choices: RuleChoices) -> str:
    """A line for each rule, by series, with the severity that it has in the project."""
    widest = max((len(rule.name) for rule in rules), default=0)
    blocks = []
    for title, some in by_series(rules):
        lines = (
            f"  {rule.id}  {_severity(rule, choices, 'off'):7}  {rule.name:{widest}}  {_in_a_line(rule.summary)}"
            for rule in some
        )
        blocks.append("\n".join((title, *lines)))
    return "\n\n".join(blocks)


def explain(rule: Rule, choices: RuleChoices) -> str:
    """What it checks, why that matters, an example, what to do instead, and where it is documented."""
    # A project's own rule may hold what a terminal would act on.
    return "\n".join(map(visible, _lines(rule, _severity(rule, choices, "off in this project"))))


def _severity(rule: Rule, choices: RuleChoices, otherwise: str) -> str:
    return choices.severity_of(rule.id, rule.severity) if choices.asks(rule.id) else otherwise


def _in_a_line(text: str) -> str:
    return visible(" ".join(text.split()))


def _wrapped(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)


def _lines(rule: Rule, severity: str) -> Iterator[str]:
    yield f"{rule.id} {rule.name} ({severity})"
    yield from _wrapped(rule.summary)
    yield from _paragraphs("Why it matters", rule.why)
    yield ""
    yield "Example that breaks it:"
    yield from (f"  {line}" if line else "" for line in example_lines(rule))
    if found := example_finding(rule):
        yield from _wrapped(f"Found: {found}", "  ")
    yield from _paragraphs("What to do instead", rule.fix)
    yield ""
    yield "Documented in:"
    yield from (f"  {_cited(cite)}" for cite in rule.cite or ("(good practice; no document requires it)",))
    if rule.yields_to:
        yield ""
        others = ", ".join(sorted(rule.yields_to))
        yield from _wrapped(f"Not reported where one of these says it better: {others}")


def _cited(cite: str) -> str:
    """With the short name, which findings have in JSON."""
    page = spelled_out(cite)
    return cite if page == cite else f"{page} ({cite})"


def _paragraphs(title: str, text: str) -> Iterator[str]:
    yield ""
    yield f"{title}:"
    for paragraph in text.split("\n\n"):
        yield from _wrapped(paragraph, "  ")


def example_finding(rule: Rule) -> str | None:
    """The message that its first bad example gives, where that is written down."""
    data: Any = rule.bad[0].data
    return str(data["finds"]) if "finds" in data else None


def example_lines(rule: Rule) -> Iterator[str]:
    """Its first bad example as an HTTP exchange to read: a parameter on each line, decoded."""
    exchanges, data = example_exchanges(rule.bad[0]), rule.bad[0].data
    for place, exchange in enumerate(exchanges[:_LONGEST_EXAMPLE]):
        if place:
            yield ""
        yield from _exchange_lines(
            exchange, exchanges[place - 1] if place else None, is_made_up="authorize" in data["exchanges"][place]
        )
    if len(exchanges) > _LONGEST_EXAMPLE:
        yield ""
        yield f"… and {len(exchanges) - _LONGEST_EXAMPLE} more like these"


def _exchange_lines(exchange: Exchange, before: Exchange | None, *, is_made_up: bool) -> Iterator[str]:
    later = (exchange.started or 0.0) - (before.started or 0.0) if before else 0.0
    if later > 1:
        yield f"({later:g} seconds later)"
    yield from _url_lines(f"{exchange.method} ", exchange.url, decode=is_made_up)
    for name in _SHOWN_HEADERS:
        value = header(exchange.request_headers, name)
        if value is not None and not (name == "content-type" and not exchange.request_body):
            yield f"    {name.title()}: {visible(value)}"
    if exchange.request_body:
        yield from (f"    {line}" for line in visible(exchange.request_body.decode()).split("&"))
    if exchange.error is not None:
        yield f"  no answer: {visible(exchange.error)}"
    if exchange.status is not None:
        yield f"  answered {exchange.status}"
        for name, value in exchange.response_headers:
            yield from (f"    {line}" for line in _url_lines(f"{name.title()}: ", value, decode=False))
        if exchange.response_body:
            yield f"    {visible(exchange.response_body.decode())}"


def _url_lines(before: str, url: str, *, decode: bool) -> Iterator[str]:
    """The way to it, and each of its parameters on a line.

    An address that was put together for the example is shown as it is meant; one that was written down, as it is.
    """
    start, mark, query = url.partition("?")
    yield visible(f"{before}{start}")
    for place, pair in enumerate(query.split("&") if mark else ()):
        name, equals, value = pair.partition("=")
        plain = unquote(value)
        # What decoding would make look like something else stays as it was sent.
        is_clear = plain.isprintable() and plain == plain.strip() == unquote(plain) and not set("&#+") & set(plain)
        shown = plain if decode and is_clear else value
        yield visible(f"    {'&' if place else '?'}{name}{equals}{shown}")
