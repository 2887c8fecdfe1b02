"""What every hop works with: the config, the journeys under way, the history, and the judgement."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import NamedTuple

from lp_sentinel.config import Config
from lp_sentinel.exchange import elapsed
from lp_sentinel.facts import Facts
from lp_sentinel.finding import JourneyHop
from lp_sentinel.history import History
from lp_sentinel.journey import Journey, Journeys
from lp_sentinel.judgement import Judgement
from lp_sentinel.landing import LeadsTo, leads_to
from lp_sentinel.loops import Begun
from lp_sentinel.registered import registered_endpoints
from lp_sentinel.taken_out import is_taken_out
from lp_sentinel.target import Target
from lp_sentinel.uri import Endpoint


class Renewal(NamedTuple):
    """A journey that began while a token was good: judged when it is known whether it is part of a loop."""

    due: float
    begun: Begun
    journey: Journey
    facts: dict[str, Facts | None]
    at: JourneyHop


@dataclass(slots=True)
class Docket:
    """One capture under judgement."""

    config: Config
    judgement: Judgement
    journeys: Journeys = field(init=False)
    history: History = field(init=False)
    renewals: OrderedDict[str, Renewal] = field(default_factory=OrderedDict)
    """By journey."""
    registered: frozenset[Endpoint] = field(init=False)
    """The endpoints of every redirect URI in the config."""
    now: float = 0.0
    """When the newest request started."""
    begun: int = 0
    """Journeys so far."""

    def __post_init__(self) -> None:
        self.journeys = Journeys(self.config.limits.open_journeys)
        self.history = History(self.config.limits)
        self.registered = _registered(self.config)

    def change(self, config: Config) -> None:
        """Go by another config from now on. The journeys under way, and what is remembered, stay."""
        self.config, self.registered = config, _registered(config)
        self.journeys.most, self.history.limits = config.limits.open_journeys, config.limits

    @property
    def sending_hosts(self) -> tuple[str, ...]:
        """Those whose pages may send a browser to an app: of logins, and Sentinel's."""
        return (*self.config.login_hosts, *self.config.sentinel_hosts)

    def at(self, started: float | None) -> float:
        """When a request started; where the capture does not say that, when the newest one did."""
        return self.now if started is None else started

    def follow(
        self, journey: Journey, hop: JourneyHop, own: Target, redirect: Target | None = None, *, is_guess: bool = False
    ) -> None:
        """Make an exchange a hop of its journey; ``is_guess``: another one may have it as well."""
        if journey.landing is None and journey.is_timed and hop.started is not None:
            journey.was_silent |= elapsed(journey.last, hop.started) > self.config.limits.journey_timeout
        journey.remember(hop, own, redirect, is_guess=is_guess)

    def leads(self, journey: Journey, redirect: Target, *, hands_over: bool = True) -> LeadsTo | None:
        """Where a redirect leads, seen from this journey; ``None`` if it may lead to an app that is not known."""
        leads = leads_to(
            redirect,
            sentinel=journey.sentinel,
            app_endpoints=journey.app_endpoints,
            login_hosts=self.config.login_hosts,
            hands_over=hands_over,
        )
        return None if leads == "elsewhere" and is_taken_out(journey.request.redirect_uri) else leads


def _registered(config: Config) -> frozenset[Endpoint]:
    return frozenset(endpoint for app in config.apps for endpoint in registered_endpoints(app))
