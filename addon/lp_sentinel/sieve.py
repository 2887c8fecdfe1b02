"""Which flows have nothing to do with a login: nearly all, so they are told from few of their bytes."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from lp_sentinel.captures.parts import plain_host, split_authority
from lp_sentinel.exchange import as_text
from lp_sentinel.reach import leads_back, names_login
from lp_sentinel.relevance import Learnt, Relevance
from lp_sentinel.uri import CACHED_LENGTH

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mitmproxy.http import HTTPFlow, RequestData

    from lp_sentinel.config import Config
    from lp_sentinel.exchange import Exchange

try:
    from lp_sentinel.fields import first, may_name_login, values
except ImportError:  # it was not compiled

    def may_name_login(path: bytes) -> bool:
        """Whether a request's path and query may be those of a step of a login: if in doubt, they are."""
        # As text, a character for each byte: that is searched in less time.
        target = path.decode("latin-1")
        if "=" in target and ("code=" in target or "state=" in target or "error=" in target or "%" in target):
            return True
        return "sentinel" in target.lower()

    def values(fields: tuple[tuple[bytes, bytes], ...], name: bytes) -> Sequence[bytes]:
        """The values of the header ``name`` (lower-case), in order."""
        size = len(name)
        # Most names are of another length, so few are put into lower case.
        return [value for key, value in fields if len(key) == size and key.lower() == name]

    def first(fields: tuple[tuple[bytes, bytes], ...], name: bytes) -> bytes | None:
        """The first of them; ``None`` if there is none."""
        return next(iter(values(fields, name)), None)


_LONGEST_NAME = 300
_MOST_KNOWN = 10_000
_BEHIND_SCHEME = len("https://")


