"""A hop between the authorize request and the app: the login page, and wherever it sends the browser."""

from __future__ import annotations

from lp_sentinel import attribution
from lp_sentinel.attribution import Part
from lp_sentinel.attribution.clues import Clues
from lp_sentinel.exchange import Exchange
from lp_sentinel.hops.docket import Docket
from lp_sentinel.hops.landing import land
from lp_sentinel.taken_out import known
from lp_sentinel.target import Target
from lp_sentinel.uri import host_matches


def judge_login(docket: Docket, exchange: Exchange, clues: Clues, part: Part, redirect: Target | None) -> None:
    """Follow a login a hop further; where it redirects to the app, judge what lands."""
    journey = part.journey
    if redirect and redirect.endpoint in journey.app_endpoints:
        attribution.note_rivals(docket.journeys, clues, journey, redirect)
    hop = docket.judgement.hop(exchange, "login", redirect)
    docket.follow(journey, hop, clues.own, redirect, is_guess=part.is_guess)
    if redirect is None:
        return
    own = (exchange.host, exchange.port)
    # Where a script's fetch is redirected to, no browser goes. But a page may sign in by script: what it posts, or the
    # state that comes back, tells.
    state = known(journey.request.state)
    is_its_own = clues.submits or (state is not None and redirect.query.get("state") == state)
    hands_over = (exchange.is_navigation or is_its_own) and (
        own == journey.sentinel or host_matches(exchange.host, docket.config.login_hosts)
    )
    leads = docket.leads(journey, redirect, hands_over=hands_over)
    journey.login_begun |= leads == "login"
    if leads == "app":
        land(docket, journey, exchange, redirect, hop)
        docket.journeys.settle(journey)
