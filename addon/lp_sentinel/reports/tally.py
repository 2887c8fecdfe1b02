"""Counts of a run: journeys by outcome, findings by rule."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from lp_sentinel.finding import is_at_least

if TYPE_CHECKING:
    from lp_sentinel.finding import Finding, JourneySummary, Severity

_MOST_OUTCOMES = 50
_OTHER = "error:…"
"""A server may send any error code: those that are counted apart must have an end."""


class CountedRule(NamedTuple):
    """What findings are counted by: a rule, at the severity that the project gives it."""

    severity: Severity
    rule: str
    name: str


class Tally:
    """What a run has come to so far. Its size does not grow with the run."""

    def __init__(self) -> None:
        self.exchanges = 0
        """All that were read."""
        self.outcomes: Counter[str] = Counter()
        self.open = 0
        self.rules: Counter[CountedRule] = Counter()
        self.allowed: Counter[CountedRule] = Counter()
        self.injected: Counter[CountedRule] = Counter()

    def finding(self, finding: Finding) -> None:
        """Count a finding; an allowed or injected one does not count as one."""
        counter = self.injected if finding.injected else self.allowed if finding.allowed else self.rules
        counter[CountedRule(finding.severity, finding.rule, finding.name)] += 1

    def journey(self, journey: JourneySummary) -> None:
        """Count a journey, once."""
        known = journey.outcome in self.outcomes or len(self.outcomes) < _MOST_OUTCOMES
        self.outcomes[journey.outcome if known else _OTHER] += 1
        self.open += journey.open

    def at_least(self, severity: Severity) -> int:
        """How many findings that count are as severe as this or more."""
        return sum(count for rule, count in self.rules.items() if is_at_least(rule.severity, severity))
