"""From flows to the engine, live or replayed: what ends in any order is put into the order in which it started."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING

from lp_sentinel.captures.flows import exchange_of
from lp_sentinel.captures.parts import finite
from lp_sentinel.captures.stream import Kind
from lp_sentinel.exchange import Exchange, as_text
from lp_sentinel.reach import names_login
from lp_sentinel.sieve import Sieve

if TYPE_CHECKING:
    from mitmproxy.http import HTTPFlow

    from lp_sentinel.config import Config
    from lp_sentinel.engine import Engine, Verdict

PATIENCE = 10.0
"""Seconds that an exchange is held back for one that started earlier and has not ended."""


class Feed:
    """Feeds an engine from flows.

    Live, an exchange is judged as it ends, but not before those that started earlier and may belong to the same
    login: a callback request ends after the token exchange that it causes. In a replay all are judged at the end,
    since a flow file may list an exchange far behind what followed from it. So both come to the same findings.
    """

    def __init__(
        self,
        engine: Engine,
        config: Config,
        sink: Callable[[Exchange, Verdict], None],
        *,
        replay: Kind | None = None,
    ) -> None:
        """``replay`` is what is read first, if anything is: a HAR lists its exchanges in any order."""
        self._engine = engine
        self.sieve = Sieve(config, lets_none_by=replay == "har")
        """What each flow goes through first. Only what it does not let by comes here."""
        self._sink = sink
        self._is_replay = replay is not None
        self._held: list[tuple[float, int, Exchange]] = []
        self._unexplained: set[int] = set()
        """Places of those held of which it is not known yet whether they are steps of a login."""
        self._awaited: list[tuple[float, int, HTTPFlow]] = []
        """Requests of logins that hold others back, by start: a heap; those that ended stay until they are its top."""
        self._numbers = count()
        self._others = 0

    @property
    def exchanges(self) -> int:
        """How many have ended."""
        return self.sieve.ended - self._others

    @property
    def holds_back(self) -> bool:
        """Whether exchanges wait for an earlier one to end: call :meth:`release` from time to time."""
        return bool(self._held) and not self._is_replay

    @property
    def places(self) -> tuple[int, int]:
        """How many flows have ended, and how many of them, or under way, are no exchanges of the session."""
        return self.sieve.ended, self._others

    def go_on_from(self, ended: int, others: int) -> None:
        """Count on from what another session has come to."""
        self.sieve.ended, self._others = ended, others

    def leave_out(self) -> None:
        """A flow under way is no exchange of the session: when it ends, it only takes a place in the capture."""
        self._others += 1

    def count_other(self) -> None:
        """Something else than HTTP passed: it takes a place in the capture, too."""
        self.sieve.ended += 1
        self._others += 1

    def response(self, flow: HTTPFlow) -> Exchange:
        """A flow has just ended that the sieve does not let by: it is judged when its turn comes."""
        # Live, its place is the one that it has in a file to which all is written meanwhile.
        exchange = exchange_of(flow, self.sieve.ended - 1)
        if not self.sieve.learn(exchange):
            self._unexplained.add(exchange.index)
        self._engine.announce(exchange)
        heapq.heappush(self._held, (*_turn(exchange), exchange))
        if not self._is_replay:
            self.release()
        return exchange

    def holds(self, exchange: Exchange) -> bool:
        """Whether an exchange that has ended waits for its turn, in which they are judged one by one."""
        return bool(self._held) and self._held[0][:2] <= _turn(exchange)

    def release(self) -> None:
        """Judge what no earlier request holds back any more."""
        for flow in filter(_names_login, self.sieve.take_begun()):
            heapq.heappush(self._awaited, (_started(flow), next(self._numbers), flow))
        earliest = self._earliest()
        while self._held and self._held[0][0] <= earliest:
            self._judge()

    def _earliest(self) -> float:
        """When the first of the requests started that are awaited, but not for too long."""
        since, awaited = time.time() - PATIENCE, self._awaited
        while awaited and (awaited[0][0] <= since or awaited[0][2] not in self.sieve.waiting):
            heapq.heappop(awaited)
        return awaited[0][0] if awaited else float("inf")

    def unanswered(self) -> list[HTTPFlow]:
        """The requests that still wait for their answer, in the order in which they started."""
        self.sieve.take_begun()
        return sorted(self.sieve.waiting, key=_started)

    def go_live(self) -> None:
        """The file of a replay has been read: judge what it held, and from now on each exchange as it ends."""
        self.close()
        self._is_replay = self.sieve.lets_none_by = False

    def close(self) -> None:
        """The session has ended: judge what is held back."""
        while self._held:
            self._judge()

    def _judge(self) -> None:
        _, _, exchange = heapq.heappop(self._held)
        verdict = self._engine.feed(exchange)
        if exchange.index in self._unexplained:
            self._unexplained.discard(exchange.index)
            if verdict.journey:
                self.sieve.learn_step(exchange)
        self._sink(exchange, verdict)


def _turn(exchange: Exchange) -> tuple[float, int]:
    return exchange.started or 0.0, exchange.index


def _started(flow: HTTPFlow) -> float:
    # Another addon may have put anything there.
    return finite(flow.request.timestamp_start) or 0.0


def _names_login(flow: HTTPFlow) -> bool:
    """Whether the request alone says that it belongs to a login: others need not be waited for."""
    return names_login(as_text(flow.request.data.path))
