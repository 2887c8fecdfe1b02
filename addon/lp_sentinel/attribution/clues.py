"""What a request tells of where it comes from, and what of that speaks for its being part of a journey."""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property

from msgspec import Struct

from lp_sentinel.exchange import Browser, Exchange, header
from lp_sentinel.journey import Journey
from lp_sentinel.paths import authorize_path
from lp_sentinel.taken_out import is_taken_out
from lp_sentinel.target import Key, Target, key_of, request_target
from lp_sentinel.uri import Endpoint, endpoint_of, host_matches, parse_uri


class Clues(Struct, frozen=True, gc=False):
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


def read_clues(exchange: Exchange) -> Clues:
    referer = header(exchange.request_headers, "referer")
    page = parse_uri(referer) if referer else None
    method = exchange.method.upper()
    return Clues(
        own=request_target(exchange),
        browser=exchange.browser,
        referer=referer,
        page=key_of(page) if page else None,  # what is no address equals no other one
        is_aside=method == "OPTIONS" or exchange.is_subresource,
        submits=method == "POST",
    )


class Lead:
    """What a redirect tells of whose login it is part of: read once, and only where it is asked for."""

    def __init__(self, redirect: Target | None) -> None:
        self._redirect = redirect
        self.endpoint = redirect.endpoint if redirect else None

    @cached_property
    def state(self) -> str | None:
        return self._redirect.state if self._redirect else None

    @cached_property
    def hands_out(self) -> bool:
        return self._redirect is not None and self._redirect.hands_out

    @cached_property
    def request(self) -> tuple[str | None, ...] | None:
        """Of an authorize request: account, client and redirect URI."""
        authorize = authorize_path(self.endpoint.path) if self.endpoint else None
        if authorize is None or self._redirect is None:
            return None
        query = self._redirect.query
        return authorize.account, query.get("client_id"), query.get("redirect_uri")

    @property
    def apps(self) -> tuple[Endpoint | None, ...]:
        """Where the app may be called back that it is for."""
        return self.endpoint, endpoint_of(self.request[2]) if self.request else None

    def is_for(self, journey: Journey) -> bool:
        """Whether it leads to the journey's app, or back to Sentinel with what the journey asked there.

        There the state may be lost, but not be another one.
        """
        requested = journey.request
        return self.endpoint in journey.app_endpoints or (
            self.request == (requested.account, requested.client_id, requested.redirect_uri)
            and self.state in (None, requested.state)
        )

    def hands_on_state_like(self, journey: Journey) -> bool:
        """Whether it leads to an app, or back to Sentinel, with some state just if the journey has one."""
        return (self.hands_out or self.request is not None) and has_state_like(journey, self.state)

    def may_be_asked_by(self, journey: Journey) -> bool:
        """Whether it leads to the redirect URI that the journey asked for, or to its app where it asked for none."""
        requested = journey.request.redirect_uri
        return self.is_for(journey) if requested is None else self.endpoint == endpoint_of(requested)


def follows(journey: Journey, clues: Clues) -> bool:
    """Whether the request is the next link in the journey's chain: a Location of it, or sent from one of its pages."""
    return bool(links(journey, clues))


def links(journey: Journey, clues: Clues) -> set[Key]:
    """What of the journey's chain the request follows: its own place, the page that sent it, or both."""
    found = {clues.own.key} if journey.awaited.get(clues.own.key) else set()
    if clues.page in journey.pages:
        found.add(clues.page)
    return found


def follows_for_certain(journey: Journey, clues: Clues) -> bool:
    """Whether the request follows, and it is not only a guess that what it follows is of this journey."""
    return bool(links(journey, clues) - journey.guessed)


def shares_parameter(journey: Journey, clues: Clues) -> bool:
    """Whether the request has a parameter, value and all, that a page of the journey had."""
    return not journey.carried.isdisjoint(map(hash, clues.own.query.pairs))


def is_near(journey: Journey, clues: Clues, login_hosts: Collection[str]) -> bool:
    """Whether the request goes to a login host, or to where the login has been before: Sentinel is one of these."""
    endpoint = clues.own.endpoint
    if endpoint is None:
        return False
    return endpoint.host_port in journey.hosts or host_matches(endpoint.host, login_hosts)


