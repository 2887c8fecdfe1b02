"""What one exchange shows by itself, for when nothing is known of its journey yet."""

from __future__ import annotations

from typing import NamedTuple

from lp_sentinel.config import Config
from lp_sentinel.engine import Engine
from lp_sentinel.exchange import Exchange
from lp_sentinel.finding import Finding, Hop, JourneyHop
from lp_sentinel.redact import Redactor
from lp_sentinel.rules import RuleBook

_OF_ONE = frozenset({"request", "answer", "landing", "token"})
"""What rules of the other moments judge depends on what came before, which one exchange does not show."""


class Alone(NamedTuple):
    """An exchange judged without all others."""

    hop: Hop
    seen: JourneyHop | None
    findings: tuple[Finding, ...]


def judge_alone(exchange: Exchange, config: Config, book: RuleBook, redactor: Redactor) -> Alone | None:
    """Judge it with an engine of its own; ``None`` if by itself it has nothing to do with a login."""
    engine = Engine(config, book, redactor)
    verdict = engine.feed(exchange)
    if verdict.hop is None:
        return None
    journey = engine.journey(verdict.journey) if verdict.journey else None
    findings = () if verdict.hop == "callback" else verdict.findings
    return Alone(
        verdict.hop,
        journey.hops[-1] if journey and journey.hops else None,
        tuple(one for one in findings if one.rule in book.by_id and book.by_id[one.rule].given in _OF_ONE),
    )
