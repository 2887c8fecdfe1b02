"""Ports for servers that have to be told theirs."""

from __future__ import annotations

import secrets
import socket
from contextlib import ExitStack, suppress

_LOWEST, _HOW_MANY = 20_000, 12_000
"""Below those that systems hand out to whoever asks for any: between here and there nobody gets one by chance."""


def free_ports(count: int) -> list[int]:
    """Different ports of 127.0.0.1 that nobody listens at."""
    with ExitStack() as held:
        found: list[int] = []
        while len(found) < count:
            with suppress(OSError):
                server = socket.create_server(("127.0.0.1", _LOWEST + secrets.randbelow(_HOW_MANY)))
                found.append(held.enter_context(server).getsockname()[1])
    return found