def lands_another(
    journey: Journey,
    clues: Clues,
    lead: Lead,
    login_hosts: Collection[str],
    registered: Collection[Endpoint],
) -> bool:
    """Whether the redirect hands something to another app.

    The first of these that applies decides:

    1. it leads nowhere, or to the journey's app: no;
    2. to an endpoint that another app registered: yes;
    3. to Sentinel or a login host, or with neither code nor error: no;
    4. without a state, or with the journey's: yes, unless the login has been at the request's host or the Referer's;
    5. with another state: yes, unless the Referer is a bare origin where the login has been.
    """
    if lead.endpoint is None or lead.endpoint in journey.app_endpoints:
        return False
    if lead.endpoint in registered:
        return True
    host = lead.endpoint.host
    if host == journey.sentinel[0] or host_matches(host, login_hosts) or not lead.hands_out:
        return False
    page = parse_uri(clues.referer) if clues.referer else None
    comes_from_it = page is not None and _has_been_at(journey, page.endpoint)
    if lead.state in (None, journey.request.state):
        return not (comes_from_it or _has_been_at(journey, clues.own.endpoint))
    # Of a page at another host browsers tell no more than its origin, which may be that of the journey's page.
    is_bare_origin = page is not None and page.endpoint.path == "/" and not page.query
    return not (comes_from_it and is_bare_origin)


def may_come_from_page(journey: Journey, clues: Clues, lead: Lead) -> bool:
    """Whether the Referer may name a page of the journey or its app, as far as the host tells.

    It may be absent where nothing else speaks of another login: a state that no page of the journey had, its authorize
    request among these, or the request for a login to which a link leads.
    """
    endpoint = endpoint_of(clues.referer)
    if endpoint is None:
        state = clues.own.query.get("state")
        is_known = state is None or hash(("state", state)) in journey.carried
        return is_known and (clues.submits or lead.request is None)
    return _has_been_at(journey, endpoint) or any(endpoint.origin == app.origin for app in journey.app_endpoints)


def has_been_there(journey: Journey, clues: Clues) -> bool:
    """Whether the login has been at the host of the page that sent the request; if that is not told, at its own."""
    return _has_been_at(journey, endpoint_of(clues.referer) or clues.own.endpoint)


def _has_been_at(journey: Journey, endpoint: Endpoint | None) -> bool:
    """Whether the login has been at a host, or was sent there."""
    return endpoint is not None and (endpoint.host_port in journey.hosts or endpoint.host_port in journey.sent_to)


def calls_back(journey: Journey, own: Target) -> bool:
    """Whether this is an endpoint at which the journey's app may be called back."""
    return journey.landing is not None and (
        own.endpoint == journey.landing.endpoint or own.endpoint in journey.app_endpoints
    )


def agrees(journey: Journey, own: Target) -> bool:
    """Whether code or state is as it landed, or both may be as far as is known; absent on both sides is alike."""
    landing = journey.landing
    if landing is None:
        return False
    compared = (own.query.get("code"), landing.code), (own.query.get("state"), landing.state)
    are_unknown = all(is_taken_out(one) or is_taken_out(other) for one, other in compared)
    return are_unknown or any(one == other for one, other in compared)


def may_have_sent(journey: Journey, clues: Clues, sending_hosts: Collection[str]) -> bool:
    """Whether the Referer allows that the login sent the browser: absent, or of Sentinel, a login or the app itself."""
    referer = endpoint_of(clues.referer)
    if referer is None or (clues.own.endpoint and referer.host == clues.own.endpoint.host):
        return True
    return (
        referer.host == journey.sentinel[0]
        or referer.host_port in journey.hosts
        or host_matches(referer.host, sending_hosts)
    )


def has_state_like(journey: Journey, state: str | None) -> bool:
    """Whether there is some state if the journey has one, and none if it has none: the weakest sign of all."""
    return (state is None) == (journey.request.state is None)


def both_stateless(journey: Journey, own: Target) -> bool:
    """Whether the request has no state, and the journey never had one."""
    return journey.request.state is None and own.state is None
