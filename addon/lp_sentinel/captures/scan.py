"""Flow files gone through flow by flow: lengths are followed, and few bytes looked at."""

from __future__ import annotations

import re
from functools import lru_cache

from msgspec import Struct

from lp_sentinel.captures.layout import (
    BY_AUTHORITY,
    ENDING,
    HEAD,
    PLAIN,
    REQUEST,
    SIZE,
    TIMES,
    Buffer,
    flow_end,
    redirects_to,
)
from lp_sentinel.captures.parts import split_authority
from lp_sentinel.captures.survey import Hosts, Survey
from lp_sentinel.captures.unusual import Unreadable, read_unusual
from lp_sentinel.exchange import as_text
from lp_sentinel.reach import leads_back
from lp_sentinel.relevance import CARRIES

_NAMING = rb"(,9:authority;[^;]++;[^;]++;[^;]++;[^;]++;[^;]++);" + TIMES + SIZE
_ASKED = re.compile(rb"7:request;" + SIZE + rb"4:path;" + SIZE + rb"([^,]*+)" + _NAMING)
"""Of a request whose path has no comma: its length, its path with its length, what names its hosts, its start, its
body's length."""
_AFTER_PATH = re.compile(_NAMING)
_NAMED = re.compile(
    rb",9:authority;[0-9]++:(" + PLAIN + rb"),6:scheme;[0-9]++:[A-Za-z+.\-]*+,6:method;[0-9]++:[A-Za-z\-_]*+,"
    rb"4:port;[0-9]++:[0-9]{1,5}#4:host;[0-9]++:(" + PLAIN + rb")"
)
_CARRIES = re.compile(CARRIES.pattern.encode())
_HEADER = re.compile(rb"[0-9]:[A-Za-z]++,([0-9]{1,6}):(.*)", re.DOTALL)
_HOST, _REFERER, _LOCATION = b"4:host,", b"7:referer,", b"8:location,"
_BY_AUTHORITY = tuple(b":%s," % version.lower() for version in BY_AUTHORITY)
_CLOSING = ord("}")
_UNCLEAR = -1
"""In place of a group's number: what it is can't be told from this text alone."""
_LONGEST_CACHED = 400
"""Captured text is hostile: what has more bytes is not kept in a cache."""
_MOST_KEPT, _ENTRY = 8 << 20, 200
"""Bytes of texts that are remembered, and what the memory of one takes besides."""

try:
    from lp_sentinel.captures.skip import Skipper
except ImportError:  # it was not compiled
    Skipper = None  # type: ignore[assignment, misc]


class Groups:
    """The groups that texts of flows stand for, remembered: most texts come again and again."""

    def __init__(self, survey: Survey) -> None:
        self._survey = survey
        self.hosts: dict[tuple[bytes, bytes], int] = {}
        self.pages: dict[bytes, tuple[int, int]] = {}
        self._kept = 0

    def host(self, naming: bytes, header: bytes, place: int) -> int:
        """The group of a request with this authority and address, and with this Host header where one counts."""
        hosts_of = _hosts_of if len(naming) + len(header) <= _LONGEST_CACHED else _hosts_of.__wrapped__
        hosts = hosts_of(naming, header)
        number = self._survey.group(hosts, place) if hosts else _UNCLEAR
        if number:  # else each such place is noted
            self._make_room(len(naming) + len(header))
            self.hosts[naming, header] = number
        return number

    def page(self, header: bytes, place: int) -> tuple[int, int]:
        """The group of a Referer header, and if that has a query the first place where it stands, else -1."""
        value = _value(header)
        known = (_UNCLEAR, -1)
        if value is not None:
            known = (self._survey.page(value.strip(b" \t"), place), place if b"?" in value else -1)
        if known[0]:
            self._make_room(len(header))
            self.pages[header] = known
        return known

    def _make_room(self, size: int) -> None:
        """For a text of so many bytes: when there are too many, all are forgotten."""
        self._kept += size + _ENTRY
        if self._kept > _MOST_KEPT:
            self.hosts.clear()
            self.pages.clear()
            self._kept = size + _ENTRY


@lru_cache(1 << 13)
def _hosts_of(naming: bytes, header: bytes) -> Hosts:
    """Of these a request may mean one; none if that is not clear."""
    names = _NAMED.fullmatch(naming)
    if names is None:
        return ()
    authority, address = names.groups()
    value = _value(header) if header else authority
    if not value or split_authority(as_text(value)) is None:
        return ()
    return tuple({value: 0, authority: 0, address: 0}) if header else (value,)


class _Flow(Struct, frozen=True):
    """What counts of a flow of the usual layout."""

    end: int
    path: bytes
    naming: bytes
    """What its hosts are told from."""
    started: bytes
    answer: tuple[int, int]
    """Where what follows the response's body begins and ends."""
    headers: tuple[int, int]
    """Where what follows the request's body begins and ends."""


