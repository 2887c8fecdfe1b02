"""Markdown, GitHub's flavour: to paste into a ticket, or for the summary of a job."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from lp_sentinel.finding import WORST_FIRST, Finding, JourneyHop, JourneySummary, Severity, worst_first
from lp_sentinel.reports.collected import CaptureResult, Results, all_findings, overall, places_by, verdict
from lp_sentinel.reports.criteria import Criteria
from lp_sentinel.reports.escaping import cell, code
from lp_sentinel.reports.escaping import markdown as escaped
from lp_sentinel.reports.words import answer_of
from lp_sentinel.rules.citations import link, spelled_out
from lp_sentinel.wording import counted

if TYPE_CHECKING:
    from lp_sentinel.faults.verdict import FaultVerdict

_ENOUGH = 900_000
"""Characters of sections: GitHub takes a summary of one MiB, and nobody reads more."""
_MOST_HOPS = 20
_SIGNS: dict[Severity, str] = {"error": "🔴", "warning": "🟠", "info": "🔵"}


def write(results: Results, _criteria: Criteria) -> Iterator[str]:
    """The counts, then a section for each journey in which something was found."""
    yield f"# lp-authorize: {overall(results)}\n"
    yield from _counts(results)
    written = left_out = 0
    for result in results.values():
        for section in _sections(result):
            written += len(section)
            if written <= _ENOUGH:
                yield section
            else:
                left_out += 1
    if left_out:
        yield f"\n{counted(left_out, 'more section')} did not fit here: a report of another format has them.\n"


def linked(cites: Iterable[str]) -> str:
    """Citations, each with a link to where it can be read, if that is known."""
    return "; ".join(
        f"[{escaped(cite)}]({address})" if (address := link(cite)) else escaped(spelled_out(cite)) for cite in cites
    )


def _counts(results: Results) -> Iterator[str]:
    counts = Counter((one.severity, one.rule, one.name, one.excuse) for one in all_findings(results))
    if counts:
        yield "\n| | rule | | findings |\n| --- | --- | --- | ---: |\n"
    for key in sorted(counts, key=lambda one: (bool(one[3]), WORST_FIRST.index(one[0]), one[1])):
        severity, rule, name, excuse = key
        yield f"| {_SIGNS[severity]} {severity} | {cell(rule)} | {cell(name)} | {counts[key]:,}"
        yield f" {excuse} |\n" if excuse else " |\n"


def _sections(result: CaptureResult) -> Iterator[str]:
    journeys = counted(len(result.journeys), "journey")
    yield f"\n## {code(result.name)}\n\n{journeys}, {verdict(result.findings)}\n"
    if result.problem is not None:
        yield f"\n> [!WARNING]\n> {escaped(result.problem)}\n"
    if result.faults:
        yield "\n### Injected faults\n\n" + "".join(map(_fault, result.faults))
    for journey_id, places in places_by(result.findings, lambda finding: finding.journey).items():
        journey, findings = result.journey(journey_id), [result.findings[place] for place in places]
        lines = [f"\n### {_heading(journey_id, journey)}\n\n"]
        if journey and journey.hops:
            lines += [*_hops(journey.hops, findings), "\n"]
        lines += [line for finding in worst_first(findings) for line in _finding(finding)]
        yield "".join(lines)


def _fault(fault: FaultVerdict) -> str:
    sign = {"error": "❌", "warning": "🟠"}.get(fault.severity or "", "✅")
    return f"- {sign} {escaped(fault.line)}\n"


def _heading(journey_id: str | None, journey: JourneySummary | None) -> str:
    if journey_id is None:
        return "Outside any journey"
    if journey is None:
        return f"Journey {escaped(journey_id)}"
    about = [f"Journey {escaped(journey_id)}", code(journey.outcome)]
    about += [f"account {code(journey.account)}"] if journey.account else []
    about += [f"client {code(journey.client_id)}"] if journey.client_id else []
    return " · ".join(about) + (" · injected" if journey.injected else "")


def _hops(hops: Sequence[JourneyHop], findings: Sequence[Finding]) -> Iterator[str]:
    broken = {finding.index for finding in findings if finding.counts and finding.severity != "info"}
    for place, hop in enumerate(hops[:_MOST_HOPS], start=1):
        mark = "❌ " if hop.index in broken else ""
        leads = f" → {code(hop.leads_to)}" if hop.leads_to else ""
        yield f"{place}. {mark}**{hop.hop}** {code(f'{hop.method} {hop.url}')} — {answer_of(hop)}{leads}\n"
    if len(hops) > _MOST_HOPS:
        yield f"\n… {counted(len(hops) - _MOST_HOPS, 'hop')} more\n"


def _finding(finding: Finding) -> Iterator[str]:
    title = f"{_SIGNS[finding.severity]} **{escaped(finding.rule)} {escaped(finding.name)}**"
    yield f"- {title} ({finding.severity}{', ' + finding.excuse if finding.excuse else ''})\n"
    where = f"{finding.hop}, exchange {finding.index}: {code(f'{finding.method} {finding.url}')}"
    parts = [("Where", where), ("Seen", escaped(finding.message)), ("Expected", escaped(finding.expected))]
    parts += [("Why it matters", escaped(finding.why)), ("Fix", escaped(finding.fix)), ("See", linked(finding.cite))]
    yield from (f"  - {label}: {text}\n" for label, text in parts if text)
