"""Whether the app took a fault as expected, by what followed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from lp_sentinel.config import Limits
from lp_sentinel.exchange import Browser
from lp_sentinel.faults.plan import Fault
from lp_sentinel.finding import Severity, is_at_least
from lp_sentinel.memory import Digest
from lp_sentinel.uri import Endpoint

type Ending = Literal["as expected", "not as expected", "never matched", "not seen"]
"""How a fault ended, in words."""

_SEVERITIES: Mapping[Ending, Severity] = {"not as expected": "error", "never matched": "warning"}


class FaultVerdict(NamedTuple):
    """How a fault ended."""

    fault: str
    verdict: Ending
    injected: int
    """How often it was injected."""
    expected: str
    seen: str
    """What the app did next; for ``never matched`` why it could not be injected, or nothing."""

    @property
    def severity(self) -> Severity | None:
        """What it counts as where an exit status is decided; ``None``: nothing."""
        return _SEVERITIES.get(self.verdict)

    def fails(self, least: Severity) -> bool:
        """Whether it fails a run that findings of ``least`` fail."""
        return self.severity is not None and is_at_least(self.severity, least)

    @property
    def line(self) -> str:
        """The verdict in one line of text."""
        times = "" if self.verdict == "never matched" else f" (injected {self.injected}x)"
        expected = f"; expected {self.expected}" if self.expected and self.severity == "error" else ""
        return f"{self.fault}: {self.verdict}{times}{f': {self.seen}' if self.seen else ''}{expected}"


@dataclass(slots=True, kw_only=True)
class Injection:
    """A fault that was injected, and what followed. Codes are kept as digests."""

    fault: Fault
    flow: str
    at: float
    """Seconds since the epoch."""
    account: str | None = None
    client_id: str | None
    browser: Browser | None
    """At the token hop that of the callback that redeems, ``None`` until it is seen."""
    code: Digest | None
    lands_at: Endpoint | None = None
    """Where the browser should call back."""
    journey: str | None = None
    callbacks: list[int | None] = field(default_factory=list)
    """Statuses; ``None`` for no answer."""
    tokens: int = 0
    tokens_unsure: int = 0
    """Those that may be another login's: nobody could read whose code they redeem."""
    authorizes: int = 0
    authorizes_soon: int = 0
    """Those within ``loop_window``."""

    def judge(self, limits: Limits) -> bool | None:
        """Whether all was as expected; ``None`` if nothing followed that tells."""
        clauses = [self._callback(), self._token(), self._again(), self._loop(limits)]
        known = [clause for clause in clauses if clause is not None]
        if False in known:
            return False
        return True if known and not (self._is_unsure or self._is_uncalled) else None

    @property
    def _followed(self) -> bool:
        return bool(self.callbacks or self.tokens or self.authorizes)

    def _callback(self) -> bool | None:
        expected = self.fault.expect.callback
        if expected is None:
            return None
        if not expected.ranges:
            return not self.callbacks
        answered = [status for status in self.callbacks if status is not None]
        return all(map(expected.holds, answered)) and len(answered) == len(self.callbacks) if self.callbacks else None

    @property
    def _is_uncalled(self) -> bool:
        """Whether it depends on a callback that nobody saw: it may have gone past the proxy."""
        return self.fault.expect.callback is not None and self._callback() is None

    def _token(self) -> bool | None:
        expected = self.fault.expect.token
        return expected.holds(self.tokens) if expected and self._followed and not self._is_unsure else None

    @property
    def _is_unsure(self) -> bool:
        """Whether it depends on token requests that may be another login's."""
        expected = self.fault.expect.token
        most = self.tokens + self.tokens_unsure
        return expected is not None and expected.holds(self.tokens) is not expected.holds(most)

    def _again(self) -> bool | None:
        expected = self.fault.expect.authorize_again
        return expected.holds(self.authorizes_soon) if expected is not None and self._followed else None

    def _loop(self, limits: Limits) -> bool | None:
        if self.fault.expect.loop is None or not self._followed:
            return None
        return self.loops(limits) is self.fault.expect.loop

    def loops(self, limits: Limits) -> bool:
        """Whether the authorize requests that followed make a loop, the one before the fault included."""
        return self.authorizes_soon + 1 >= limits.loop_requests

    def seen(self, limits: Limits) -> str:
        """What followed, in words."""
        if not self._followed:
            return "nothing followed"
        answered = ", ".join("no answer" if status is None else str(status) for status in self.callbacks)
        parts = [f"callback {answered}" if self.callbacks else "no callback"]
        parts.append(f"{self.tokens} token request{'' if self.tokens == 1 else 's'}")
        if self.tokens_unsure:
            parts.append(f"{self.tokens_unsure} more that may be another login's")
        if self.authorizes:
            parts.append(f"authorize again {self.authorizes}x" + (", a loop" if self.loops(limits) else ""))
        return ", ".join(parts)
