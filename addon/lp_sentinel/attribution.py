"""Which journey an exchange belongs to: told by state, then by the chain of hops, then by browser, URI and time."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from itertools import islice

from msgspec import Struct

from lp_sentinel.clues import (
    Clues,
    Lead,
    agrees,
    both_stateless,
    calls_back,
    follows,
    follows_by_guess,
    is_near,
    lands_another,
    may_come_from,
    may_come_from_page,
    shares_parameter,
)
from lp_sentinel.journey import Journey, Journeys
from lp_sentinel.taken_out import known
from lp_sentinel.target import Target
from lp_sentinel.uri import Endpoint, endpoint_of, host_matches

_FEW = 200
"""Of more logins of one browser that wait, the older ones were given up, unless something tells of them."""


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
    return _newest(_narrowed(awaiting, lambda journey: journey.browser == clues.browser))


def _waiting_for(journeys: Journeys, clues: Clues, lead: Lead | None = None) -> Collection[Journey]:
    """The waiting journeys of a browser: of very many the newest, and the newest of which the request tells.

    It follows their chain, leads to their app (or is a callback there), or has a parameter of their pages.
    """
    waiting = journeys.waiting_in(clues.browser)
    if len(waiting) <= _FEW:
        return waiting
    newest, older = waiting[:_FEW], waiting[_FEW:]
    apps, carried = lead.apps if lead else (clues.own.endpoint,), frozenset(map(hash, clues.own.query.pairs))
    chained = (journey for journey in older if follows(journey, clues))
    told = (j for j in older if not (j.app_endpoints.isdisjoint(apps) and j.carried.isdisjoint(carried)))
    return dict.fromkeys((*newest, *islice(chained, _FEW), *islice(told, _FEW)))


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
    mine = _waiting_for(journeys, clues, lead)
    chained = [journey for journey in mine if follows(journey, clues)]
    states = {clues.own.query.get("state"), redirect.query.get("state") if redirect else None}
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
    is_guess = len(_narrowed(chained, lead.is_for)) > 1 or all(follows_by_guess(journey, clues) for journey in chained)
    if landed := [journey for journey in stated if journey.landing]:
        alone = [journey for journey in mine if len(mine) == 1 and is_near(journey, clues, login_hosts)]
        return _part(_with_an_earlier_state(landed, chained, alone, clues, lead), is_guess=is_guess)
    if chained:
        likely = _in_chain(chained, mine, clues, lead, redirect) if is_guess else _narrowed(chained, lead.is_for)
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
    return _near(near, clues, lead, redirect)


def _with_its_state(waiting: list[Journey], chained: list[Journey], clues: Clues, lead: Lead) -> list[Journey]:
    """Whose hop has the state of logins that wait.

    Sentinel may mix up two logins' states: what the chain of this browser's own login brings to its own app is its
    landing, with the state of a login that is another browser's or another app's.
    """
    own = [journey for journey in chained if lead.hands_out and lead.is_for(journey)]
    is_theirs = any(journey.browser == clues.browser and lead.is_for(journey) for journey in waiting)
    return _narrowed(
        waiting if is_theirs or not own else own,
        lambda journey: follows(journey, clues),
        lambda journey: journey.browser == clues.browser,
        lead.is_for,
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


def _in_chain(
    chained: list[Journey], mine: Collection[Journey], clues: Clues, lead: Lead, redirect: Target | None
) -> list[Journey]:
    """Where it is a guess whose chain it is: it may turn out to lead to another one's app."""
    own = set(chained)
    others = [journey for journey in mine if journey not in own and lead.is_for(journey)]
    return _narrowed(
        [*chained, *others],
        lead.is_for,
        lambda journey: journey in own and not follows_by_guess(journey, clues),
        lambda journey: (lead.hands_out or lead.request is not None) and both_stateless(journey, redirect),
        lambda journey: journey in own,
        lead.may_be_asked_by,
    )


def _near(near: list[Journey], clues: Clues, lead: Lead, redirect: Target | None) -> Part | None:
    """The likeliest of the journeys that a request is near."""
    likely = _narrowed(near, lead.is_for)
    return _part(
        _narrowed(
            likely,
            lambda journey: shares_parameter(journey, clues),
            lambda journey: both_stateless(journey, redirect),
            lead.may_be_asked_by,
        ),
        # What is near a place that it was only guessed to have been at is no more certain than that.
        is_guess=len(likely) > 1 or any(journey.guessed for journey in likely),
    )


