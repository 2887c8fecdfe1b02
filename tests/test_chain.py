"""A login's hops come back as they were, however many there are."""

from __future__ import annotations

import sys
import uuid

import pytest

from lp_sentinel.chain import Chain
from lp_sentinel.finding import JourneyHop


def hop(number: int) -> JourneyHop:
    return JourneyHop(
        index=number,
        flow=str(uuid.UUID(int=number << 64 | 0x123456789)),
        hop="login",
        method="GET",
        url=f"https://login.example/poll/\udcff{number % 3}",
        status=200 if number % 2 else None,
        error=None if number % 2 else "closed",
        started=None if number % 5 == 0 else 1_790_000_000.0 + number,
        answered=1_790_000_000.5 + number,
        leads_to="https://login.example/" if number % 7 == 0 else None,
        injected=number % 3 == 0,
    )


@pytest.mark.parametrize("count", [0, 1, 31, 32, 33, 200])
def test_hops_in_order(count: int) -> None:
    hops = [hop(number) for number in range(count)]
    chain = Chain()
    for number, one in enumerate(hops, 1):
        chain.append(one)
        assert (chain.last, len(chain)) == (one, number)
    assert list(chain) == list(chain) == hops


def test_many_take_little() -> None:
    chain = Chain()
    for number in range(20_000):
        chain.append(hop(number))
    assert sum(map(sys.getsizeof, chain._packed)) < 80 * len(chain)  # noqa: SLF001  (what it takes is what it is for)
