"""Exchanges in a temporary file, small: each is read from its capture once, and taken out when its turn comes."""

from __future__ import annotations

import marshal
import tempfile
from array import array
from collections.abc import Iterable
from itertools import batched
from pathlib import Path
from shutil import copyfileobj
from typing import Self

from msgspec.structs import astuple

from lp_sentinel.exchange import Exchange

IN_MEMORY = 16 << 20
"""Bytes of a temporary file that are kept in memory."""
_AT_ONCE = 16
"""So many exchanges are written together."""
_AT_HAND = 4_000
"""So many exchanges are kept as they are: each is read two or three times, and most captures have no more."""
_LONGEST_AT_HAND = 4_000
"""Bytes of a packed one; in memory it takes about three times as many."""


def pack(exchange: Exchange) -> bytes:
    """An exchange but for its place, which is the first of its fields."""
    return marshal.dumps(astuple(exchange)[1:])


def unpack(packed: bytes, index: int) -> Exchange:
    """The exchange again, with its place in the capture."""
    return Exchange(index, *marshal.loads(packed))  # noqa: S302  (packed by this program, in this run)


class Spool:
    """Packed exchanges, numbered from 0."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115  (closed with the spool)
        self._ends = array("Q", [0])
        self._at_hand: dict[int, Exchange] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __len__(self) -> int:
        return len(self._ends) - 1

    def add(self, exchanges: Iterable[Exchange]) -> None:
        """Take some more, whose places are known."""
        for some in batched(exchanges, _AT_ONCE):
            packed = [*map(pack, some)]
            for number, (exchange, one) in enumerate(zip(some, packed, strict=True), len(self)):
                self._keep(number, exchange, len(one))
            self.extend(b"".join(packed), map(len, packed))

    def extend(self, packed: bytes | bytearray, sizes: Iterable[int]) -> None:
        """Take some that are packed one behind the other."""
        self._file.seek(self._ends[-1])
        self._file.write(packed)
        self._follow(sizes)

    def _follow(self, sizes: Iterable[int]) -> None:
        for size in sizes:
            self._ends.append(self._ends[-1] + size)

    def take(self, packed: Path, sizes: Iterable[int]) -> None:
        """Take over a file of some that are packed one behind the other."""
        self._file.seek(self._ends[-1])
        with packed.open("rb") as file:
            copyfileobj(file, self._file)
        packed.unlink()
        self._follow(sizes)

    def read(self, number: int, index: int) -> Exchange:
        """One of them; ``index`` is its place in the capture."""
        known = self._at_hand.get(number)
        if known is not None:
            return known
        begin, end = self._ends[number : number + 2]
        self._file.seek(begin)
        exchange = unpack(self._file.read(end - begin), index)
        self._keep(number, exchange, end - begin)
        return exchange

    def _keep(self, number: int, exchange: Exchange, size: int) -> None:
        if len(self._at_hand) < _AT_HAND and size <= _LONGEST_AT_HAND:
            self._at_hand[number] = exchange
