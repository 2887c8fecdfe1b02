"""A hop between the authorize request and the app: the login page, and wherever it sends the browser."""

from __future__ import annotations

from lp_sentinel import attribution
from lp_sentinel.attribution import Clues, Part
from lp_sentinel.exchange import Exchange
from lp_sentinel.hops.docket import Docket
from lp_sentinel.hops.landing import land
from lp_sentinel.journey import Journey
from lp_sentinel.landing import LeadsTo
from lp_sentinel.taken_out import known
from lp_sentinel.target import Target
from lp_sentinel.uri import host_matches


def judge_login(docket: Docket, exchange: Exchange, clues: Clues, part: Part, redirect: Target | None) -> None:
    """Follow a login a hop further; where it redirects to the app, judge what lands."""
    journey = part.journey
    leads = _leads(docket, exchange, clues, journey, redirect) if redirect else None
    landing = redirect if leads == "app" else None
    if landing:
        attribution.note_rivals(docket.journeys, clues, journey, landing, is_callback=False)
    hop = docket.judgement.hop(exchange, "login", redirect)
    docket.follow(journey, hop, clues.own, redirect, is_guess=part.is_guess)
    journey.login_begun |= leads == "login"
    if landing:
        land(docket, journey, exchange, landing, hop)
        docket.journeys.settle(journey)


def _leads(docket: Docket, exchange: Exchange, clues: Clues, journey: Journey, redirect: Target) -> LeadsTo | None:
    # Where a script's fetch is redirected to, no browser goes. But a page may sign in by script: what it posts, or the
    # state that comes back, tells.
    state = known(journey.request.state)
    is_its_own = clues.submits or (state is not None and redirect.state == state)
    hands_over = (exchange.is_navigation or is_its_own) and (
        exchange.host_port == journey.sentinel or host_matches(exchange.host, docket.config.login_hosts)
    )
    return docket.leads(journey, redirect, hands_over=hands_over)
