"""Which journey an exchange belongs to: told by state, then by the chain of hops, then by browser, URI and time."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from functools import cached_property
from typing import NamedTuple

from lp_sentinel.authorize import authorize_path
from lp_sentinel.exchange import Exchange, header
from lp_sentinel.journey import Browser, Journey, Journeys
from lp_sentinel.landing import Key, Target, key_of, request_target
from lp_sentinel.uri import Endpoint, Parameters, endpoint_of, host_matches, parse_uri


class Asked(NamedTuple):
    """What a request tells of where it comes from."""

    own: Target
    browser: Browser
    referer: str | None
    page: Key | None
    """Of the Referer."""
    is_aside: bool
    """It is a part of a page, or a preflight: no step of a login."""
    submits: bool
    """It is a POST."""


def read_asked(exchange: Exchange) -> Asked:
    referer = header(exchange.request_headers, "referer")
    method = exchange.method.upper()
    return Asked(
        own=request_target(exchange),
        browser=exchange.browser,
        referer=referer,
        page=key_of(parse_uri(referer)) if referer else None,
        is_aside=method == "OPTIONS" or exchange.is_subresource,
        submits=method == "POST",
    )


class Part(NamedTuple):
    """To which journey a request belongs as a hop of its login."""

    journey: Journey
    is_guess: bool = False
    """Another journey may have it as well: nothing but the time tells them apart."""


def continued_by(journeys: Journeys, asked: Asked) -> Journey | None:
    """The journey that an authorize request continues, because a hop of its login redirected there.

    Its state tells also that a browser's address has changed.
    """
    same_agent = [
        journey
        for journey in journeys.with_state(asked.own.query.get("state"))
        if _waits(journey) and journey.browser[1] == asked.browser[1]
    ]
    awaiting = [j for j in (*journeys.waiting_in(asked.browser), *same_agent) if j.awaited.get(asked.own.key)]
    return _newest(_narrowed(awaiting, lambda journey: journey.browser == asked.browser))


def of_hop(
    journeys: Journeys,
    asked: Asked,
    redirect: Target | None,
    login_hosts: Collection[str],
    registered: Collection[Endpoint],
) -> Part | None:
    """The waiting journey that a request belongs to as a hop of its login; ``registered`` are all apps' endpoints."""
    if asked.is_aside:
        return None
    mine, lead = journeys.waiting_in(asked.browser), _Lead(redirect)
    chained = [journey for journey in mine if _follows(journey, asked)]
    states = {asked.own.query.get("state"), redirect.query.get("state") if redirect else None}
    stated = [journey for state in states for journey in journeys.with_state(state)]
    waiting = [
        journey
        for journey in stated
        if _waits(journey) and (_is_near(journey, asked, login_hosts) or lead.endpoint in journey.app_endpoints)
    ]
    if waiting:
        return _part(
            _narrowed(
                waiting,
                lambda journey: _follows(journey, asked),
                lambda journey: journey.browser == asked.browser,
                lead.is_for,
            )
        )
    is_guess = bool(chained) and all(_follows_by_guess(journey, asked) for journey in chained)
    if landed := [journey for journey in stated if journey.landing]:
        # An earlier login's state. Only a chain of hops that is not also that login's own says otherwise.
        return _part([j for j in chained if not any(_follows(other, asked) for other in landed)], is_guess=is_guess)
    if chained:
        # Where it is a guess that the chain is this journey's, it may turn out to lead to another one's app.
        others = [journey for journey in mine if journey not in chained and lead.is_for(journey)] if is_guess else []
        likely = _narrowed([*chained, *others], lead.is_for, lambda journey: journey in chained)
        return _part(likely, is_guess=is_guess)
    if not (asked.submits or redirect):
        return None  # nor is a page of which no more is known
    near = [
        journey
        for journey in mine
        if _is_near(journey, asked, login_hosts)
        and (lead.is_for(journey) or _may_come_from_page(journey, asked, lead))
        and not _lands_another(journey, asked, lead, login_hosts, registered)
    ]
    likely = _narrowed(near, lead.is_for)
    return _part(_narrowed(likely, lambda journey: _both_stateless(journey, redirect)), is_guess=len(likely) > 1)


