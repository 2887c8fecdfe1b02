"""What is remembered across journeys: digests in bounded maps that forget the oldest first."""

from __future__ import annotations

type Digest = int

_KEPT = 5_000


def digest(*parts: object) -> Digest:
    """A 64-bit digest of texts, keyed anew in each process: a memory of secrets that does not hold them.

    It is Python's own hash of text, SipHash with a random key (PEP 456).
    """
    return hash(parts)


class Ageing[K, V]:
    """A map that remembers at least the ``kept`` entries set last, and at most twice as many.

    It has two generations: when the young one is full it becomes the old one, and the old one is forgotten.
    """

    __slots__ = ("_kept", "_old", "_young", "forgot")

    def __init__(self, kept: int = _KEPT) -> None:
        self._kept = kept
        self._young: dict[K, V] = {}
        self._old: dict[K, V] = {}
        self.forgot = False
        """Whether entries were forgotten: "not in here" then no longer means "never seen"."""

    def get(self, key: K) -> V | None:
        value = self._young.get(key)
        return self._old.get(key) if value is None else value

    def __setitem__(self, key: K, value: V) -> None:
        self._young[key] = value
        if len(self._young) >= self._kept:
            self.forgot |= bool(self._old)
            self._old, self._young = self._young, {}

    def note(self: Ageing[K, bool], key: K) -> bool:
        """Set a key of a map that only tells which there are; whether it is new."""
        is_new = key not in self
        self[key] = True
        return is_new

    def __contains__(self, key: K) -> bool:
        return key in self._young or key in self._old

    def __bool__(self) -> bool:
        return bool(self._young or self._old)
