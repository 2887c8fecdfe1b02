"""One login and what is remembered of it, and the logins that may still go on."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import Literal

from msgspec import Struct, field

from lp_sentinel.chain import Chain
from lp_sentinel.exchange import Browser, is_refusal
from lp_sentinel.facts import AppFacts, LandingFacts, RequestFacts
from lp_sentinel.finding import JourneyHop
from lp_sentinel.landing import LeadsTo, Via
from lp_sentinel.loops import Run
from lp_sentinel.memory import Digest
from lp_sentinel.rules import Fired
from lp_sentinel.taken_out import is_taken_out
from lp_sentinel.target import Key, Target
from lp_sentinel.uri import Endpoint, HostPort

_MOST_FINISHED = 2_500
"""Landed journeys that are kept; of those before them only their codes and states are remembered."""
_SHOWN_HOPS = 200
"""Hops of a login: one with more of them keeps being followed, but only so many are shown."""
_MOST_PLACES = 2_000
"""Places where a login was, and places that it was sent to: so many of each are remembered."""
_MOST_CARRIED = 100
"""Parameters of one such place that are remembered."""
_MOST_ALIKE = 200
"""Logins that one state tells by itself: where more have it, it tells nothing of the older ones."""


class Landing(Struct):
    """What landed, for the callback to be compared with. Where the fragment held the parameters, theirs."""

    via: Via
    endpoint: Endpoint | None
    key: Key
    """Of its URL."""
    code: str | None
    state: str | None
    error: str | None
    at: float | None
    """When: the start of the response, or of the callback request."""
    hop: JourneyHop
    outcome: str
    """``code``, ``error:<code>`` or ``unknown``."""
    in_fragment: tuple[str, ...]
    """Those of ``code``, ``error``, ``state`` that stood in the fragment."""
    is_unsent: bool
    """They, or tokens, stood in the fragment, which a browser does not send."""

    @property
    def has_parameters(self) -> bool:
        """Whether it has what makes a request a callback request."""
        return any((self.code, self.state, self.error))


class Journey(Struct, kw_only=True, eq=False):
    """One login under way: small records only, no flow."""

    number: int
    id: str = ""
    """Made of its number."""
    browser: Browser
    request: RequestFacts
    app: AppFacts
    started: float | None
    last: float
    """When its newest exchange started."""
    is_timed: bool = False
    """Whether the capture says when that was."""
    sentinel: HostPort = ("", None)
    """The newest authorize request's own host and port."""
    app_endpoints: frozenset[Endpoint] = frozenset()
    """Those of the requested redirect URI and of the registered ones."""
    state_key: Digest | None = None
    fired: frozenset[Fired] = frozenset()
    """What fired on its newest authorize exchange and on its landing."""
    was_silent: bool = False
    """Before its landing more than ``journey_timeout`` passed between two of its exchanges."""
    status: int | None = None
    """Of the last authorize answer."""
    no_answer: bool = False
    leads: LeadsTo | None = None
    """Where the last authorize answer led."""
    login_begun: bool = False
    landing: Landing | None = None
    landing_facts: LandingFacts | None = None
    unsure: frozenset[str] = frozenset()
    """Names of request parameters in which this login differs from others that the landing may equally belong to."""
    brought_from: Key | None = None
    """The page that its first callback request came from."""
    callback_seen: bool = False
    app_visited_later: bool = False
    late: bool = False
    """A late use of its code was reported."""
    injected: bool = False
    findings: int = 0
    continuations: Run = field(default_factory=Run)
    """The authorize requests that continued it."""
    awaited: dict[Key, int] = field(default_factory=dict)
    """Where its hops redirected to, and how often."""
    pages: set[Key] = field(default_factory=set)
    """Where its hops were or were sent to, as a Referer would name them."""
    guessed: set[Key] = field(default_factory=set)
    """Those of its pages of which it is only a guess that they are its own."""
    carried: set[int] = field(default_factory=set)
    """Hashes of what the queries of its pages held: a login page's own parameter tells two tabs apart."""
    hosts: set[HostPort] = field(default_factory=set)
    """The hosts at which its hops were."""
    sent_to: set[HostPort] = field(default_factory=set)
    """The hosts to which its hops redirected."""
    hops: Chain = field(default_factory=Chain)

    def __post_init__(self) -> None:
        self.id = f"j{self.number}"

    @property
    def refused(self) -> bool:
        return is_refusal(self.status)

    @property
    def waits(self) -> bool:
        """Whether something may still land."""
        return self.landing is None and not self.refused

    @property
    def may_have_landed_for_another(self) -> bool:
        """Whether it is a guess that what landed is this login's, and not that of one with another state."""
        return self.landing is not None and "state" in self.unsure

    @property
    def outcome(self) -> str:
        """As interfaces name it; ``error:`` is followed by captured text."""
        if self.landing:
            return self.landing.outcome
        if self.refused:
            return f"refused:{self.status}"
        if self.no_answer:
            return "no-response"
        return self.leads if self.leads in ("login", "elsewhere") else "unknown"

    def remember(self, hop: JourneyHop, own: Target, redirect: Target | None, *, is_guess: bool) -> None:
        """Take a hop into the chain: how it is shown, the request's own URL, and where it was redirected to.

        ``is_guess``: another journey may have it as well.
        """
        if is_guess or self.guessed:
            places = {own.key, redirect.key} if redirect else {own.key}
            if not is_guess:
                self.guessed -= places
            elif len(self.guessed) < 2 * _MOST_PLACES:
                self.guessed |= places  # the other one may be at a page by now where only this one has been
        self.injected |= hop.injected
        if len(self.hops) < _SHOWN_HOPS:
            self.hops.append(hop)
        if len(self.pages) < _MOST_PLACES:
            self.pages.add(own.key)
            self.carried.update(map(hash, own.query.pairs[:_MOST_CARRIED]))
            if own.endpoint:
                self.hosts.add(own.endpoint.host_port)
        if redirect and len(self.awaited) < _MOST_PLACES:
            self.pages.add(redirect.key)
            self.carried.update(map(hash, redirect.query.pairs[:_MOST_CARRIED]))
            if redirect.endpoint:
                self.sent_to.add(redirect.endpoint.host_port)
            self.awaited[redirect.key] = self.awaited.get(redirect.key, 0) + 1