class Sieve:
    """Lets by what the engine would ignore, told by as little as can be.

    By its path alone a request can belong to a login, and by its Location a response. By its host or Referer a request
    can only if its client was seen to log in: no other client has a login that it could be a step of. But once a code
    has landed, any Referer may tell it, whoever sends it.
    """

    def __init__(self, config: Config, *, lets_none_by: bool = False) -> None:
        self.lets_none_by = lets_none_by
        """What comes may come before what tells of it."""
        self.ended = 0
        """How many flows have."""
        self._begun: set[HTTPFlow] = set()
        """Requests that wait for their answer since :meth:`take_begun` was called last."""
        self.waiting: set[HTTPFlow] = set()
        """Those that have waited for longer."""
        self._relevance = Relevance(config)
        self._clients: set[str | None] = set()
        """Those that were seen to log in last, and before."""
        self._former: set[str | None] = set()
        self._has_code = False
        """Whether any has landed."""
        self._most_clients = _most_clients(config)
        self._hosts: set[str | bytes] = set()
        """What has been looked into and is of no concern, as long as no more hosts are learnt."""
        self._origins: set[bytes] = set()
        """Of Referers: the same."""
        self._pages: set[bytes] = set()
        """Whole Referers: the same, and as long as no more codes are."""

    def change(self, config: Config) -> None:
        """Go by another config from now on: what was of no concern may be now."""
        self._relevance.change(config)
        self._most_clients = _most_clients(config)
        self._forget(Learnt(host=True))

    def begin(self, flow: HTTPFlow) -> None:
        """A request has been read."""
        if flow.response is None:
            self._begun.add(flow)

    def take_begun(self) -> set[HTTPFlow]:
        """The requests that have come to wait for their answer since this was called last."""
        begun, self._begun = self._begun, set()
        self.waiting |= begun
        return begun

    def stop_waiting(self, flow: HTTPFlow) -> None:
        """A request has been answered, even if it has not come to its end."""
        self._begun.discard(flow)
        self.waiting.discard(flow)

    def waits_for(self, flow: HTTPFlow) -> bool:
        """Whether a request has not come to its end."""
        return flow in self._begun or flow in self.waiting

    def lets_by(self, flow: HTTPFlow) -> bool:
        """A response has been read, or the connection failed. Whether it certainly has nothing to do with a login."""
        self.ended += 1
        self.stop_waiting(flow)
        if self.lets_none_by:
            return False
        request, peer, response = flow.request.data, flow.client_conn.peername, flow.response
        if may_name_login(request.path) and names_login(as_text(request.path)):
            return False
        client = peer[0] if peer else None
        if client in self._clients or client in self._former:
            if self._touches_login(request):
                return False
        elif self._has_code and self._comes_from_login(request):
            return False
        # The first Location is the one that counts.
        location = first(response.data.headers.fields, b"location") if response else None
        return location is None or not leads_back(as_text(location))

    def _touches_login(self, request: RequestData) -> bool:
        """Whether a request goes to where logins lead, or comes from there.

        It may name several hosts; none of them must be of concern.
        """
        hosts, fields = self._hosts, request.headers.fields
        for referer in values(fields, b"referer"):
            if referer not in self._pages and self._is_of_login(referer):
                return True
        for named in values(fields, b"host"):
            if named not in hosts and self._is_concerned(named):
                return True
        host = request.authority or request.host
        return host not in hosts and self._is_concerned(host)

    def _comes_from_login(self, request: RequestData) -> bool:
        """Whether a request names a page of a login, or a code: in its Referer, the first if there are several."""
        referer = first(request.headers.fields, b"referer")
        return referer is not None and referer not in self._pages and self._is_of_login(referer)

    def _is_concerned(self, named: str | bytes) -> bool:
        """Whether a login may lead to a host. A name that can't be read leaves it open which host counts."""
        host = plain_host(named) if isinstance(named, str) else _named_host(named)
        if host is None or self._relevance.concerns(host):
            return True
        _note(self._hosts, named)
        return False

    def _is_of_login(self, referer: bytes) -> bool:
        """Whether a Referer is of a page of a login, or tells a code."""
        page = referer.strip(b" \t")
        origin = page[: page.find(b"/", _BEHIND_SCHEME) + 1] or page
        if origin not in self._origins:
            if self._relevance.is_of_login(as_text(origin.partition(b"?")[0])):
                return True
            _note(self._origins, origin)
        if b"?" in referer and self._relevance.tells_code(as_text(page)):
            return True
        _note(self._pages, referer)
        return False

    def learn(self, exchange: Exchange) -> bool:
        """Note what an exchange makes relevant if it is seen to be a step of a login; whether it is."""
        is_step = self._relevance.is_step(exchange)
        if is_step:
            self.learn_step(exchange)
        return is_step

    def learn_step(self, exchange: Exchange) -> None:
        """Note what a step of a login makes relevant."""
        self._forget(self._relevance.learn(exchange))
        if len(self._clients) >= self._most_clients:
            self._clients, self._former = set(), self._clients
        self._clients.add(exchange.client)

    def _forget(self, learnt: Learnt) -> None:
        """What was of no concern may be now."""
        if learnt.host:
            self._hosts.clear()
            self._origins.clear()
        if learnt.host or learnt.code:
            self._pages.clear()
        self._has_code |= learnt.code


def _most_clients(config: Config) -> int:
    return max(_MOST_KNOWN, config.limits.open_journeys)


def _note[T: str | bytes](known: set[T], one: T) -> None:
    if len(one) > CACHED_LENGTH:
        return
    if len(known) >= _MOST_KNOWN:
        known.clear()
    known.add(one)


def glance(flow: HTTPFlow) -> tuple[str, str]:
    """Host and target of a request, read as cheaply as can be."""
    request = flow.request.data
    host = _named_host(request.authority) if request.authority else None
    for named in values(request.headers.fields, b"host") if host is None else ():
        host = host or _named_host(named)
    return host or plain_host(request.host), as_text(request.path)


def _named_host(authority: bytes) -> str | None:
    """The host of a Host header; ``None`` if it names none."""
    return _read_host(authority) if len(authority) <= _LONGEST_NAME else None


@lru_cache(maxsize=1024)
def _read_host(authority: bytes) -> str | None:
    named = split_authority(as_text(authority))
    return named[0] if named else None