class _Lead:
    """What a redirect tells of whose login it is part of: read once, and only where it is asked for."""

    def __init__(self, redirect: Target | None) -> None:
        self.endpoint = redirect.endpoint if redirect else None
        self._query = redirect.query if redirect else Parameters()

    @cached_property
    def state(self) -> str | None:
        return self._query.get("state")

    @cached_property
    def hands_out(self) -> bool:
        """It carries what apps are called back with."""
        return self._query.has("code", "error")

    @cached_property
    def request(self) -> tuple[str | None, ...] | None:
        """Of an authorize request: account, client and redirect URI."""
        authorize = authorize_path(self.endpoint.path) if self.endpoint else None
        return (authorize[1], self._query.get("client_id"), self._query.get("redirect_uri")) if authorize else None

    def is_for(self, journey: Journey) -> bool:
        """Whether it leads to the journey's app, or back to Sentinel with what the journey asked there.

        There the state may be lost, but not be another one.
        """
        if self.endpoint is None:
            return False
        asked = journey.request
        return self.endpoint in journey.app_endpoints or (
            self.request is not None
            and self.request == (asked.account, asked.client_id, asked.redirect_uri)
            and self.state in (None, asked.state)
        )


def of_callback(
    journeys: Journeys, asked: Asked, login_hosts: Collection[str], *, redirected_elsewhere: bool
) -> Journey | None:
    """The journey that a callback request belongs to.

    ``redirected_elsewhere`` says that a response which is no part of any journey sent the browser there.
    """
    own, mine = asked.own, journeys.waiting_in(asked.browser)
    waiting = [j for j in mine if own.endpoint in j.app_endpoints and _may_come_from(j, asked, login_hosts)]
    chained = [j for j in waiting if _follows(j, asked)]
    if told := _told(journeys, asked, comes_from_login=bool(chained)):
        return _newest(_narrowed(told, lambda journey: journey.browser == asked.browser))
    referer = endpoint_of(asked.referer)
    if redirected_elsewhere and not (referer and host_matches(referer.host, login_hosts)):
        return None
    if not (chained or referer or own.query.has("code", "error")):
        waiting = [journey for journey in waiting if journey.request.state is None]  # the state is another one's
    stateless = [journey for journey in waiting if _both_stateless(journey, own)]
    if not chained and not stateless and (due := _due(journeys, asked, among_others=bool(waiting))):
        return _newest(due)
    return _newest(
        _narrowed(
            chained or waiting,
            lambda journey: _both_stateless(journey, own),
            lambda journey: endpoint_of(journey.request.redirect_uri) == own.endpoint,
        )
    )


def _told(journeys: Journeys, asked: Asked, *, comes_from_login: bool) -> list[Journey]:
    """Journeys that a callback request itself tells: by its whole URL, else by code and state, else by one of them."""
    own = asked.own
    code, state = own.query.get("code"), own.query.get("state")
    sent_here = [journey for journey in journeys.landed_at(own.key) if journey.browser == asked.browser]
    due = [journey for journey in sent_here if not journey.callback_seen]
    # What was brought before is brought again, unless it comes from the page of a login that waits.
    if due or (sent_here and not comes_from_login):
        return due or sent_here
    same_code = [journey for journey in journeys.landed_with("code", code) if _calls_back(journey, own)]
    if as_landed := [journey for journey in same_code if journey.landing and journey.landing.state == state]:
        return as_landed
    awaited = [journey for journey in journeys.with_state(state) if journey.landing is None]
    if awaited:
        return _narrowed(
            awaited,
            lambda journey: not journey.refused,
            lambda journey: own.endpoint in journey.app_endpoints,
            lambda journey: _follows(journey, asked),
        )
    return same_code or [journey for journey in journeys.landed_with("state", state) if _calls_back(journey, own)]


def _due(journeys: Journeys, asked: Asked, *, among_others: bool) -> list[Journey]:
    """Journeys that landed by Location and may be called back like this, though nothing in it is as it landed.

    Where others wait for a landing, these are only the ones that agree in never having had a state.
    """
    own = asked.own
    if own.endpoint is None:
        return []
    due = journeys.due_at(asked.browser, (own.endpoint.host, own.endpoint.port))
    agreeing = [journey for journey in due if _calls_back(journey, own) and _agrees(journey, own)]
    return [journey for journey in agreeing if _both_stateless(journey, own)] if among_others else agreeing