def of_callback(
    journeys: Journeys,
    clues: Clues,
    login_hosts: Collection[str],
    registered: Collection[Endpoint],
    *,
    redirected_elsewhere: bool,
) -> Journey | None:
    """The journey that a callback request belongs to; ``registered`` are all apps' endpoints.

    ``redirected_elsewhere`` says that a response which is no part of any journey sent the browser there.
    """
    own, mine = clues.own, _waiting_for(journeys, clues)
    waiting = [j for j in mine if own.endpoint in j.app_endpoints and may_come_from(j, clues, login_hosts)]
    chained = [j for j in waiting if follows(j, clues)]
    told = _told(journeys, clues, mine, waiting, chained) or _strayed(journeys, clues, waiting, chained)
    if told:
        return _newest(_narrowed(told, lambda journey: journey.browser == clues.browser))
    referer = endpoint_of(clues.referer)
    if redirected_elsewhere and not (referer and host_matches(referer.host, login_hosts)):
        return None
    stateless = [journey for journey in waiting if both_stateless(journey, own)]
    if not chained and not stateless and (due := _due(journeys, clues, among_others=bool(waiting))):
        return _newest(due)
    if not waiting and own.endpoint in registered:
        waiting = _leading_anywhere(mine, clues, login_hosts)
    return _newest(
        _narrowed(
            waiting,
            lambda journey: follows(journey, clues),
            lambda journey: both_stateless(journey, own),
            lambda journey: endpoint_of(journey.request.redirect_uri) == own.endpoint,
        )
    )


def _leading_anywhere(mine: Collection[Journey], clues: Clues, login_hosts: Collection[str]) -> list[Journey]:
    """Logins of which neither the request nor a registration says where they lead: to whatever app is known.

    A callback request with another state is another login's, unless it follows from this one.
    """
    has_state = known(clues.own.query.get("state")) is not None
    return [
        journey
        for journey in mine
        if not journey.app_endpoints
        and may_come_from(journey, clues, login_hosts)
        and (follows(journey, clues) or not has_state)
    ]


def note_rivals(journeys: Journeys, clues: Clues, journey: Journey, landing: Target) -> None:
    """Note in what the logins differ whose landing this may be, where nothing but the time tells them apart."""
    is_chained = follows(journey, clues)
    if is_chained:
        journey.unsure = frozenset()
    elif not (journey.app_endpoints or landing.query.get("state") == journey.request.state is not None):
        # It lands where nothing said that it would, so this may be a login of the app there that was not seen.
        journey.unsure |= {"client_id", "redirect_uri"}
    if not both_stateless(journey, landing):
        return
    rivals = [
        other
        for other in _waiting_for(journeys, clues)
        if (landing.endpoint in other.app_endpoints if journey.app_endpoints else not other.app_endpoints)
        and both_stateless(other, landing)
        and (follows(other, clues) or not is_chained)
    ]
    unsure = frozenset(
        name
        for name in ("client_id", "redirect_uri")
        if any(getattr(other.request, name) != getattr(journey.request, name) for other in rivals)
    )
    for one in (journey, *rivals):
        one.unsure |= unsure


def _told(
    journeys: Journeys,
    clues: Clues,
    mine: Collection[Journey],
    waiting: Collection[Journey],
    chained: Collection[Journey],
) -> list[Journey]:
    """Journeys that a callback request itself tells.

    The first of these that tells of any decides:

    1. its whole URL, to which this browser was sent (:func:`_sent_here`);
    2. code and state, both as they landed;
    3. the state, which logins wait for (:func:`_awaiting_its_state`);
    4. the code alone;
    5. the state alone, which logins were begun with that have landed (:func:`_landed_with_its_state`).
    """
    own = clues.own
    code, state = own.query.get("code"), own.query.get("state")
    if sent_here := _sent_here(journeys, clues, waiting, chained):
        return sent_here
    same_code = [journey for journey in journeys.landed_with("code", code) if calls_back(journey, own)]
    if as_landed := [journey for journey in same_code if journey.landing and journey.landing.state == state]:
        return as_landed
    awaiting = _awaiting_its_state(journeys.with_state(state, mine), clues, waiting)
    return awaiting or same_code or _landed_with_its_state(journeys, clues, state, chained)


