"""A session in mitmproxy, live or replayed: puts what ends in any order into the order in which it started."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING

from lp_sentinel.captures.flows import exchange_of
from lp_sentinel.captures.parts import plain_host, split_authority
from lp_sentinel.exchange import Exchange
from lp_sentinel.relevance import Relevance, carries_login, hints_at_login

if TYPE_CHECKING:
    from mitmproxy.http import HTTPFlow

    from lp_sentinel.config import Config
    from lp_sentinel.engine import Engine, Verdict

PATIENCE = 10.0
"""Seconds that an exchange is held back for one that started earlier and has not ended."""

_LONGEST_NAME = 300
_MOST_COLD = 10_000
_HOST, _REFERER, _LOCATION = len("host"), len("referer"), len("location")
"""A header's name is only compared where it is as long: most are not."""
_BEHIND_SCHEME = len("https://")


class LiveSession:
    """Feeds an engine from flows.

    Live, an exchange is judged as it ends, but not before those that started earlier and may belong to the same
    login: a callback request ends after the token exchange that it causes. In a replay all are judged at the end,
    since a flow file may list an exchange far behind what followed from it. So both come to the same findings.
    """

    def __init__(
        self, engine: Engine, config: Config, sink: Callable[[Exchange, Verdict], None], *, replay: bool = False
    ) -> None:
        self._engine = engine
        self._relevance = Relevance(config)
        self._sink = sink
        self._replay = replay
        self._held: list[tuple[float, int, Exchange]] = []
        self._pending: dict[str, float] = {}
        """Requests under way that may belong to a login: when they started, by flow id, in that order."""
        self._cold: set[str | bytes] = set()
        """Hosts, and origins of Referers, that are of no interest as long as no more hosts are learnt."""
        self._version = -1
        self._index = 0
        self._begun: dict[str, tuple[int, bool]] = {}
        """Requests under way: their place in the capture, and whether their target hints at a login."""

    @property
    def holds_back(self) -> bool:
        """Whether exchanges wait for an earlier one to end: call :meth:`release` from time to time."""
        return bool(self._held) and not self._replay

    def count_other(self) -> None:
        """Something else than HTTP passed: it takes a place in the capture, too."""
        self._index += 1

    def request(self, flow: HTTPFlow) -> None:
        """A request has been read."""
        index, self._index = self._index, self._index + 1
        hints = hints_at_login(flow.request.data.path)
        self._begun[flow.id] = index, hints
        if hints and not self._replay and names_login(flow):
            self._pending[flow.id] = flow.request.timestamp_start

    def response(self, flow: HTTPFlow) -> Exchange | None:
        """A response has been read, or the connection failed. Gives the exchange if it may belong to a login."""
        begun = self._begun.pop(flow.id, None)
        if begun is None:
            self.request(flow)
            begun = self._begun.pop(flow.id)
        index, hints = begun
        exchange = None
        if (hints or not self._passes_by(flow)) and self._relevance.matters(*glance(flow)):
            exchange = exchange_of(flow, index)
            self._relevance.learn(exchange)
            started = exchange.started if exchange.started is not None else 0.0
            self._engine.announce(exchange)
            heapq.heappush(self._held, (started, index, exchange))
        if hints:
            self._pending.pop(flow.id, None)
        if self._held and not self._replay:
            self.release()
        return exchange

    def _passes_by(self, flow: HTTPFlow) -> bool:
        """Whether a flow whose target hints at nothing certainly has nothing to do with a login.

        This is done for every flow: nothing is decoded, and each host and each origin of a Referer is looked into once.
        """
        relevance, request = self._relevance, flow.request.data
        if relevance.version != self._version or len(self._cold) > _MOST_COLD:
            self._version = relevance.version
            self._cold.clear()
        host: str | bytes = request.authority or request.host
        origin = b""
        for name, value in request.headers.fields:
            size = len(name)
            if size == _HOST and name.lower() == b"host":
                host = value
            elif size == _REFERER and name.lower() == b"referer":
                if relevance.knows_codes and b"?" in value:
                    return False
                origin = value[: value.find(b"/", _BEHIND_SCHEME) + 1] or value
        if host not in self._cold or (origin and origin not in self._cold):
            if self._relevance.matters(*glance(flow)):
                return False
            self._cold |= {host, origin}
        for name, _ in flow.response.data.headers.fields if flow.response else ():
            if len(name) == _LOCATION and name.lower() == b"location":
                return False
        return True

    def release(self) -> None:
        """Judge what no earlier request holds back any more."""
        now = time.time()
        waited_for = (start for start in self._pending.values() if start > now - PATIENCE)
        earliest = min(waited_for, default=float("inf"))
        while self._held and self._held[0][0] <= earliest:
            self._judge()

    def go_live(self) -> None:
        """The file of a replay has been read: judge what it held, and from now on each exchange as it ends."""
        self.close()
        self._replay = False

    def close(self) -> None:
        """The session has ended: judge what is held back."""
        while self._held:
            self._judge()

    def _judge(self) -> None:
        _, _, exchange = heapq.heappop(self._held)
        self._sink(exchange, self._engine.feed(exchange))


def names_login(flow: HTTPFlow) -> bool:
    """Whether the request alone says that it belongs to a login: others need not be waited for."""
    target = flow.request.data.path.decode("utf-8", "surrogateescape")
    return "sentinel" in target.lower() or carries_login(target)


def glance(flow: HTTPFlow) -> tuple[str, str, str | None, str | None]:
    """Host, target, Referer and Location of a flow, read as cheaply as can be: this is done for every flow."""
    request = flow.request.data
    host = asked_host(request.authority) if request.authority else None
    referer = location = None
    for name, value in request.headers.fields:
        size = len(name)
        if size == len(b"host") and host is None and name.lower() == b"host":
            host = asked_host(value)
        elif size == len(b"referer") and name.lower() == b"referer":
            referer = value.decode("utf-8", "surrogateescape")
    if flow.response:
        for name, value in flow.response.data.headers.fields:
            if len(name) == len(b"location") and name.lower() == b"location":
                location = value.decode("utf-8", "surrogateescape")
                break
    return host or plain_host(request.host), request.path.decode("utf-8", "surrogateescape"), referer, location


def asked_host(authority: bytes) -> str | None:
    """The host of a Host header; ``None`` if it names none."""
    return _asked_host(authority) if len(authority) <= _LONGEST_NAME else None


@lru_cache(maxsize=1024)
def _asked_host(authority: bytes) -> str | None:
    named = split_authority(authority.decode("utf-8", "surrogateescape"))
    return named[0] if named else None
