"""The pieces of a capture judged, which together come to what one engine comes to.

What pieces share, however the capture was divided, is told to each of them, in the order of time: where apps are called
back, how many logins of a client landed, and what takes up room in memories that forget. A piece that hears of
something may judge otherwise and then let others hear otherwise. So this is repeated until nobody hears anything new;
what comes last is what one engine would have seen, as each event only depends on those before it.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from math import inf
from operator import itemgetter
from typing import Any, NamedTuple, cast

from msgspec.structs import replace

from lp_sentinel.check import AHEAD
from lp_sentinel.cluster.dividing import Turn
from lp_sentinel.config import Limits
from lp_sentinel.engine import Engine, Verdict
from lp_sentinel.finding import Finding, JourneySummary, by_place
from lp_sentinel.history import History
from lp_sentinel.journey import Journey, Journeys
from lp_sentinel.memory import Ageing
from lp_sentinel.project import Project
from lp_sentinel.redact import Redactor
from lp_sentinel.rules import RuleBook
from lp_sentinel.taken_out import is_taken_out
from lp_sentinel.token import LandedCode
from lp_sentinel.uri import Endpoint

type When = tuple[int, bool, int]
"""At whose turn; whether that itself, not an announcement made just before it; else the place of what is announced."""

_OF_JOURNEYS = frozenset({"begun", "landed", "moved"})


class Event(NamedTuple):
    """What others must hear of: of journeys, else of what else is remembered."""

    when: When
    now: float
    """When the newest exchange so far started: what time alone decides is known before what this may end."""
    piece: int
    what: str
    about: tuple[Any, ...]


class JudgedPiece(NamedTuple):
    """What came of a piece."""

    findings: tuple[Finding, ...]
    journeys: tuple[tuple[float, JourneySummary], ...]
    """With a number by which those are in order that had to make room; infinite for the others."""
    told: tuple[Event, ...]


class _Log:
    def __init__(self, piece: int) -> None:
        self._piece = piece
        self.when: When = (0, False, 0)
        self.now = 0.0
        self.events: list[Event] = []

    def tell(self, what: str, *about: Any) -> None:
        self.events.append(Event(self.when, self.now, self._piece, what, about))


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

    def note_landed_code(self, code: str, landed: LandedCode) -> None:
        if is_taken_out(code):
            self._log.tell("unknown")
        super().note_landed_code(code, landed)

    def hear(self, piece: int, what: str, about: tuple[Any, ...]) -> None:
        if what == "kept":
            name, number = about
            vars(self)[name].hear(piece, number)
        elif what == "unknown":
            self._has_unknown_codes = True
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
        """Own journeys that had to make room: which of all those that had to each was, counted from 1."""

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
        super().__init__(project, redactor, capture)
        self._piece, self._log = piece, _Log(piece)
        self._journeys = self._docket.journeys = _Journeys(project.config.limits.open_journeys, self._log)
        self._history = self._docket.history = _History(project.config.limits, self._log)

    def judge(self, held: Sequence[Turn], heard: Sequence[Event]) -> JudgedPiece:
        others = deque(event for event in heard if event.piece != self._piece)
        own: list[tuple[When, Turn]] = [((turn.place, True, 0), turn) for turn in held]
        own += (((max(0, turn.place - AHEAD), False, turn.place), turn) for turn in held if turn.exchange.injected)
        verdicts: list[Verdict] = []
        for when, turn in sorted(own, key=itemgetter(0)):
            while others and others[0].when < when:
                self._hear(others.popleft())
            self._log.when = when
            if when[1]:
                self._log.now = max(turn.now, turn.exchange.started or 0.0)
                verdicts += self.pass_by(turn.now), self.feed(turn.exchange)
            else:
                self.announce(turn.exchange)
        for event in others:
            self._hear(event)
        verdicts += self.close()
        made_room = self._journeys.made_room
        return JudgedPiece(
            tuple(finding for verdict in verdicts for finding in verdict.findings),
            tuple((made_room.get(one.journey, inf), one) for verdict in verdicts for one in verdict.closed),
            tuple(self._log.events),
        )

    def _hear(self, event: Event) -> None:
        _, now, piece, what, about = event
        self._docket.now = max(self._docket.now, now)
        self._pass_time()
        if what in _OF_JOURNEYS:
            self._journeys.hear(f"{piece}.{about[0]}", what)
            if what == "moved":
                for journey in self._journeys.overflow():
                    self._close(journey, had_to_make_room=True)
        else:
            self._history.hear(piece, what, about)


def judge_piece(
    held: Sequence[Turn], heard: Sequence[Event], project: Project, redactor: Redactor, capture: str, piece: int
) -> JudgedPiece:
    """Judge one piece, given all that the pieces told each other before."""
    return _Engine(project, redactor, capture, piece).judge(held, heard)


def without_rules(project: Project) -> Project:
    """What is enough to know what pieces tell each other."""
    return project._replace(book=RuleBook(()))


def told(judged: Iterable[JudgedPiece]) -> list[Event]:
    """All that the pieces tell each other, in order."""
    return list(heapq.merge(*(one.told for one in judged), key=itemgetter(0)))


def united(judged: Sequence[JudgedPiece]) -> tuple[list[Finding], list[JourneySummary]]:
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
