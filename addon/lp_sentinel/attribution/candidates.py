"""The journeys that a request may belong to, and the likeliest of several."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from itertools import islice

from lp_sentinel.attribution.clues import Clues, Lead, follows
from lp_sentinel.journey import Journey, Journeys

_FEW = 200
"""Of more logins of one browser that wait, the older ones were given up, unless something tells of them."""


def waiting_for(journeys: Journeys, clues: Clues, lead: Lead | None = None) -> Collection[Journey]:
    """The waiting journeys of a browser: of very many the newest, and the newest of which the request tells.

    It follows their chain, leads to their app (or is a callback there), or has a parameter of their pages.
    """
    waiting = journeys.waiting_in(clues.browser)
    if len(waiting) <= _FEW:
        return waiting
    young, old = waiting[:_FEW], waiting[_FEW:]
    apps, carried = lead.apps if lead else (clues.own.endpoint,), frozenset(map(hash, clues.own.query.pairs))
    chained = (journey for journey in old if follows(journey, clues))
    told = (j for j in old if not (j.app_endpoints.isdisjoint(apps) and j.carried.isdisjoint(carried)))
    return dict.fromkeys((*young, *islice(chained, _FEW), *islice(told, _FEW)))


def narrowed(journeys: list[Journey], *tests: Callable[[Journey], bool]) -> list[Journey]:
    """The journeys that pass each of ``tests`` in turn. A test that no journey passes is ignored."""
    for test in tests:
        if len(journeys) > 1:
            journeys = [journey for journey in journeys if test(journey)] or journeys
    return journeys


def newest(journeys: Iterable[Journey]) -> Journey | None:
    """The one that moved last."""
    return max(journeys, key=lambda journey: (journey.last, journey.number), default=None)
