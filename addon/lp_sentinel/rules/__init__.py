"""Rules: read from YAML, checked, asked, and tried on their own examples."""

from __future__ import annotations

from lp_sentinel.rules.book import Rule, RuleBook, Words, load_rules
from lp_sentinel.rules.judge import Fired, Hit, judge

__all__ = ["Fired", "Hit", "Rule", "RuleBook", "Words", "judge", "load_rules"]
