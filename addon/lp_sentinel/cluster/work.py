"""What is done on the cluster's machines, each function a task; what they give each other is sealed."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import wraps
from typing import Any, NamedTuple

from msgspec.structs import replace

from lp_sentinel.captures.choose import choose
from lp_sentinel.captures.extract import Extract, extract, first_flow, nothing, read_flow
from lp_sentinel.captures.gather import Gathered, gather, ordered, problem_of_flows
from lp_sentinel.captures.layout import ENDING, LONGEST_LENGTH, flow_end
from lp_sentinel.captures.spool import Spool, pack, unpack
from lp_sentinel.captures.survey import Survey
from lp_sentinel.check import Judged, judge_gathered
from lp_sentinel.cluster import pieces
from lp_sentinel.cluster.dividing import Turn, divided
from lp_sentinel.cluster.errors import UnreadableError
from lp_sentinel.cluster.pieces import Event, JudgedPiece
from lp_sentinel.cluster.sources import Source
from lp_sentinel.cluster.standard import Standard
from lp_sentinel.exchange import Exchange, header
from lp_sentinel.reach import Reach

_SLACK = 1 << 20
"""Bytes that are read behind a range: the flow in which it ends is seldom longer."""
_GAP = 1 << 17
"""Bytes that are sooner read than left out."""


class Sealed:
    """What a task is given or gives: nothing of it shows where Dask logs that a task failed."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __repr__(self) -> str:
        return "<sealed>"


def opened(sealed: Any) -> Any:
    if isinstance(sealed, list):
        return [opened(one) for one in sealed]
    return sealed.value if isinstance(sealed, Sealed) else sealed


def _task(function: Callable[..., object]) -> Callable[..., Sealed]:
    @wraps(function)
    def sealed(*arguments: Any) -> Sealed:
        return Sealed(function(*opened(list(arguments))))

    return sealed


@_task
def same(value: object) -> object:
    return value


# Captures that are read from their beginning to their end


@_task
def look(source: Source) -> tuple[int, bool]:
    return source.looked_at()


@_task
def judge_whole(standard: Standard, source: Source) -> Judged:
    project, redactor = standard.unpacked()
    with source.opened() as file, gather(file, project.config) as gathered:
        return judge_gathered(source.name, gathered, project, redactor)


# Flow files, range by range


class RangeExtract(NamedTuple):
    """What a range of a flow file holds. Places count from its beginning."""

    extract: Extract
    more: Mapping[int, bytes]
    """Exchanges, packed, that the range itself tells that the engine must see, besides those of the extract."""
    referers: Mapping[int, str]
    """Referers that may have a code in them."""

    @property
    def held(self) -> int:
        return len(self.extract.survey.hosts)


class _Read:
    """A range that was read, as a source to choose from."""

    def __init__(self, data: bytes, base: int, survey: Survey) -> None:
        self._data, self._base, self.survey = data, base, survey

    def exchange(self, place: int) -> Exchange:
        return read_flow(self._data, self.survey.offsets[place] - self._base, place)


@_task
def extract_range(standard: Standard, source: Source, begin: int, end: int) -> RangeExtract | None:
    """What begins in a range of a flow file, where the first of its flows seems to; ``None`` if none does."""
    base = max(begin - len(ENDING), 0)
    data = source.read(base, min(end + _SLACK, source.size))
    first = first_flow(data, begin - base) if begin else 0
    try:
        return _extract(standard, source, base, data, first, end) if 0 <= first < end - base else None
    except UnreadableError:
        raise
    except Exception:  # noqa: BLE001  (what only looks like flows may be anything)
        return None


@_task
def extract_surely(standard: Standard, source: Source, begin: int, end: int) -> RangeExtract:
    """The same, but a flow begins at ``begin``."""
    return _extract(standard, source, begin, source.read(begin, min(end + _SLACK, source.size)), 0, end)


def _extract(standard: Standard, source: Source, base: int, data: bytes, first: int, end: int) -> RangeExtract:
    """Of a file what begins before ``end``; ``data`` is what stands there from ``base`` on."""
    project, _ = standard.unpacked()
    extracted = extract(data, first, end - base, base)
    behind = flow_end(data, extracted.stop - base)
    if extracted.stop < end and len(data) < behind <= source.size - base:
        data += source.read(base + len(data), base + behind)
        extracted = extract(data, first, end - base, base)
    read = _Read(data, base, extracted.survey)
    with Spool() as spool:
        spool.extend(extracted.packed, extracted.sizes)
        chosen = choose(read, spool, Reach(project.config))
        more = {
            place: pack(spool.read(number, place))
            for number, place in enumerate(chosen.places)
            if number >= len(extracted.sizes)
        }
    alike = set(extracted.survey.alike)
    referers = {place: header(read.exchange(place).request_headers, "referer") or "" for place in alike}
    return RangeExtract(extracted, more, referers)


@_task
def bounds(part: RangeExtract | None) -> tuple[int, int] | None:
    return (part.extract.begin, part.extract.stop) if part else None


