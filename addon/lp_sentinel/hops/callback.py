"""The callback request: the browser brings the app what landed, and perhaps takes it elsewhere."""

from __future__ import annotations

from lp_sentinel import attribution
from lp_sentinel.attribution import Clues
from lp_sentinel.exchange import Exchange
from lp_sentinel.facts import CallbackFacts, Facts
from lp_sentinel.finding import JourneyHop
from lp_sentinel.hops.code import judge_late, note_code
from lp_sentinel.hops.docket import Docket
from lp_sentinel.hops.landing import land
from lp_sentinel.journey import Journey
from lp_sentinel.landing import CALLBACK_NAMES
from lp_sentinel.taken_out import is_taken_out
from lp_sentinel.target import Target
from lp_sentinel.texts import secret
from lp_sentinel.uri import Parameters, endpoint_of, host_matches

_NOT_A_CALLBACK = frozenset({"OPTIONS", "HEAD"})


def is_callback(docket: Docket, exchange: Exchange, clues: Clues) -> bool:
    """Whether a request is a callback request, be it part of a journey or not."""
    endpoint = clues.own.endpoint
    return (
        "=" in exchange.query
        and endpoint is not None
        and (endpoint in docket.registered or docket.history.callback_endpoint(endpoint) is not None)
        and exchange.method.upper() not in _NOT_A_CALLBACK
        and clues.own.query.has(*CALLBACK_NAMES)
    )


def judge_callback(docket: Docket, exchange: Exchange, clues: Clues, redirect: Target | None) -> Journey | None:
    """Judge a callback request; the journey that it belongs to, if any."""
    own, history = clues.own, docket.history
    code = own.query.get("code")
    in_journey = history.redirected_in_journey(own)
    sent_by_other = in_journey is False
    journey = attribution.of_callback(
        docket.journeys, clues, docket.sending_hosts, docket.registered, sent_by_other=sent_by_other
    )
    is_known = in_journey is not None or exchange.from_cache or exchange.hides_redirects
    explained = is_known or _is_explained(docket, clues)
    repeats = not exchange.from_cache and history.note_callback(code)  # going back in a browser brings nobody anything
    hop = docket.judgement.hop(exchange, "callback", redirect)
    # Nobody has altered what another response sent here: a form may have been sent twice.
    altered = () if journey is None or sent_by_other else _altered(journey, own.query)
    if journey:
        _join(docket, journey, exchange, clues, hop)
    if (journey is None or sent_by_other) and history.landed_code(code) is None:
        note_code(docket, code, journey, own.endpoint)
    facts = CallbackFacts(
        code=secret(code),
        state=secret(own.query.get("state")),
        error=own.query.get("error"),
        status=exchange.served_status,
        no_answer=exchange.no_answer,
        in_journey=journey is not None,
        explained=explained,
        altered=altered,
        repeats_code=repeats,
    )
    moment: dict[str, Facts | None] = {
        "request": journey.request if journey else None,
        "app": journey.app if journey else None,
        "landing": journey.landing_facts if journey else None,
        "callback": facts,
    }
    docket.judgement.ask("callback", moment, hop, journey, journey.fired if journey else frozenset())
    return journey


def _is_explained(docket: Docket, clues: Clues) -> bool:
    """Whether something else than a forged request accounts for it: a login, a journey by now forgotten, no landing."""
    code, state = clues.own.query.get("code"), clues.own.query.get("state")
    issued = docket.history.landed_code(code)
    if (issued and issued.journey) or is_taken_out(code) or is_taken_out(state):
        return True
    referer, endpoint = endpoint_of(clues.referer), clues.own.endpoint
    if is_taken_out(clues.referer) or (referer and host_matches(referer.host, docket.sending_hosts)):
        return True
    return endpoint not in docket.registered and not (endpoint and docket.history.callback_endpoint(endpoint))


def _join(docket: Docket, journey: Journey, exchange: Exchange, clues: Clues, hop: JourneyHop) -> None:
    """Make it part of its journey: where nothing else landed, it is the landing."""
    docket.follow(journey, hop, clues.own)
    journey.injected |= docket.history.was_injected(clues.own.query.get("code"))
    if journey.landing is None:
        attribution.note_rivals(docket.journeys, clues, journey, clues.own, is_callback=True)
        land(docket, journey, exchange, clues.own, hop)
    elif not journey.callback_seen:
        judge_late(docket, journey, exchange, hop)
    if not journey.callback_seen:
        journey.callback_seen, journey.brought_from = True, clues.page
    docket.journeys.settle(journey)


def _altered(journey: Journey, query: Parameters) -> tuple[str, ...]:
    """Names of what a callback request carries otherwise than the landing's Location did."""
    landing, facts = journey.landing, journey.landing_facts
    if landing is None or landing.via == "callback" or facts is None:
        return ()
    # Where it stood in the query and in the fragment, either may be what arrives.
    landed = {
        "code": (landing.code, facts.code),
        "state": (landing.state, facts.state),
        "error": (landing.error, facts.error),
    }
    return tuple(
        name
        for name, values in landed.items()
        if query.get(name) not in values and not any(map(is_taken_out, (query.get(name), *values)))
    )
