"""The road from an exchange to its findings: tell what it is, find its journey, ask the rules."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from lp_sentinel import attribution
from lp_sentinel.attribution import Clues, read_clues
from lp_sentinel.exchange import REDIRECTS, Exchange, elapsed
from lp_sentinel.finding import Finding, Hop, JourneySummary
from lp_sentinel.hops.authorize import judge_authorize
from lp_sentinel.hops.callback import is_callback, judge_callback
from lp_sentinel.hops.closing import judge_closed, judge_renewal, summary
from lp_sentinel.hops.code import judge_leak
from lp_sentinel.hops.docket import Docket
from lp_sentinel.hops.login import judge_login
from lp_sentinel.hops.token import judge_token
from lp_sentinel.journey import Journey
from lp_sentinel.judgement import Judgement
from lp_sentinel.landing import CALLBACK_NAMES
from lp_sentinel.paths import authorize_path, token_path
from lp_sentinel.project import Project
from lp_sentinel.redact import Redactor
from lp_sentinel.target import Target, location_target
from lp_sentinel.token import read_token_request


class Verdict(Struct, frozen=True):
    """What came of one exchange."""

    journey: str | None
    hop: Hop | None
    """``None``: it has nothing to do with a login."""
    findings: tuple[Finding, ...]
    """Chosen by ``select`` and ``ignore``; some may be about earlier exchanges."""
    closed: tuple[JourneySummary, ...]
    """Journeys of which no more is kept."""


class Engine:
    """Judges the exchanges of one capture, given in the order in which their requests started."""

    def __init__(self, project: Project, redactor: Redactor, capture: str | None = None) -> None:
        self._judgement = Judgement(project, redactor, capture)
        self._docket = Docket(project.config, self._judgement)
        self._closed: list[JourneySummary] = []

    def change(self, project: Project) -> None:
        """Judge by this from now on. Journeys go on, under their names and with what was found on them."""
        self._judgement.change(project)
        self._docket.change(project.config)

    @property
    def begun(self) -> int:
        """How many journeys there were so far. Set before the first, it lets their names go on behind others'."""
        return self._docket.begun

    @begun.setter
    def begun(self, journeys: int) -> None:
        self._docket.begun = journeys

    def feed(self, exchange: Exchange) -> Verdict:
        """Judge one exchange."""
        docket = self._docket
        if exchange.started is not None and exchange.started > docket.now:
            docket.now = exchange.started
            self._pass_time()
        clues = read_clues(exchange)
        calls_back = is_callback(docket, exchange, clues)
        if not calls_back:
            docket.journeys.visit(clues.browser, clues.own, exchange.started)
        location = location_target(exchange)
        redirect = location if exchange.status in REDIRECTS else None
        journey, hop = self._place(exchange, clues, redirect, calls_back=calls_back)
        # Whatever the status: a script may go where an answer that is no redirect points.
        if location and location.query.has(*CALLBACK_NAMES):
            docket.history.note_redirect(location, in_journey=journey is not None)
        if clues.referer and "?" in clues.referer and not exchange.from_cache:
            judge_leak(docket, exchange, clues.referer, redirect)
        if journey:
            docket.journeys.touch(journey, exchange.started)
            for other in docket.journeys.overflow():
                self._close(other, had_to_make_room=True)
        return self._verdict(journey.id if journey else None, hop)

    def pass_by(self, started: float) -> Verdict:
        """Note that an exchange started that has nothing to do with a login: time has passed."""
        self._docket.now = max(self._docket.now, started)
        self._pass_time()
        return self._verdict(None, None)

    def _place(
        self, exchange: Exchange, clues: Clues, redirect: Target | None, *, calls_back: bool
    ) -> tuple[Journey | None, Hop | None]:
        docket, path = self._docket, exchange.path
        if authorize := authorize_path(path):
            return judge_authorize(docket, exchange, clues, redirect, *authorize), "authorize"
        if token := token_path(path):
            return judge_token(docket, exchange, clues, redirect, *token), "token"
        if calls_back:
            return judge_callback(docket, exchange, clues, redirect), "callback"
        part = attribution.of_hop(docket.journeys, clues, redirect, docket.config.login_hosts, docket.registered)
        if part is None:
            return None, None
        judge_login(docket, exchange, clues, part, redirect)
        return part.journey, "login"

    def announce(self, exchange: Exchange) -> None:
        """Hear of an exchange before its turn: an injected token answer explains how its callback ends.

        The callback request starts before the token request that it causes, so it is judged first.
        """
        if exchange.injected and token_path(exchange.path):
            self._docket.history.note_injected(read_token_request(exchange).get("code"))

    def close(self) -> Iterator[Verdict]:
        """The capture has ended: judge what was deferred, then each login of which more was kept."""
        docket = self._docket
        for renewal in docket.renewals.values():
            judge_renewal(docket, renewal)
        docket.renewals.clear()
        yield self._verdict(None, None)
        for journey in sorted(docket.journeys, key=lambda journey: journey.number):
            self._close(docket.journeys.remove(journey))
            yield self._verdict(None, None)

    def journey(self, name: str) -> JourneySummary | None:
        """A journey as it stands now; ``None`` when it is closed or was never seen."""
        journey = self._docket.journeys.get(name)
        return summary(self._docket, journey) if journey else None

    def _pass_time(self) -> None:
        """Judge what the time alone decides."""
        docket = self._docket
        while (first := next(iter(docket.renewals.values()), None)) and elapsed(first.due, docket.now) > 0:
            judge_renewal(docket, docket.renewals.pop(first.journey.id))

    def _close(self, journey: Journey, *, had_to_make_room: bool = False) -> None:
        given_up = had_to_make_room and journey.waits
        self._docket.renewals.pop(journey.id, None)  # its summary counts what was found on it: nothing may come later
        if not given_up:
            judge_closed(self._docket, journey)
        self._closed.append(summary(self._docket, journey, given_up=given_up))

    def _verdict(self, journey: str | None, hop: Hop | None) -> Verdict:
        closed, self._closed = tuple(self._closed), []
        return Verdict(journey, hop, self._judgement.take(), closed)
