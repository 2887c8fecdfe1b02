"""When journeys of one browser and one app follow each other so quickly that they are a loop."""

from __future__ import annotations

from bisect import insort
from collections import deque
from operator import attrgetter

from msgspec import Struct, field

from lp_sentinel.config import Limits
from lp_sentinel.exchange import elapsed


class Begun(Struct):
    """A journey that began, or was continued."""

    journey: int
    at: float
    in_loop: bool = False


class Run(Struct):
    """What was begun in quick succession."""

    begun: deque[Begun] = field(default_factory=deque)
    is_loop: bool = False

    def take(self, begun: Begun, limits: Limits) -> int | None:
        """Add one; how many there are by now, where this one has just turned them into a loop, else ``None``."""
        while self.begun and elapsed(self.begun[0].at, begun.at) > limits.loop_window:
            self.begun.popleft()
        self.is_loop &= bool(self.begun)
        # Live, what took long to answer comes behind what began later: the front has to be the oldest.
        insort(self.begun, begun, key=attrgetter("at"))
        was_loop, self.is_loop = self.is_loop, len(self.begun) >= limits.loop_requests
        begun.in_loop = self.is_loop
        loop = len(self.begun) if self.is_loop and not was_loop else None
        for member in self.begun if loop else ():
            member.in_loop = True
        # The newest tell whether it goes on; all of them would be as many as a browser can ask for within the window.
        while len(self.begun) > limits.loop_requests:
            self.begun.popleft()
        return loop
