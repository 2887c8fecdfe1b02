"""The end of a journey: it had to make room, or the capture has ended."""

from __future__ import annotations

from lp_sentinel.facts import ClosedFacts, Facts
from lp_sentinel.finding import JourneySummary
from lp_sentinel.hops.docket import Docket, Renewal
from lp_sentinel.journey import Journey


def judge_renewal(docket: Docket, renewal: Renewal) -> None:
    """Judge a journey begun while a token was good, unless it turned out to be part of a loop."""
    if not renewal.begun.in_loop:
        docket.judgement.ask("renewal", renewal.facts, renewal.at, renewal.journey)


def judge_closed(docket: Docket, journey: Journey) -> None:
    """Judge a journey of which no more is expected."""
    landing = journey.landing
    facts = ClosedFacts(
        login_begun=journey.login_begun,
        last_answer_refused=journey.refused,
        last_answer_led_elsewhere=journey.leads == "elsewhere",
        landed_in_time=landing is not None and not journey.was_silent,
        landed_by_location=landing is not None and landing.via == "location",
        in_fragment=landing is not None and landing.is_unsent,
        callback_seen=journey.callback_seen,
        app_visited_later=journey.app_visited_later,
    )
    moment: dict[str, Facts | None] = {"request": journey.request, "app": journey.app, "closed": facts}
    docket.judgement.ask("closed", moment, landing.hop if landing else journey.hops.last, journey)


def summary(docket: Docket, journey: Journey, *, given_up: bool = False) -> JourneySummary:
    """A journey as it stands; ``given_up``: it had to make room while something might still land."""
    return JourneySummary(
        journey=journey.id,
        capture=docket.judgement.capture,
        account=docket.judgement.text(journey.request.account),
        client_id=docket.judgement.text(journey.request.client_id),
        outcome="unknown" if given_up else journey.outcome,
        findings=journey.findings,
        injected=journey.injected,
        started=journey.started,
        open=journey.waits,
        hops=tuple(journey.hops),
    )
