"""Flows without bodies that are too large to matter: no more of such a one is held than a token exchange may have."""

from __future__ import annotations

from typing import Protocol

from lp_sentinel.captures.layout import LENGTH, LONGEST_LENGTH, flow_end
from lp_sentinel.exchange import LARGEST_BODY

_LARGE = LARGEST_BODY + 2 * LONGEST_LENGTH
"""Bytes that a value takes, its length included."""
_DROPPED = {b"7:content;": b"0:~", b"7:content,": b"0:~", b"9:websocket;": b"0:~", b"8:messages;": b"0:]"}
"""What may be large in a flow, and what stands for nothing of it. Texts were bytes in old versions."""
_HOLDS_THEM = frozenset({b"7:request;", b"8:response;", b"6:backup;", b"7:request,", b"8:response,"})
"""Where it may be. Of what kind a value is says its last byte, so that it can't be told from that."""
_LONGEST_KEY = 100
_DEEPEST = 2
"""In a flow, in its backup, in a message of that; what is deeper is no flow."""


class ByteSource(Protocol):
    """Bytes that are taken one after the other."""

    def peek(self, size: int) -> bytes: ...

    def read(self, size: int) -> bytes: ...

    def skip(self, size: int) -> None: ...


def without_bodies(source: ByteSource, size: int, depth: int = 0) -> bytes:
    """The dictionary of ``size`` bytes that comes next, without what is large in it; all of it if it is broken."""
    length = LENGTH.match(source.peek(LONGEST_LENGTH))
    if size <= _LARGE or length is None:
        return source.read(size)
    source.skip(length.end())
    left = size - length.end() - 1
    pieces: list[bytes] = []
    while 0 < (taken := flow_end(source.peek(LONGEST_LENGTH), 0)) <= min(left, _LONGEST_KEY):
        pieces.append(key := source.read(taken))
        left -= taken
        taken = flow_end(source.peek(LONGEST_LENGTH), 0)
        if not 0 < taken <= left:
            break
        if taken > _LARGE and key in _DROPPED:
            source.skip(taken)
            pieces.append(_DROPPED[key])
        else:
            goes_on = key in _HOLDS_THEM and depth < _DEEPEST
            pieces.append(without_bodies(source, taken, depth + 1) if goes_on else source.read(taken))
        left -= taken
    pieces.append(source.read(left))
    held = b"".join(pieces)
    return b"%d:%b%b" % (len(held), held, source.read(1))
