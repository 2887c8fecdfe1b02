"""What becomes of a code once it has landed: how late it is first used, and whether a Referer gives it away."""

from __future__ import annotations

from lp_sentinel.exchange import Exchange, elapsed
from lp_sentinel.facts import LateFacts, LeakFacts
from lp_sentinel.finding import JourneyHop
from lp_sentinel.hops.docket import Docket
from lp_sentinel.journey import Journey
from lp_sentinel.taken_out import known
from lp_sentinel.target import Target
from lp_sentinel.texts import Secret
from lp_sentinel.token import LandedCode
from lp_sentinel.uri import Endpoint, parse_parameters, parse_uri
from lp_sentinel.uri_facts import endpoint_facts

_MOST_LOGINS = 20
"""With one code, as far as they asked for different things: of more it is not known what was asked for."""


def note_code(docket: Docket, code: str | None, journey: Journey | None, endpoint: Endpoint | None) -> None:
    """Note a code that landed at ``endpoint``, and the journey in which it did."""
    if code is None or endpoint is None:
        return
    issued = LandedCode(
        journey=journey.id if journey else None,
        client_ids=(known(journey.request.client_id) if journey and "client_id" not in journey.unsure else None,),
        redirect_uris=(journey.request.redirect_uri if journey and "redirect_uri" not in journey.unsure else None,),
        origin=endpoint.origin,
    )
    earlier = docket.history.landed_code(code)
    if earlier and earlier.journey not in (None, issued.journey):
        issued.client_ids = _joined(earlier.client_ids, issued.client_ids)
        issued.redirect_uris = _joined(earlier.redirect_uris, issued.redirect_uris)
    docket.history.note_landed_code(code, issued)


def _joined(earlier: tuple[str | None, ...], newer: tuple[str | None, ...]) -> tuple[str | None, ...]:
    values = (*(value for value in earlier if value not in newer), *newer)
    return values if len(values) <= _MOST_LOGINS else (None,)


def judge_late(docket: Docket, journey: Journey, exchange: Exchange, hop: JourneyHop) -> None:
    """Judge how long after its landing a code is used for the first time, at the callback or redeeming it."""
    landing = journey.landing
    if landing and landing.code and not journey.late and landing.at is not None and exchange.started is not None:
        late = LateFacts(elapsed(landing.at, exchange.started), "token" if hop.hop == "token" else "callback")
        journey.late = bool(docket.judgement.ask("late", {"late": late}, hop, journey))


def judge_leak(docket: Docket, exchange: Exchange, referer: str, redirect: Target | None) -> None:
    """Judge whether a request tells another origin, by its Referer, a code that landed: once for each code."""
    page = parse_uri(referer) if docket.history.has_codes else None
    if page is None:
        return
    for name, value in parse_parameters(page.query).pairs:
        issued = docket.history.landed_code(value)
        if issued is None or issued.leaked or not _leaks(issued, page.endpoint, exchange.endpoint):
            continue
        issued.leaked = True
        facts = LeakFacts(
            code=Secret(value),
            parameter=name,
            origin=endpoint_facts(exchange.endpoint).origin,
            callback_origin=endpoint_facts(Endpoint(*issued.origin, "/")).origin,
        )
        journey = docket.journeys.get(issued.journey) if issued.journey else None
        hop = docket.judgement.hop(exchange, "callback", redirect)
        docket.judgement.ask("leak", {"leak": facts}, hop, journey, client_id=issued.client_ids[-1])


def _leaks(issued: LandedCode, page: Endpoint, asked: Endpoint) -> bool:
    """Whether a page that has the code in its address tells it to another origin than the callback's."""
    scheme, host, _ = issued.origin
    # A callback may have been sent on from http to https: what that page asks its own host for tells nothing new.
    was_raised = (scheme, asked.scheme, asked.host) == ("http", "https", host) and asked.origin == page.origin
    return asked.origin != issued.origin and not was_raised
