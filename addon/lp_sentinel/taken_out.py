"""What tools leave in place of what they took out of a capture: the same for all, so it tells no two secrets apart."""

from __future__ import annotations

import re

_DONE = "redacted|removed|masked|filtered|sanitized|obfuscated"
_LEFT = re.compile(
    rf"(?i)[\[<(_*]{{0,4}} ?(?:[\w.\-]{{1,40}} ){{0,2}}(?:{_DONE}) ?[\])>_*]{{0,4}}"
    # In brackets it may name the kind of what stood there, or say it in words that alone could be anything.
    rf"|[\[<](?:[\w.\-/:+;= ]{{0,80}}[ :_])?(?:{_DONE}|hidden|scrubbed)(?:[ :_][\w.\-]{{1,40}})?[\]>]"
    r"|(?-i:REDACTED_[A-Z_]{1,40})|[•●█]{2,}|[*•●█]{3,}"
)
_LAST, _FIRST = frozenset("])>dD_*•●█"), "REDACTED_"
"""How one of these ends, or begins: it is asked of every code and state, and few are like that."""
NOT_RECORDED = "[removed]"
"""One that stands where a capture holds nothing of what there must have been."""


def is_taken_out(value: str | None) -> bool:
    """Whether a value such as ``[code redacted]`` stands for one that is not known."""
    return value is not None and (value[-1:] in _LAST or value.startswith(_FIRST)) and bool(_LEFT.fullmatch(value))


def known(value: str | None) -> str | None:
    """The value, or ``None`` where it was taken out."""
    return None if is_taken_out(value) else value
