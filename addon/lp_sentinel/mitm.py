"""The addon: mitmproxy's flows and options in, findings on the screen, in reports and on the flows out."""

from __future__ import annotations

import asyncio
import logging
import pickle
from collections.abc import Awaitable, Iterable
from functools import partial
from typing import NoReturn
from weakref import WeakSet

from mitmproxy import ctx, dns, exceptions, flow, hooks, http
from mitmproxy.addonmanager import Loader

from lp_sentinel.config import Config
from lp_sentinel.engine import Verdict
from lp_sentinel.exchange import Exchange
from lp_sentinel.faults import Injector
from lp_sentinel.faults.notes import forget
from lp_sentinel.judgement import utc_today
from lp_sentinel.proxy.aside import Aside
from lp_sentinel.proxy.commands import Commands
from lp_sentinel.proxy.failures import Failures
from lp_sentinel.proxy.last_word import have_last_word
from lp_sentinel.proxy.legacy import LEFT, Legacy, packed, read_legacy
from lp_sentinel.proxy.live_faults import LiveFaults
from lp_sentinel.proxy.open_reports import OpenReports
from lp_sentinel.proxy.page import Page
from lp_sentinel.proxy.recent import Recent
from lp_sentinel.proxy.replayed import Replayed
from lp_sentinel.proxy.session import Session
from lp_sentinel.proxy.settings import OPTIONS, Settings, declare, read_settings, unknown_options
from lp_sentinel.proxy.started import batch_capture, is_running, prints_here, replayed_kind, saved_at_the_end
from lp_sentinel.proxy.view import LoginView, add_view, remove_view, show_anew
from lp_sentinel.reports import Report, ReportError
from lp_sentinel.reports.base import STANDARD_OUTPUT
from lp_sentinel.sieve import Sieve
from lp_sentinel.simulate.inside import Simulated
from lp_sentinel.wording import os_problem

_TICK = 0.25
"""Seconds between looks at what waits."""

_RELOADED = "loaded anew: reports go on with what was found before, and logins that were under way have ended"
_UNCHANGED = "the settings from before the reload stay in force"
_UNMASKED = "secrets are masked from now on; what was found before stays unmasked in reports and on the live page"

_logger = logging.getLogger(__name__)


