"""Which journey a callback request belongs to, and which others it may be of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from lp_sentinel.attribution.candidates import narrowed, newest, waiting_for
from lp_sentinel.attribution.clues import (
    Clues,
    agrees,
    both_stateless,
    calls_back,
    follows,
    follows_for_certain,
    has_state_like,
    may_have_sent,
)
from lp_sentinel.journey import Journey, Journeys
from lp_sentinel.taken_out import known
from lp_sentinel.target import Target
from lp_sentinel.uri import Endpoint, endpoint_of, host_matches


def of_callback(
    journeys: Journeys,
    clues: Clues,
    sending_hosts: Collection[str],
    registered: Collection[Endpoint],
    *,
    sent_by_other: bool,
) -> Journey | None:
    """The journey that a callback request belongs to; ``registered`` are all apps' endpoints.

    ``sending_hosts`` are those of Sentinel and of logins. ``sent_by_other`` says that a response which is no part of
    any journey sent the browser there.
    """
    own, mine = clues.own, waiting_for(journeys, clues)
    waiting = [j for j in mine if own.endpoint in j.app_endpoints and may_have_sent(j, clues, sending_hosts)]
    chained = [j for j in waiting if follows(j, clues)]
    told = _told(journeys, clues, mine, waiting, chained)
    if told:
        return newest(narrowed(told, lambda journey: journey.browser == clues.browser))
    referer = endpoint_of(clues.referer)
    if sent_by_other and not (referer and host_matches(referer.host, sending_hosts)):
        return None
    stateless = [journey for journey in waiting if both_stateless(journey, own)]
    if not chained and not stateless and (due := _due(journeys, clues, among_others=bool(waiting))):
        return newest(due)
    if not waiting and own.endpoint in registered:
        waiting = _leading_anywhere(mine, clues, sending_hosts)
    return newest(
        narrowed(
            waiting,
            lambda journey: follows(journey, clues),
            lambda journey: has_state_like(journey, own.query.get("state")),
            lambda journey: _asked_for(journey, own),
        )
    )


def _asked_for(journey: Journey, own: Target) -> bool:
    """Whether the login asked to be called back here."""
    return endpoint_of(journey.request.redirect_uri) == own.endpoint


def _leading_anywhere(mine: Collection[Journey], clues: Clues, sending_hosts: Collection[str]) -> list[Journey]:
    """Logins of which neither the request nor a registration says where they lead: to whatever app is known.

    A callback request with another state is another login's, unless it follows from this one.
    """
    has_state = known(clues.own.query.get("state")) is not None
    return [
        journey
        for journey in mine
        if not journey.app_endpoints
        and may_have_sent(journey, clues, sending_hosts)
        and (follows(journey, clues) or not has_state)
    ]


def note_rivals(journeys: Journeys, clues: Clues, journey: Journey, landing: Target, *, is_callback: bool) -> None:
    """Note in what the logins differ whose landing this may be, where nothing but the time tells them apart.

    ``is_callback``: a callback request is all that is seen of it, and no redirect.
    """
    state = landing.state
    has_its_state = state is not None and state == journey.request.state
    if has_its_state and not _is_contested(journeys, journey):
        journey.unsure = frozenset()
        return
    is_chained = follows_for_certain(journey, clues)
    if is_chained:
        journey.unsure = frozenset()
    elif is_callback and not journey.app_endpoints:
        # It lands where nothing said that it would, so this may be a login of the app there that was not seen.
        journey.unsure |= {"client_id", "redirect_uri"}
    rivals = [
        other
        for other in waiting_for(journeys, clues)
        if (landing.endpoint in other.app_endpoints if journey.app_endpoints else not other.app_endpoints)
        and (follows(other, clues) or not is_chained)
        and (other.request.state == state or not has_its_state)
    ]
    unsure = frozenset(
        name
        for name in ("client_id", "redirect_uri", "state")
        if any(getattr(other.request, name) != getattr(journey.request, name) for other in rivals)
    )
    if unsure:
        _share_doubt({journey, *rivals}, unsure)


def _is_contested(journeys: Journeys, journey: Journey) -> bool:
    """Whether its state is also that of another login of which this may be the landing."""
    return any(
        other is not journey and (other.unsure or (other.waits and other.browser == journey.browser))
        for other in journeys.with_state(journey.request.state, ())
    )


def _share_doubt(alike: Collection[Journey], unsure: frozenset[str]) -> None:
    """Note of logins that they can't be told apart. What several were at tells from now on of none for certain."""
    visits = Counter(page for one in alike for page in one.pages)
    for one in alike:
        one.unsure |= unsure
        one.guessed.update(page for page in one.pages if visits[page] > 1)


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
    2. code and state, both as they landed, or the state of an error that landed in the fragment;
    3. the state, which logins wait for (:func:`_awaiting_its_state`) that are likely to be called back here;
    4. the code alone, unless the page of a login that waits brings it again;
    5. the state, which logins have landed with (:func:`_landed_with_its_state`) whose callback is due;
    6. the state, which other logins wait for;
    7. the state, which others have landed with, or that can't land any more: this browser's first.
    """
    own = clues.own
    code, state = own.query.get("code"), own.query.get("state")
    if sent_here := _sent_here(journeys, clues, waiting, chained):
        return sent_here
    same_code = [journey for journey in journeys.landed_with("code", code) if calls_back(journey, own)]
    as_landed = [journey for journey in same_code if journey.landing and journey.landing.state == state]
    if told := as_landed or _moved_from_fragment(journeys, clues):
        return told
    awaiting = _awaiting_its_state(journeys.with_state(state, mine), clues, waiting)
    if any(_is_likely_to_land(journey, clues) for journey in awaiting):
        return awaiting
    if same_code := [journey for journey in same_code if not (chained and journey.callback_seen)]:
        return same_code
    landed = _landed_with_its_state(journeys, clues, waiting, chained)
    return (
        [journey for journey in landed if _is_due(journey, clues)]
        or [journey for journey in awaiting if not (journey.refused or journey.no_answer)]
        or [journey for journey in landed if journey.browser == clues.browser]
        or awaiting
        or landed
    )


def _sent_here(
    journeys: Journeys, clues: Clues, waiting: Collection[Journey], chained: Collection[Journey]
) -> list[Journey]:
    """Journeys of this browser that landed at the whole URL, before all those that are due to be called back there."""
    sent_here = [journey for journey in journeys.landed_at(clues.own.key) if journey.browser == clues.browser]
    due = [journey for journey in sent_here if not journey.callback_seen]
    # What was brought before is brought again, unless it comes from the page of a login that waits.
    return due or ([] if chained or _may_be_new(clues, sent_here, waiting) else sent_here)


def _moved_from_fragment(journeys: Journeys, clues: Clues) -> list[Journey]:
    """Journeys of this browser of which an error landed in the fragment, which the app's page brings in the query."""
    own, page = clues.own, endpoint_of(clues.referer)
    if own.query.has("code") or (page and own.endpoint and page.host != own.endpoint.host):
        return []
    return [
        journey
        for journey in journeys.landed_with("state", own.query.get("state"))
        if journey.landing and journey.landing.in_fragment and calls_back(journey, own) and _is_due(journey, clues)
    ]


