"""Findings and journeys of a capture, of which there may be more than fit in memory."""

from __future__ import annotations

import pickle
import tempfile
import weakref
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, overload

_KEPT = 2_000
"""So many are kept as they are; the others go to a temporary file."""


class Shelf[T](Sequence[T]):
    """Things in the order in which they were put here, or sorted. It takes some 20 bytes for each, and no more."""

    def __init__(self, things: Iterable[T] = ()) -> None:
        self._kept: list[T] = []
        self._ends = array("Q", [0])
        self._file: Any = None
        self._order: list[int] | None = None
        for thing in things:
            self.add(thing)

    def add(self, thing: T) -> None:
        if len(self._kept) < _KEPT:
            self._kept.append(thing)
            return
        if self._file is None:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115  (closed when nobody has the shelf any more)
            weakref.finalize(self, self._file.close)
        self._file.seek(self._ends[-1])
        size: int = self._file.write(pickle.dumps(thing, pickle.HIGHEST_PROTOCOL))
        self._ends.append(self._ends[-1] + size)

    def sort[K: tuple[object, ...]](self, keys: list[K]) -> None:
        """Sort by ``keys``, of which there is one for each thing."""
        self._order = sorted(range(len(self)), key=keys.__getitem__)

    def __len__(self) -> int:
        return len(self._kept) + len(self._ends) - 1

    def __iter__(self) -> Iterator[T]:
        return map(self._get, range(len(self)) if self._order is None else self._order)

    @overload
    def __getitem__(self, place: int) -> T: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[T]: ...

    def __getitem__(self, place: int | slice) -> T | Sequence[T]:
        numbers = range(len(self)) if self._order is None else self._order
        return self._get(numbers[place]) if isinstance(place, int) else [*map(self._get, numbers[place])]

    def __reduce__(self) -> tuple[Callable[[Iterable[T]], Shelf[T]], tuple[list[T]]]:
        return Shelf, (list(self),)

    def _get(self, number: int) -> T:
        if number < len(self._kept):
            return self._kept[number]
        number -= len(self._kept)
        begin, end = self._ends[number : number + 2]
        self._file.seek(begin)
        thing: T = pickle.loads(self._file.read(end - begin))  # noqa: S301  (written by this process)
        return thing
