"""One capture judged in several pieces, which together come to what one engine comes to.

Exchanges that can have to do with one another are judged in one piece: those of a browser, and those that carry the
same code or state or that lead to the same place. What the pieces share even so is told to each of them, in the order
of time: where apps are called back, how many logins of a client landed, and what takes up room in memories that
forget. A piece that hears of something may judge otherwise and then let others hear otherwise. So this is repeated
until nobody hears anything new; what comes last is what one engine would have seen, as each event only depends on
those before it.
"""

from __future__ import annotations

import heapq
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from math import inf
from operator import itemgetter
from typing import Any, NamedTuple, cast

from msgspec.structs import replace

from lp_sentinel.attribution import read_asked
from lp_sentinel.authorize import authorize_path, token_path
from lp_sentinel.config import Limits
from lp_sentinel.engine import Engine, Verdict
from lp_sentinel.exchange import Exchange, header
from lp_sentinel.finding import Finding, JourneySummary, by_place
from lp_sentinel.history import History
from lp_sentinel.journey import Journey, Journeys
from lp_sentinel.landing import CALLBACK_NAMES, location_target
from lp_sentinel.memory import Ageing
from lp_sentinel.project import Project
from lp_sentinel.redact import Redactor
from lp_sentinel.rules import RuleBook
from lp_sentinel.token import read_token_request
from lp_sentinel.uri import Endpoint, parse_parameters

_AHEAD = 256

type Tie = bytes
"""A digest of what exchanges may have in common: the same in all processes."""
type When = tuple[int, bool, int]
"""At whose turn; whether that itself, not an announcement made just before it; else the place of what is announced."""


class Turn(NamedTuple):
    """An exchange and where it comes in its capture."""

    place: int
    """Among all that one engine would be fed with, moments that pass included."""
    now: float
    """When the newest of those before it started."""
    exchange: Exchange


_OF_JOURNEYS = frozenset({"begun", "landed", "moved"})


class Event(NamedTuple):
    """What others must hear of: of journeys, else of what else is remembered."""

    when: When
    piece: int
    what: str
    about: tuple[Any, ...]


class Judged(NamedTuple):
    """What came of a piece."""

    findings: tuple[Finding, ...]
    journeys: tuple[tuple[float, JourneySummary], ...]
    """With a number by which those are in order that had to make room; infinite for the others."""
    told: tuple[Event, ...]


# Which exchanges belong together


def _ties(exchange: Exchange) -> tuple[set[Tie], set[Tie]]:
    """What ties an exchange to all that have the same; and what does so only where it is certain of another one.

    A browser matters where it begins logins: else all that an app's back end redeems would be in one piece. What a
    Referer carries matters where it is a code.
    """
    own, target = read_asked(exchange).own, location_target(exchange)
    carried = [own.query]
    if target:
        carried += target.query, target.fragment
    if exchange.request_body and token_path(exchange.path):
        carried.append(read_token_request(exchange).form or parse_parameters(None))
    browser = {_tie("browser", *exchange.browser)}
    found = {_tie(name, value) for one in carried for name, value in one.pairs if value and name in ("code", "state")}
    found |= {
        _tie("place", one.uri.endpoint, one.uri.query)
        for one in (own, target)
        if one and one.uri and one.query.has(*CALLBACK_NAMES)
    }
    referer = header(exchange.request_headers, "referer") or ""
    named = parse_parameters(referer.partition("?")[2].partition("#")[0])
    in_referer = {_tie("code", value) for _, value in named.pairs}
    return (found | browser, in_referer) if authorize_path(exchange.path) else (found, in_referer | browser)


def _tie(*parts: object) -> Tie:
    return blake2b(repr(parts).encode(), digest_size=8).digest()


