"""What is put on a shelf comes back as it was, in order, however much it is."""

from __future__ import annotations

import pickle

import pytest

from lp_sentinel import shelf
from lp_sentinel.shelf import Shelf


@pytest.mark.parametrize("kept", [0, 3, 100])
def test_order_and_length(kept: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelf, "_KEPT", kept)
    things = [f"thing {place}" * 50 for place in range(20)]
    held = Shelf(things)
    assert (list(held), list(held), len(held)) == (things, things, 20)
    assert things[7] in held
    assert "nothing" not in held
    held.sort([(place % 4, place) for place in range(20)])
    expected = [*things[::4], *things[1::4], *things[2::4], *things[3::4]]
    assert list(held) == [held[place] for place in range(20)] == held[:] == expected
    assert (held[-1], held[2:4]) == (expected[-1], expected[2:4])
    again: Shelf[str] = pickle.loads(pickle.dumps(held))  # noqa: S301  (our own)
    assert list(again) == expected


def test_two_can_go_through_it_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelf, "_KEPT", 0)
    held = Shelf(range(5))
    assert [(one, list(held)) for one in held] == [(one, [0, 1, 2, 3, 4]) for one in range(5)]


def test_adding_goes_on_after_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelf, "_KEPT", 0)
    held = Shelf(range(2))
    assert next(iter(held)) == 0
    held.add(2)
    assert list(held) == [0, 1, 2]
