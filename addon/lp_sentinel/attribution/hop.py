"""Which journey a request belongs to as a hop of its login, or as an authorize request that continues it."""

from __future__ import annotations

from collections.abc import Collection

from msgspec import Struct

from lp_sentinel.attribution.candidates import narrowed, newest, waiting_for
from lp_sentinel.attribution.clues import (
    Clues,
    Lead,
    follows,
    follows_for_certain,
    has_been_there,
    is_near,
    lands_another,
    links,
    may_come_from_page,
    shares_parameter,
)
from lp_sentinel.journey import Journey, Journeys
from lp_sentinel.target import Key, Target
from lp_sentinel.uri import Endpoint


class Part(Struct, frozen=True):
    """To which journey a request belongs as a hop of its login."""

    journey: Journey
    is_guess: bool = False
    """Another journey may have it as well: nothing but the time tells them apart."""


def continued_by(journeys: Journeys, clues: Clues) -> Journey | None:
    """The journey that an authorize request continues, because a hop of its login redirected there.

    Its state tells also that a browser's address has changed.
    """
    same_agent = [
        journey
        for journey in journeys.with_state(clues.own.query.get("state"), ())
        if journey.waits and journey.browser[1] == clues.browser[1]
    ]
    awaiting = [j for j in (*journeys.waiting_in(clues.browser), *same_agent) if j.awaited.get(clues.own.key)]
    return newest(narrowed(awaiting, lambda journey: journey.browser == clues.browser))


def of_hop(
    journeys: Journeys,
    clues: Clues,
    redirect: Target | None,
    login_hosts: Collection[str],
    registered: Collection[Endpoint],
) -> Part | None:
    """The waiting journey that a request belongs to as a hop of its login; ``registered`` are all apps' endpoints.

    The first of these that tells of any journeys decides; of several it is the likeliest, and may be a guess:

    1. the state that it or its redirect has, and logins that wait (:func:`_with_its_state`);
    2. the same, and logins that have landed (:func:`_with_an_earlier_state`);
    3. a chain of hops that it follows (:func:`_in_chain`);
    4. where it goes, comes from and leads to, if it posts or redirects (:func:`_near`).
    """
    if clues.is_aside:
        return None
    lead = Lead(redirect)
    mine = waiting_for(journeys, clues, lead)
    chained = [journey for journey in mine if follows(journey, clues)]
    states = {clues.own.query.get("state"), lead.state}
    stated = [journey for state in states for journey in journeys.with_state(state, mine)]
    if not (mine or stated):
        return None
    waiting = [
        journey
        for journey in stated
        if journey.waits and (is_near(journey, clues, login_hosts) or lead.endpoint in journey.app_endpoints)
    ]
    if waiting:
        return _part(_with_its_state(waiting, chained, clues, lead))
    is_guess = len(narrowed(chained, lead.is_for)) > 1 or not any(follows_for_certain(one, clues) for one in chained)
    if landed := [journey for journey in stated if journey.landing and not journey.may_have_landed_for_another]:
        alone = [journey for journey in mine if is_near(journey, clues, login_hosts)] if len(mine) == 1 else []
        return _part(_with_an_earlier_state(landed, chained, alone, clues, lead), is_guess=is_guess)
    if chained:
        likely = _in_chain(chained, mine, clues, lead) if is_guess else narrowed(chained, lead.is_for)
        return _part(likely, is_guess=is_guess)
    if not (clues.submits or redirect):
        return None  # nor is a page of which no more is known
    near = [
        journey
        for journey in mine
        if is_near(journey, clues, login_hosts)
        and (lead.is_for(journey) or may_come_from_page(journey, clues, lead))
        and not lands_another(journey, clues, lead, login_hosts, registered)
    ]
    return _near(near, clues, lead)


def _with_its_state(waiting: list[Journey], chained: list[Journey], clues: Clues, lead: Lead) -> list[Journey]:
    """Whose hop has the state of logins that wait.

    Sentinel may mix up two logins' states: what the chain of this browser's own login brings to its own app, be it
    without a code, is its landing, with the state of a login that is another browser's or another app's. A login of
    this browser of which nobody knows the app may lead there too, so the state is its own.
    """
    own = [journey for journey in chained if lead.is_for(journey)]
    certain = _certain(chained, clues)
    is_theirs = any(j.browser == clues.browser and (lead.is_for(j) or not j.app_endpoints) for j in waiting)
    return narrowed(
        waiting if is_theirs or not own else own,
        lambda journey: not certain.isdisjoint(links(journey, clues)),
        lambda journey: journey.browser == clues.browser,
        lead.is_for,
        lead.may_be_asked_by,
        lambda journey: shares_parameter(journey, clues),
        lambda journey: has_been_there(journey, clues),
    )


def _with_an_earlier_state(
    landed: list[Journey], chained: list[Journey], alone: list[Journey], clues: Clues, lead: Lead
) -> list[Journey]:
    """Whose hop has the state of logins that have landed: of one of these, unless more says that it is not.

    That is a chain of hops which is not also theirs, or that the browser has but one login under way (``alone``), to
    whose redirect URI this leads, while the earlier ones were called back or are of other apps.
    """
    over = [journey for journey in landed if journey.browser == clues.browser and follows(journey, clues)]
    others = [j for j in chained if not any(lead.is_for(other) or not lead.is_for(j) for other in over)]
    is_over = all(journey.callback_seen or not lead.is_for(journey) for journey in landed)
    if chained or not (is_over and lead.hands_out):
        return others
    return [journey for journey in alone if lead.may_be_asked_by(journey)]


def _in_chain(chained: list[Journey], mine: Collection[Journey], clues: Clues, lead: Lead) -> list[Journey]:
    """Where it is a guess whose chain it is: it may turn out to lead to another one's app."""
    certain = _certain(chained, clues)
    return narrowed(
        [*chained, *filter(lead.is_for, mine)],
        lead.is_for,
        lambda journey: not certain.isdisjoint(links(journey, clues)),
        lead.hands_on_state_like,
        lead.may_be_asked_by,
        lambda journey: journey in chained,
    )


def _certain(journeys: Collection[Journey], clues: Clues) -> set[Key]:
    """What the request follows that is certainly of one of these: of another it may just have come to be a guess."""
    return {link for journey in journeys for link in links(journey, clues) - journey.guessed}


def _near(near: list[Journey], clues: Clues, lead: Lead) -> Part | None:
    """The likeliest of the journeys that a request is near."""
    likely = narrowed(near, lead.is_for)
    return _part(
        narrowed(
            likely,
            lambda journey: shares_parameter(journey, clues),
            lead.hands_on_state_like,
            lambda journey: has_been_there(journey, clues),
            lead.may_be_asked_by,
        ),
        # What is near a place that it was only guessed to have been at is no more certain than that.
        is_guess=len(likely) > 1 or any(journey.guessed or journey.unsure for journey in likely),
    )


def _part(journeys: Collection[Journey], *, is_guess: bool = False) -> Part | None:
    journey = newest(journeys)
    return Part(journey, is_guess) if journey else None