def _pieces(tied: Sequence[tuple[set[Tie], set[Tie]]], most: int) -> list[int]:
    """For each exchange, by its ties, in which of up to ``most`` pieces it is judged."""
    parent = list(range(len(tied)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = index = parent[parent[index]]
        return index

    first: dict[Tie, int] = {}
    for index, (certain, _) in enumerate(tied):
        for tie in certain:
            parent[root(index)] = root(first.setdefault(tie, index))
    for index, (_, possible) in enumerate(tied):
        for tie in possible & first.keys():
            parent[root(index)] = root(first[tie])
    roots = [root(index) for index in range(len(tied))]
    sizes: defaultdict[int, int] = defaultdict(int)
    for one in roots:
        sizes[one] += 1
    loads = [(0, number) for number in range(most)]
    placed = {}
    for one in sorted(sizes, key=lambda one: (-sizes[one], one)):
        load, number = loads[0]
        placed[one] = number
        heapq.heapreplace(loads, (load + sizes[one], number))
    return [placed[one] for one in roots]


def split(stream: Iterable[Exchange | float], most: int) -> list[list[Turn]]:
    """What an engine would be fed with in up to ``most`` pieces."""
    held = list(_turns(stream))
    parts: list[list[Turn]] = [[] for _ in range(most)]
    for turn, piece in zip(held, _pieces([_ties(turn.exchange) for turn in held], most), strict=True):
        parts[piece].append(turn)
    return parts


def _turns(stream: Iterable[Exchange | float]) -> Iterator[Turn]:
    """The exchanges of what an engine would be fed with."""
    now = 0.0
    for place, one in enumerate(stream):
        if isinstance(one, Exchange):
            yield Turn(place, now, one)
        started = one.started if isinstance(one, Exchange) else one
        now = now if started is None else max(now, started)


# What pieces tell each other


class _Log:
    def __init__(self, piece: int) -> None:
        self._piece = piece
        self.when: When = (0, False, 0)
        self.events: list[Event] = []

    def tell(self, what: str, *about: Any) -> None:
        self.events.append(Event(self.when, self._piece, what, about))


class _Ageing[K, V](Ageing[K, V]):
    """A memory in which the others' entries take up room, too."""

    __slots__ = ("_log", "_name", "_numbers")

    def __init__(self, name: str, log: _Log) -> None:
        super().__init__()
        self._name, self._log = name, log
        self._numbers: dict[K, int] = {}
        """Keys by order of appearance: they themselves are others in each process."""

    def __setitem__(self, key: K, value: V) -> None:
        self._log.tell("kept", self._name, self._numbers.setdefault(key, len(self._numbers)))
        super().__setitem__(key, value)

    def hear(self, piece: int, number: int) -> None:
        super().__setitem__(cast("K", (piece, number)), cast("V", None))


class _History(History):
    _SHARED = ("_endpoints", "_tallies")

    def __init__(self, limits: Limits, log: _Log) -> None:
        super().__init__(limits)
        self._log = log
        for name, memory in list(vars(self).items()):
            if isinstance(memory, Ageing) and name not in self._SHARED:
                setattr(self, name, _Ageing(name, log))

    def expect_callback(self, endpoint: Endpoint | None, *, landed: bool) -> None:
        if endpoint:
            self._log.tell("expected", endpoint, landed)
        super().expect_callback(endpoint, landed=landed)

    def tally(self, client_id: str | None, *, begun: int = 0, landed: int = 0) -> None:
        if client_id is not None:
            self._log.tell("tallied", client_id, begun, landed)
        super().tally(client_id, begun=begun, landed=landed)

    def hear(self, piece: int, what: str, about: tuple[Any, ...]) -> None:
        if what == "kept":
            name, number = about
            vars(self)[name].hear(piece, number)
        elif what == "expected":
            endpoint, landed = about
            super().expect_callback(endpoint, landed=landed)
        else:
            client_id, begun, landed = about
            super().tally(client_id, begun=begun, landed=landed)


class _Other(NamedTuple):
    """A journey of another piece: it takes up room."""

    id: str


class _Journeys(Journeys):
    def __init__(self, most: int, log: _Log) -> None:
        super().__init__(most)
        self._log = log
        self._removed = 0
        self.made_room: dict[str, int] = {}
        """Which of all journeys that had to make room were own ones, and the how manieth."""

    def __iter__(self) -> Iterator[Journey]:
        return (journey for journey in super().__iter__() if not isinstance(journey, _Other))

    def add(self, journey: Journey) -> None:
        super().add(journey)
        self._log.tell("begun", journey.number)

    def settle(self, journey: Journey) -> None:
        waited = journey.id in self._waiting
        super().settle(journey)
        if waited and journey.id not in self._waiting:
            self._log.tell("landed", journey.number)

    def touch(self, journey: Journey, at: float | None) -> None:
        super().touch(journey, at)
        self._log.tell("moved", journey.number)

    def remove(self, journey: Journey) -> Journey:
        if not isinstance(journey, _Other):
            return super().remove(journey)
        self._waiting.pop(journey.id, None)
        self._finished.pop(journey.id, None)
        return journey

    def overflow(self) -> Iterator[Journey]:
        for journey in super().overflow():
            self._removed += 1
            if not isinstance(journey, _Other):
                self.made_room[journey.id] = self._removed
                yield journey

    def hear(self, name: str, what: str) -> None:
        if what == "begun":
            self._waiting[name] = cast("Journey", _Other(name))
        elif what == "landed":
            if other := self._waiting.pop(name, None):
                self._finished[name] = other
        else:
            for journeys in (self._waiting, self._finished):
                if name in journeys:
                    journeys.move_to_end(name)


class _Engine(Engine):
    """Judges one piece, and hears of the others."""

    def __init__(self, project: Project, redactor: Redactor, capture: str, piece: int) -> None:
        super().__init__(project.config, project.book, redactor, capture)
        self._piece, self._log = piece, _Log(piece)
        self._journeys = self._docket.journeys = _Journeys(project.config.limits.open_journeys, self._log)
        self._history = self._docket.history = _History(project.config.limits, self._log)

    def judge(self, held: Sequence[Turn], heard: Sequence[Event]) -> Judged:
        others = deque(event for event in heard if event.piece != self._piece)
        own: list[tuple[When, Turn]] = [((turn.place, True, 0), turn) for turn in held]
        own += (((max(0, turn.place - _AHEAD), False, turn.place), turn) for turn in held if turn.exchange.injected)
        verdicts: list[Verdict] = []
        for when, turn in sorted(own, key=itemgetter(0)):
            while others and others[0].when < when:
                self._hear(others.popleft())
            self._log.when = when
            if when[1]:
                verdicts += self.pass_by(turn.now), self.feed(turn.exchange)
            else:
                self.announce(turn.exchange)
        for event in others:
            self._hear(event)
        verdicts.append(self.close())
        made_room = self._journeys.made_room
        return Judged(
            tuple(finding for verdict in verdicts for finding in verdict.findings),
            tuple((made_room.get(one.journey, inf), one) for verdict in verdicts for one in verdict.closed),
            tuple(self._log.events),
        )

    def _hear(self, event: Event) -> None:
        _, piece, what, about = event
        if what in _OF_JOURNEYS:
            self._journeys.hear(f"{piece}.{about[0]}", what)
            if what == "moved":
                for journey in self._journeys.overflow():
                    self._close(journey, had_to_make_room=True)
        else:
            self._history.hear(piece, what, about)


def judge_piece(
    held: Sequence[Turn], heard: Sequence[Event], project: Project, redactor: Redactor, capture: str, piece: int
) -> Judged:
    """Judge one piece, given all that the pieces told each other before."""
    return _Engine(project, redactor, capture, piece).judge(held, heard)


def without_rules(project: Project) -> Project:
    """What is enough to know what pieces tell each other."""
    return project._replace(book=RuleBook(()))


def told(judged: Iterable[Judged]) -> list[Event]:
    """All that the pieces tell each other, in order."""
    return list(heapq.merge(*(one.told for one in judged), key=itemgetter(0)))


def united(judged: Sequence[Judged]) -> tuple[list[Finding], list[JourneySummary]]:
    """Findings and journeys as one engine gives them, journeys numbered in the order in which they began."""
    begun = [(event.piece, event.about[0]) for event in told(judged) if event.what == "begun"]
    names = {(piece, f"j{number}"): f"j{place}" for place, (piece, number) in enumerate(begun, 1)}
    findings = [
        replace(finding, journey=names[piece, finding.journey]) if finding.journey else finding
        for piece, one in enumerate(judged)
        for finding in one.findings
    ]
    journeys = [
        (made_room, replace(journey, journey=names[piece, journey.journey]))
        for piece, one in enumerate(judged)
        for made_room, journey in one.journeys
    ]
    journeys.sort(key=lambda pair: (pair[0], int(pair[1].journey[1:])))
    return by_place(findings), [journey for _, journey in journeys]


def judge_in_pieces(
    stream: Iterable[Exchange | float], most: int, project: Project, redactor: Redactor, capture: str
) -> tuple[list[Finding], list[JourneySummary]]:
    """What one engine comes to that is fed with ``stream``."""
    parts = split(stream, most)

    def judge_all(by: Project, heard: Sequence[Event]) -> list[Judged]:
        return [judge_piece(part, heard, by, redactor, capture, piece) for piece, part in enumerate(parts)]

    heard = told(judge_all(without_rules(project), []))
    while (new := told(judged := judge_all(project, heard))) != heard:
        heard = new
    return united(judged)
