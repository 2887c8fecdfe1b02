"""The token exchange: the app's back end redeems the code. Seen only when it goes through the proxy."""

from __future__ import annotations

from lp_sentinel.attribution import Clues
from lp_sentinel.exchange import Exchange
from lp_sentinel.hops.code import judge_late
from lp_sentinel.hops.docket import Docket
from lp_sentinel.journey import Journey
from lp_sentinel.taken_out import is_taken_out
from lp_sentinel.target import Target
from lp_sentinel.token import LandedCode, expires_in, read_token, read_token_request


def judge_token(
    docket: Docket, exchange: Exchange, clues: Clues, redirect: Target | None, account: str | None
) -> Journey | None:
    """Judge a token exchange; the journey whose code it redeems, if that was seen."""
    request = read_token_request(exchange)
    if request.method == "OPTIONS":
        return None
    history, code = docket.history, request.get("code")
    issued = history.landed_code(code)
    journey = _redeemed(docket, issued, code, request.client_id)
    repeats = request.method == "POST" and history.note_redemption(code)
    hop = docket.judgement.hop(exchange, "token", redirect)
    if journey:
        docket.follow(journey, hop, clues.own)
        if request.method == "POST" and request.get("grant_type") != "refresh_token":
            if not repeats:
                judge_late(docket, journey, exchange, hop)
            _grant(docket, journey, exchange)
    never_landed = code is not None and not is_taken_out(code) and (issued is None or issued.journey is None)
    facts = read_token(
        exchange,
        request,
        issued,
        code_unknown=never_landed and history.all_landed(request.client_id),
        redeemed_before=repeats,
    )
    docket.judgement.ask("token", {"token": facts}, hop, journey, account=account, client_id=request.client_id)
    return journey


def _redeemed(docket: Docket, issued: LandedCode | None, code: str | None, client_id: str | None) -> Journey | None:
    """The journey that a code landed in: of several the last one of the client that redeems it, else the last."""
    of_client = [one for one in docket.journeys.landed_with("code", code) if one.request.client_id == client_id]
    if of_client:
        return of_client[-1]
    return docket.journeys.get(issued.journey) if issued and issued.journey else None


def _grant(docket: Docket, journey: Journey, exchange: Exchange) -> None:
    """Note for how long the browser's access token is good."""
    seconds = expires_in(exchange)
    at = exchange.answered if exchange.answered is not None else exchange.started
    if seconds is not None and at is not None:
        docket.history.note_token(journey, at, seconds)
