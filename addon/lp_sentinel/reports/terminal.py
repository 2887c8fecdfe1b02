"""What a person sees: a block for each journey, with a small picture of its hops, and a summary at the end."""

from __future__ import annotations

from itertools import chain, groupby
from typing import TYPE_CHECKING

from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from lp_sentinel.console import console_for
from lp_sentinel.finding import WORST_FIRST, badness, is_at_least
from lp_sentinel.redact import printable
from lp_sentinel.reports.collected import places_by
from lp_sentinel.reports.lines import Lines, Paragraph
from lp_sentinel.reports.overview import CaptureCounts, overview
from lp_sentinel.reports.picture import LABELS, picture, shortened
from lp_sentinel.reports.signs import SIGNS, STYLES, able_to_show_signs
from lp_sentinel.reports.words import UNEXPLAINED, of_severity
from lp_sentinel.rules.citations import in_brief
from lp_sentinel.wording import counted

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable, Iterator, Sequence
    from typing import TextIO

    from rich.console import RenderableType

    from lp_sentinel.faults.verdict import FaultVerdict
    from lp_sentinel.finding import Finding, JourneySummary, Severity
    from lp_sentinel.reports.tally import CountedRule, Tally

_WIDEST = 120
"""Columns: longer lines are hard to read."""
_LONGEST_TEXT = 400
_LONGEST_NAME = 60
_LONGEST_FAULT = 300
_MOST_FINDINGS = 20

_LEFT_OUT = (
    " Recording must be on before the login begins; and Safari, like other clients that follow redirects by themselves,"
    " leaves them out of its HARs."
)
"""Why there may be no login in a recording of one."""
_OUTCOMES = {"code": "green", "login": "cyan", "unknown": "dim", "error": "yellow"}
_FAILED = "red"


class Terminal:
    """Prints blocks and the summary as plain text: nothing that was captured can style it or move the cursor."""

    def __init__(self, file: TextIO | None, *, least: Severity = "info") -> None:
        """``least`` is the least severity that is shown; journeys without findings are shown with ``info`` only.

        Without a file nothing is printed.
        """
        self._least = least
        self.console = console_for(
            able_to_show_signs(file) if file else None, markup=False, emoji=False, highlight=False, soft_wrap=False
        )

    def heading(self, text: str) -> None:
        """Print what the next blocks are about."""
        self._print(Text(printable(text, 2 * _LONGEST_NAME), style="bold underline"))

    def capture(self, journeys: Iterable[JourneySummary], findings: Sequence[Finding]) -> None:
        """Print the blocks of a capture: its journeys, then what was found on no journey."""
        of_journey = dict(places_by(findings, lambda finding: finding.journey))
        for journey in journeys:
            self.journey(journey, [findings[place] for place in of_journey.pop(journey.journey, ())])
        rest = (findings[place] for place in chain.from_iterable(of_journey.values()))
        for _, some in groupby(rest, key=lambda finding: finding.index):
            self.apart(list(some))

    def journey(self, journey: JourneySummary, findings: Sequence[Finding], *, hops_shown: int = 0) -> None:
        """Print a journey's block, or what is new since ``hops_shown`` of its hops; nothing if that is hidden."""
        shown = self._worst_first(findings)
        if not shown and self._least != "info":
            return
        hops = journey.hops[hops_shown:]
        broken = {finding.index: finding.severity for finding in reversed(shown) if finding.counts}
        before = journey.hops[hops_shown - 1] if hops_shown else None
        in_order = journey.findings == 0 and not journey.open and not journey.is_unexplained
        parts: list[RenderableType] = [_header(journey, in_order=in_order, continued=hops_shown > 0)]
        if hops:
            parts.append(Lines(picture(hops, before, broken, self._width)))
        if journey.is_unexplained:
            parts.append(Paragraph(f"  {'cause':<8} ", "dim", UNEXPLAINED))
        parts += _details(shown)
        self._print(*parts)

    def apart(self, findings: Sequence[Finding]) -> None:
        """Print findings on an exchange that does not belong to a journey; nothing if all of them are hidden."""
        shown = self._worst_first(findings)
        if not shown:
            return
        first = shown[0]
        header = _joined(first.hop, "no journey", _account(first.account), first.client_id, style="bold")
        url = shortened(first.url, self._width - 2 * LABELS)
        what = Text(f"{first.method} {url}", no_wrap=True, overflow="ellipsis")
        if first.status is not None:
            what.append(f"  {first.status}")
        self._print(header, Padding(what, (0, 0, 0, 2)), *_details(shown))

    def overview(self, rows: Iterable[CaptureCounts]) -> None:
        """Print what several captures came to."""
        self._print(overview(rows))

    def summary(self, tally: Tally, faults: Sequence[FaultVerdict] = ()) -> None:
        """Print journeys by outcome, findings by rule, and how the app took each injected fault."""
        table = Table.grid(padding=(0, 2))
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        table.add_row(counted(tally.outcomes.total(), "journey"), _outcomes(tally))
        table.add_row(counted(tally.rules.total(), "finding"), _severities(tally.rules))
        parts: list[RenderableType] = [Text("Summary", style="bold"), table]
        if not (tally.outcomes or tally.rules or tally.allowed or tally.injected):
            seen = counted(tally.exchanges, "exchange")
            told = f"No authorize request was seen, and nothing else of a login at Sentinel ({seen})."
            parts = [Text(told + (_LEFT_OUT if tally.exchanges else ""))]
        for counter, remark in ((tally.rules, ""), (tally.allowed, "allowed"), (tally.injected, "injected")):
            parts += self._rules(counter, remark)
        parts += map(_fault, faults)
        self._print(*parts)

    def _rules(self, counter: Counter[CountedRule], remark: str) -> Iterator[Text]:
        shown = [(rule, count) for rule, count in counter.items() if is_at_least(rule.severity, self._least)]
        for rule, count in sorted(shown, key=lambda item: (WORST_FIRST.index(item[0].severity), item[0].rule)):
            line = Text("  ", overflow="fold")
            line.append(f"{SIGNS[rule.severity]} {rule.rule}", style="dim" if remark else STYLES[rule.severity])
            line.append(f" {printable(rule.name, _LONGEST_NAME)}", style="dim" if remark else "")
            line.append(f"  {count:,}")
            line.append(f"  ({remark})" if remark else "", style="dim")
            yield line

    def _worst_first(self, findings: Iterable[Finding]) -> list[Finding]:
        shown = [finding for finding in findings if is_at_least(finding.severity, self._least)]
        return sorted(shown, key=lambda one: (badness(one), one.index, one.rule))

    @property
    def _width(self) -> int:
        return min(self.console.width, _WIDEST)

    def _print(self, *parts: RenderableType) -> None:
        """Print a block and an empty line. No part is wider than it may be, so that rich need not look."""
        self.console.print(Group(*parts, ""), width=self._width, crop=False)
        self.console.file.flush()


