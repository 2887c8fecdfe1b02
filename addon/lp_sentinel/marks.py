"""Marks and comments on flows, for mitmproxy's own windows and for what it saves."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakKeyDictionary, WeakSet, WeakValueDictionary

from lp_sentinel.exchange import FAULT_KEY, is_refusal
from lp_sentinel.finding import SEVERITIES, Finding, Hop, JourneyHop, JourneySummary, Severity
from lp_sentinel.redact import printable
from lp_sentinel.reports.words import answer_of

if TYPE_CHECKING:
    from mitmproxy.http import HTTPFlow

IN_ORDER = ":white_check_mark:"
MARKS: dict[Severity, str] = {
    "error": ":red_circle:",
    "warning": ":large_orange_diamond:",
    "info": ":large_blue_circle:",
}
INJECTED = ":syringe:"
METADATA = "lp_authorize"
"""Under this key a flow says which mark and comment are ours, in a flow file as well."""

_LONGEST_STORY = 160


@dataclass(slots=True)
class _Note:
    """What is known about a flow."""

    story: str = ""
    hop: Hop | None = None
    journey: str | None = None
    findings: list[Finding] = field(default_factory=list)
    otherwise: str = "in order"
    """What is said where nothing was found."""


class About(NamedTuple):
    """What a flow was, and what was found on it so far."""

    hop: Hop
    journey: str | None
    findings: tuple[Finding, ...]


class Marks:
    """Marks the flows that are still there; it keeps none alive."""

    def __init__(self) -> None:
        self._flows: WeakValueDictionary[str, HTTPFlow] = WeakValueDictionary()
        self._notes: WeakKeyDictionary[HTTPFlow, _Note] = WeakKeyDictionary()
        self._touched: set[str] = set()
        self._for_now: WeakSet[HTTPFlow] = WeakSet()
        """Flows that are marked by what was known before all was."""

    def begin(self, flow: HTTPFlow) -> None:
        """A flow that may be marked. What was found when it was sent before (client replay) no longer counts."""
        self._flows[flow.id] = flow
        self._notes.pop(flow, None)

    def tell(self, flow: str, hop: Hop, journey: JourneySummary | None) -> None:
        """What the flow with this id was, and on which journey."""
        if note := self._note(flow):
            seen = next((one for one in reversed(journey.hops) if one.flow == flow), None) if journey else None
            note.hop, note.journey = hop, journey.journey if journey else None
            note.story = _story(hop, note.journey, seen)
            note.otherwise = unless_found(hop, seen.status if seen else None, journey)

    def about(self, flow: HTTPFlow) -> About | None:
        """What is known about a flow; ``None``: that it belongs to a login is not known."""
        note = self._notes.get(flow)
        return About(note.hop, note.journey, tuple(note.findings)) if note and note.hop else None

    def findings(self, flow: HTTPFlow) -> tuple[Finding, ...] | None:
        """What was found on a flow since it was sent last; ``None``: it is not known here."""
        note = self._notes.get(flow)
        return tuple(note.findings) if note else None

    def mark_for_now(
        self, flow: HTTPFlow, hop: Hop | None, seen: JourneyHop | None, findings: Iterable[Finding]
    ) -> None:
        """Mark a flow by what is known so far, until all is."""
        story = _story(hop, None, seen) if hop else ""
        _write(flow, _Note(story, findings=list(findings), otherwise="in order so far"))
        self._for_now.add(flow)

    def judged(self, flow: str) -> None:
        """The flow with this id has been judged, so that a mark for now goes: in the end it may be of no login."""
        if (known := self._flows.get(flow)) is not None and known in self._for_now:
            self._for_now.discard(known)
            self._touched.add(flow)

    def finding(self, finding: Finding) -> None:
        """Something was found on a flow."""
        if finding.flow and (note := self._note(finding.flow)):
            note.findings.append(finding)

    def _note(self, flow: str) -> _Note | None:
        known = self._flows.get(flow)
        if known is None:
            return None
        self._touched.add(flow)
        return self._notes.setdefault(known, _Note())

    def apply(self) -> list[HTTPFlow]:
        """Write what is new onto the flows; those that have changed."""
        touched = [flow for name in self._touched if (flow := self._flows.get(name)) is not None]
        self._touched.clear()
        return [flow for flow in touched if self._mark(flow)]

    def _mark(self, flow: HTTPFlow) -> bool:
        if note := self._notes.get(flow):
            return _write(flow, note)
        return put_on(flow, INJECTED if FAULT_KEY in flow.metadata else "", fault_story(flow))


def unless_found(hop: Hop, status: int | None, journey: JourneySummary | None) -> str:
    """What is said of an exchange on which nothing was found."""
    is_refused = hop == "authorize" and is_refusal(status)
    return "cause not found" if is_refused and journey and not journey.injected else "in order"


def _story(hop: Hop, journey: str | None, seen: JourneyHop | None) -> str:
    what = f"{hop} ({journey})" if journey else hop
    return f"{what}: {_answer(seen)}" if seen else what


def put_on(flow: HTTPFlow, mark: str, comment: str) -> bool:
    """Put our mark and comment on a flow, but not over what a person has put there; whether they are new."""
    ours = {"marked": mark, "comment": comment}
    before = flow.metadata.get(METADATA)
    earlier = before if isinstance(before, dict) else {}
    if flow.marked in ("", earlier.get("marked")):
        flow.marked = mark
    if flow.comment in ("", earlier.get("comment")):
        flow.comment = comment
    flow.metadata[METADATA] = ours
    return ours != earlier


def fault_story(flow: HTTPFlow) -> str:
    """What a fault did to a flow; empty if none did, or none that says so."""
    did = flow.metadata.get(FAULT_KEY)
    return f"injected {printable(did, _LONGEST_STORY)}" if isinstance(did, str) else ""


def _write(flow: HTTPFlow, note: _Note) -> bool:
    counting = [finding for finding in note.findings if finding.counts]
    worst = max((finding.severity for finding in counting), key=SEVERITIES.index, default=None)
    mark = INJECTED if FAULT_KEY in flow.metadata else MARKS[worst] if worst else IN_ORDER
    return put_on(flow, mark, _comment(flow, note))


def _comment(flow: HTTPFlow, note: _Note) -> str:
    rules = dict.fromkeys(f"{finding.rule} {finding.name}{_remark(finding)}" for finding in note.findings)
    found = ", ".join(rules) or note.otherwise
    return "; ".join(filter(None, (fault_story(flow), printable(note.story, _LONGEST_STORY), found)))


def _remark(finding: Finding) -> str:
    return f" ({finding.excuse})" if finding.excuse else ""


def _answer(hop: JourneyHop) -> str:
    return f"{answer_of(hop)} to {hop.leads_to}" if hop.leads_to else answer_of(hop)
