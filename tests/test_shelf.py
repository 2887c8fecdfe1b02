"""What is put on a shelf comes back as it was, in order, however much it is."""

from __future__ import annotations

import pickle
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from lp_sentinel import shelf
from lp_sentinel.shelf import Shelf


def shelved[T](things: Iterable[T], shared: Path | None = None) -> Shelf[T]:
    held = Shelf[T](shared)
    for thing in things:
        held.add(thing)
    return held


@pytest.mark.parametrize("kept", [0, 3, 100])
def test_order_and_length(kept: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelf, "_KEPT", kept)
    things = [f"thing {place}" * 50 for place in range(20)]
    held = shelved(things)
    assert (list(held), list(held), len(held)) == (things, things, 20)
    assert things[7] in held
    assert "nothing" not in held
    held.sort([place % 4 for place in range(20)])
    expected = [*things[::4], *things[1::4], *things[2::4], *things[3::4]]
    assert list(held) == [held[place] for place in range(20)] == held[:] == expected
    assert (held[-1], held[2:4]) == (expected[-1], expected[2:4])
    again: Shelf[str] = pickle.loads(pickle.dumps(held))  # noqa: S301  (our own)
    assert list(again) == expected


def test_two_can_go_through_it_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelf, "_KEPT", 0)
    held = shelved(range(5))
    assert [(one, list(held)) for one in held] == [(one, [0, 1, 2, 3, 4]) for one in range(5)]


def test_adding_goes_on_after_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelf, "_KEPT", 0)
    held = shelved(range(2))
    assert next(iter(held)) == 0
    held.add(2)
    assert list(held) == [0, 1, 2]


def test_what_weighs_much_is_not_kept() -> None:
    held = Shelf[str]()
    for number in range(10):
        held.add(f"{number}", 2_500)
    assert (len(held._kept), list(held)) == (4, [*"0123456789"])  # noqa: SLF001  (that is what weights are for)


def filled(count: int, shared: Path) -> Shelf[str]:
    held = shelved((f"thing {number}" for number in range(count)), shared)
    held.sort([-number for number in range(count)])
    return held


@pytest.mark.parametrize("count", [10, 11_000])
def test_a_shelf_of_another_process_takes_its_file_with_it(count: int, tmp_path: Path) -> None:
    with ProcessPoolExecutor(1) as pool:
        held = pool.submit(filled, count, tmp_path).result()
        assert not list(tmp_path.iterdir())
        assert list(held) == [f"thing {number}" for number in reversed(range(count))]
        again: Shelf[str] = pickle.loads(pickle.dumps(held))  # noqa: S301  (our own)
    assert list(again) == [f"thing {number}" for number in reversed(range(count))]
