"""Of what a survey found, that which the engine must see: what belongs to logins, and what goes where they led."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol

from lp_sentinel.captures.parts import plain_host, split_authority
from lp_sentinel.captures.spool import Spool
from lp_sentinel.captures.survey import Survey
from lp_sentinel.exchange import Exchange, as_text, header
from lp_sentinel.reach import Reach
from lp_sentinel.uri import endpoint_of


class Surveyed(Protocol):
    """A capture that has been surveyed."""

    @property
    def survey(self) -> Survey: ...

    def exchange(self, place: int) -> Exchange:
        """Any of its exchanges."""


class Chosen(NamedTuple):
    """What was chosen, numbered as in the spool."""

    places: array[int]
    times: array[float]
    """Seconds since the epoch; of one whose start is not known that of the one before it, or minus infinity."""


def choose(source: Surveyed, spool: Spool, reach: Reach) -> Chosen:
    """Choose until nothing that was chosen makes more relevant; ``spool`` gets all of it, in the order of choice.

    It may already hold those that belong to a login by themselves, in their order.
    """
    survey = source.survey
    spool.add(map(source.exchange, survey.belonging[len(spool) :]))
    choosing = _Choosing(source, spool, reach)
    choosing.take_packed(survey.belonging)
    choosing.take(survey.crowd)
    choosing.take_by_hosts([host for host in choosing.groups if reach.has_host(host)])
    size = -1
    while size != reach.size:
        size = reach.size
        choosing.learn_again()
        choosing.take_by_hosts(reach.new_hosts())
        choosing.take_by_referers()
    return Chosen(choosing.places, choosing.times)


class _Groups(NamedTuple):
    """Numbers of a survey's groups that a host belongs to."""

    going: list[int]
    """Of requests that may go there."""
    coming: list[int]
    """Of requests from a page there."""


def _groups_by_host(survey: Survey) -> dict[str, _Groups]:
    found: defaultdict[str, _Groups] = defaultdict(lambda: _Groups([], []))
    for names, number in survey.host_groups.items():
        for host in {host for raw in names for host in _hosts_in(as_text(raw))}:
            found[host].going.append(number)
    for page, number in survey.page_groups.items():
        if endpoint := endpoint_of(as_text(page)):
            found[endpoint.host].coming.append(number)
    return found


def _hosts_in(text: str) -> Iterator[str]:
    """What a text that names a host may mean."""
    if named := split_authority(text):
        yield named[0]
    yield plain_host(text)


class _Choosing:
    """What has been chosen so far, and what may still be."""

    def __init__(self, source: Surveyed, spool: Spool, reach: Reach) -> None:
        self.places, self.times = array("I"), array("d")
        self.groups = _groups_by_host(source.survey)
        """Those that do not matter so far."""
        self._source, self._survey, self._spool, self._reach = source, source.survey, spool, reach
        self._is_chosen = bytearray(len(source.survey.hosts))
        self._undecided, self._asked_at = array("I"), array("Q")
        """Numbers of those that may yet prove steps of a login, and ``Reach.telling`` when that was last asked."""
        self._codes = 0

    def take_packed(self, places: Iterable[int]) -> None:
        """Choose exchanges that are in the spool."""
        for place in places:
            self._take(place, self._spool.read(len(self.places), place))

    def take(self, places: Iterable[int]) -> None:
        """Choose exchanges, but for those that are chosen already."""
        for place in places:
            if not self._is_chosen[place]:
                exchange = self._source.exchange(place)
                self._spool.add((exchange,))
                self._take(place, exchange)

    def learn_again(self) -> None:
        """Learn from those that were no step of a login when less was known."""
        undecided = zip(self._undecided, self._asked_at, strict=True)
        self._undecided, self._asked_at = array("I"), array("Q")
        for number, asked_at in undecided:
            if asked_at == self._reach.telling or not self._reach.learn(self._spool.read(number, self.places[number])):
                self._leave_undecided(number)

    def take_by_hosts(self, hosts: Iterable[str]) -> None:
        """Choose what goes to hosts, or comes from pages there."""
        found = [groups for host in hosts if (groups := self.groups.pop(host, None))]
        self._take_groups(self._survey.hosts, {number for groups in found for number in groups.going})
        self._take_groups(self._survey.pages, {number for groups in found for number in groups.coming})

    def take_by_referers(self) -> None:
        """Choose what has a landed code in its Referer."""
        survey, codes = self._survey, self._reach.codes
        if codes == self._codes:
            return
        self._codes = codes
        leaking = {place for place in set(survey.alike) if self._leaks(place)}
        self.take(place for place, alike in zip(survey.asking, survey.alike, strict=True) if alike in leaking)

    def _take(self, place: int, exchange: Exchange) -> None:
        started = self._survey.before.get(place) if exchange.started is None else exchange.started
        self._is_chosen[place] = True
        # Where logins were recorded and nothing else, there is nothing that they could make relevant.
        if (self.groups or self._survey.asking) and not self._reach.learn(exchange):
            self._leave_undecided(len(self.places))
        self.places.append(place)
        self.times.append(float("-inf") if started is None else started)

    def _leave_undecided(self, number: int) -> None:
        self._undecided.append(number)
        self._asked_at.append(self._reach.telling)

    def _take_groups(self, groups: array[int], numbers: set[int]) -> None:
        if numbers:
            self.take(place for place, number in enumerate(groups) if number in numbers)

    def _leaks(self, place: int) -> bool:
        referer = header(self._source.exchange(place).request_headers, "referer")
        return referer is not None and self._reach.tells_code(referer)
