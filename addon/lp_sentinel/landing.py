"""Reading what an authorize request was answered: where a redirect leads, and what lands at the app."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Literal
from urllib.parse import unquote

from lp_sentinel.exchange import REDIRECTS, Exchange, header_values
from lp_sentinel.facts import AnswerFacts, LandingFacts, RequestFacts
from lp_sentinel.names import names_or_rests
from lp_sentinel.taken_out import is_taken_out, known
from lp_sentinel.target import Target
from lp_sentinel.texts import Url, secret
from lp_sentinel.uri import (
    Endpoint,
    HostPort,
    Parameters,
    Uri,
    form_decode,
    host_matches,
    parse_parameters,
    parse_uri,
    scheme_of,
)
from lp_sentinel.uri_facts import endpoint_facts

type LeadsTo = Literal["app", "login", "elsewhere"]
type Via = Literal["location", "callback"]

CALLBACK_NAMES = ("code", "error", "state")
"""What apps are called back with: a callback request carries one of these."""
ERROR_CODES = frozenset(
    {
        # RFC 6749 section 4.1.2.1
        "invalid_request",
        "unauthorized_client",
        "access_denied",
        "unsupported_response_type",
        "invalid_scope",
        "server_error",
        "temporarily_unavailable",
        # OpenID Connect Core section 3.1.2.6
        "interaction_required",
        "login_required",
        "account_selection_required",
        "consent_required",
        "invalid_request_uri",
        "invalid_request_object",
        "request_not_supported",
        "request_uri_not_supported",
        "registration_not_supported",
    }
)
_ONCE = ("code", "state", "error", "error_description", "error_uri")
_DOCUMENTED = frozenset({*_ONCE, "iss"})
TOKEN_NAMES = ("access_token", "id_token", "refresh_token")
_BESIDE_TOKENS = frozenset({*TOKEN_NAMES, "token_type", "expires_in", "scope"})
_DESCRIPTIONS = ("error_description", "error_code", "error_message")


def leads_to(
    target: Target,
    *,
    sentinel: HostPort,
    app_endpoints: Collection[Endpoint],
    login_hosts: Collection[str],
    hands_over: bool = True,
) -> LeadsTo:
    """Where a redirect leads.

    ``sentinel`` is the authorize request's own host and port, ``app_endpoints`` are those of the requested and the
    registered redirect URIs. ``hands_over`` says whether whoever redirects may hand a code to an app that is not
    registered: Sentinel and its login pages do, while what one identity provider hands another is no landing.
    """
    endpoint = target.endpoint
    if endpoint is None:
        return "elsewhere"
    if endpoint in app_endpoints:
        return "app"
    if endpoint.host_port == sentinel or host_matches(endpoint.host, login_hosts):
        return "login"
    return "app" if hands_over and target.hands_out else "elsewhere"


def read_answer(exchange: Exchange, target: Target | None, leads: LeadsTo | None, request: RequestFacts) -> AnswerFacts:
    """The facts of the authorize exchange's own response."""
    locations = header_values(exchange.response_headers, "location")
    location = locations[0] if locations else ""
    landing = target if leads == "app" else None
    requested = parse_uri(request.redirect_uri) if request.redirect_uri else None
    return AnswerFacts(
        status=exchange.served_status,
        no_answer=exchange.no_answer,
        error=exchange.error,
        is_redirect=exchange.status in REDIRECTS,
        locations=len(locations),
        location=Url(location) if location else None,
        location_has_scheme=scheme_of(location) is not None if location and not is_taken_out(location) else None,
        leads_to=leads,
        target=endpoint_facts(target.endpoint) if target and target.endpoint else None,
        lands_on_requested=requested is not None and landing.endpoint == requested.endpoint if landing else None,
        hands_out_code=landing is not None and landing.query.has("code"),
    )


def is_upgrade(exchange: Exchange, target: Target) -> bool:
    """Whether a browser went from http to https at the same host by itself: nobody sent it anywhere."""
    own, to = exchange.endpoint, target.endpoint
    return exchange.from_cache and to is not None and (own.scheme, to.scheme, to.host) == ("http", "https", own.host)