def _header(journey: JourneySummary, *, in_order: bool, continued: bool) -> Text:
    name = f"{journey.journey} goes on" if continued else journey.journey
    header = _joined(name, _account(journey.account), journey.client_id, style="bold")
    kind = journey.outcome.partition(":")[0]
    header.append(" · ", style="dim")
    header.append(printable(journey.outcome, _LONGEST_NAME), style=f"bold {_OUTCOMES.get(kind, _FAILED)}")
    if journey.open:
        header.append(" (open)", style="dim")
    if journey.injected:
        header.append(" · injected", style="magenta")
    elif in_order:
        header.append(" ✓", style="green")
    return header


def _details(findings: Sequence[Finding]) -> Iterator[RenderableType]:
    for finding in findings[:_MOST_FINDINGS]:
        yield _title(finding)
        for label, text in (("seen", finding.message), ("expected", finding.expected), ("fix", finding.fix)):
            if text:
                yield Paragraph(f"  {label:<8} ", "dim", printable(" ".join(text.split()), _LONGEST_TEXT))
    if (more := len(findings) - _MOST_FINDINGS) > 0:
        yield Text(f"… and {counted(more, 'finding')} more", style="dim")


def _title(finding: Finding) -> Text:
    rule_style, name_style = (STYLES[finding.severity], "bold") if finding.counts else ("dim", "dim")
    title = Text(overflow="fold")
    title.append(f"{SIGNS[finding.severity]} {finding.rule}", style=rule_style)
    title.append(f" {printable(finding.name, _LONGEST_NAME)}", style=name_style)
    cite = f"{finding.hop} · {in_brief(finding.cite)}" if finding.cite else finding.hop
    title.append(f"  {printable(cite, _LONGEST_NAME)}", style="dim")
    if finding.excuse:
        title.append(f"  ({finding.excuse})", style="magenta")
    return title


def _fault(fault: FaultVerdict) -> Text:
    as_hoped = ("✓", "green") if fault.verdict == "as expected" else ("·", "dim")
    sign, style = (SIGNS[fault.severity], STYLES[fault.severity]) if fault.severity else as_hoped
    line = Text("  ", overflow="fold")
    line.append(sign, style=style)
    line.append(f" fault {printable(fault.line, _LONGEST_FAULT)}")
    return line


def _outcomes(tally: Tally) -> Text:
    parts = [f"{count:,} {printable(outcome, _LONGEST_NAME)}" for outcome, count in tally.outcomes.most_common()]
    return Text(" · ".join(parts) + (f" ({tally.open:,} still open)" if tally.open else ""))


def _severities(rules: Counter[CountedRule]) -> Text:
    counts = {severity: sum(n for rule, n in rules.items() if rule.severity == severity) for severity in SIGNS}
    shown = [Text(of_severity(n, severity), style=STYLES[severity]) for severity, n in counts.items() if n]
    return Text(" · ").join(shown)


def _joined(*parts: str | None, style: str) -> Text:
    text = Text(overflow="fold")
    for part in filter(None, parts):
        text.append(" · " if text else "", style="dim")
        text.append(printable(part, _LONGEST_NAME), style=style)
    return text


def _account(account: str | None) -> str:
    return f"account {account}" if account else ""
