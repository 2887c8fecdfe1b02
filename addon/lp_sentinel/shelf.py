"""Findings and journeys of a capture, of which there may be more than fit in memory."""

from __future__ import annotations

import pickle
import tempfile
import weakref
from array import array
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, overload

_KEPT = 10_000
"""Kilobytes, about, that are kept as they are; what comes after them goes to a temporary file."""


type _State[T] = tuple[list[T], array[int], array[int] | None, Path | None]


class Shelf[T](Sequence[T]):
    """Things in the order in which they were put here, or sorted. Of one in its file 20 bytes stay in memory.

    To another process it goes as a whole, unless both have a folder in common: then its file stays where it is, and
    belongs to the one who takes it.
    """

    def __init__(self, shared: Path | None = None) -> None:
        """``shared``: the folder for its file."""
        self._kept: list[T] = []
        self._weight = 0
        self._ends = array("Q", [0])
        self._shared = shared
        self._file: Any = None
        self._order: array[int] | None = None

    def add(self, thing: T, weight: int = 1) -> None:
        """``weight``: how much memory it takes, in kilobytes, about."""
        if self._weight < _KEPT and len(self._ends) == 1:
            self._kept.append(thing)
            self._weight += weight
            return
        if self._file is None:
            # It is closed when nobody has the shelf any more.
            if self._shared:
                self._file = tempfile.NamedTemporaryFile(dir=self._shared, delete=False)  # noqa: SIM115
            else:
                self._file = tempfile.TemporaryFile()  # noqa: SIM115
            weakref.finalize(self, self._file.close)
        self._file.seek(self._ends[-1])
        size: int = self._file.write(pickle.dumps(thing, pickle.HIGHEST_PROTOCOL))
        self._ends.append(self._ends[-1] + size)

    def sort(self, keys: Sequence[int]) -> None:
        """Sort by ``keys``, of which there is one for each thing."""
        self._order = array("Q", sorted(range(len(self)), key=keys.__getitem__))

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

    def __getstate__(self) -> _State[T]:
        if self._shared is None or self._file is None:
            return list(self), array("Q", [0]), None, None
        self._file.flush()
        return self._kept, self._ends, self._order, Path(self._file.name)

    def __setstate__(self, state: _State[T]) -> None:
        self.__init__()  # type: ignore[misc]
        self._kept, self._ends, self._order, file = state
        if file:
            self._file = file.open("r+b")
            weakref.finalize(self, self._file.close)
            with suppress(OSError):  # Windows removes none that is open; it goes with its folder
                file.unlink()

    def _get(self, number: int) -> T:
        if number < len(self._kept):
            return self._kept[number]
        number -= len(self._kept)
        begin, end = self._ends[number : number + 2]
        self._file.seek(begin)
        thing: T = pickle.loads(self._file.read(end - begin))  # noqa: S301  (written by this program, in this run)
        return thing
