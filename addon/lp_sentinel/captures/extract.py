"""What a range of a flow file holds: the unit of work, for one process or many, on one machine or more."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import NamedTuple

from lp_sentinel.captures.layout import ENDING, HEAD, Buffer, Unusual, flow_end, read_exchange
from lp_sentinel.captures.scan import Surveyor
from lp_sentinel.captures.spool import pack
from lp_sentinel.captures.survey import Survey
from lp_sentinel.captures.unusual import Unreadable, read_unusual
from lp_sentinel.exchange import Exchange


class Extract(NamedTuple):
    """What a range holds. Ranges that follow each other are put together in their order."""

    begin: int
    """Where its first flow begins, counted from the beginning of the file."""
    survey: Survey
    packed: bytearray
    """The exchanges that belong to a login by themselves, packed one behind the other."""
    sizes: array[int]
    """Of each of these the bytes that it takes."""

    @property
    def stop(self) -> int:
        """Behind the last whole flow that begins in the range."""
        return self.survey.stop


def extract(buffer: Buffer, begin: int, stop: int, base: int = 0) -> Extract:
    """What the flows hold that begin in ``buffer[begin:stop]``, of which one begins at ``begin``.

    ``base`` is where the buffer stands in its file. Ends early where a flow is broken or goes on behind the buffer.
    """
    survey, packed, sizes = Survey(), bytearray(), array("I")
    for exchange in extracted(Surveyor(survey), buffer, begin, stop, base):
        one = pack(exchange)
        packed += one
        sizes.append(len(one))
    return Extract(base + begin, survey, packed, sizes)


def extracted(surveyor: Surveyor, buffer: Buffer, begin: int, stop: int, base: int = 0) -> Iterator[Exchange]:
    """The exchanges that belong to a login by themselves. All the flows are added to the surveyor's survey first."""
    survey = surveyor.survey
    known = len(survey.belonging)
    surveyor.go_through(buffer, begin, stop, base)
    for place in survey.belonging[known:]:
        try:
            yield _read(buffer, survey.offsets[place] - base, place)
        except Unreadable as error:
            survey.cannot_read(place, str(error))
            survey.others += 1
            yield nothing(place)


def first_flow(buffer: Buffer, at: int) -> int:
    """Where from ``at`` on a flow seems to begin; -1 if none does.

    It is a guess, as a body may hold what looks like a flow: it is right if the range before it ends there.
    """
    found = max(at - len(ENDING), 0) - 1
    while (found := buffer.find(ENDING, found + 1)) >= 0:
        if HEAD.match(buffer, found + len(ENDING)):
            return found + len(ENDING)
    return -1


def read_flow(buffer: Buffer, start: int, place: int) -> Exchange:
    """The exchange of the flow that begins at ``start``; one that says nothing if the flow can't be read."""
    try:
        return _read(buffer, start, place)
    except Unreadable:
        return nothing(place)


def nothing(place: int) -> Exchange:
    """An exchange that has nothing to do with a login, in place of one that is not known."""
    return Exchange(index=place, method="", scheme="", host="", port=0, target="")


def _read(buffer: Buffer, start: int, place: int) -> Exchange:
    """Raises Unreadable."""
    try:
        return read_exchange(buffer, start, place)
    except Unusual:
        exchange = read_unusual(buffer, start, flow_end(buffer, start), place)
    if exchange is None:
        raise Unreadable("is not an HTTP flow")
    return exchange
