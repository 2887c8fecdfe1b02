"""How long something takes."""

from __future__ import annotations

import time
from collections.abc import Callable


def took(call: Callable[[], object]) -> float:
    """Seconds of the processor, the least of three: what disturbs makes it slower, never faster."""

    def once() -> float:
        begin = time.process_time()
        call()
        return time.process_time() - begin

    return min(once() for _ in range(3))
