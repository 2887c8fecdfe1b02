"""The small languages within a fault plan: durations, statuses, how many requests."""

from __future__ import annotations

import re

from lp_sentinel.faults.plan import Bounds, Statuses

_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_STATUS = re.compile(r"([1-5])(xx|[0-9]{2})")
_AT_MOST = re.compile(r"at most ([0-9]{1,9})")


class GrammarError(ValueError):
    """What is wrong; ``offset`` characters into the text."""

    def __init__(self, problem: str, offset: int = 0) -> None:
        super().__init__(problem)
        self.offset = offset


def duration(value: object) -> float:
    """Seconds, of a number or a text that the schema has found to be one."""
    if isinstance(value, int | float):
        return float(value)
    match = _DURATION.fullmatch(str(value))
    if match is None:
        raise GrammarError(f"expected a duration, not '{value}'")
    return float(match[1]) * _UNITS[match[2]]


def statuses(text: str) -> Statuses:
    """``none``, ``2xx``, ``2xx-4xx``, ``200-399``, and several of them with commas. Raises GrammarError."""
    if text == "none":
        return Statuses(())
    ranges, offset = [], 0
    for part in text.split(","):
        ranges.append(_range(part.strip(" "), offset + len(part) - len(part.lstrip(" "))))
        offset += len(part) + 1
    return Statuses(tuple(ranges))


def _range(part: str, offset: int) -> tuple[int, int]:
    first, dash, last = part.partition("-")
    low, high = _bounds(first, offset), _bounds(last, offset + len(first) + 1) if dash else _bounds(first, offset)
    if low[0] > high[1]:
        raise GrammarError(f"the range '{part}' is empty", offset)
    return low[0], high[1]


def _bounds(text: str, offset: int) -> tuple[int, int]:
    match = _STATUS.fullmatch(text)
    if match is None:
        raise GrammarError(f"expected none, or statuses such as 2xx-4xx or 302, not '{text}'", offset)
    hundreds = 100 * int(match[1])
    return (hundreds, hundreds + 99) if match[2] == "xx" else (hundreds + int(match[2]),) * 2


def bounds(text: str, *, may_be_sent: bool) -> Bounds:
    """``none``, ``sent`` (where that makes sense), ``at most N``. Raises GrammarError."""
    if text == "none":
        return Bounds(0, 0)
    if text == "sent" and may_be_sent:
        return Bounds(1, None)
    if match := _AT_MOST.fullmatch(text):
        return Bounds(0, int(match[1]))
    raise GrammarError(f"expected none,{' sent,' if may_be_sent else ''} or at most N, not '{text}'")
