"""What tools leave in place of what they took out of a capture: the same for all, so it tells no two secrets apart."""

from __future__ import annotations

import re

_LEFT = re.compile(
    r"(?i)[\[<(_*]{0,4} ?(?:[\w.\-]{1,40} ){0,2}"
    r"(?:redacted|removed|masked|filtered|sanitized|obfuscated)"
    r" ?[\])>_*]{0,4}|[*•●]{3,}"
)
_LAST = frozenset("])>dD_*•●")
"""How one of these ends: it is asked of every code and state, and few end like that."""
NOT_RECORDED = "[removed]"
"""One that stands where a capture holds nothing of what there must have been."""


def is_taken_out(value: str | None) -> bool:
    """Whether a value such as ``[code redacted]`` stands for one that is not known."""
    return value is not None and value[-1:] in _LAST and _LEFT.fullmatch(value) is not None


def known(value: str | None) -> str | None:
    """The value, or ``None`` where it was taken out."""
    return None if is_taken_out(value) else value
