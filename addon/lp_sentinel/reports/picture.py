"""The small picture of a journey in the terminal: two lines for each hop."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lp_sentinel.exchange import is_refusal
from lp_sentinel.redact import printable
from lp_sentinel.reports.signs import SIGNS, STYLES
from lp_sentinel.reports.words import answer_of, gap
from lp_sentinel.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lp_sentinel.finding import JourneyHop, Severity
    from lp_sentinel.reports.lines import Line, Piece

LABELS = 9
"""Columns for the names of hops."""
_LONGEST_ERROR = 60
_MOST_HOPS = 14

_GOES_ON: Piece = ("│", "dim")
_PATH = re.compile(r"((?>(?:[a-z]+://)?)[^/?#]+)/[^?#]+(/[^/?#]+)(?=$|[?#])")
_TELLING = ("code=", "state=", "error=")
"""What one looks for in a login."""


def picture(
    hops: Sequence[JourneyHop], before: JourneyHop | None, broken: dict[int, Severity], width: int
) -> Iterator[Line]:
    """Two lines for each hop: whom the browser asked for what; how long after the hop before, and the answer."""
    for hop, left_out in _picked(hops, broken):
        if hop is None:
            yield _begun(), (f"… {counted(left_out, 'hop')} more …", "dim")
            before = None
            continue
        severity = broken.get(hop.index)
        style = STYLES[severity] if severity else ""
        sign = (SIGNS[severity], style) if severity else _GOES_ON
        method = printable(hop.method, LABELS)
        url = shortened(hop.url, width - LABELS - 4 - len(method))
        yield sign, _begun(hop.hop, style), (method, "dim"), (f" {url}", "")
        yield _GOES_ON, _begun(gap(before, hop), "dim"), *_answer(hop, width - LABELS - 3)
        before = hop


def _begun(label: str = "", style: str = "") -> Piece:
    return f" {label:<{LABELS}} ", style


def _picked(hops: Sequence[JourneyHop], broken: dict[int, Severity]) -> Iterator[tuple[JourneyHop | None, int]]:
    """All hops, or of very many the first, the last and the broken ones; for the others, how many are left out."""
    kept: Sequence[int] = range(len(hops))
    if len(hops) > _MOST_HOPS:
        half = _MOST_HOPS // 2
        marked = [place for place, hop in enumerate(hops) if hop.index in broken][:_MOST_HOPS]
        kept = sorted({*kept[:half], *marked, *kept[-half:]})
    shown = -1
    for place in kept:
        if left_out := place - shown - 1:
            yield None, left_out
        yield hops[place], 0
        shown = place


def _answer(hop: JourneyHop, width: int) -> Line:
    said = answer_of(hop)
    if hop.status is not None:
        style = "red" if is_refusal(hop.status) else ""
    elif hop.error is not None:
        said, style = f"{said}: {printable(hop.error, _LONGEST_ERROR)}", "red"
    else:
        style = "dim"
    mark = "  injected" if hop.injected else ""
    room = width - len(said) - len(mark) - 3
    leads_to = ((" → ", "dim"), (shortened(hop.leads_to, room), "")) if hop.leads_to else ()
    return (said, style), *leads_to, *([(mark, "magenta")] if mark else [])


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
