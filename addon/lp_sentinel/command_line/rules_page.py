"""The rules as one page of Markdown, made from the rule files: ``rules/README.md``."""

from __future__ import annotations

from collections.abc import Iterator

from lp_sentinel.reports.escaping import cell
from lp_sentinel.reports.escaping import markdown as escaped
from lp_sentinel.reports.markdown import linked
from lp_sentinel.rules import Rule, RuleBook
from lp_sentinel.rules.explain import by_series, example_finding, example_lines

_HEAD = """\
# The rules

<!-- Made from the YAML files beside it by `make docs`: change those. -->

Each rule has an id and a name; either can be looked up with `lp-authorize rules ID`. [CONTRIBUTING](../CONTRIBUTING.md)
explains how to write one. Severities can be changed, and rules left out, in a project's config.
"""


def rules_page(book: RuleBook) -> str:
    """A table of all rules, and a section for each."""
    return "\n".join(_lines(book))


def _lines(book: RuleBook) -> Iterator[str]:
    yield _HEAD
    groups = list(by_series(book.by_id.values()))
    for title, rules in groups:
        yield f"**{title}**\n"
        yield "| rule | severity | checks that |"
        yield "| --- | --- | --- |"
        for rule in rules:
            yield f"| [{rule.id} {rule.name}](#{_anchor(rule)}) | {rule.severity} | {cell(rule.summary)} |"
        yield ""
    for title, rules in groups:
        yield f"## {title}\n"
        for rule in rules:
            yield from _section(rule)


def _section(rule: Rule) -> Iterator[str]:
    yield f"### {rule.id} {rule.name}\n"
    yield f"*{rule.severity}* · {escaped(rule.summary)}\n"
    yield f"**Why it matters.** {escaped(rule.why)}\n"
    yield "**Example that breaks it**\n"
    yield "```http"
    yield from example_lines(rule)
    yield "```\n"
    if found := example_finding(rule):
        yield f"Found: {escaped(found)}\n"
    yield f"**What to do instead.** {escaped(rule.fix)}\n"
    cited = linked(rule.cite) or "good practice; no document requires it"
    yield f"**Documented in** {cited}.\n"
    if rule.yields_to:
        yield f"Not reported where one of these says it better: {', '.join(sorted(rule.yields_to))}.\n"


def _anchor(rule: Rule) -> str:
    """As GitHub makes it of the heading."""
    return f"{rule.id} {rule.name}".lower().replace(" ", "-")