def read_landing(
    target: Target,
    via: Via,
    request: RequestFacts,
    registered: Collection[Endpoint],
    *,
    own_query: Parameters | None,
    code_landed_before: bool,
    is_state_of_other: bool,
    is_mixed_up: bool,
) -> LandingFacts:
    """The facts of a landing (RFC 6749 sections 4.1.2 and 4.1.2.1).

    ``registered`` is empty when the app is not known or registered nothing; ``own_query`` is the query that the
    redirect URI brought along, ``None`` if that is not known; ``is_state_of_other`` says whether another journey was
    begun with the landing's state, and ``is_mixed_up`` that this one may have landed in its place.
    """
    query, fragment = target.query, target.fragment
    endpoint = target.endpoint
    requested = parse_uri(request.redirect_uri) if request.redirect_uri else None
    on_requested = endpoint == requested.endpoint if requested and endpoint else None
    state, error = query.get("state"), query.get("error")
    on_registered = endpoint in registered if registered and endpoint else None
    if is_taken_out(request.redirect_uri):
        on_registered = on_registered or None
    tokens = tuple(name for name in TOKEN_NAMES if query.has(name) or fragment.has(name))
    descriptions = tuple(name for name in _DESCRIPTIONS if query.has(name)) if error is None else ()
    # Where it is not known what belongs to the redirect URI, all may.
    explained = {*_DOCUMENTED, *(query if own_query is None else own_query).names()}
    explained.update(_DESCRIPTIONS if descriptions else (), _BESIDE_TOKENS if tokens else ())
    own_state = own_query.get("state") if own_query else None
    return LandingFacts(
        via=via,
        target=endpoint_facts(endpoint) if endpoint else None,
        code=secret(query.get("code")),
        code_without_value="code" in query.names() and not query.has("code"),
        # The very text that was sent: thousands of logins are remembered, and a state may be long.
        state=request.state if state == request.state else secret(state),
        error=error,
        error_description=query.get("error_description"),
        on_requested=on_requested,
        on_registered=on_registered,
        lost_query=_lost(requested, query) if requested and on_requested else (),
        state_is_own_query=own_state is not None and own_state == state,
        state_change=None if is_mixed_up else state_change(request.state, state, is_state_of_other=is_state_of_other),
        repeated=tuple(name for name in query.repeated() if name in _ONCE),
        in_fragment=tuple(name for name in CALLBACK_NAMES if fragment.has(name)),
        tokens=tokens,
        descriptions=descriptions,
        error_registered=error in ERROR_CODES if known(error) else None,
        undocumented=names_or_rests(
            [name for name in query.names() if name not in explained], target.uri.query if target.uri else None
        ),
        code_landed_before=code_landed_before,
    )


def _lost(requested: Uri, query: Parameters) -> tuple[str, ...]:
    """Names in the requested redirect URI's own query whose pair is not in the landing's query."""
    if not requested.query:
        return ()
    # Without a value it counts as left out.
    missing = Counter(pair for pair in parse_parameters(requested.query).pairs if pair[1]) - Counter(query.pairs)
    return tuple(dict.fromkeys(name for name, _ in missing))


def _unescaped(text: str) -> str | None:
    import html  # noqa: PLC0415  (all the names of characters, for a state that was altered)

    try:
        return html.unescape(text)
    except ValueError:  # a number of more digits than Python reads
        return None


def state_change(sent: str | None, received: str | None, *, is_state_of_other: bool) -> str | None:
    """The likely cause of a ``state`` that came back another; ``None`` if there is nothing to compare, or no change."""
    if not sent or not received or sent == received or is_taken_out(sent) or is_taken_out(received):
        return None
    causes = (
        ("letter case", sent.lower() == received.lower()),
        ("+ and space swapped", sent.replace("+", " ") == received.replace("+", " ")),
        ("decoded once too often", received in (form_decode(sent), unquote(sent, errors="surrogateescape"))),
        ("encoded once too often", sent in (form_decode(received), unquote(received, errors="surrogateescape"))),
        ("HTML-escaped", _unescaped(received) == sent),
        ("truncated", sent.startswith(received)),
        ("another journey's state", is_state_of_other),
    )
    return next((cause for cause, applies in causes if applies), "different")
