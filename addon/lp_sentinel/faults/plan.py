"""What a fault plan says, as values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from lp_sentinel.finding import Hop

if TYPE_CHECKING:
    from mitmproxy.flow import Flow

type Mode = Literal["arm", "dry-run", "off"]
type Family = Literal["landing", "answer", "login", "loop", "hang", "close", "truncate", "token", "delay"]

_FAMILIES: Mapping[str, Family] = {
    "error": "landing",
    "description": "landing",
    "state": "landing",
    "code": "landing",
    "add": "landing",
    "fragment": "landing",
    "target": "landing",
    "redirect": "landing",
    "location": "landing",
    "status": "answer",
    "body": "answer",
    "retry_after": "answer",
    "login": "login",
    "loop": "loop",
    "hang": "hang",
    "close": "close",
    "truncate": "truncate",
    "without": "token",
    "set": "token",
}
"""Which keys of ``do`` go together: those of one family. ``delay`` and ``jitter`` go with all but a hang."""

_ANYWHERE: tuple[Hop, ...] = ("authorize", "login", "landing", "callback", "token")

HOPS: Mapping[Family, tuple[Hop, ...]] = {
    "landing": ("authorize", "login", "landing"),
    "answer": _ANYWHERE,
    "login": ("authorize", "login", "landing"),
    "loop": ("authorize", "login"),
    "hang": _ANYWHERE,
    "close": _ANYWHERE,
    "truncate": _ANYWHERE,
    "token": ("token",),
    "delay": _ANYWHERE,
}
"""Where each family makes sense."""

OUTCOMES: Mapping[Hop, tuple[str, ...]] = {
    "landing": ("code", "error", "other"),
    "callback": ("refused", "other"),
    "token": ("refused", "other"),
}
"""Those that there can be, where not all can."""

_NEEDS_ANSWER = frozenset({"truncate", "token", "delay"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """What an exchange must be like; ``None`` stands for anything. Patterns as of ``fnmatch``; case counts."""

    account: str | None = None
    client_id: str | None = None
    state: str | None = None
    redirect_uri: str | None = None
    outcome: str | None = None
    filter: str | None = None
    """As the plan has it, so that two faults can be compared: what it is compiled to never equals another."""
    passes: Callable[[Flow], bool] | None = field(default=None, compare=False, repr=False)
    """``filter``, compiled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """Which of the matching exchanges get the fault: all that is given must agree."""

    after: int = 0
    first: int | None = None
    nth: tuple[int, ...] = ()
    every: int | None = None
    percent: float | None = None
    max: int | None = None
    seconds: float | None = None
    """Since the fault was armed."""


class TargetParts(NamedTuple):
    """Parts of another place to land at."""

    scheme: str | None = None
    host: str | None = None
    port: int | None = None
    path: str | None = None


class Body(NamedTuple):
    """A body in full."""

    text: str
    type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Do:
    """What becomes of the answer. ``given`` are the keys that the plan has. Times are seconds."""

    given: frozenset[str] = frozenset()
    error: str | None = None
    description: str | None = None
    state: str | None = None
    code: str | None = None
    add: Mapping[str, str] = field(default_factory=dict)
    fragment: bool = False
    target: str | TargetParts | None = None
    redirect: int | None = None
    location: str | None = None
    status: int | None = None
    body: str | Body | None = None
    retry_after: int | None = None
    delay: float = 0.0
    jitter: float = 0.0
    hang: float = 0.0
    truncate: int = 0
    without: tuple[str, ...] = ()
    set: Mapping[str, object] = field(default_factory=dict)

    def families(self, at: Hop) -> tuple[Family, ...]:
        """The families that the keys belong to, in their order."""
        found = dict.fromkeys(family for key, family in _FAMILIES.items() if key in self.given)
        if at == "token" and "landing" in found and self.given & {"error", "description"}:
            # A token request's error is an answer of its own, not a redirect.
            found = {"answer" if family == "landing" else family: None for family in found}
        return tuple(found) or ("delay",)

    @property
    def makes_landing(self) -> bool:
        """Whether a landing is made from nothing: no real answer is needed for it."""
        return self.error is not None and self.code != "kept"

    @property
    def edits_landing(self) -> bool:
        """Whether more than the redirect's form is changed."""
        return bool(self.given & {"error", "description", "state", "code", "add", "fragment", "target"})


class Statuses(NamedTuple):
    """Accepted statuses, as ranges; none at all: the callback must not be called."""

    ranges: tuple[tuple[int, int], ...]

    def holds(self, status: int) -> bool:
        return any(low <= status <= high for low, high in self.ranges)


class Bounds(NamedTuple):
    """How many requests are accepted."""

    least: int
    most: int | None

    def holds(self, count: int) -> bool:
        return count >= self.least and (self.most is None or count <= self.most)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expect:
    """What the app should do next; ``None``: whatever it likes. ``text`` is as the plan has it."""

    callback: Statuses | None = None
    token: Bounds | None = None
    authorize_again: Bounds | None = None
    loop: bool | None = None
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One entry of a plan, with what its plan says for all."""

    name: str
    at: Hop
    match: Match = Match()
    times: Times = Times()
    do: Do
    expect: Expect = Expect()
    seed: int
    mode: Mode = "arm"
    redirect_targets: tuple[str, ...] | None = None

    @property
    def family(self) -> Family:
        return self.do.families(self.at)[0]

    @property
    def needs_answer(self) -> bool:
        """Whether it edits the real answer, or depends on it; else Sentinel is never asked."""
        return (
            self.at == "landing"
            or self.match.outcome is not None
            or self.family in _NEEDS_ANSWER
            or (self.family == "landing" and not self.do.makes_landing)
        )


class Plan(NamedTuple):
    """All that ``lp_faults`` names, in its order."""

    faults: tuple[Fault, ...] = ()
    sources: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()
    seed: int = 0
    """That of presets named by themselves, and of plans without one."""