@_task
def fetch(source: Source, part: RangeExtract, places: Sequence[int]) -> dict[int, bytes]:
    """Exchanges of a range that only the others tell that the engine must see, packed."""
    survey = part.extract.survey
    offsets = [*survey.offsets, survey.stop]
    begins, ends = [offsets[place] for place in places], [offsets[place + 1] for place in places]
    runs = list(_runs(zip(begins, ends, strict=True)))
    found = {}
    for (begin, _), data in zip(runs, source.read_ranges(runs), strict=True):
        for place, at in zip(places, begins, strict=True):
            if begin <= at < begin + len(data):
                found[place] = pack(read_flow(data, at - begin, place))
    return found


def _runs(ranges: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Ascending ranges, those put together that are close to each other."""
    begin = end = -1
    for next_begin, next_end in ranges:
        if begin >= 0 and next_begin - end > _GAP:
            yield begin, end
            begin = -1
        begin, end = next_begin if begin < 0 else begin, next_end
    if begin >= 0:
        yield begin, end


# A capture put together


class Settled(NamedTuple):
    """How far a capture has come: what is to be fetched, or what came of it, or the pieces that are to be judged."""

    missing: Mapping[int, Sequence[int]]
    """For each part the places in it of exchanges that the engine must see, too."""
    held: int
    problem: str | None
    pieces: Sequence[Sequence[Turn]] = ()
    judged: Judged | None = None


class _Joined:
    """A capture that is put together from its parts. What was not fetched yet is known by its Referer at most."""

    def __init__(self, parts: list[RangeExtract], fetched: list[list[Mapping[int, bytes]]], spool: Spool) -> None:
        self.survey = Survey()
        self.begins: list[int] = []
        """The places of the parts' first entries."""
        self.known: dict[int, bytes] = {}
        self._referers: dict[int, str] = {}
        for part, later in zip(parts, fetched, strict=True):
            self.begins.append(first := len(self.survey.hosts))
            self.survey.extend(part.extract.survey)
            spool.extend(part.extract.packed, part.extract.sizes)
            for packed in (part.more, *later):
                self.known |= {first + place: one for place, one in packed.items()}
            self._referers |= {first + place: referer for place, referer in part.referers.items()}
        self.known |= dict.fromkeys(self.survey.belonging, b"")

    def exchange(self, place: int) -> Exchange:
        if packed := self.known.get(place):
            return unpack(packed, place)
        referer = self._referers.get(place)
        return replace(nothing(place), request_headers=(("referer", referer),) if referer else ())

    def missing(self, places: Iterable[int]) -> Mapping[int, Sequence[int]]:
        """Those of some places that are not known, by part, counted from its beginning."""
        found = defaultdict(list)
        for place in sorted(set(places) - self.known.keys()):
            part = bisect_right(self.begins, place) - 1
            found[part].append(place - self.begins[part])
        return dict(found)


@_task
def settle(
    standard: Standard,
    source: Source,
    parts: list[RangeExtract],
    fetched: list[list[Mapping[int, bytes]]],
    most: int,
    least: int,
) -> Settled:
    """Put a capture together as far as that is possible.

    And judge it, unless it can be divided into pieces, at ``most`` so many, of at ``least`` so many exchanges.
    """
    project, redactor = standard.unpacked()
    with Spool() as spool:
        joined = _Joined(parts, fetched, spool)
        survey = joined.survey
        chosen = choose(joined, spool, Reach(project.config))
        if missing := joined.missing(chosen.places):
            return Settled(missing, 0, None)
        ahead = source.read(survey.stop, survey.stop + LONGEST_LENGTH) if survey.stop < source.size else b""
        problem = problem_of_flows(source.name, survey, source.size, ahead)
        gathered = Gathered(ordered(chosen, spool, survey.latest), len(survey.offsets) - survey.others, problem)
        count = min(most, len(chosen.places) // least)
        if count > 1:
            return Settled({}, gathered.held, problem, divided(gathered.exchanges, count))
        judged = judge_gathered(source.name, gathered, project, redactor)
        return Settled({}, gathered.held, problem, judged=judged)


@_task
def outline(settled: Settled) -> Settled:
    """Without the pieces themselves."""
    return settled._replace(pieces=[()] * len(settled.pieces))


# A large capture, judged in pieces


@_task
def piece(settled: Settled, number: int) -> Sequence[Turn]:
    return settled.pieces[number]


@_task
def judge_piece(
    standard: Standard, capture: str, held: Sequence[Turn], number: int, heard: Sequence[Event]
) -> JudgedPiece:
    return pieces.judge_piece(held, heard, *standard.unpacked(), capture, number)


@_task
def without_rules(standard: Standard) -> Standard:
    """Enough to know what pieces tell each other."""
    project, redactor = standard.unpacked()
    return Standard(pieces.without_rules(project), redactor)


@_task
def told(judged: Sequence[JudgedPiece]) -> list[Event]:
    return pieces.told(judged)


@_task
def are_equal(one: object, other: object) -> bool:
    return one == other


@_task
def unite(capture: str, settled: Settled, judged: Sequence[JudgedPiece]) -> Judged:
    return Judged(capture, settled.held, *pieces.united(judged), settled.problem)
