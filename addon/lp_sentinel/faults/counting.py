"""When a fault's turn has come: a matter of seed, name and count, so that the same traffic gets the same faults."""

from __future__ import annotations

from hashlib import blake2b

from lp_sentinel.faults.plan import Fault, Times

_BYTES = 8


def chance(seed: int, name: str, *more: object) -> float:
    """A number from 0 up to 1, always the same for the same arguments."""
    digest = blake2b(repr((seed, name, *more)).encode(), digest_size=_BYTES).digest()
    return int.from_bytes(digest) / float(1 << 8 * _BYTES)


def made_up(seed: int, name: str, count: int, what: str) -> str:
    """A value that no server gave, and that says so."""
    digest = blake2b(repr((seed, name, count, what)).encode(), digest_size=_BYTES).hexdigest()
    return f"lp-authorize-{what}-{digest}"


def is_due(fault: Fault, count: int, injected: int, seconds: float) -> bool:
    """Whether the ``count``-th match (from 1) gets the fault, ``injected`` of which were injected before.

    ``seconds`` have passed since it was armed.
    """
    times = fault.times
    place = count - times.after
    return (
        place > 0
        and _chooses(times, place)
        and (times.max is None or injected < times.max)
        and (times.seconds is None or seconds <= times.seconds)
        and (times.percent is None or 100 * chance(fault.seed, fault.name, count) < times.percent)
    )


def is_ever_due(times: Times) -> bool:
    """Whether there is a match that ``first``, ``nth`` and ``every`` agree on."""
    return any(_chooses(times, place) for place in times.nth or (times.every or 1,))


def _chooses(times: Times, place: int) -> bool:
    return (
        (times.first is None or place <= times.first)
        and (not times.nth or place in times.nth)
        and (times.every is None or place % times.every == 0)
    )


def delay_of(fault: Fault, count: int) -> float:
    """Seconds."""
    return fault.do.delay + fault.do.jitter * chance(fault.seed, fault.name, count, "jitter")
