"""The authorize request and its answer: a journey begins, or is continued."""

from __future__ import annotations

from lp_sentinel import attribution
from lp_sentinel.attribution import Clues
from lp_sentinel.authorize import read_request
from lp_sentinel.exchange import Exchange
from lp_sentinel.facts import AppFacts, BegunFacts, Facts, RenewalFacts, RequestFacts
from lp_sentinel.finding import JourneyHop
from lp_sentinel.history import Repetition, StateBefore
from lp_sentinel.hops.docket import Docket, Renewal
from lp_sentinel.hops.landing import land
from lp_sentinel.journey import Journey
from lp_sentinel.judgement import PREFLIGHT
from lp_sentinel.landing import is_upgrade, read_answer
from lp_sentinel.paths import PathForm
from lp_sentinel.registered import read_app, registered_endpoints
from lp_sentinel.target import Target
from lp_sentinel.uri import endpoint_of


def judge_authorize(
    docket: Docket, exchange: Exchange, clues: Clues, redirect: Target | None, form: PathForm, account: str | None
) -> Journey | None:
    """Judge an authorize exchange; its journey, but for a preflight, which begins none."""
    request = read_request(exchange, form, account, docket.config)
    app = read_app(docket.config, account, request.client_id, request.redirect_uri)
    facts: dict[str, Facts | None] = {"request": request, "app": app}
    judgement, hop = docket.judgement, docket.judgement.hop(exchange, "authorize", redirect)
    if request.method == "OPTIONS":
        judgement.ask("request", facts, hop, account=account, client_id=request.client_id, only_tag=PREFLIGHT)
        return None
    journey = attribution.continued_by(docket.journeys, clues)
    continued = journey is not None
    if journey is None:
        journey = _begin(docket, exchange, clues, request, app)
    else:
        _continue(docket, journey, exchange, clues, request, app)
    leads = docket.leads(journey, redirect) if redirect and not is_upgrade(exchange, redirect) else None
    if exchange.status is not None or exchange.no_answer:  # else the last answer that is known decides
        journey.status, journey.no_answer, journey.leads = exchange.served_status, exchange.no_answer, leads
    journey.login_begun |= journey.leads == "login"
    docket.follow(journey, hop, clues.own, redirect)
    journey.fired = judgement.ask("request", facts, hop, journey)
    answer = read_answer(exchange, redirect, leads, request)
    journey.fired |= judgement.ask("answer", facts | {"answer": answer}, hop, journey, journey.fired)
    _judge_beginning(docket, journey, facts, hop, continued=continued)
    if redirect and leads == "app":
        journey.unsure = frozenset()  # what its own authorize request was answered is no other login's
        land(docket, journey, exchange, redirect, hop)
    docket.journeys.settle(journey)
    return journey


def _begin(docket: Docket, exchange: Exchange, clues: Clues, request: RequestFacts, app: AppFacts) -> Journey:
    docket.begun += 1
    journey = Journey(
        number=docket.begun,
        browser=clues.browser,
        request=request,
        app=app,
        started=exchange.started,
        last=docket.at(exchange.started),
    )
    docket.journeys.add(journey)
    _note_parties(docket, journey, exchange, request)
    return journey


def _continue(
    docket: Docket, journey: Journey, exchange: Exchange, clues: Clues, request: RequestFacts, app: AppFacts
) -> None:
    """From now on this request's parameters are the journey's. Each Location continues it once."""
    journey.awaited[clues.own.key] -= 1
    if (journey.request.account, journey.request.client_id) != (request.account, request.client_id):
        journey.continuations.begun.clear()
    docket.history.tally(journey.request.client_id, begun=-1)
    docket.journeys.replace_request(journey, request, app)
    _note_parties(docket, journey, exchange, request)


def _note_parties(docket: Docket, journey: Journey, exchange: Exchange, request: RequestFacts) -> None:
    """Note whom the journey is with: Sentinel's own host, and the endpoints where its app may be called back."""
    registered = registered_endpoints(docket.config.app(request.account, request.client_id))
    requested = endpoint_of(request.redirect_uri)
    journey.app_endpoints = registered | {requested} if requested else registered
    journey.sentinel = exchange.host_port
    docket.history.tally(request.client_id, begun=1)
    docket.history.expect_callback(requested, landed=False)


def _judge_beginning(
    docket: Docket, journey: Journey, facts: dict[str, Facts | None], hop: JourneyHop, *, continued: bool
) -> None:
    history, at, window = docket.history, docket.at(hop.started), docket.config.limits.loop_window
    state = StateBefore() if continued else history.begin_state(journey)
    is_timed = hop.started is not None  # how quickly requests of no known time follow each other is not known either
    repetition = Repetition()
    if is_timed:
        repetition = history.note_continuation(journey, at) if continued else history.begin(journey, at)
    fact = BegunFacts(
        continued=continued,
        state_landed_before=state.landed,
        state_of_other_browser=state.of_other_browser,
        loop=repetition.loop,
        loop_window=window,
    )
    docket.judgement.ask("begun", facts | {"begun": fact}, hop, journey)
    left = history.token_left(journey.browser, journey, at) if is_timed and not continued else None
    if left is not None and repetition.begun and not repetition.begun.in_loop:
        renewal = facts | {"renewal": RenewalFacts(left)}
        docket.renewals[journey.id] = Renewal(at + window, repetition.begun, journey, renewal, hop)
