"""The road from an exchange to its findings: find the journey, compute the facts, ask the rules."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import date
from typing import NamedTuple

from lp_sentinel import attribution
from lp_sentinel.attribution import Asked, read_asked
from lp_sentinel.authorize import (
    PathForm,
    authorize_path,
    endpoint_facts,
    read_app,
    read_request,
    registered_endpoints,
    token_path,
)
from lp_sentinel.config import Config
from lp_sentinel.exchange import Exchange
from lp_sentinel.facts import (
    BegunFacts,
    CallbackFacts,
    ClosedFacts,
    Facts,
    LateFacts,
    LeakFacts,
    RenewalFacts,
    Secret,
)
from lp_sentinel.finding import Finding, Hop, JourneyHop, JourneySummary
from lp_sentinel.history import Begun, History
from lp_sentinel.journey import Journey, Journeys, Landing
from lp_sentinel.judgement import PREFLIGHT, Judgement, utc_today
from lp_sentinel.landing import LeadsTo, Target, Via, leads_to, read_answer, read_landing, redirect_target
from lp_sentinel.redact import Redactor
from lp_sentinel.rules import RuleBook
from lp_sentinel.token import Issued, expires_in, read_token, read_token_request
from lp_sentinel.uri import Endpoint, Parameters, endpoint_of, host_matches, parse_parameters, parse_uri

_OK = 200
_NAMES = ("code", "state", "error")
_NOT_A_CALLBACK = frozenset({"OPTIONS", "HEAD"})


class Verdict(NamedTuple):
    """What came of one exchange."""

    journey: str | None
    hop: Hop | None
    """``None``: it has nothing to do with a login."""
    findings: tuple[Finding, ...]
    """Chosen by ``select`` and ``ignore``; some may be about earlier exchanges."""
    closed: tuple[JourneySummary, ...]
    """Journeys of which no more is kept."""


class _Renewal(NamedTuple):
    """A journey that began while a token was good: judged when it is known whether it is part of a loop."""

    due: float
    begun: Begun | None
    journey: Journey
    facts: dict[str, Facts | None]
    at: JourneyHop


class Engine:
    """Judges the exchanges of one capture, given in the order in which their requests started."""

    def __init__(
        self,
        config: Config,
        book: RuleBook,
        redactor: Redactor,
        capture: str | None = None,
        today: Callable[[], date] = utc_today,
    ) -> None:
        self._config = config
        self._judgement = Judgement(config, book, redactor, capture, today)
        self._capture = capture
        self._journeys = Journeys(config.limits.open_journeys)
        self._history = History(config.limits)
        self._renewals: deque[_Renewal] = deque()
        self._closed: list[JourneySummary] = []
        self._registered = frozenset(
            endpoint
            for apps in config.accounts.values()
            for app in apps.values()
            for endpoint in registered_endpoints(app)
        )
        self._trusted = (*config.login_hosts, *config.sentinel_hosts)
        self._now = 0.0
        self._begun = 0

    def feed(self, exchange: Exchange) -> Verdict:
        """Judge one exchange."""
        if exchange.started is not None:
            self._now = max(self._now, exchange.started)
            self._pass_time(self._now)
        asked = read_asked(exchange)
        calls_back = self._is_callback(exchange, asked)
        if not calls_back:
            self._note_visit(exchange, asked)
        journey, hop = self._place(exchange, asked, calls_back=calls_back)
        if asked.referer and "?" in asked.referer and self._history.has_codes:
            self._look_for_leak(exchange, asked.referer)
        if journey:
            self._journeys.touch(journey, exchange.started)
            for other in self._journeys.overflow():
                self._close(other, was_given_up=True)
        return self._verdict(journey.id if journey else None, hop)

    def _note_visit(self, exchange: Exchange, asked: Asked) -> None:
        for journey in self._journeys.due_at(asked.browser, (exchange.host, exchange.port)):
            landed = journey.landing.at if journey.landing else None
            if landed is None or exchange.started is None or exchange.started >= landed:
                journey.app_visited_later = True

    def close(self) -> Verdict:
        """The capture has ended: judge what was deferred and what is still open."""
        while self._renewals:
            self._judge_renewal(self._renewals.popleft())
        for journey in sorted(self._journeys, key=lambda journey: journey.number):
            self._close(self._journeys.remove(journey))
        return self._verdict(None, None)

    def journey(self, name: str) -> JourneySummary | None:
        """A journey as it stands now; ``None`` when it is closed or was never seen."""
        journey = self._journeys.get(name)
        return self._summary(journey) if journey else None

    def _verdict(self, journey: str | None, hop: Hop | None) -> Verdict:
        closed, self._closed = tuple(self._closed), []
        return Verdict(journey, hop, self._judgement.take(), closed)

    def _place(self, exchange: Exchange, asked: Asked, *, calls_back: bool) -> tuple[Journey | None, Hop | None]:
        path = exchange.path
        if authorize := authorize_path(path):
            return self._authorize(exchange, asked, *authorize), "authorize"
        if token := token_path(path):
            return self._token(exchange, asked, *token), "token"
        if calls_back:
            return self._callback(exchange, asked), "callback"
        redirect = redirect_target(exchange)
        journey = attribution.of_hop(self._journeys, asked, redirect, self._config.login_hosts)
        if journey:
            self._login_hop(exchange, asked, journey, redirect)
            return journey, "login"
        if redirect and redirect.query.has(*_NAMES):
            self._history.redirect(redirect)
        return None, None

    def _is_callback(self, exchange: Exchange, asked: Asked) -> bool:
        endpoint = asked.own.endpoint
        return (
            "=" in exchange.query
            and endpoint is not None
            and (endpoint in self._registered or self._history.callback_endpoint(endpoint) is not None)
            and exchange.method.upper() not in _NOT_A_CALLBACK
            and asked.own.query.has(*_NAMES)
        )

    # The authorize exchange

    def _authorize(self, exchange: Exchange, asked: Asked, form: PathForm, account: str | None) -> Journey | None:
        request = read_request(exchange, form, account, self._config)
        app = read_app(self._config, account, request.client_id, request.redirect_uri)
        facts: dict[str, Facts | None] = {"request": request, "app": app}
        hop = self._judgement.hop(exchange, "authorize")
        if request.method == "OPTIONS":
            self._judgement.ask("request", facts, hop, account=account, client_id=request.client_id, only_tag=PREFLIGHT)
            return None
        registered = registered_endpoints(self._config.app(account, request.client_id))
        requested = endpoint_of(request.redirect_uri)
        app_endpoints = registered | {requested} if requested else registered
        journey = attribution.continued_by(self._journeys, asked)
        continued = journey is not None
        if journey:
            journey.awaited[asked.own.key] -= 1
            self._history.tally(journey.request.client_id, begun=-1)
            self._journeys.replace_request(journey, request, app)
            journey.app_endpoints = app_endpoints
            journey.sentinel = (exchange.host, exchange.port)
        else:
            self._begun += 1
            journey = Journey(
                number=self._begun,
                browser=asked.browser,
                request=request,
                app=app,
                sentinel=(exchange.host, exchange.port),
                app_endpoints=app_endpoints,
                started=exchange.started,
                last=self._at(exchange.started),
            )
            self._journeys.add(journey)
        self._history.tally(request.client_id, begun=1)
        self._history.expect_callback(requested, landed=False)
        redirect = redirect_target(exchange)
        journey.status, journey.no_answer = exchange.status, exchange.no_answer
        journey.leads = self._leads(journey, redirect) if redirect else None
        journey.login_begun |= journey.leads == "login"
        journey.remember(hop, asked.own, redirect)
        journey.fired = self._judgement.ask("request", facts, hop, journey)
        answer = read_answer(exchange, redirect, journey.leads, request)
        journey.fired |= self._judgement.ask("answer", facts | {"answer": answer}, hop, journey, journey.fired)
        self._begin(journey, facts, hop, continued=continued)
        if redirect and journey.leads == "app":
            self._land(journey, exchange, redirect, hop)
        self._journeys.settle(journey)
        return journey

    def _begin(self, journey: Journey, facts: dict[str, Facts | None], hop: JourneyHop, *, continued: bool) -> None:
        at = self._at(hop.started)
        landed, elsewhere, begun = False, False, None
        if continued:
            loop = self._history.continues(journey, at)
        else:
            landed, elsewhere = self._history.begin_state(journey)
            begun, loop = self._history.begin(journey, at)
        fact = BegunFacts(continued, landed, elsewhere, loop, self._config.limits.loop_window)
        self._judgement.ask("begun", facts | {"begun": fact}, hop, journey)
        left = None if continued else self._history.token_left(journey.browser, journey, at)
        if left is not None:
            due = at + self._config.limits.loop_window
            self._renewals.append(_Renewal(due, begun, journey, facts | {"renewal": RenewalFacts(left)}, hop))

    def _at(self, started: float | None) -> float:
        """A request of which the capture does not say when it started, came when the last one did."""
        return self._now if started is None else started

    def _leads(self, journey: Journey, redirect: Target, *, hands_over: bool = True) -> LeadsTo:
        return leads_to(
            redirect,
            sentinel=journey.sentinel,
            app_endpoints=journey.app_endpoints,
            login_hosts=self._config.login_hosts,
            hands_over=hands_over,
        )

    # On the way to the app

    def _login_hop(self, exchange: Exchange, asked: Asked, journey: Journey, redirect: Target | None) -> None:
        hop = self._judgement.hop(exchange, "login")
        journey.remember(hop, asked.own, redirect)
        if redirect is None:
            return
        own = (exchange.host, exchange.port)
        hands_over = own == journey.sentinel or host_matches(exchange.host, self._config.login_hosts)
        leads = self._leads(journey, redirect, hands_over=hands_over)
        journey.login_begun |= leads == "login"
        if leads == "app":
            self._land(journey, exchange, redirect, hop)
            self._journeys.settle(journey)

    def _land(self, journey: Journey, exchange: Exchange, target: Target, hop: JourneyHop) -> None:
        """Judge what lands; ``target`` is the response's Location, or the callback request's own URL."""
        request = journey.request
        via: Via = "callback" if hop.hop == "callback" else "location"
        app = self._config.app(request.account, request.client_id)
        code, state = target.query.get("code"), target.query.get("state")
        earlier = self._history.issued(code)
        facts = read_landing(
            target,
            via,
            request,
            registered_endpoints(app) if app and app.redirect_uris else None,
            own_query=_own_query(request.redirect_uri, app.redirect_uris if app else (), target.endpoint),
            code_landed_before=earlier is not None and earlier.journey not in (None, journey.id),
            is_state_of_other=any(other is not journey for other in self._journeys.with_state(state)),
        )
        at = exchange.started if via == "callback" or exchange.answered is None else exchange.answered
        carried = {name: target.fragment.get(name) or target.query.get(name) for name in _NAMES}
        outcome = "code" if code else f"error:{self._judgement.text(facts.error)}" if facts.error else "unknown"
        journey.landing = Landing(
            via=via,
            endpoint=target.endpoint,
            code=carried["code"],
            state=carried["state"],
            error=carried["error"],
            at=at,
            hop=hop,
            outcome=outcome,
            in_fragment=facts.in_fragment,
        )
        journey.fired |= self._judgement.ask(
            "landing", {"request": request, "app": journey.app, "landing": facts}, hop, journey, journey.fired
        )
        journey.landing_facts = facts
        self._history.land_state(journey, at)
        self._history.tally(request.client_id, landed=1)
        self._history.expect_callback(target.endpoint, landed=True)
        for landed in dict.fromkeys((code, carried["code"])):
            if landed:
                self._issue(landed, journey, target.endpoint)

    def _issue(self, code: str, journey: Journey | None, endpoint: Endpoint | None) -> None:
        if endpoint:
            request = journey.request if journey else None
            self._history.issue(
                code,
                Issued(
                    journey=journey.id if journey else None,
                    client_id=request.client_id if request else None,
                    redirect_uri=request.redirect_uri if request else None,
                    origin=endpoint.origin,
                ),
            )

    # At the app

    def _callback(self, exchange: Exchange, asked: Asked) -> Journey | None:
        own = asked.own
        redirected = self._history.was_redirected(own)
        journey = attribution.of_callback(self._journeys, asked, self._trusted, explained=redirected)
        hop = self._judgement.hop(exchange, "callback")
        code, known_endpoint = own.query.get("code"), self._knows_landing(own.endpoint)
        repeats = self._history.calls_back(code)
        altered: tuple[str, ...] = ()
        if journey:
            journey.remember(hop, own, None)
            if journey.landing is None:
                self._land(journey, exchange, own, hop)
            else:
                altered = _altered(journey.landing, own.query)
                self._judge_late(journey, exchange, hop, first=not journey.callback_seen)
            journey.callback_seen = True
            self._journeys.settle(journey)
        elif code and not self._history.issued(code):
            self._issue(code, None, own.endpoint)
        referer = endpoint_of(asked.referer)
        facts = CallbackFacts(
            code=Secret(code) if code else None,
            state=Secret(state) if (state := own.query.get("state")) else None,
            error=own.query.get("error"),
            status=exchange.status,
            no_answer=exchange.no_answer,
            in_journey=journey is not None,
            explained=redirected
            or not known_endpoint
            or (referer is not None and host_matches(referer.host, self._config.login_hosts)),
            altered=altered,
            repeats_code=repeats,
        )
        self._judgement.ask(
            "callback",
            {
                "request": journey.request if journey else None,
                "app": journey.app if journey else None,
                "landing": journey.landing_facts if journey else None,
                "callback": facts,
            },
            hop,
            journey,
            journey.fired if journey else frozenset(),
        )
        return journey

    def _knows_landing(self, endpoint: Endpoint | None) -> bool:
        return endpoint is not None and (
            endpoint in self._registered or self._history.callback_endpoint(endpoint) is True
        )

    def _judge_late(self, journey: Journey, exchange: Exchange, hop: JourneyHop, *, first: bool) -> None:
        """Whether the code is used late: by the first callback request, else by the first token request."""
        landing = journey.landing
        if not first or journey.late or landing is None or landing.code is None:
            return
        if landing.at is not None and exchange.started is not None:
            late = LateFacts(exchange.started - landing.at, "token" if hop.hop == "token" else "callback")
            journey.late = bool(self._judgement.ask("late", {"late": late}, hop, journey))

    def _look_for_leak(self, exchange: Exchange, referer: str) -> None:
        uri = parse_uri(referer)
        for name, value in parse_parameters(uri.query).pairs if uri else ():
            issued = self._history.issued(value)
            if issued and issued.origin != exchange.endpoint.origin and not issued.leaked:
                issued.leaked = True
                facts = LeakFacts(
                    Secret(value),
                    name,
                    endpoint_facts(exchange.endpoint).origin,
                    endpoint_facts(Endpoint(*issued.origin, "/")).origin,
                )
                journey = self._journeys.get(issued.journey) if issued.journey else None
                hop = self._judgement.hop(exchange, "callback")
                self._judgement.ask("leak", {"leak": facts}, hop, journey, client_id=issued.client_id)

    # Redeeming the code

    def _token(self, exchange: Exchange, asked: Asked, account: str | None) -> Journey | None:
        request = read_token_request(exchange)
        hop = self._judgement.hop(exchange, "token")
        code = request.get("code")
        issued = self._history.issued(code)
        journey = self._journeys.get(issued.journey) if issued and issued.journey else None
        if request.method == "OPTIONS":
            return None
        posts = request.method == "POST"
        repeats = posts and self._history.redeems(code)
        if journey:
            journey.remember(hop, asked.own, None)
            redeems = posts and request.get("grant_type") != "refresh_token"
            self._judge_late(journey, exchange, hop, first=redeems and not repeats)
            seconds = expires_in(exchange) if redeems and exchange.status == _OK else None
            at = exchange.answered if exchange.answered is not None else exchange.started
            if seconds is not None and at is not None:
                self._history.grant(journey, at + seconds)
        facts = read_token(
            exchange,
            request,
            issued,
            code_unknown=code is not None
            and (issued is None or issued.journey is None)
            and self._history.all_landed(request.client_id),
            redeemed_before=repeats,
        )
        self._judgement.ask("token", {"token": facts}, hop, journey, account=account, client_id=request.client_id)
        return journey

    # Time, and the end

    def _pass_time(self, now: float) -> None:
        while self._renewals and self._renewals[0].due < now:
            self._judge_renewal(self._renewals.popleft())
        timeout = self._config.limits.journey_timeout
        for journey in self._journeys.newly_silent(now - timeout):
            self._judge_closed(journey, waited=timeout)
        for journey in self._journeys.expired(now - timeout):
            self._close(journey)

    def _judge_renewal(self, renewal: _Renewal) -> None:
        if renewal.begun is None or not renewal.begun.in_loop:
            self._judgement.ask("renewal", renewal.facts, renewal.at, renewal.journey)

    def _judge_closed(self, journey: Journey, waited: float | None) -> None:
        """Judge a journey of which no more is expected; what was found before is not found again."""
        landing = journey.landing
        facts = ClosedFacts(
            login_begun=journey.login_begun,
            last_answer_refused=journey.refused,
            last_answer_led_elsewhere=journey.leads == "elsewhere",
            landed=landing is not None,
            landed_by_location=landing is not None and landing.via == "location",
            in_fragment=landing is not None and bool(landing.in_fragment),
            callback_seen=journey.callback_seen,
            app_visited_later=journey.app_visited_later,
            waited=waited,
        )
        at = landing.hop if landing else journey.hops[-1]
        fired = self._judgement.ask(
            "closed", {"request": journey.request, "app": journey.app, "closed": facts}, at, journey
        )
        journey.abandoned = landing is None and bool(fired)

    def _close(self, journey: Journey, *, was_given_up: bool = False) -> None:
        given_up = was_given_up and journey.landing is None
        if not given_up and not journey.abandoned:
            self._judge_closed(journey, waited=None)
        self._closed.append(self._summary(journey, given_up=given_up))

    def _summary(self, journey: Journey, *, given_up: bool = False) -> JourneySummary:
        return JourneySummary(
            journey=journey.id,
            capture=self._capture,
            account=self._judgement.text(journey.request.account),
            client_id=self._judgement.text(journey.request.client_id),
            outcome="unknown" if given_up else journey.outcome,
            exchanges=tuple(hop.index for hop in journey.hops),
            findings=journey.findings,
            injected=journey.injected,
            started=journey.started,
            open=journey.landing is None and not journey.refused,
            hops=tuple(journey.hops),
        )


def _own_query(redirect_uri: str | None, registered: tuple[str, ...], endpoint: Endpoint | None) -> Parameters:
    """The query that the redirect URI brings along: the requested one's, else that of the one it landed on."""
    candidates = (redirect_uri,) if redirect_uri else registered
    for candidate in candidates:
        uri = parse_uri(candidate)
        if uri and (redirect_uri or uri.endpoint == endpoint):
            return parse_parameters(uri.query)
    return Parameters()


def _altered(landing: Landing, query: Parameters) -> tuple[str, ...]:
    """What the callback request carries otherwise than the landing's Location did."""
    if landing.via == "callback":
        return ()
    landed = {"code": landing.code, "state": landing.state, "error": landing.error}
    return tuple(
        name
        for name, value in landed.items()
        # A browser does not send the fragment: what stood there and is absent here was not altered.
        if query.get(name) != value and not (name in landing.in_fragment and not query.has(name))
    )