def _awaiting_its_state(stated: Collection[Journey], clues: Clues, waiting: Collection[Journey]) -> list[Journey]:
    """Those of the journeys that were begun with the request's state (``stated``) that have not landed."""
    own = clues.own
    awaiting = [journey for journey in stated if journey.landing is None]
    # Another browser's state, which is not for the app that is called back, while a login of this one waits for that.
    if waiting and all(j.browser != clues.browser and own.endpoint not in j.app_endpoints for j in awaiting):
        return []
    return narrowed(
        awaiting,
        lambda journey: not journey.refused,
        lambda journey: own.endpoint in journey.app_endpoints,
        lambda journey: follows(journey, clues),
        lambda journey: journey.browser == clues.browser,
        lambda journey: _asked_for(journey, own),
    )


def _is_likely_to_land(journey: Journey, clues: Clues) -> bool:
    """Whether a login of this browser may still land at what is called back here, and nothing kept it from that."""
    is_kept = journey.refused or journey.no_answer or journey.leads == "elsewhere"
    return not is_kept and journey.browser == clues.browser and clues.own.endpoint in journey.app_endpoints


def _landed_with_its_state(
    journeys: Journeys, clues: Clues, waiting: Collection[Journey], chained: Collection[Journey]
) -> list[Journey]:
    """Journeys that have landed with the request's state: those begun with it, before those that were but handed it.

    Where all that were begun with it were called back, first come those that are due. It may be what every login is
    handed, so while others wait it tells of none that was called back and not begun with it.
    """
    own = clues.own
    state = own.query.get("state")
    landed = [journey for journey in journeys.landed_with("state", state) if calls_back(journey, own)]
    landed = narrowed(landed, lambda journey: journey.browser == clues.browser)
    told = [journey for journey in landed if journey.request.state == state]
    if all(journey.callback_seen for journey in told):
        due = [journey for journey in landed if _is_due(journey, clues)]
        told = due or told or ([] if waiting else landed)
    if chained and not any(follows(journey, clues) for journey in told):
        return []  # an earlier login's state, brought from the page of one that waits
    return told


def _may_be_new(clues: Clues, sent_here: Collection[Journey], waiting: Collection[Journey]) -> bool:
    """Whether what was brought before may be another login's now: it says nothing that only one login can say.

    To load a page again names the page again that had led there.
    """
    own, page = clues.own, endpoint_of(clues.referer)
    if page is None or own.endpoint is None or page.host == own.endpoint.host:
        return False
    is_loaded_again = any(clues.page == journey.brought_from for journey in sent_here)
    return not is_loaded_again and any(both_stateless(journey, own) for journey in waiting)


def _is_due(journey: Journey, clues: Clues) -> bool:
    """Whether a journey of this browser landed by Location, and was not called back yet."""
    return not journey.callback_seen and journey.browser == clues.browser


def _due(journeys: Journeys, clues: Clues, *, among_others: bool) -> list[Journey]:
    """Journeys that landed by Location and may be called back like this, though nothing in it is as it landed.

    Where others wait for a landing, these are only the ones that agree in never having had a state.
    """
    own = clues.own
    if own.endpoint is None:
        return []
    due = journeys.due_at(clues.browser, own.endpoint.host_port)
    agreeing = narrowed(
        [journey for journey in due if calls_back(journey, own) and agrees(journey, own)],
        lambda journey: journey.landing is not None and journey.landing.state == own.query.get("state"),
    )
    return [journey for journey in agreeing if both_stateless(journey, own)] if among_others else agreeing
