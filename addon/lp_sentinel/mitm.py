"""The addon: mitmproxy's flows and options in, findings on the screen, in reports and on the flows out."""

from __future__ import annotations

import asyncio
import logging
import sys
import traceback
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

import mitmproxy.types
from mitmproxy import command, ctx, exceptions, flow, hooks, http
from mitmproxy.addonmanager import Loader

from lp_sentinel.engine import Verdict
from lp_sentinel.exchange import Exchange
from lp_sentinel.explain import explain, find_rule
from lp_sentinel.faults import Injector, PlanError, preset_index
from lp_sentinel.recent import Recent
from lp_sentinel.reports import Asked, Report, ReportError, open_report
from lp_sentinel.session import Session
from lp_sentinel.settings import OPTIONS, Option, Settings, read_settings
from lp_sentinel.sharing import SharingError, redact_flows
from lp_sentinel.suggestions import Suggested
from lp_sentinel.view import LoginView, add, remove, show_anew

_TICK = 0.25
"""Seconds between looks at what waits."""
_MOST_CAUSES = 100

_logger = logging.getLogger(__name__)


class Addon:
    """Judges what passes. Whatever goes wrong in here, the traffic passes unchanged."""

    name = "lp-authorize"

    def __init__(self) -> None:
        self._settings: Settings | None = None
        """``None``: not configured, so nothing is judged."""
        self._session: Session | None = None
        self._reports: dict[str, Report] = {}
        self._injector: Injector | None = None
        """``None``: nothing is ever changed."""
        self._timer: asyncio.TimerHandle | None = None
        self._causes: set[tuple[object, ...]] = set()
        self._recent: Recent | None = None
        self._page: str | None = None
        """The live page's host."""
        self._view = LoginView(lambda: self._session)

    def settings(self) -> Settings | None:
        return self._settings

    # Options

    def load(self, loader: Loader) -> None:
        for option in OPTIONS:
            self._check_given(option)
            kind, default = (Sequence[str], list(option.default)) if option.is_list else (str, option.default)
            loader.add_option(option.name, kind, default, option.help, option.choices or None)
        add(self._view)

    def _check_given(self, option: Option) -> None:
        """Refuse what is of another type: mitmproxy would drop the addon, and not say so."""
        given = ctx.options.deferred.get(option.name)
        values: Any = getattr(given, "val", given)  # from --set they are texts still to be parsed
        is_text = given is not values or isinstance(given, str | None)
        if option.is_list:
            is_right = is_text or (isinstance(given, list) and all(isinstance(value, str) for value in given))
        else:
            is_right = is_text and (given is values or len(values) == 1)
        if not is_right:
            self._refuse(f"{option.name}: expected {'texts' if option.is_list else 'one text'}, not {values!r}")

    def configure(self, updated: set[str]) -> None:
        changed = updated & {option.name for option in OPTIONS}
        if self._settings is not None and not changed:
            return
        try:
            settings = read_settings(ctx.options, self._settings, is_changed="lp_config" in changed)
            reports = self._open(settings)
        except (ValueError, ReportError) as error:
            self._refuse(str(error))
        self._take_over(settings, reports)

    def _refuse(self, problem: str) -> NoReturn:
        """Stop mitmproxy before it listens; later leave all as it was."""
        if not _is_running():
            # An error that is only logged lets the proxy listen first, and then says that there was one.
            raise SystemExit(f"lp-authorize: {problem}")
        _logger.error("lp-authorize: %s", problem)
        raise exceptions.OptionsError(f"lp-authorize: {problem}")  # type: ignore[no-untyped-call]

    def _open(self, settings: Settings) -> dict[str, Report]:
        reports: dict[str, Report] = {}

        def asked() -> Asked:
            return (self._settings or settings).asked

        try:
            for path in settings.reports:
                reports[path] = self._reports.get(path) or open_report(path, asked)
        except ReportError:
            _close(report for path, report in reports.items() if path not in self._reports)
            raise
        return reports

    def _take_over(self, settings: Settings, reports: dict[str, Report]) -> None:
        session, earlier = self._session, self._settings
        if session and earlier and settings.project is earlier.project:
            for path in reports.keys() - self._reports.keys():
                session.write(reports[path], is_whole=False)
            session.change(settings, reports.values())
        else:
            if session:
                session.close()
            self._session = self._begin(settings, reports.values())
        _close(report for path, report in self._reports.items() if path not in reports)
        self._settings, self._reports, self._page = settings, reports, settings.page or None
        self._arm(settings, earlier)

    def _arm(self, settings: Settings, earlier: Settings | None) -> None:
        if earlier and settings.plan is earlier.plan and settings.project is earlier.project:
            return
        if self._injector and earlier and settings.project is earlier.project:
            self._injector.take_over(settings.plan)
        else:
            self._injector = self._armed(settings) if settings.plan.sources else None

    def _armed(self, settings: Settings) -> Injector:
        return Injector(settings.plan, settings.project.config, say=lambda line: _logger.info("lp-authorize: %s", line))

    def _begin(self, settings: Settings, reports: Iterable[Report]) -> Session:
        for note in settings.project.expired(datetime.now(UTC).date()):
            _logger.warning("lp-authorize: %s", note)
        session = Session(
            settings,
            reports,
            replay=_is_replay(),
            capture=_capture(),
            prints=_prints(),
            refresh=self._refresh,
            observe=self._observe,
            faults=lambda: self._injector.verdicts() if self._injector else (),
        )
        self._recent = Recent(settings.project.book, session.journey)
        return session

    def _refresh(self, flows: list[http.HTTPFlow]) -> None:
        ctx.master.addons.trigger(hooks.UpdateHook(flows))
        show_anew(self._view)

    # Life

    def running(self) -> None:
        if self._settings and self._settings.fail_on and (_capture() or ctx.options.client_replay):
            last = _LastWord(self.has_failed)
            if last.name not in ctx.master.addons:
                ctx.master.addons.add(last)  # type: ignore[no-untyped-call]
        self._wait()

    def done(self) -> None:
        remove(self._view)
        if self._timer:
            self._timer.cancel()
        session, self._session = self._session, None
        if session:
            self._guarded(session.close)
            self._guarded(session.summarize)
        self._guarded(lambda: _close(self._reports.values()))
        self._failed_at_all = bool(session and self._settings and session.fails(self._settings.fail_on))
        self._reports, self._settings, self._injector, self._recent = {}, None, None, None

    _failed_at_all = False

    def has_failed(self) -> bool:
        return self._failed_at_all

    def injector(self) -> Injector | None:
        """The faults that are armed, if any ever were."""
        return self._injector

    def recent(self) -> Recent | None:
        """What the live page shows."""
        return self._recent

    def is_page(self, flow: http.HTTPFlow) -> bool:
        """Whether it is for the live page and not for the world."""
        return flow.request.data.host == self._page and flow.live

    def _observe(self, exchange: Exchange, verdict: Verdict) -> None:
        if self._recent:
            self._recent.take(verdict)
        if self._injector:
            self._injector.observe(exchange, verdict)

    # Traffic

    def request(self, flow: http.HTTPFlow) -> None:
        session = self._session
        if session is not None:
            try:
                if flow.request.data.host == self._page and flow.live:
                    session.count_other()
                    return
                session.request(flow)
            except Exception as error:  # noqa: BLE001  (the traffic passes)
                self._report_failure(error)

    def response(self, flow: http.HTTPFlow) -> None:
        session = self._session
        if session is not None:
            try:
                if not (flow.request.data.host == self._page and flow.live) and session.response(flow):
                    self._wait()
            except Exception as error:  # noqa: BLE001
                self._report_failure(error)

    def error(self, flow: http.HTTPFlow) -> None:
        # A loaded flow that has both has been judged by its response.
        if flow.response is None or flow.live:
            self.response(flow)

    def tcp_start(self, _flow: flow.Flow) -> None:
        if self._session:
            self._session.count_other()

    udp_start = tcp_start
    dns_request = tcp_start

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
        self._guarded(lambda: session.tick(is_reading=bool(ctx.master.commands.call("readfile.reading"))))
        self._wait()

    # Failing

    def _guarded(self, act: Callable[[], object]) -> None:
        try:
            act()
        except Exception as error:  # noqa: BLE001
            self._report_failure(error)

    def _report_failure(self, error: Exception) -> None:
        """Log what went wrong in here, once for each cause. The text of an error may hold what was captured."""
        frames = traceback.extract_tb(error.__traceback__)
        cause = (type(error), *((frame.filename, frame.lineno) for frame in frames[-1:]))
        if cause in self._causes or len(self._causes) >= _MOST_CAUSES:
            return
        self._causes.add(cause)
        is_plain = isinstance(error, OSError) or (self._settings is not None and not self._settings.redact)
        text = (
            f"{type(error).__name__}: {error}"
            if is_plain
            else f"{type(error).__name__} (--set lp_redact=off shows its text)"
        )
        _logger.error(
            "lp-authorize failed, and the traffic passes; the same cause is not logged again.\n%s%s",
            "".join(traceback.format_list(frames)),
            text,
        )

    # Commands

    @command.command("lp.findings")  # type: ignore[untyped-decorator]
    def findings(self, flows: Sequence[flow.Flow]) -> Sequence[str]:
        """What was found on these flows."""
        found = self._active().record.of_flows({one.id for one in flows})
        return [f"{one.severity}: {one.rule} {one.name}: {one.message}" for one in found]

    @command.command("lp.report")  # type: ignore[untyped-decorator]
    def report(self, path: mitmproxy.types.Path) -> None:
        """Write a report of what was found so far; the ending says in which format."""
        session = self._active()
        try:
            report = open_report(path, lambda: session.asked)
            session.write(report)
            report.close()
        except (ReportError, OSError) as error:
            raise exceptions.CommandError(str(error)) from error
        _logger.info("Written: %s", path)

    @command.command("lp.rules")  # type: ignore[untyped-decorator]
    def rules(self) -> Sequence[str]:
        """The ids of the rules."""
        return sorted(self._active().book.by_id)

    @command.command("lp.explain")  # type: ignore[untyped-decorator]
    @command.argument("rule", type=Suggested("lp.rules"))  # type: ignore[untyped-decorator,no-untyped-call]
    def explain(self, rule: str) -> Sequence[str]:
        """What a rule checks, why, and what to do."""
        try:
            return explain(find_rule(self._active().book, rule)).splitlines()
        except ValueError as error:
            raise exceptions.CommandError(str(error)) from error

    @command.command("lp.faults.list")  # type: ignore[untyped-decorator]
    def faults_list(self) -> Sequence[str]:
        """The faults of the plan: where, whether they are armed, how often they were injected."""
        rows = self._injector.list() if self._injector else ()
        return [f"{row.name}: {row.state} at {row.at}, injected {row.injected}x (seed {row.seed})" for row in rows]

    @command.command("lp.faults.names")  # type: ignore[untyped-decorator]
    def faults_names(self) -> Sequence[str]:
        """The faults of the plan and the presets, by name."""
        of_plan = [row.name for row in self._injector.list()] if self._injector else []
        return list(dict.fromkeys([*of_plan, *sorted(preset_index())]))

    @command.command("lp.faults.arm")  # type: ignore[untyped-decorator]
    @command.argument("name", type=Suggested("lp.faults.names"))  # type: ignore[untyped-decorator,no-untyped-call]
    def faults_arm(self, name: str) -> None:
        """Arm a fault of the plan, or a preset."""
        self._active()
        if self._injector is None and self._settings:
            self._injector = self._armed(self._settings)
        try:
            if self._injector:
                self._injector.arm(name)
        except PlanError as error:
            raise exceptions.CommandError(str(error)) from error

    @command.command("lp.faults.off")  # type: ignore[untyped-decorator]
    def faults_off(self) -> None:
        """Inject no more faults."""
        if self._injector:
            self._injector.off()

    @command.command("lp.redact")  # type: ignore[untyped-decorator]
    def redact(self, flows: Sequence[flow.Flow], path: mitmproxy.types.Path) -> None:
        """Write flows without their secrets, safe to share: a flow file, or a HAR if the path ends in .har."""
        if self._settings is None:
            raise exceptions.CommandError("lp-authorize is not configured")
        try:
            redacted = redact_flows(flows, Path(path).expanduser(), self._settings.project.config)
        except SharingError as error:
            raise exceptions.CommandError(str(error)) from error
        _logger.info("%s", "\n  ".join((f"{redacted.exchanges} flows written to {path}", *redacted.lines)))

    def _active(self) -> Session:
        if self._session is None:
            raise exceptions.CommandError("lp-authorize is not configured")
        return self._session


class _LastWord:
    """Ends the process with status 1, after every other addon has had its ``done``."""

    name = "lp-authorize-exit"

    def __init__(self, has_failed: Callable[[], bool]) -> None:
        self._has_failed = has_failed

    def done(self) -> None:
        if self._has_failed():
            sys.exit(1)


def _close(reports: Iterable[Report]) -> None:
    for report in reports:
        report.close()


def _is_running() -> bool:
    loader = ctx.master.addons.get("scriptloader")  # type: ignore[no-untyped-call]
    return bool(getattr(loader, "is_running", False))


def _is_replay() -> bool:
    """Whether a capture is read first (``-r``)."""
    return "rfile" in ctx.options and bool(ctx.options.rfile)


def _capture() -> str | None:
    """The capture of a batch run (``-n -r``), in which nothing else passes and that ends when it has been read."""
    return str(ctx.options.rfile) if _is_replay() and not ctx.options.server and not _has_windows() else None


def _has_windows() -> bool:
    """Whether people look at flows for as long as they like."""
    return type(ctx.master).__name__ in ("ConsoleMaster", "WebMaster")


def _prints() -> bool:
    """Whether the terminal is free for blocks: the console has its windows there."""
    return type(ctx.master).__name__ != "ConsoleMaster"
