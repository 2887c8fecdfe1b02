"""The newest journeys of a session as the live page shows them, each drawn again only when something came of it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from secrets import token_hex

from markupsafe import Markup

from lp_sentinel.engine import Verdict
from lp_sentinel.finding import Finding, JourneySummary, severity_counts
from lp_sentinel.reports.collected import verdict
from lp_sentinel.reports.html import Card, environment, make_card
from lp_sentinel.rules import RuleBook

MOST = 100
_MOST_FINDINGS = 100


@dataclass(slots=True)
class _Entry:
    """A journey, or an exchange outside any."""

    id: str
    journey: str | None
    findings: list[Finding] = field(default_factory=list)
    closed: JourneySummary | None = None
    card: Card | None = None
    drawn: Markup = field(default_factory=Markup)
    version: int = 0
    """The page's version with which it changed last."""


class Recent:
    """What the live page shows of a session."""

    def __init__(self, book: RuleBook, now: Callable[[str], JourneySummary | None]) -> None:
        """``now`` tells how a journey stands. ``book`` may be exchanged: what is drawn from then on goes by it."""
        self.epoch = token_hex(4)
        """Another session has another one: nothing that a page has of it is of use then."""
        self.version = 0
        self.left_out = False
        self.book = book
        self._now = now
        self._entries: OrderedDict[str | int, _Entry] = OrderedDict()
        self._changed: dict[str | int, _Entry] = {}
        self._made = 0

    @property
    def has_changed(self) -> bool:
        return bool(self._changed)

    def take(self, verdict: Verdict) -> None:
        """Note what came of an exchange."""
        if verdict.journey:
            self._of(verdict.journey, verdict.journey)
        for finding in verdict.findings:
            entry = self._of(_key(finding), finding.journey)
            if len(entry.findings) < _MOST_FINDINGS:
                entry.findings.append(finding)
        for journey in verdict.closed:
            if known := self._entries.get(journey.journey):
                self._changed[journey.journey] = known
                known.closed = journey

    def take_on(self, findings: Sequence[Finding], journeys: Sequence[JourneySummary]) -> None:
        """Note what another session has come to."""
        began: dict[str | int, tuple[int, ...]] = {journey.journey: journey.exchanges[:1] for journey in journeys}
        for finding in findings:
            if finding.journey is None:
                began.setdefault(_key(finding), (finding.index,))
        shown = sorted(began, key=began.__getitem__)[-MOST:]
        for key in shown:
            self._of(key, key if isinstance(key, str) else None)
        self.left_out |= len(began) > MOST
        told = tuple(one for one in findings if _key(one) in self._entries)
        self.take(Verdict(None, None, told, tuple(journeys)))

    def _of(self, key: str | int, journey: str | None) -> _Entry:
        if (entry := self._entries.get(key)) is None:
            self._made += 1
            entry = self._entries[key] = _Entry(f"c{self._made}", journey)
            while len(self._entries) > MOST:
                oldest, _ = self._entries.popitem(last=False)
                self._changed.pop(oldest, None)
                self.left_out = True
        self._changed[key] = entry
        return entry

    def draw(self) -> None:
        """Draw again what has changed."""
        if not self._changed:
            return
        self.version += 1
        drawn = environment().get_template("parts.html.j2").module
        for entry in self._changed.values():
            journey = entry.closed or (self._now(entry.journey) if entry.journey else None)
            if journey is None and not entry.findings:
                continue
            entry.card = make_card(entry.id, journey, entry.findings, self.book)
            entry.drawn = drawn.journey(entry.card, bool(entry.card.worst))  # type: ignore[attr-defined]
            entry.version = self.version
        self._changed.clear()

    def cards(self, after: int = -1) -> dict[str, Markup]:
        """Those that were drawn after a version of the page, the newest first."""
        return {one.id: one.drawn for one in reversed(self._entries.values()) if one.card and one.version > after}

    @property
    def ids(self) -> list[str]:
        return [one.id for one in reversed(self._entries.values()) if one.card]

    def overview(self) -> dict[str, object]:
        """What stands above the journeys, and what they can be chosen by."""
        entries = list(self._entries.values())
        findings = [finding for entry in entries for finding in entry.findings]
        return {
            "verdict": verdict(findings),
            "counts": severity_counts(findings),
            "journeys": sum(entry.journey is not None for entry in entries),
            "in_order": sum(entry.card.is_in_order if entry.card else not entry.findings for entry in entries),
            "rules": sorted({finding.rule for finding in findings}),
            "accounts": sorted({entry.card.account for entry in entries if entry.card and entry.card.account}),
            "left_out": self.left_out,
        }


def _key(finding: Finding) -> str | int:
    """Of what it was found on: a journey's name, or the place of an exchange outside any."""
    return finding.journey or finding.index
