"""HTML: one file that needs nothing else, with a sequence diagram and the findings of each journey."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote_plus

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from lp_sentinel.finding import (
    WORST_FIRST,
    Finding,
    JourneyHop,
    JourneySummary,
    Severity,
    rfc3339,
    severity_counts,
    worst_first,
)
from lp_sentinel.redact import printable
from lp_sentinel.reports.collected import CaptureResult, Results, all_findings, overall, places_by
from lp_sentinel.reports.criteria import Criteria
from lp_sentinel.reports.diagram import WIDTH, Diagram, draw
from lp_sentinel.reports.words import UNEXPLAINED
from lp_sentinel.rules import RuleBook
from lp_sentinel.rules.citations import link, spelled_out
from lp_sentinel.version import tool_version
from lp_sentinel.wording import counted, visible

MOST_JOURNEYS = 2_000
"""How many the file holds at most: beyond that it is no longer pleasant to open. Those with findings go first."""
_MOST_OPEN = 12
"""Journeys that are unfolded from the start."""
_MOST_FINDINGS = 100
_LONGEST_VALUE = 300

_SIGNS: dict[Severity | str, str] = {"error": "✗", "warning": "▲", "info": "ℹ", "": "✓"}  # noqa: RUF001  (the sign for info)
_FOLDER = Path(__file__).parent


class Card(NamedTuple):
    """What the page shows as one: a journey, or an exchange outside any that something was found on."""

    id: str
    capture: str | None
    title: str
    account: str | None
    client_id: str | None
    outcome: str
    started: str | None
    injected: bool
    unexplained: bool
    """Whether it was refused, and no rule says why."""
    worst: Severity | str
    """The worst finding that counts; empty if none does."""
    diagram: Diagram
    hops: Sequence[JourneyHop]
    findings: Sequence[Finding]
    """The worst first."""
    left_out: int

    @property
    def is_in_order(self) -> bool:
        """Whether nothing was found, and nothing is left to explain."""
        return not (self.findings or self.unexplained)

    @property
    def kinds(self) -> str:
        """For the filter: the severities of its findings, ``none``, or ``unexplained``."""
        severities = " ".join(sorted({finding.severity for finding in self.findings}))
        return severities or ("unexplained" if self.unexplained else "none")

    @property
    def place(self) -> dict[int, int]:
        """The number in the list of hops of each exchange."""
        return {row.hop.index: row.number for row in self.diagram.rows}


def write(results: Results, criteria: Criteria) -> Iterator[str]:
    """The page."""
    book = criteria.project.book
    cards, left_out = _cards(results, book)
    rules = Counter((finding.rule, finding.name, finding.severity) for finding in all_findings(results))
    opened = [card.id for card in cards if card.worst][:_MOST_OPEN]
    stream = (
        environment()
        .get_template("report.html.j2")
        .stream(
            cards=cards,
            opened=frozenset(opened),
            left_out=left_out,
            captures=list(results.values()),
            faults=[fault for result in results.values() for fault in result.faults],
            verdict=overall(results),
            counts=severity_counts(all_findings(results)),
            in_order=sum(card.is_in_order for card in cards),
            journeys=sum(len(result.journeys) for result in results.values()),
            rules=sorted(rules.items(), key=lambda one: (WORST_FIRST.index(one[0][2]), one[0])),
            accounts=sorted({card.account for card in cards if card.account}),
            made=rfc3339(datetime.now(UTC).timestamp()),
            version=tool_version(),
            book=book,
        )
    )
    stream.enable_buffering(200)
    yield from stream


@cache
def environment() -> Environment:
    """For this page and for others that show journeys the same way."""
    made = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        # Captured text can hold marks that turn the direction of what follows: no escaping of HTML touches them.
        finalize=lambda value: visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value,
    )
    style, script = part("report.css"), part("report.js")
    made.globals |= {"style": Markup(style), "script": Markup(script), "policy": policy(style, script)}  # noqa: S704  (our own)
    made.globals |= {"signs": _SIGNS, "link": link, "spelled_out": spelled_out, "counted": counted, "width": WIDTH}
    made.globals |= {"unexplained": UNEXPLAINED}
    made.filters |= {"number": "{:,}".format, "parameters": parameters, "bare": bare, "plain": plain, "clock": rfc3339}
    return made


def part(name: str) -> str:
    """A file of the page."""
    return (_FOLDER / name).read_text(encoding="utf-8")


def policy(style: str, script: str) -> str:
    """Nothing is fetched from anywhere, and nothing runs but our own script, told by its hash."""
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (style, script)]
    return (
        f"default-src 'none'; style-src 'sha256-{hashes[0]}'; script-src 'sha256-{hashes[1]}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _cards(results: Results, book: RuleBook) -> tuple[list[Card], int]:
    """What is shown, in the order in which it happened; how many were left out."""
    parts = [part for result in results.values() for part in _parts(result)]
    shown: Sequence[int] = range(len(parts))
    if len(parts) > MOST_JOURNEYS:
        # Sorting is stable: among equals the earlier ones stay.
        shown = sorted(sorted(shown, key=lambda place: not parts[place].findings)[:MOST_JOURNEYS])
    cards = [_card(f"j{number}", parts[place], book) for number, place in enumerate(shown, start=1)]
    return cards, len(parts) - len(cards)


class _Part(NamedTuple):
    """A journey, or an exchange outside any that something was found on."""

    result: CaptureResult
    journey: str | None
    findings: Sequence[int]
    """Their places among those of the capture."""


def _parts(result: CaptureResult) -> Iterator[_Part]:
    """Journeys, and last what was found outside any."""
    by_journey = places_by(
        result.findings, lambda one: one.journey if result.has_journey(one.journey) else (one.journey or one.index,)
    )
    yield from (_Part(result, one.journey, by_journey.get(one.journey, ())) for one in result.journeys)
    yield from (_Part(result, None, places) for key, places in by_journey.items() if isinstance(key, tuple))


def _card(name: str, part: _Part, book: RuleBook) -> Card:
    findings = [part.result.findings[place] for place in part.findings]
    return make_card(name, part.result.journey(part.journey), findings, book)


def make_card(name: str, journey: JourneySummary | None, findings: Sequence[Finding], book: RuleBook) -> Card:
    """A journey, or an exchange outside any that something was found on, as it is shown."""
    ordered = worst_first(findings)
    # An exchange outside any journey is shown only for what was found on it.
    about = journey or findings[0]
    hops = journey.hops if journey else tuple({one.index: _hop(one) for one in findings}.values())
    return Card(
        id=name,
        capture=about.capture,
        title=f"Journey {about.journey}" if about.journey else "Outside any journey",
        account=about.account,
        client_id=about.client_id,
        outcome=journey.outcome if journey else "",
        started=rfc3339(journey.started) if journey else findings[0].time,
        injected=journey.injected if journey else False,
        unexplained=journey.is_unexplained if journey else False,
        worst=next((finding.severity for finding in ordered if finding.counts), ""),
        diagram=draw(hops, findings, book),
        hops=hops,
        findings=ordered[:_MOST_FINDINGS],
        left_out=max(len(ordered) - _MOST_FINDINGS, 0),
    )


def _hop(finding: Finding) -> JourneyHop:
    """The exchange of a finding outside any journey."""
    return JourneyHop(
        index=finding.index,
        flow=finding.flow,
        hop=finding.hop,
        method=finding.method,
        url=finding.url,
        status=finding.status,
        error=None,
        started=None,
        answered=None,
        injected=finding.injected,
    )


def bare(url: str) -> str:
    """A URL without its parameters."""
    return url.partition("?")[0]


def parameters(url: str) -> list[tuple[str, str]]:
    """The parameters of a redacted URL, decoded. A ``#`` behind a bracket belongs to what stands for a secret."""
    query = url.partition("?")[2]
    pieces = [piece.partition("=") for part in re.split(r"(?<!\))#", query) for piece in part.split("&") if piece]
    return [(plain(unquote_plus(name)), plain(unquote_plus(value))) for name, _, value in pieces]


def plain(value: object) -> str:
    """A value of any kind as text."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return printable(text, _LONGEST_VALUE)