def _sent_here(
    journeys: Journeys, clues: Clues, waiting: Collection[Journey], chained: Collection[Journey]
) -> list[Journey]:
    """Journeys of this browser that landed at the whole URL, before all those that are due to be called back there."""
    sent_here = [journey for journey in journeys.landed_at(clues.own.key) if journey.browser == clues.browser]
    due = [journey for journey in sent_here if not journey.callback_seen]
    # What was brought before is brought again, unless it comes from the page of a login that waits.
    return due or ([] if chained or _may_be_new(clues, sent_here, waiting) else sent_here)


def _awaiting_its_state(stated: Collection[Journey], clues: Clues, waiting: Collection[Journey]) -> list[Journey]:
    """Those of the journeys that were begun with the request's state (``stated``) that have not landed."""
    own = clues.own
    awaiting = [journey for journey in stated if journey.landing is None]
    # Another browser's state, which is not for the app that is called back, while a login of this one waits for that.
    if waiting and all(j.browser != clues.browser and own.endpoint not in j.app_endpoints for j in awaiting):
        return []
    return _narrowed(
        awaiting,
        lambda journey: not journey.refused,
        lambda journey: own.endpoint in journey.app_endpoints,
        lambda journey: follows(journey, clues),
    )


def _landed_with_its_state(
    journeys: Journeys, clues: Clues, state: str | None, chained: Collection[Journey]
) -> list[Journey]:
    """Journeys that were begun with the request's state, and have landed with it."""
    landed = [journey for journey in journeys.landed_with("state", state) if calls_back(journey, clues.own)]
    landed = _narrowed(landed, lambda journey: journey.browser == clues.browser)
    begun = [journey for journey in landed if journey.request.state == state]
    if begun and all(journey.callback_seen for journey in begun):
        begun = [journey for journey in landed if _is_due(journey, clues)] or begun
    if chained and not any(follows(journey, clues) for journey in begun):
        return []  # an earlier login's state, brought from the page of one that waits
    return begun


def _may_be_new(clues: Clues, sent_here: Collection[Journey], waiting: Collection[Journey]) -> bool:
    """Whether what was brought before may be another login's now: it says nothing that only one login can say.

    To load a page again names the page again that had led there.
    """
    own, page = clues.own, endpoint_of(clues.referer)
    if own.query.has("code", "state") or page is None or own.endpoint is None or page.host == own.endpoint.host:
        return False
    is_loaded_again = any(clues.page == journey.brought_from for journey in sent_here)
    return not is_loaded_again and any(both_stateless(journey, own) for journey in waiting)


def _strayed(
    journeys: Journeys, clues: Clues, waiting: Collection[Journey], chained: Collection[Journey]
) -> list[Journey]:
    """Journeys that landed with the request's state, though they were not begun with it.

    It may be what every login is handed, so while others wait it tells only of those whose callback is due.
    """
    own = clues.own
    strayed = [j for j in journeys.landed_with("state", own.query.get("state")) if calls_back(j, own)]
    if not waiting:
        return strayed
    return [] if chained else [journey for journey in strayed if _is_due(journey, clues)]


def _is_due(journey: Journey, clues: Clues) -> bool:
    """Whether a journey of this browser landed by Location, and was not called back yet."""
    is_sent = journey.landing is not None and journey.landing.via == "location"
    return is_sent and not journey.callback_seen and journey.browser == clues.browser


def _due(journeys: Journeys, clues: Clues, *, among_others: bool) -> list[Journey]:
    """Journeys that landed by Location and may be called back like this, though nothing in it is as it landed.

    Where others wait for a landing, these are only the ones that agree in never having had a state.
    """
    own = clues.own
    if own.endpoint is None:
        return []
    due = journeys.due_at(clues.browser, (own.endpoint.host, own.endpoint.port))
    agreeing = [journey for journey in due if calls_back(journey, own) and agrees(journey, own)]
    return [journey for journey in agreeing if both_stateless(journey, own)] if among_others else agreeing


def _narrowed(journeys: list[Journey], *tests: Callable[[Journey], bool]) -> list[Journey]:
    """The journeys that pass each of ``tests`` in turn. A test that no journey passes is ignored."""
    for test in tests:
        if len(journeys) > 1:
            journeys = [journey for journey in journeys if test(journey)] or journeys
    return journeys


def _part(journeys: Collection[Journey], *, is_guess: bool = False) -> Part | None:
    journey = _newest(journeys)
    return Part(journey, is_guess) if journey else None


def _newest(journeys: Iterable[Journey]) -> Journey | None:
    """The one that moved last."""
    return max(journeys, key=lambda journey: (journey.last, journey.number), default=None)