class Surveyor:
    """Adds flows to a survey, range by range of a file. What it has met before it knows again."""

    def __init__(self, survey: Survey) -> None:
        self.survey = survey
        self._groups = Groups(survey)
        self._skipper = None if Skipper is None else Skipper(survey, self._groups)

    def go_through(self, buffer: Buffer, at: int, stop: int, base: int = 0) -> None:
        """Add the flows that begin from ``at`` to ``stop``; it ends early where no whole flow begins.

        ``base`` is where the buffer stands in the file.
        """
        found, groups, latest, before = self.survey, self._groups, b"", b""
        while at < stop:
            if self._skipper:
                at, last, newest = self._skipper.skip(buffer, at, stop, base)
                if last:
                    before, latest = last, max(latest, newest)
                    continue
            flow = _usual_flow(buffer, at)
            if flow is None:
                end = _pass_unusual(found, buffer, at, before, base)
                if end < 0:
                    break
                at, before = end, b""
                continue
            found.offsets.append(base + at)
            at, before, latest = flow.end, flow.started, max(latest, flow.started)
            place = len(found.offsets) - 1
            known = None if _names_login(buffer, flow) else _groups_of(buffer, flow, groups, found, place)
            if known is None:
                found.belonging.append(place)
            host, page = known or (0, 0)
            found.hosts.append(host)
            found.pages.append(page)
        if latest:
            last_known = float(before) if before else found.started
            found.passed(float(latest))
            found.started = last_known
        found.stop = base + at


def _usual_flow(buffer: Buffer, at: int) -> _Flow | None:
    """The flow that begins at ``at``, if it has the usual layout and is whole."""
    head = HEAD.match(buffer, at)
    if head is None:
        return None
    length, answer, _, _, body = head.groups()
    end = head.end(1) + int(length) + 2
    if end > len(buffer) or buffer[end - len(ENDING) : end] != ENDING:
        return None
    told = head.end(2) + int(answer) + 2 if answer else head.end()
    between = (head.end() + int(body or 0), told)
    asked = _ASKED.match(buffer, told, end)
    if asked is None or int(asked[2]) != len(asked[3]):  # a path with a comma may go on as requests do
        return _usual_flow_of_any_path(buffer, end, between)
    length, _, path, naming, started, sent = asked.groups()
    return _Flow(end, path, naming, started, between, (asked.end() + int(sent), asked.end(1) + int(length) + 1))


def _usual_flow_of_any_path(buffer: Buffer, end: int, answer: tuple[int, int]) -> _Flow | None:
    begin = REQUEST.match(buffer, answer[1], end)
    path_end = begin.end() + int(begin[2]) if begin else 0
    rest = begin and _AFTER_PATH.match(buffer, path_end, end)
    if begin is None or rest is None:
        return None
    headers = rest.end() + int(rest[3]), begin.end(1) + int(begin[1]) + 1
    return _Flow(end, buffer[begin.end() : path_end], rest[1], rest[2], answer, headers)


def _names_login(buffer: Buffer, flow: _Flow) -> bool:
    """Whether it belongs to a login by its path, or by its Location."""
    # find() takes a sixth of the time that ``in`` takes with bytes.
    query = flow.path.find(b"?")
    if (query >= 0 and _CARRIES.search(flow.path, query)) or flow.path.lower().find(b"sentinel") >= 0:
        return True
    begin, end = flow.answer
    return buffer[begin:end].lower().find(_LOCATION) >= 0 and leads_back(redirects_to(buffer, begin, end - 1))


def _groups_of(buffer: Buffer, flow: _Flow, groups: Groups, found: Survey, place: int) -> tuple[int, int] | None:
    """The groups of its host and of its page; ``None`` if these can't be told, so that the flow must be read."""
    block = buffer[slice(*flow.headers)]
    lower = block.lower()
    header, is_unclear = b"", False
    if not lower.endswith(_BY_AUTHORITY) and (named := lower.find(_HOST)) >= 0:
        header = block[named : lower.find(b",]", named)]
        is_unclear = lower.find(_HOST, named + 1) >= 0
    host, page = groups.hosts.get((flow.naming, header)), 0
    if host is None:
        host = groups.host(flow.naming, header, place)
    referer = lower.find(_REFERER)
    if referer >= 0:
        text = block[referer : lower.find(b",]", referer)]
        page, alike = groups.pages.get(text) or groups.page(text, place)
        if alike >= 0:
            found.asking.append(place)
            found.alike.append(alike)
        is_unclear = is_unclear or page < 0 or lower.find(_REFERER, referer + 1) >= 0
    return None if is_unclear or host < 0 else (host, page)


def _value(header: bytes) -> bytes | None:
    """The value of a header as it stands in a flow, without its ``,]``; ``None`` if that is not its end."""
    found = _HEADER.match(header)
    return found[2] if found and int(found[1]) == len(found[2]) else None


def _pass_unusual(found: Survey, buffer: Buffer, at: int, before: bytes, base: int) -> int:
    """Have mitmproxy read the flow that begins at ``at``, before which one started; its end, or -1."""
    end = flow_end(buffer, at)
    if not 0 < end <= len(buffer) or buffer[end - 1] != _CLOSING:
        return -1
    if before:
        found.passed(float(before))
    place = len(found.offsets)
    found.offsets.append(base + at)
    try:
        exchange = read_unusual(buffer, at, end, place)
    except Unreadable as error:
        found.cannot_read(place, str(error))
        exchange = None
    if exchange is None:
        found.no_exchange(place)
    else:
        found.add(exchange, place)
    return end
