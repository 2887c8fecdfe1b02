"""A capture divided into pieces: exchanges that can have to do with one another come into one.

Those are the exchanges of a browser, and those that carry the same code or state or that lead to the same place.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from typing import NamedTuple

from lp_sentinel.exchange import Exchange, header
from lp_sentinel.landing import CALLBACK_NAMES
from lp_sentinel.paths import authorize_path, token_path
from lp_sentinel.target import location_target, request_target
from lp_sentinel.token import read_token_request
from lp_sentinel.uri import parse_parameters, sent_query

type _Tie = bytes
"""A digest of what exchanges may have in common: the same in all processes."""


class Turn(NamedTuple):
    """An exchange and where it comes in its capture."""

    place: int
    """Among all that one engine would be fed with, moments that pass included."""
    now: float
    """When the newest of those before it started."""
    exchange: Exchange


def divided(stream: Iterable[Exchange | float], most: int) -> list[list[Turn]]:
    """What an engine would be fed with in up to ``most`` pieces."""
    turns = list(_turns(stream))
    groups = _groups([_ties(turn.exchange) for turn in turns])
    pieces: list[list[Turn]] = [[] for _ in range(most)]
    piece_of = _shared_out(groups, most)
    for turn, group in zip(turns, groups, strict=True):
        pieces[piece_of[group]].append(turn)
    return pieces


def _turns(stream: Iterable[Exchange | float]) -> Iterator[Turn]:
    """The exchanges of what an engine would be fed with."""
    now = 0.0
    for place, one in enumerate(stream):
        if isinstance(one, Exchange):
            yield Turn(place, now, one)
        started = one.started if isinstance(one, Exchange) else one
        now = now if started is None else max(now, started)


def _ties(exchange: Exchange) -> tuple[set[_Tie], set[_Tie]]:
    """What ties an exchange to all that have the same; and what does so only where it is certain of another one.

    A browser matters where it begins logins: else all that an app's back end redeems would be in one piece. What a
    Referer carries matters where it is a code.
    """
    own, target = request_target(exchange), location_target(exchange)
    carried = [own.query]
    if target:
        carried += target.query, target.fragment
    if token_path(exchange.path) and (form := read_token_request(exchange).form):
        carried.append(form)
    browser = {_tie("browser", *exchange.browser)}
    found = {_tie(name, value) for one in carried for name, value in one.pairs if value and name in ("code", "state")}
    found |= {
        _tie("place", one.uri.endpoint, sent_query(one.uri.query or ""))
        for one in (own, target)
        if one and one.uri and one.query.has(*CALLBACK_NAMES)
    }
    referer = header(exchange.request_headers, "referer") or ""
    named = parse_parameters(referer.partition("?")[2].partition("#")[0])
    in_referer = {_tie("code", value) for _, value in named.pairs}
    return (found | browser, in_referer) if authorize_path(exchange.path) else (found, in_referer | browser)


def _tie(*parts: object) -> _Tie:
    return blake2b(repr(parts).encode(), digest_size=8).digest()


def _groups(tied: Sequence[tuple[set[_Tie], set[_Tie]]]) -> list[int]:
    """For each exchange, by its ties, the group of those that it must be judged with: the place of one of them."""
    parent = list(range(len(tied)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = index = parent[parent[index]]
        return index

    first: dict[_Tie, int] = {}
    for index, (certain, _) in enumerate(tied):
        for tie in certain:
            parent[root(index)] = root(first.setdefault(tie, index))
    for index, (_, possible) in enumerate(tied):
        for tie in possible & first.keys():
            parent[root(index)] = root(first[tie])
    return [root(index) for index in range(len(tied))]


def _shared_out(groups: Iterable[int], most: int) -> dict[int, int]:
    """In which of up to ``most`` pieces each group is judged: the largest first, each where there is least so far."""
    sizes = Counter(groups)
    loads = [(0, piece) for piece in range(most)]
    piece_of = {}
    for group in sorted(sizes, key=lambda one: (-sizes[one], one)):
        load, piece = loads[0]
        piece_of[group] = piece
        heapq.heapreplace(loads, (load + sizes[group], piece))
    return piece_of