def _due_key(journey: Journey) -> tuple[Browser, HostPort] | None:
    endpoint = journey.landing.endpoint if journey.landing else None
    return (journey.browser, endpoint.host_port) if endpoint else None


def _landed_keys(landing: Landing | None) -> list[tuple[str, str | Key | None]]:
    if landing is None:
        return []
    keys: list[tuple[str, str | Key | None]] = [("code", landing.code), ("state", landing.state)]
    return [*keys, ("location", landing.key)] if landing.via == "location" else keys


class Journeys:
    """The journeys that may still go on, found by state, by what landed, by browser.

    At most ``most`` that wait for a landing. Those that have one are kept for what may still come, however late: a
    second callback, the redemption of the code.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._waiting: OrderedDict[str, Journey] = OrderedDict()
        self._finished: OrderedDict[str, Journey] = OrderedDict()
        self._by_state: dict[str, dict[str, Journey]] = {}
        self._by_browser: dict[Browser, dict[str, Journey]] = {}
        """Those that wait for a landing."""
        self._by_landed: dict[tuple[str, str | Key | None], dict[str, Journey]] = {}
        self._due: dict[tuple[Browser, HostPort], dict[str, Journey]] = {}
        """Those that landed by Location and wait for their callback request."""

    def __iter__(self) -> Iterator[Journey]:
        return iter([*self._finished.values(), *self._waiting.values()])

    def get(self, name: str) -> Journey | None:
        return self._waiting.get(name) or self._finished.get(name)

    def add(self, journey: Journey) -> None:
        """Take in a journey that begins. Call :meth:`settle` when its answer is known."""
        self._waiting[journey.id] = journey
        self._index(journey)

    def settle(self, journey: Journey) -> None:
        """Put a journey where it belongs after its authorize answer, its landing or its callback became known."""
        if journey.waits:
            self._by_browser.setdefault(journey.browser, {})[journey.id] = journey
            return
        self._drop(self._by_browser, journey.browser, journey)
        if self._waiting.pop(journey.id, None):
            self._finished[journey.id] = journey
        landing = journey.landing
        if landing is None:
            return
        for key in _landed_keys(landing):
            self._by_landed.setdefault(key, {})[journey.id] = journey
        if (due := _due_key(journey)) and journey.callback_seen:
            self._drop(self._due, due, journey)
        elif due and landing.via == "location":
            self._due.setdefault(due, {})[journey.id] = journey

    def visit(self, browser: Browser, own: Target, at: float | None) -> None:
        """A browser comes to a host, not with a callback request: note it where one was due there.

        Where nothing landed that a callback request could carry, the landing's own URL is what was due.
        """
        for journey in [*self.due_at(browser, own.endpoint.host_port)] if own.endpoint else ():
            landing = journey.landing
            if landing is None or (landing.at is not None and at is not None and at < landing.at):
                continue
            if landing.key == own.key and not landing.has_parameters:
                journey.callback_seen = True
                self.settle(journey)
            else:
                journey.app_visited_later = True

    def touch(self, journey: Journey, at: float | None) -> None:
        """Note that an exchange of this journey started."""
        journey.is_timed = at is not None
        if at is not None:
            journey.last = max(at, journey.last)
        for journeys in (self._waiting, self._finished):
            if journey.id in journeys:
                journeys.move_to_end(journey.id)

    def replace_request(self, journey: Journey, request: RequestFacts, app: AppFacts) -> None:
        """An authorize request continues the journey: from now on its parameters are the journey's."""
        self._drop(self._by_state, journey.request.state, journey)
        journey.request, journey.app = request, app
        self._index(journey)

    def overflow(self) -> Iterable[Journey]:
        """Remove and give what there is too much of, the journeys that were silent longest first."""
        for journeys, most in ((self._waiting, self.most), (self._finished, min(self.most, _MOST_FINISHED))):
            while len(journeys) > most:
                yield self.remove(next(iter(journeys.values())))

    def remove(self, journey: Journey) -> Journey:
        for journeys in (self._waiting, self._finished):
            journeys.pop(journey.id, None)
        self._drop(self._by_browser, journey.browser, journey)
        self._drop(self._by_state, journey.request.state, journey)
        self._drop(self._due, _due_key(journey), journey)
        for key in _landed_keys(journey.landing):
            self._drop(self._by_landed, key, journey)
        return journey

    def _index(self, journey: Journey) -> None:
        if journey.request.state:
            self._by_state.setdefault(journey.request.state, {})[journey.id] = journey

    @staticmethod
    def _drop[K](index: dict[K, dict[str, Journey]], key: K | None, journey: Journey) -> None:
        if key is not None and key in index:
            index[key].pop(journey.id, None)
            if not index[key]:
                del index[key]

    def with_state(self, state: str | None, likely: Iterable[Journey]) -> Collection[Journey]:
        """Journeys that were begun with this state: of very many the newest, and those that are ``likely`` anyway."""
        if not state or is_taken_out(state):
            return ()
        alike = self._by_state.get(state, {})
        if len(alike) <= _MOST_ALIKE:
            return alike.values()
        newest = islice(reversed(alike.values()), _MOST_ALIKE)
        return dict.fromkeys((*newest, *(journey for journey in likely if journey.id in alike)))

    def landed_with(self, name: Literal["code", "state"], value: str | None) -> Collection[Journey]:
        """Journeys that this code or state landed in."""
        return self._by_landed.get((name, value), {}).values() if value and not is_taken_out(value) else ()

    def landed_at(self, key: Key) -> Collection[Journey]:
        """Journeys that landed by a Location with this key."""
        return self._by_landed.get(("location", key), {}).values()

    def waiting_in(self, browser: Browser) -> Sequence[Journey]:
        """Journeys of this browser that wait for a landing, the newest first."""
        waiting = self._by_browser.get(browser)
        return [*reversed(waiting.values())] if waiting else ()

    def due_at(self, browser: Browser, host: HostPort) -> Collection[Journey]:
        """Journeys of this browser that landed by Location and wait for their callback request at this host."""
        return self._due.get((browser, host), {}).values()
