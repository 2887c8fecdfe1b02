"""The hops of a login, of which a page that asks again and again whether somebody has signed in makes many."""

from __future__ import annotations

import marshal
import zlib
from collections.abc import Iterable, Iterator
from functools import lru_cache

from msgspec.structs import astuple

from lp_sentinel.finding import JourneyHop

_LOOSE = 32
"""So many of the newest are kept as they are, and most logins take no more; those before them are packed together."""
_QUICK = 1
"""zlib's level: hops of one login are so much alike that more work gains little."""


class Chain:
    """Hops in their order. One that is packed takes some 50 bytes instead of 800."""

    __slots__ = ("_loose", "_packed")

    def __init__(self) -> None:
        self._packed: list[bytes] = []
        self._loose: list[JourneyHop] = []

    def append(self, hop: JourneyHop) -> None:
        if len(self._loose) == _LOOSE:
            self._packed.append(_packed(self._loose))
            self._loose.clear()
        self._loose.append(hop)

    @property
    def last(self) -> JourneyHop:
        """Raises IndexError if there is none."""
        return self._loose[-1]

    def __len__(self) -> int:
        return _LOOSE * len(self._packed) + len(self._loose)

    def __iter__(self) -> Iterator[JourneyHop]:
        for packed in self._packed:
            yield from _unpacked(packed)
        yield from self._loose


def _packed(hops: Iterable[JourneyHop]) -> bytes:
    return zlib.compress(marshal.dumps([*map(astuple, hops)]), _QUICK)


@lru_cache(64)  # live, a login is shown anew with each of its hops
def _unpacked(packed: bytes) -> list[JourneyHop]:
    each = marshal.loads(zlib.decompress(packed))  # noqa: S302  (packed by this program, in this run)
    return [JourneyHop(*values) for values in each]