def _waits(journey: Journey) -> bool:
    return journey.landing is None and not journey.refused


def _follows(journey: Journey, asked: Asked) -> bool:
    """Whether the request is the next link in the journey's chain: a Location of it, or sent from one of its pages."""
    return bool(journey.awaited.get(asked.own.key)) or (asked.page is not None and asked.page in journey.pages)


def _follows_by_guess(journey: Journey, asked: Asked) -> bool:
    """Of a request that follows: whether it is only a guess that what it follows is of this journey."""
    links = {asked.own.key} if journey.awaited.get(asked.own.key) else set()
    if asked.page in journey.pages:
        links.add(asked.page)
    return links <= journey.guessed


def _is_near(journey: Journey, asked: Asked, login_hosts: Collection[str]) -> bool:
    """Whether the request goes to Sentinel, to a login host, or to where the login has been before."""
    endpoint = asked.own.endpoint
    if endpoint is None:
        return False
    host = (endpoint.host, endpoint.port)
    return host == journey.sentinel or host in journey.hosts or host_matches(endpoint.host, login_hosts)


def _lands_another(
    journey: Journey,
    asked: Asked,
    lead: _Lead,
    login_hosts: Collection[str],
    registered: Collection[Endpoint],
) -> bool:
    """Whether the redirect hands something to another app.

    To one that is registered, or that sent another state, or from a host where the login has not been.
    """
    if lead.endpoint is None or lead.endpoint in journey.app_endpoints:
        return False
    if lead.endpoint in registered:
        return True
    host = lead.endpoint.host
    if host == journey.sentinel[0] or host_matches(host, login_hosts) or not lead.hands_out:
        return False
    page = parse_uri(asked.referer) if asked.referer else None
    comes_from_it = page is not None and _has_been_at(journey, page.endpoint)
    if lead.state in (None, journey.request.state):
        return not (comes_from_it or _has_been_at(journey, asked.own.endpoint))
    # Of a page at another host browsers tell no more than its origin, which may be that of the journey's page.
    return not (comes_from_it and page is not None and page.endpoint.path == "/" and not page.query)


def _may_come_from_page(journey: Journey, asked: Asked, lead: _Lead) -> bool:
    """Whether the Referer may name a page of the journey or its app, as far as the host tells.

    It may be absent where nothing else speaks of another login: the request's own state, or the request for one to
    which it leads.
    """
    endpoint = endpoint_of(asked.referer)
    if endpoint is None:
        return lead.request is None and asked.own.query.get("state") in (None, journey.request.state)
    return _has_been_at(journey, endpoint) or any(endpoint.origin == app.origin for app in journey.app_endpoints)


def _has_been_at(journey: Journey, endpoint: Endpoint | None) -> bool:
    """Whether the login has been at a host, or was sent there."""
    host = (endpoint.host, endpoint.port) if endpoint else None
    return host in journey.hosts or host in journey.sent_to


def _calls_back(journey: Journey, own: Target) -> bool:
    """Whether this is an endpoint at which the journey's app may be called back."""
    return journey.landing is not None and (
        own.endpoint == journey.landing.endpoint or own.endpoint in journey.app_endpoints
    )


def _agrees(journey: Journey, own: Target) -> bool:
    """Whether code or state is as it landed; absent on both sides is alike."""
    landing = journey.landing
    return landing is not None and (own.query.get("code") == landing.code or own.query.get("state") == landing.state)


def _may_come_from(journey: Journey, asked: Asked, login_hosts: Collection[str]) -> bool:
    """Whether the Referer allows that the login sent the browser: absent, or of Sentinel, a login or the app itself."""
    referer = endpoint_of(asked.referer)
    if referer is None or (asked.own.endpoint and referer.host == asked.own.endpoint.host):
        return True
    return (
        referer.host == journey.sentinel[0]
        or (referer.host, referer.port) in journey.hosts
        or host_matches(referer.host, login_hosts)
    )


def _both_stateless(journey: Journey, target: Target | None) -> bool:
    """Whether nothing came with a state, and the journey never had one."""
    return journey.request.state is None and target is not None and not target.query.has("state")


def _narrowed(journeys: list[Journey], *tests: Callable[[Journey], bool]) -> list[Journey]:
    """The journeys that pass each of ``tests`` in turn; one that none passes is passed over."""
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
