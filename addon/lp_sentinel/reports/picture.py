"""The small picture of a journey in the terminal: two lines for each hop."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from rich.table import Table
from rich.text import Text

from lp_sentinel.redact import printable
from lp_sentinel.reports.signs import SIGNS, STYLES
from lp_sentinel.reports.words import counted, gap

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lp_sentinel.finding import JourneyHop, Severity

LABELS = 9
"""Columns for the names of hops."""
_LONGEST_ERROR = 60
_MOST_HOPS = 14

_PATH = re.compile(r"((?>(?:[a-z]+://)?)[^/?#]+)/[^?#]+(/[^/?#]+)(?=$|[?#])")
_TELLING = ("code=", "state=", "error=")
"""What one looks for in a login."""


class _Line(NamedTuple):
    """A hop in the picture, or the gap where hops were left out."""

    hop: JourneyHop | None
    left_out: int = 0


def picture(hops: Sequence[JourneyHop], before: JourneyHop | None, broken: dict[int, Severity], width: int) -> Table:
    """Two lines for each hop: whom the browser asked for what; how long after the hop before, and the answer."""
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(width=1)
    table.add_column(width=LABELS, no_wrap=True)
    table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    for line in _picked(hops, broken):
        hop = line.hop
        if hop is None:
            table.add_row("", "", Text(f"… {counted(line.left_out, 'hop')} more …", style="dim"))
            before = None
            continue
        severity = broken.get(hop.index)
        style = STYLES[severity] if severity else ""
        method = printable(hop.method, LABELS)
        asked = Text.assemble((method, "dim"), " ", shortened(hop.url, width - LABELS - 4 - len(method)))
        table.add_row(
            Text(SIGNS[severity] if severity else "│", style=style or "dim"), Text(hop.hop, style=style), asked
        )
        table.add_row(Text("│", style="dim"), Text(gap(before, hop), style="dim"), _answer(hop, width - LABELS - 3))
        before = hop
    return table


def _picked(hops: Sequence[JourneyHop], broken: dict[int, Severity]) -> Iterator[_Line]:
    """All hops, or of very many the first, the last and the broken ones."""
    kept = set(range(len(hops)))
    if len(hops) > _MOST_HOPS:
        half = _MOST_HOPS // 2
        marked = [place for place, hop in enumerate(hops) if hop.index in broken][:_MOST_HOPS]
        kept = {*range(half), *marked, *range(len(hops) - half, len(hops))}
    left_out = 0
    for place, hop in enumerate(hops):
        if place not in kept:
            left_out += 1
            continue
        if left_out:
            yield _Line(None, left_out)
            left_out = 0
        yield _Line(hop)


def _answer(hop: JourneyHop, width: int) -> Text:
    answer = Text()
    if hop.status is not None:
        answer.append(str(hop.status), style="red" if hop.status >= 400 else "")  # noqa: PLR2004  (client and server errors)
    elif hop.error is not None:
        answer.append(f"no answer: {printable(hop.error, _LONGEST_ERROR)}", style="red")
    else:
        answer.append("answer not captured", style="dim")
    if hop.leads_to:
        answer.append(" → ", style="dim")
        answer.append(shortened(hop.leads_to, width - len(answer)))
    if hop.injected:
        answer.append("  injected", style="magenta")
    return answer


def shortened(url: str, width: int) -> str:
    """A URL without what every one has, cut to ``width``: first what tells least, then its middle."""
    url = url.removeprefix("https://")
    if len(url) > width and (path := _PATH.match(url)):
        url = f"{path[1]}/…{path[2]}{url[path.end() :]}"
    if len(url) > width and "?" in url:
        before, _, query = url.partition("?")
        telling = [pair for pair in query.split("&") if pair.startswith(_TELLING)]
        url = f"{before}?{'&'.join(['…', *telling])}"
    return printable(url, max(width, LABELS))
