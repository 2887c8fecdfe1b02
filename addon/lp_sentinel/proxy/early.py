"""What an exchange shows before its capture is judged: by itself, or after those that were read before it."""

from __future__ import annotations

from typing import NamedTuple

from lp_sentinel.engine import Engine
from lp_sentinel.exchange import Exchange
from lp_sentinel.finding import Finding, Hop, JourneyHop
from lp_sentinel.project import Project
from lp_sentinel.redact import Redactor

_OF_ONE = frozenset({"request", "answer", "landing", "token"})
"""What rules of the other moments judge depends on what came before, which one exchange does not show."""


class Early(NamedTuple):
    """What is known of an exchange so far."""

    hop: Hop | None
    """``None`` for one that is no hop of a login, but tells a code."""
    seen: JourneyHop | None
    findings: tuple[Finding, ...]


def judge_alone(exchange: Exchange, project: Project, redactor: Redactor) -> Early | None:
    """Judge it with an engine of its own; ``None`` if by itself it has nothing to do with a login."""
    early = judge_after(Engine(project, redactor), exchange)
    if early is None:
        return None
    findings = () if early.hop == "callback" else early.findings
    return early._replace(findings=tuple(one for one in findings if project.book.by_id[one.rule].given in _OF_ONE))


def judge_after(engine: Engine, exchange: Exchange) -> Early | None:
    """Judge it after those that the engine was fed before; ``None`` if so far it has nothing to do with a login."""
    verdict = engine.feed(exchange)
    findings = tuple(one for one in verdict.findings if one.index == exchange.index)
    if verdict.hop is None and not findings:
        return None
    journey = engine.journey(verdict.journey) if verdict.journey else None
    return Early(verdict.hop, journey.hops[-1] if journey and journey.hops else None, findings)
