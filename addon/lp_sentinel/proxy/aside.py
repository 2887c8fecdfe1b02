"""What would hold up the traffic is done beside it, by one thread."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait


class Aside:
    """Does one thing after the other: two reports may be for the same file."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="lp-authorize")
        self._last: Future[None] | None = None

    def do(self, act: Callable[[], None]) -> Future[None]:
        """Do it after all that came before."""
        self._last = self._thread.submit(act)
        return self._last

    def wait(self) -> None:
        """Wait until all is done."""
        if self._last:
            wait([self._last])
