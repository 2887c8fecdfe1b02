"""What two captures have in common when one is the other made safe to share."""

from __future__ import annotations

from pathlib import Path

from lp_sentinel.config import Config
from lp_sentinel.engine import Engine
from lp_sentinel.project import Project
from lp_sentinel.redact import Redactor
from lp_sentinel.rules import load_rules
from tests.captures.reading import in_order, read_capture

BOOK = load_rules()


def verdict(capture: Path, config: Config) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    """Findings and journeys, without the texts in which stand-ins may be shown."""
    engine = Engine(Project(config, BOOK), Redactor())
    verdicts = [*map(engine.feed, in_order(read_capture(capture))), *engine.close()]
    findings = [
        (one.rule, one.index, one.hop, one.journey, one.severity, one.account, one.client_id, one.status, one.injected)
        for verdict in verdicts
        for one in verdict.findings
    ]
    journeys: list[tuple[object, ...]] = [
        (one.journey, one.account, one.client_id, one.outcome, one.exchanges, one.findings)
        for verdict in verdicts
        for one in verdict.closed
    ]
    return sorted(findings, key=str), journeys
