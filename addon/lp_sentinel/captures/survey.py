"""A capture gone through once: what by itself belongs to a login, and the rest by the hosts that it goes to or names.

So that which of the rest matters can be told later, when it is known where the logins led.
"""

from __future__ import annotations

import re
from array import array
from collections import defaultdict
from dataclasses import dataclass, field

from lp_sentinel.captures.layout import (
    ENDING,
    HEAD,
    LENGTH,
    LONGEST_LENGTH,
    REQUEST,
    RESPONSE,
    REST,
    Buffer,
    redirects_to,
)
from lp_sentinel.captures.unusual import Unreadable, read_unusual
from lp_sentinel.exchange import Exchange, header
from lp_sentinel.reach import leads_back, names_login

_CARRIES = re.compile(rb"[?&#](?:(?:code|error|state)=|[^=&#%]*+%[^=&#]*+=)")
_VALUE = re.compile(rb"[47]:(?:host|referer),([0-9]{1,6}):")
_HOST, _REFERER, _LOCATION = b"4:host,", b"7:referer,", b"8:location,"
_SCHEME_SIZE = len("https://")
_CLOSING = ord("}")

type Places = array[int]


def _places() -> Places:
    return array("I")


def _groups() -> defaultdict[bytes, Places]:
    return defaultdict(_places)


@dataclass(slots=True)
class Survey:
    """What a capture, or a part of it, holds. Places count its entries from 0."""

    offsets: array[int] = field(default_factory=lambda: array("Q"))
    """Where each entry begins."""
    others: int = 0
    """How many entries are no HTTP exchanges."""
    belonging: Places = field(default_factory=_places)
    """Those that belong to a login by themselves."""
    by_host: defaultdict[bytes, Places] = field(default_factory=_groups)
    by_referer: defaultdict[bytes, Places] = field(default_factory=_groups)
    """By the whole Referer where that has a query, else by its origin."""
    latest: float | None = None
    """When the last of all started."""
    before: dict[int, float | None] = field(default_factory=dict)
    """For those whose start is not known: when the one before it started."""
    problems: list[tuple[int, str]] = field(default_factory=list)
    """Entries that can't be read."""
    started: float | None = None
    """When the newest entry started of which that is known."""
    stop: int = 0
    """Behind the last whole entry."""

    def add(self, exchange: Exchange | None, place: int) -> None:
        """Note an exchange that was read in another way than from its layout."""
        if exchange is None:
            self.others += 1
            return
        if exchange.started is None:
            self.before[place] = self.started
        else:
            self.passed(exchange.started)
        location = header(exchange.response_headers, "location")
        if names_login(exchange.target) or (location and leads_back(location)):
            self.belonging.append(place)
            return
        self.by_host[exchange.host.encode("utf-8", "surrogatepass")].append(place)
        if referer := header(exchange.request_headers, "referer"):
            self.by_referer[_page(referer.encode("utf-8", "surrogatepass"))].append(place)

    def passed(self, started: float) -> None:
        """Note that an entry started."""
        self.started = started
        if self.latest is None or started > self.latest:
            self.latest = started


def survey_flows(buffer: Buffer, at: int, stop: int, found: Survey) -> None:  # noqa: C901, PLR0912, PLR0915
    """Add the flows that begin between ``at`` and ``stop`` to a survey; it ends early where no whole flow begins.

    This is done for each flow of an archive, nearly all of which have nothing to do with a login: it is written out
    in one piece, and looks at as few bytes as it can.
    """
    head, request, rest, response, carries = HEAD.match, REQUEST.match, REST.match, RESPONSE.match, _CARRIES.search
    add, by_host, by_referer, ending_size = found.offsets.append, found.by_host, found.by_referer, len(ENDING)
    size, place, latest, before = len(buffer), len(found.offsets) - 1, b"", b""
    while at < stop:
        known = head(buffer, at)
        end = known.end(1) + int(known[1]) + 2 if known else flow_end(buffer, at)
        if end > size or end < 0 or buffer[end - 1] != _CLOSING:
            break
        add(at)
        place += 1
        start, at = at, end
        answer, asked, more, path_end = known[2] if known else None, None, None, 0
        if known and buffer[end - ending_size : end] == ENDING:
            asked = request(buffer, known.end(2) + int(answer) + 2 if answer else known.end())
        if asked:
            path_end = asked.end() + int(asked[2])
            more = rest(buffer, path_end)
        if known is None or asked is None or more is None:
            if before:
                found.passed(float(before))
            before = b""
            _add_unusual(found, bytes(buffer[start:end]), place)
            continue
        _, authority, _, _, _, host, before, length = more.group(0, 1, 2, 3, 4, 5, 6, 7)
        if before > latest:  # noqa: PLR1730  (max() takes four times as long)
            latest = before
        path = buffer[asked.end() : path_end]
        if (b"=" in path and carries(path)) or b"sentinel" in path.lower():
            found.belonging.append(place)
            continue
        if answer:
            begin = known.end(2) + 1
            stop_answer = begin + int(answer)
            told = response(buffer, begin)
            headers = buffer[told.end() + int(told[3] or 0) : stop_answer].lower() if told else _LOCATION
            if _LOCATION in headers and leads_back(redirects_to(buffer, begin, stop_answer)):
                found.belonging.append(place)
                continue
        block = buffer[more.end() + int(length or 0) : asked.end(1) + int(asked[1])]
        lower = block.lower()
        by_host[host].append(place)
        if authority and authority != host:
            by_host[authority].append(place)
        at_host, at_referer = lower.find(_HOST), lower.find(_REFERER)
        if at_host >= 0:
            value = _VALUE.match(lower, at_host)
            named = lower[value.end() : value.end() + int(value[1])] if value else b""
            if named != host:
                by_host[named].append(place)
            if lower.find(_HOST, at_host + 1) >= 0:
                found.belonging.append(place)
        if at_referer >= 0:
            value = _VALUE.match(lower, at_referer)
            page = block[value.end() : value.end() + int(value[1])] if value else b""
            by_referer[page if b"?" in page else page[: page.find(b"/", _SCHEME_SIZE)]].append(place)
            if lower.find(_REFERER, at_referer + 1) >= 0:
                found.belonging.append(place)
    for moment in (latest, before):
        if moment:
            found.passed(float(moment))
    found.stop = at


def flow_end(buffer: Buffer, at: int) -> int:
    """Behind the flow that begins at ``at``; negative if none does."""
    length = LENGTH.match(buffer[at : at + LONGEST_LENGTH])
    return at + length.end() + int(length[1]) + 1 if length else -1


def _add_unusual(found: Survey, record: bytes, place: int) -> None:
    try:
        found.add(read_unusual(record, place), place)
    except Unreadable as error:
        found.others += 1
        found.problems.append((place, str(error)))


def _page(referer: bytes) -> bytes:
    return referer if b"?" in referer else referer[: referer.find(b"/", _SCHEME_SIZE)]
