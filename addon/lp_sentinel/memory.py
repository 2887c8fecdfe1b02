"""What is remembered across journeys: keyed digests in bounded maps that forget the oldest first."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Callable
from hashlib import blake2b

type Digest = Callable[..., bytes]

_DIGEST_SIZE = 12
_MOST = 100_000


def new_digest() -> Digest:
    """A function from texts to a digest, keyed at random: a memory of secrets that does not hold them."""
    key = secrets.token_bytes(16)

    def digest(*parts: object) -> bytes:
        # repr keeps None apart from "None", and the parts apart from each other.
        return blake2b(repr(parts).encode("utf-8", "surrogatepass"), key=key, digest_size=_DIGEST_SIZE).digest()

    return digest


class Ageing[K, V]:
    """A map of at most ``most`` entries; the one that was set longest ago makes room."""

    __slots__ = ("_entries", "_most", "forgot")

    def __init__(self, most: int = _MOST) -> None:
        self._entries: OrderedDict[K, V] = OrderedDict()
        self._most = most
        self.forgot = False
        """Whether an entry had to make room: "not in here" then no longer means "never seen"."""

    def get(self, key: K) -> V | None:
        return self._entries.get(key)

    def __setitem__(self, key: K, value: V) -> None:
        self._entries[key] = value
        self._entries.move_to_end(key)
        if len(self._entries) > self._most:
            self._entries.popitem(last=False)
            self.forgot = True

    def __contains__(self, key: K) -> bool:
        return key in self._entries

    def __len__(self) -> int:
        return len(self._entries)
