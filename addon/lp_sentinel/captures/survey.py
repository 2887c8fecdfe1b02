"""What a capture holds: what by itself belongs to a login, and the rest by the hosts that it goes to or names.

So that which of the rest matters can be told later, when it is known where the logins led.
"""

from __future__ import annotations

import re
from array import array
from dataclasses import dataclass, field

from lp_sentinel.exchange import Exchange, header
from lp_sentinel.reach import leads_back, names_login

_ORIGIN = re.compile(rb"[^/?#]*+//[^/?#]*+|[^/?#]*+")
_MOST_GROUPS, _LONGEST = 1 << 16, 300
"""Of more hosts than this, or of longer ones, the memory would not be small; what goes elsewhere then counts as
belonging to a login."""

type Places = array[int]
type Hosts = tuple[bytes, ...]


def _places() -> Places:
    return array("I")


@dataclass(slots=True)
class Survey:
    """What a capture, or a part of it, holds. Places count its entries from 0; groups are numbered from 1.

    It grows by 16 bytes with each entry, and besides with the hosts that are named.
    """

    offsets: array[int] = field(default_factory=lambda: array("Q"))
    """Of a flow file: where each entry begins."""
    hosts: Places = field(default_factory=_places)
    """Of each entry the group of hosts that it may go to; 0 for those that are told apart by other things."""
    pages: Places = field(default_factory=_places)
    """Of each entry the origin of its Referer; 0 if there is none."""
    host_groups: dict[Hosts, int] = field(default_factory=dict)
    page_groups: dict[bytes, int] = field(default_factory=dict)
    asking: Places = field(default_factory=_places)
    """Entries whose Referer has a query."""
    alike: Places = field(default_factory=_places)
    """For each entry in ``asking`` one with the same Referer."""
    belonging: Places = field(default_factory=_places)
    """Those that belong to a login by themselves, each once."""
    crowd: Places = field(default_factory=_places)
    """Those that go to more hosts than are told apart."""
    others: int = 0
    """How many entries are no HTTP exchanges."""
    latest: float | None = None
    """When the last of all started."""
    before: dict[int, float | None] = field(default_factory=dict)
    """For those whose start is not known: when the one before it started."""
    problem: tuple[int, str] | None = None
    """The first entry that can't be read, and why."""
    unread: int = 0
    """How many can't be."""
    started: float | None = None
    """When the newest entry started of which that is known."""
    stop: int = 0
    """Of a flow file: behind the last whole entry."""

    def cannot_read(self, place: int, why: str) -> None:
        """Note an entry that can't be read."""
        self.unread += 1
        self.problem = min(self.problem or (place, why), (place, why))

    def add(self, exchange: Exchange, place: int) -> None:
        """Note an exchange that was read in another way than from its layout."""
        self.note(
            place,
            exchange.started,
            exchange.host,
            exchange.target,
            header(exchange.response_headers, "location"),
            header(exchange.request_headers, "referer"),
        )

    def note(
        self, place: int, started: float | None, host: str, target: str, location: str | None, referer: str | None
    ) -> None:
        """Note an exchange by what it asked for, where it was redirected, and what its Referer was.

        Places that are left out are no exchanges.
        """
        self._reach(place)
        if started is None:
            self.before[place] = self.started
        else:
            self.passed(started)
        if names_login(target) or (location and leads_back(location)):
            self.belonging.append(place)
            self.hosts.append(0)
            self.pages.append(0)
            return
        self.hosts.append(self.group((_raw(host),), place))
        text = _raw(referer or "")
        self.pages.append(self.page(text, place) if text else 0)
        if b"?" in text:
            self.asking.append(place)
            self.alike.append(place)

    def no_exchange(self, place: int) -> None:
        """Note that an entry is something else."""
        self._reach(place + 1)
        self.others += 1

    def passed(self, started: float) -> None:
        """Note that an entry started."""
        self.started = started
        if self.latest is None or started > self.latest:
            self.latest = started

    def group(self, hosts: Hosts, place: int) -> int:
        """The number of a group of hosts, to one of which the entry at ``place`` goes."""
        return self._number(self.host_groups, hosts, max(map(len, hosts)), place)

    def page(self, referer: bytes, place: int) -> int:
        """The number of a Referer's origin."""
        found = _ORIGIN.match(referer)
        origin = found[0].lower() if found else b""
        return self._number(self.page_groups, origin, len(origin), place)

    def _number[K](self, groups: dict[K, int], key: K, size: int, place: int) -> int:
        number = groups.get(key, 0)
        if not number:
            if len(groups) < _MOST_GROUPS and size <= _LONGEST:
                number = groups[key] = len(groups) + 1
            else:
                self.crowd.append(place)
        return number

    def _reach(self, place: int) -> None:
        """Leave the entries before ``place`` out."""
        missing = place - len(self.hosts)
        self.hosts.extend([0] * missing)
        self.pages.extend([0] * missing)

    def extend(self, other: Survey) -> None:
        """Add what the next part of the same capture holds."""
        first = len(self.hosts)
        self._extend_groups(self.hosts, self.host_groups, other.hosts, other.host_groups)
        self._extend_groups(self.pages, self.page_groups, other.pages, other.page_groups)
        self.offsets.extend(other.offsets)
        for mine, theirs in (
            (self.asking, other.asking),
            (self.alike, other.alike),
            (self.belonging, other.belonging),
            (self.crowd, other.crowd),
        ):
            mine.extend(first + place for place in theirs)
        self.others += other.others
        for place, started in other.before.items():
            self.before[first + place] = self.started if started is None else started
        if other.problem:
            place, why = other.problem
            self.cannot_read(first + place, why)
            self.unread += other.unread - 1
        if other.started is not None and other.latest is not None:
            self.passed(other.latest)
            self.started = other.started
        self.stop = other.stop

    def _extend_groups[K](self, places: Places, groups: dict[K, int], theirs: Places, names: dict[K, int]) -> None:
        first, numbers, full = len(places), [0], set[int]()
        for name, number in names.items():
            if name not in groups and len(groups) >= _MOST_GROUPS:
                full.add(number)
                numbers.append(0)
            else:
                numbers.append(groups.setdefault(name, len(groups) + 1))
        places.extend(map(numbers.__getitem__, theirs))
        if full:
            self.crowd.extend(first + place for place, number in enumerate(theirs) if number in full)


def _raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
