"""The landing: what the app is handed, by a Location or, where none was seen, by the callback request itself."""

from __future__ import annotations

from lp_sentinel.exchange import Exchange
from lp_sentinel.facts import Facts
from lp_sentinel.finding import JourneyHop
from lp_sentinel.hops.code import note_code
from lp_sentinel.hops.docket import Docket
from lp_sentinel.journey import Journey, Landing
from lp_sentinel.landing import CALLBACK_NAMES, TOKEN_NAMES, Via, read_landing
from lp_sentinel.registered import registered_endpoints
from lp_sentinel.taken_out import is_taken_out, known
from lp_sentinel.target import Target
from lp_sentinel.uri import Endpoint, Parameters, form_decode, parse_parameters, parse_uri


def land(docket: Docket, journey: Journey, exchange: Exchange, target: Target, hop: JourneyHop) -> None:
    """Judge what lands; ``target`` is the response's Location, or the callback request's own URL."""
    request, history = journey.request, docket.history
    via: Via = "callback" if hop.hop == "callback" else "location"
    app = docket.config.app(request.account, request.client_id)
    code, state = target.query.get("code"), target.query.get("state")
    earlier = history.landed_code(code)
    others = [other for other in docket.journeys.with_state(state, ()) if other is not journey]
    # The one that was begun with it has landed by guess, with what may have been this one's.
    is_mixed_up = "state" in journey.unsure and any("state" in other.unsure for other in others)
    facts = read_landing(
        target,
        via,
        request,
        registered_endpoints(app),
        own_query=_own_query(request.redirect_uri, app.redirect_uris if app else (), target.endpoint),
        code_landed_before=earlier is not None and earlier.journey is not None,
        is_state_of_other=bool(others),
        is_mixed_up=is_mixed_up,
    )
    error = known(facts.error)
    carried = {name: target.fragment.get(name) or target.query.get(name) for name in CALLBACK_NAMES}
    at = exchange.started if via == "callback" or exchange.answered is None else exchange.answered
    journey.landing_facts = facts
    journey.landing = Landing(
        via=via,
        endpoint=target.endpoint,
        key=target.key,
        code=facts.code if carried["code"] == facts.code else carried["code"],
        state=facts.state if carried["state"] == facts.state else carried["state"],
        error=carried["error"],
        at=at,
        hop=hop,
        outcome="code" if code else f"error:{docket.judgement.text(error)}" if error else "unknown",
        in_fragment=facts.in_fragment,
        is_unsent=target.fragment.has(*CALLBACK_NAMES, *TOKEN_NAMES),
    )
    moment: dict[str, Facts | None] = {"request": request, "app": journey.app, "landing": facts}
    journey.fired |= docket.judgement.ask("landing", moment, hop, journey, journey.fired)
    history.land_state(journey, at)
    history.tally(request.client_id, landed=1)
    history.expect_callback(target.endpoint, landed=True)
    for landed in dict.fromkeys((code, carried["code"])):
        note_code(docket, landed, journey, target.endpoint)


def _own_query(redirect_uri: str | None, registered: tuple[str, ...], endpoint: Endpoint | None) -> Parameters | None:
    """The query that the redirect URI brings along: the requested one's, else that of any on which it may have landed.

    ``None``: none was requested, and it is not known which ones are registered; or it is not known which one was.
    """
    if is_taken_out(redirect_uri):
        return None
    if redirect_uri is None:
        uris = [uri for uri in map(parse_uri, registered) if uri and uri.endpoint == endpoint]
        return parse_parameters("&".join(uri.query for uri in uris if uri.query)) if registered else None
    # It may be none by the book, without a scheme or encoded twice.
    written = redirect_uri if parse_uri(redirect_uri) or "?" in redirect_uri else form_decode(redirect_uri)
    return parse_parameters(written.partition("#")[0].partition("?")[2])
