"""Flow files gone through, at a few microseconds a flow: lengths are followed, and few bytes looked at."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from lp_sentinel.captures.layout import (
    BY_AUTHORITY,
    ENDING,
    HEAD,
    PLAIN,
    REQUEST,
    TIMES,
    Buffer,
    flow_end,
    redirects_to,
)
from lp_sentinel.captures.parts import split_authority
from lp_sentinel.captures.survey import Hosts, Survey
from lp_sentinel.captures.unusual import Unreadable, read_unusual
from lp_sentinel.reach import leads_back

_CARRIES = re.compile(rb"[?&#](?:(?:code|error|state)=|[^=&#%]*+%[^=&#]*+=)")
_NAMING = rb"(,9:authority;[^;]++;[^;]++;[^;]++;[^;]++;[^;]++);" + TIMES + rb"([0-9]++):"
_ASKED = re.compile(rb"7:request;([0-9]++):4:path;[0-9]++:([^,]*+)" + _NAMING)
"""Of a request whose path has no comma: its length, its path, what names its hosts, its start, its body's length."""
_AFTER_PATH = re.compile(_NAMING)
_NAMED = re.compile(
    rb",9:authority;[0-9]++:(" + PLAIN + rb"),6:scheme;[0-9]++:[A-Za-z+.\-]*+,6:method;[0-9]++:[A-Za-z\-_]*+,"
    rb"4:port;[0-9]++:[0-9]{1,5}#4:host;[0-9]++:(" + PLAIN + rb")"
)
_HEADER = re.compile(rb"[0-9]:[A-Za-z]++,([0-9]{1,6}):(.*)", re.DOTALL)
_HOST, _REFERER, _LOCATION = b"4:host,", b"7:referer,", b"8:location,"
_BY_AUTHORITY = tuple(b":%s," % version.lower() for version in BY_AUTHORITY)
try:
    from lp_sentinel.captures.skip import skip
except ImportError:
    skip = None  # type: ignore[assignment]
"""Compiled, so not there everywhere."""
_CLOSING = ord("}")
_UNCLEAR = -1
"""In place of a group's number: what it is can't be told from this text alone."""


class Groups:
    """The groups that texts of flows stand for, remembered: most texts come again and again."""

    def __init__(self, survey: Survey) -> None:
        self._survey = survey
        self.hosts: dict[bytes | tuple[bytes, bytes], int] = {}
        self.pages: dict[bytes, tuple[int, int]] = {}

    def host(self, key: bytes | tuple[bytes, bytes], place: int) -> int:
        """The group of a request with this authority and address, and with this Host header, where that counts."""
        hosts = _hosts_of(*key) if isinstance(key, tuple) else _hosts_of(key, b"")
        number = self._survey.group(hosts, place) if hosts else _UNCLEAR
        if number:  # else each such place is noted
            self.hosts[key] = number
        return number

    def page(self, header: bytes, place: int) -> tuple[int, int]:
        """The group of a Referer header, and if that has a query the first place where it stands, else -1."""
        value = _value(header)
        known = (_UNCLEAR, -1)
        if value is not None:
            known = (self._survey.page(value, place), place if b"?" in value else -1)
        if known[0]:
            self.pages[header] = known
        return known


@lru_cache(1 << 13)
def _hosts_of(naming: bytes, header: bytes) -> Hosts:
    """Of these a request may mean one; none if that is not clear."""
    names = _NAMED.fullmatch(naming)
    if names is None:
        return ()
    authority, address = names.groups()
    value = _value(header) if header else authority
    if not value or split_authority(value.decode("utf-8", "surrogateescape")) is None:
        return ()
    return tuple({value: 0, authority: 0, address: 0}) if header else (value,)


class _Asked(NamedTuple):
    path: bytes
    naming: bytes
    started: bytes
    headers: int
    """Where what follows its body begins."""
    end: int