class Addon:
    """Judges what passes. Whatever goes wrong in here, the traffic passes unchanged."""

    name = "lp-authorize"

    def __init__(self, earlier: bytes | None = None) -> None:
        """``earlier``: what is left of the addon that was here before the script was reloaded."""
        self._earlier = read_legacy(earlier)
        self._is_start = False
        """Whether mitmproxy starts with it: later a mistake must not end what is running."""
        self._settings: Settings | None = None
        """``None``: not configured, so nothing is judged."""
        self._has_refused = False
        """Options were refused: mitmproxy is about to put the earlier ones back, which are those in force."""
        self._session: Session | None = None
        self.faults = LiveFaults(self._earlier)
        self._timer: asyncio.TimerHandle | None = None
        self._sieve = Sieve(Config())
        """The session's, once there is one."""
        self._sockets: WeakSet[http.HTTPFlow] = WeakSet()
        """Those that are open."""
        self._recent: Recent | None = None
        self._page = Page(self.recent, lambda: self.faults, self._earlier.page_token if self._earlier else None)
        self._page_host: str | None = None
        self._view = LoginView(lambda: self._session)
        self._failures = Failures(lambda: self._settings is not None and not self._settings.redact)
        self._aside = Aside()
        self._reports = OpenReports(self._failures, self._aside)
        self._simulated = Simulated(self.settings)
        self._commands = Commands(self.active, self.settings, lambda: self.faults, self._aside)
        self._replayed = Replayed()
        self._has_failed = False

    def settings(self) -> Settings | None:
        return self._settings

    # Options

    def load(self, loader: Loader) -> None:
        try:
            declare(ctx.options, loader.add_option)
        except ValueError as error:
            self._refuse(str(error))
        self._is_start = not is_running()
        ctx.master.commands.collect_commands(self._commands)  # type: ignore[no-untyped-call]
        add_view(self._view)

    def configure(self, updated: set[str]) -> None:
        changed = updated & {option.name for option in OPTIONS}
        is_put_back, self._has_refused = self._has_refused, False
        if self._settings is not None and (is_put_back or not changed):
            return
        try:
            settings = read_settings(ctx.options, self._settings, is_changed="lp_config" in changed)
            if not prints_here():
                settings = settings._replace(show=None)
            reports = self._reports.opened(settings.reports, lambda: (self._settings or settings).criteria)
        except (ValueError, OSError, ReportError) as error:
            before = self._earlier.settings() if self._earlier and self._settings is None else None
            if before:
                self._stay_with(before, error)
            else:
                self._refuse(os_problem(error) if isinstance(error, OSError) else str(error))
        else:
            self._take_over(settings, reports)

    def _stay_with(self, before: Settings, error: Exception) -> None:
        """Go on with the settings from before a reload, and with those of its reports that can be opened again."""
        if isinstance(error, ReportError | OSError):
            self._failures.report(error)
        else:
            _logger.error("lp-authorize: %s", error)
        _logger.warning("lp-authorize: %s", _UNCHANGED)
        reports = self._reports.opened_where_possible(before.reports, lambda: (self._settings or before).criteria)
        self._take_over(before._replace(reports=tuple(reports)), reports)

    def _refuse(self, problem: str) -> NoReturn:
        """Stop mitmproxy as it starts; later leave all as it was."""
        if not is_running():
            # At once: an error that is only logged ends it later, when mitmproxy says that there was one.
            raise SystemExit(f"lp-authorize: {problem}")
        _logger.error("lp-authorize: %s", problem)
        self._has_refused = True
        raise exceptions.OptionsError(f"lp-authorize: {problem}")  # type: ignore[no-untyped-call]

    def _take_over(self, settings: Settings, reports: dict[str, Report]) -> None:
        if self._settings is None or settings.project is not self._settings.project:
            for note in settings.project.expired(utc_today()):
                _logger.warning("lp-authorize: %s", note)
        if self._settings and not self._settings.redact and settings.redact:
            _logger.warning("lp-authorize: %s", _UNMASKED)
        self._reports.take_over(reports, self._session)
        if self._session and self._recent:
            self._session.change(settings, reports.values())
            self._recent.book = settings.project.book
        else:
            self._session = self._begin(settings, reports.values())
            if self._earlier:
                files = [report for path, report in reports.items() if path != STANDARD_OUTPUT]
                self._go_on_from(self._session, self._earlier, files)
        self._settings, self._page_host = settings, settings.page or None
        self.faults.take_over(settings, self._session.redactor)
        self._simulated.switch(on=settings.simulate)

    def _begin(self, settings: Settings, reports: Iterable[Report]) -> Session:
        session = Session(
            settings,
            reports,
            replay=replayed_kind(),
            capture=batch_capture(),
            refresh=self._refresh,
            observe=self._observe,
            faults=self.faults.verdicts,
            guard=self._failures.guard,
        )
        self._recent = Recent(settings.project.book, session.journey)
        self._sieve = session.feed.sieve
        return session

    def _go_on_from(self, session: Session, earlier: Legacy, files: Iterable[Report]) -> None:
        self._failures.guard(partial(session.go_on_from, earlier, files))
        if self._recent:
            self._failures.guard(partial(self._recent.take_on, earlier.findings, earlier.journeys))
        _logger.warning("lp-authorize: %s", _RELOADED)

    def _refresh(self, flows: list[http.HTTPFlow]) -> None:
        ctx.master.addons.trigger(hooks.UpdateHook(flows))
        show_anew(self._view)

    # Life

    def running(self) -> None:
        # Not before: a script that comes behind this one may declare more options.
        if problem := unknown_options(ctx.options):
            self._refuse_names(problem)
        if batch_capture() or ctx.options.client_replay:
            have_last_word(self.has_failed)
        self._wait()

    def _refuse_names(self, problem: str) -> None:
        if self._is_start:
            self._reports.abandon()
            self._session = None
            raise SystemExit(f"lp-authorize: {problem}")
        _logger.error("lp-authorize: %s", problem)

    def done(self) -> Awaitable[None] | None:
        """Gives something to await where mitmproxy ends and a command still writes: a reload breaks nothing off."""
        if ctx.master.should_exit.is_set() and (under_way := self._commands.under_way()):
            return self._end_after(under_way)
        self._end()
        return None

    async def _end_after(self, under_way: Awaitable[object]) -> None:
        try:
            await under_way
        finally:
            self._end()

    def _end(self) -> None:
        remove_view(self._view)
        self._simulated.switch(on=False)
        if self._timer:
            self._timer.cancel()
        if self._session and ctx.master.should_exit.is_set():  # and not reloaded: then there will be answers
            self._failures.guard(partial(self._end_rest, self._session))
        session, self._session = self._session, None
        self._sieve.ended += len(self._sockets)
        if session:
            self._failures.guard(lambda: session.close(self._replayed.problem))
            self._failures.guard(session.summarize)
        self._reports.close()
        LEFT[:] = map(pickle.dumps, self._legacy(session))
        fails = bool(session and self._settings and session.fails(self._settings.fail_on))
        # What could not be judged, or written, may be what was asked for.
        self._has_failed = fails or bool(self._failures)
        self._replayed.close()
        self._settings, self._recent, self.faults = None, None, LiveFaults()

    def _end_rest(self, session: Session) -> None:
        """Take what never ended: first what mitmproxy saves now, each in its place there."""
        for one in saved_at_the_end():
            if not isinstance(one, http.HTTPFlow):
                session.feed.count_other()
            elif one in self._sockets:
                self.websocket_end(one)
            elif one.response is None and (one.live or self._sieve.waits_for(one)):  # else it has been judged
                self._ended(one)
        for unanswered in session.feed.unanswered():
            self._ended(unanswered)
        for still_open in sorted(self._sockets, key=lambda flow: flow.timestamp_created):
            self.websocket_end(still_open)

    def _legacy(self, session: Session | None) -> list[Legacy]:
        if session is None:
            return [self._earlier] if self._earlier else []
        faults = tuple(one for one in self.faults.verdicts() if one.injected)
        legacy = session.legacy()._replace(faults=faults, asked=self.faults.asked(), page_token=self._page.token)
        if self._settings and not batch_capture():  # nothing is reloaded in a run that just ends
            in_force = self._settings._replace(plan=self.faults.plan() or self._settings.plan)
            legacy = legacy._replace(packed=packed(in_force))
        return [legacy]

    def has_failed(self) -> bool:
        """Whether the run, now over, is to end with status 1."""
        return self._has_failed

    def recent(self) -> Recent | None:
        """What the live page shows."""
        return self._recent

    def is_page(self, flow: http.HTTPFlow) -> bool:
        """Whether it is for the live page and not for the world."""
        return flow.request.data.host == self._page_host and flow.live

    def _observe(self, exchange: Exchange, verdict: Verdict) -> None:
        if self._recent:
            self._recent.take(verdict)
        self.faults.observe(exchange, verdict)

    # Traffic: each flow passes here, so what is not needed is not done

    def request(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Gives something to await only where there is: a delay holds up its own flow and no other."""
        if flow.metadata and flow.live:
            forget(flow)  # it is sent again (client replay), and still has the note of its first time
        settings, host = self._settings, flow.request.data.host
        if self.faults.injector or (settings and settings.simulate) or not flow.live or host == self._page_host:
            return self._received(flow)
        self._sieve.begin(flow)
        return None

    async def _received(self, flow: http.HTTPFlow) -> None:
        """Let those answer a request that may: the page, a fault, the simulator."""
        if self.is_page(flow):
            if self._session:
                self._session.feed.leave_out()  # before it waits: by then the script may have been reloaded
            await self._page.answer(flow)
            return
        self._sieve.begin(flow)
        if self.faults.injector:
            await self._injected(self.faults.injector.request(flow))
        if not (flow.response or flow.error or flow.live):
            self._ended(flow)  # it was loaded, and nothing else will come
        elif self._settings and self._settings.simulate:
            await self._simulated.answer(flow)

    def response(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        if self.faults.injector:
            return self._altered(self.faults.injector, flow)
        self._ended(flow)
        return None

    async def _altered(self, injector: Injector, flow: http.HTTPFlow) -> None:
        await self._injected(injector.response(flow))
        # It may have waited, and the script been reloaded: then another has taken this one's place.
        (ctx.master.addons.get(self.name) or self)._ended(flow)  # type: ignore[no-untyped-call]  # noqa: SLF001

    async def _injected(self, act: Awaitable[None]) -> None:
        try:
            await act
        except Exception as error:  # noqa: BLE001  (the traffic passes)
            self._failures.report(error)

    def error(self, flow: http.HTTPFlow) -> None:
        # A loaded flow that has both has been judged by its response.
        if flow.response is None or flow.live:
            self._ended(flow)

    def _ended(self, flow: http.HTTPFlow) -> None:
        if flow.websocket is None:
            self._take(flow)
        else:
            self._sieve.stop_waiting(flow)
            self._sockets.add(flow)

    def websocket_end(self, flow: http.HTTPFlow) -> None:
        """It is saved only now, so here is its place in the capture."""
        if flow in self._sockets:
            self._sockets.discard(flow)
            self._take(flow)

    def _take(self, flow: http.HTTPFlow) -> None:
        """Take what has ended, unless it certainly has nothing to do with a login."""
        try:
            if not self._sieve.lets_by(flow) and self._session and not self.is_page(flow):
                self._session.response(flow)
                self._wait()
        except Exception as error:  # noqa: BLE001  (the traffic passes)
            self._failures.report(error)

    def tcp_end(self, _flow: flow.Flow) -> None:
        if self._session:
            self._session.feed.count_other()

    tcp_error = tcp_end
    udp_end = tcp_end
    udp_error = tcp_end
    dns_response = tcp_end

    def dns_error(self, flow: dns.DNSFlow) -> None:
        if flow.response is None:
            self.tcp_end(flow)

    def _wait(self) -> None:
        """Look again in a while, if anything waits for its time."""
        session = self._session
        if session and session.waits and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_TICK, self._tick)

    def _tick(self) -> None:
        self._timer = None
        session = self._session
        if session is None:
            return
        self._failures.guard(lambda: session.tick(is_reading=bool(ctx.master.commands.call("readfile.reading"))))
        self._wait()

    # For the commands and the live page

    def active(self) -> Session:
        """The session; raises CommandError if there is none."""
        if self._session is None:
            raise exceptions.CommandError("lp-authorize is not configured")
        return self._session
