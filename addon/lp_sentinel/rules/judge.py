"""Asking the rules of a moment: which fire, which yield to another that says it better, and in what words."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

from lp_sentinel.facts import MOMENTS, Facts
from lp_sentinel.rules.book import Rule, RuleBook, Template

type Show = Callable[[object], object]
"""From a value to redacted plain JSON."""

_ONCE: list[None] = [None]
_NEVER: list[None] = []
"""What a rule without ``each`` fires on."""


class Fired(NamedTuple):
    """A rule that fired, whether or not it was reported."""

    rule: str
    parameter: str | None
    error: bool
    """Its default severity is error."""


class Hit(NamedTuple):
    """A rule that is to be reported. All texts and values are redacted."""

    rule: Rule
    parameter: str | None
    message: str
    expected: str
    evidence: dict[str, object]


class _Found(NamedTuple):
    """A rule that fired, before it is known whether it yields."""

    rule: Rule
    parameter: str | None
    shown: tuple[object, ...]


def judge(
    book: RuleBook,
    moment: str,
    facts: Mapping[str, Facts | None],
    prior: frozenset[Fired],
    show: Show,
) -> tuple[list[Hit], frozenset[Fired]]:
    """Ask the rules of a moment: what is to be reported, and all that fired, the rules that yielded included.

    Facts that are ``None`` or missing are not known. ``prior`` is what fired before on the same exchange.
    """
    known = [facts.get(name) for name in MOMENTS[moment]]
    so_far = {fired.rule: fired.error for fired in prior}
    if not book.may_fire[moment](*known, so_far):
        return [], frozenset()
    found: list[_Found] = []
    for rule in book.given[moment]:
        if rule.elements is not None:
            firing = [e for e in rule.elements(*known, so_far, None) if rule.fires(*known, so_far, e)]
        else:
            firing = _ONCE if rule.fires(*known, so_far, None) else _NEVER
        if firing:
            found += [_found(rule, (*known, so_far, element), show) for element in firing]
            so_far[rule.id] = rule.is_error
    if not found:
        return [], frozenset()
    fired = frozenset(Fired(rule.id, parameter, rule.is_error) for rule, parameter, _ in found)
    parameters: dict[str, set[str | None]] = {}
    for one in fired | prior:
        parameters.setdefault(one.rule, set()).add(one.parameter)
    return [_hit(one) for one in found if not _yields(one, parameters)], fired


def _found(rule: Rule, known: tuple[Any, ...], show: Show) -> _Found:
    words = rule.words
    shown = tuple(show(value) for value in words.values(*known))
    parameter = _filled(words.parameter, shown) if words.parameter else None
    return _Found(rule, parameter, shown)


def _yields(found: _Found, fired: Mapping[str, Collection[str | None]]) -> bool:
    """Whether another rule says it better: ``fired`` are the parameters that each spoke of, ``None`` if of none."""
    return any(
        found.parameter is None or None in fired[rule] or found.parameter in fired[rule]
        for rule in found.rule.yields_to
        if rule in fired
    )


def _hit(found: _Found) -> Hit:
    rule, shown = found.rule, found.shown
    words = rule.words
    return Hit(
        rule=rule,
        parameter=found.parameter,
        message=_filled(words.message, shown),
        expected=_filled(words.expected, shown),
        evidence={name: shown[place] for name, place in words.evidence.items()},
    )


def _filled(template: Template, shown: tuple[object, ...]) -> str:
    return "".join(part if isinstance(part, str) else _text(shown[part]) for part in template)


def _text(value: object) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return "true" if value else "false"
        case float():
            return f"{value:.2f}".rstrip("0").rstrip(".")
        case list() | tuple():
            return ", ".join(_text(item) for item in value)
    return str(value)