def survey_flows(buffer: Buffer, at: int, stop: int, found: Survey, base: int = 0) -> None:  # noqa: C901, PLR0912, PLR0915
    """Add the flows that begin from ``at`` to ``stop`` to a survey; it ends early where no whole flow begins.

    ``base`` is where the buffer stands in the file. This is done for each flow of an archive, nearly all of which have
    nothing to do with a login: it is written out in one piece, and looks at as few bytes as it can. (``find`` and not
    ``in``, which takes six times as long with bytes.)
    """
    groups, size, place, latest, before = Groups(found), len(buffer), len(found.offsets) - 1, b"", b""
    head, asked_at, carries = HEAD.match, _ASKED.match, _CARRIES.search
    group_of, page_of, ending_size = groups.hosts.get, groups.pages.get, len(ENDING)
    add, add_group, add_page = found.offsets.append, found.hosts.append, found.pages.append
    belongs = found.belonging.append
    while at < stop:
        if skip is not None:
            at, skipped, newest = skip(buffer, at, stop, base, found, groups)
            if skipped:
                place, before, latest = len(found.offsets) - 1, skipped, max(latest, newest)
                continue
        known, asked, careful = head(buffer, at), None, None
        end, told, answered = 0, 0, 0
        if known:
            length, answer, _, _, body = known.groups()
            end = known.end(1) + int(length) + 2
            told = known.end(2) + int(answer) + 2 if answer else known.end()
            answered = known.end() + int(body or 0)
            if end <= size and buffer[end - ending_size : end] == ENDING:
                asked = asked_at(buffer, told)
                careful = None if asked else _asked_carefully(buffer, told)
        if asked:
            length, path, naming, started, sent = asked.groups()
            headers, request_end = asked.end() + int(sent), asked.end(1) + int(length) + 1
        elif careful:
            path, naming, started, headers, request_end = careful
        else:
            end = _pass_unusual(found, buffer, at, before, base)
            if end < 0:
                break
            place, at, before = place + 1, end, b""
            continue
        place += 1
        add(base + at)
        at, before = end, started
        if started > latest:  # noqa: PLR1730  (max() takes four times as long)
            latest = started
        query = path.find(b"?")
        if (
            (query >= 0 and carries(path, query))
            or path.lower().find(b"sentinel") >= 0
            or (
                buffer[answered:told].lower().find(_LOCATION) >= 0
                and leads_back(redirects_to(buffer, answered, told - 1))
            )
        ):
            belongs(place)
            add_group(0)
            add_page(0)
            continue
        block = buffer[headers:request_end]
        lower = block.lower()
        find, unclear = lower.find, False
        key: bytes | tuple[bytes, bytes] = naming
        if not lower.endswith(_BY_AUTHORITY):
            named = find(_HOST)
            if named >= 0:
                key = (naming, block[named : find(b",]", named)])
                unclear = find(_HOST, named + 1) >= 0
        group = group_of(key)
        if group is None:
            group = groups.host(key, place)
        referer, page = find(_REFERER), 0
        if referer >= 0:
            text = block[referer : find(b",]", referer)]
            page, alike = page_of(text) or groups.page(text, place)
            if alike >= 0:
                found.asking.append(place)
                found.alike.append(alike)
            unclear = unclear or page < 0 or find(_REFERER, referer + 1) >= 0
        if unclear or group < 0:
            belongs(place)
            group = page = 0
        add_group(group)
        add_page(page)
    for moment in (latest, before):
        if moment:
            found.passed(float(moment))
    found.stop = base + at


def _asked_carefully(buffer: Buffer, at: int) -> _Asked | None:
    """The request that begins at ``at``, whatever its path is; ``None`` if it does not have the usual layout."""
    begin = REQUEST.match(buffer, at)
    path_end = begin.end() + int(begin[2]) if begin else 0
    rest = begin and _AFTER_PATH.match(buffer, path_end)
    if begin is None or rest is None:
        return None
    path = buffer[begin.end() : path_end]
    return _Asked(path, rest[1], rest[2], rest.end() + int(rest[3]), begin.end(1) + int(begin[1]) + 1)


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
        found.problems.append((place, str(error)))
        exchange = None
    if exchange is None:
        found.no_exchange(place)
    else:
        found.add(exchange, place)
    return end
