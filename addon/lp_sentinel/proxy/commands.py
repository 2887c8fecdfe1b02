"""The commands, for mitmproxy's command line and key bindings."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, Any

import mitmproxy.types
from mitmproxy import command, exceptions, flow, http
from mitmproxy.log import ALERT

from lp_sentinel.faults import PlanError, preset_index
from lp_sentinel.home import expanded
from lp_sentinel.proxy.aside import Aside
from lp_sentinel.proxy.started import captures_in_use, protect_proxy
from lp_sentinel.proxy.suggestions import Suggested
from lp_sentinel.reports import Report, ReportError, open_report, protect_captures, protect_lines
from lp_sentinel.rules.explain import explain, find_rule
from lp_sentinel.sharing.redacting import Redacted, SharingError, redact_flows
from lp_sentinel.wording import counted, visible

if TYPE_CHECKING:
    from lp_sentinel.proxy.live_faults import LiveFaults
    from lp_sentinel.proxy.session import Session
    from lp_sentinel.proxy.settings import Settings

_MOST_AT_ONCE = 200
"""Flows that are redacted before anything else happens: they take a third of a second."""
_MOST_COPIED = 20
"""Flows that are copied before others have their turn: they take a few milliseconds."""

_logger = logging.getLogger(__name__)


class Commands:
    """What people ask of the addon, or tell it, while it runs."""

    def __init__(
        self,
        session: Callable[[], Session],
        settings: Callable[[], Settings | None],
        faults: Callable[[], LiveFaults],
        aside: Aside,
    ) -> None:
        """``session`` raises CommandError if there is none."""
        self._session, self._settings, self._faults, self._aside = session, settings, faults, aside
        self._tasks: set[asyncio.Task[None]] = set()

    @command.command("lp.findings")  # type: ignore[untyped-decorator]
    def findings(self, flows: Sequence[flow.Flow]) -> Sequence[str]:
        """What was found on these flows."""
        found = self._session().found([one for one in flows if isinstance(one, http.HTTPFlow)])
        # mitmproxy's window for what a command tells breaks on an empty list.
        return [f"{one.severity}: {one.rule} {one.name}: {one.message}" for one in found] or ["no findings"]

    @command.command("lp.report")  # type: ignore[untyped-decorator]
    def report(self, path: mitmproxy.types.Path) -> None:
        """Write a report of what was found so far; the ending selects the format."""
        session = self._session()
        try:
            protect_captures([path], captures_in_use())
            protect_proxy([path])
            protect_lines(path, settings.reports if (settings := self._settings()) else ())
            report = open_report(path, lambda: session.criteria)
            write = partial(_write, report, session.so_far())
            if session.record.is_long:
                self._do_aside(_written(self._aside.do(write), path))
                _tell(f"the report is being written to {visible(path)}")
                return
            write()
        except (ReportError, OSError) as error:
            raise exceptions.CommandError(str(error)) from error
        _tell_reported(path)

    @command.command("lp.rules")  # type: ignore[untyped-decorator]
    def rules(self) -> Sequence[str]:
        """The ids of the rules."""
        return sorted(self._session().project.book.by_id)

    @command.command("lp.explain")  # type: ignore[untyped-decorator]
    @command.argument("rule", type=Suggested("lp.rules"))  # type: ignore[untyped-decorator,no-untyped-call]
    def explain(self, rule: str) -> Sequence[str]:
        """What a rule checks, why, and what to do."""
        try:
            session = self._session()
            return explain(find_rule(session.project.book, rule), session.project.config.rules).splitlines()
        except ValueError as error:
            raise exceptions.CommandError(str(error)) from error

    @command.command("lp.faults.list")  # type: ignore[untyped-decorator]
    def faults_list(self) -> Sequence[str]:
        """The faults of the plan: where, whether they are armed, how often they were injected."""
        rows = self._faults().rows()
        told = [f"{row.name}: {row.state} at {row.at}, injected {row.injected}x (seed {row.seed})" for row in rows]
        return told or ["no faults: nothing is changed"]

    @command.command("lp.faults.names")  # type: ignore[untyped-decorator]
    def faults_names(self) -> Sequence[str]:
        """The faults of the plan and the presets, by name."""
        of_plan = [row.name for row in self._faults().rows()]
        return list(dict.fromkeys([*of_plan, *sorted(preset_index())]))

    @command.command("lp.faults.arm")  # type: ignore[untyped-decorator]
    @command.argument("name", type=Suggested("lp.faults.names"))  # type: ignore[untyped-decorator,no-untyped-call]
    def faults_arm(self, name: str) -> None:
        """Arm a fault of the plan, or a preset."""
        try:
            self._faults().arm(name)
        except PlanError as error:
            raise exceptions.CommandError(str(error)) from error

    @command.command("lp.faults.off")  # type: ignore[untyped-decorator]
    def faults_off(self) -> None:
        """Inject no more faults."""
        self._faults().off()

    @command.command("lp.redact")  # type: ignore[untyped-decorator]
    def redact(self, flows: Sequence[flow.Flow], path: mitmproxy.types.Path) -> None:
        """Write flows without their secrets: a HAR if the path ends in .har, else a flow file; .gz and .zst pack it."""
        write = partial(redact_flows, target=expanded(path), config=self._session().project.config)
        if len(flows) > _MOST_AT_ONCE:
            self._do_aside(_redact_aside(flows, write, path))
            _tell(f"{counted(len(flows), 'flow')} are being redacted")
            return
        try:
            _tell_redacted(write(flows), path)
        except SharingError as error:
            raise exceptions.CommandError(str(error)) from error

    def _do_aside(self, what: Coroutine[Any, Any, None]) -> None:
        """Do it while the traffic goes on."""
        task = asyncio.get_running_loop().create_task(what)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def under_way(self) -> Awaitable[object] | None:
        """What to wait for before mitmproxy ends, so that all that was asked for is written; ``None`` for nothing."""
        return asyncio.gather(*self._tasks, return_exceptions=True) if self._tasks else None


async def _written(writing: Future[None], path: str) -> None:
    """Tell when a report is written."""
    try:
        await asyncio.wrap_future(writing)
    except (ReportError, OSError) as error:
        _logger.error("lp-authorize: %s", error)  # noqa: TRY400
    else:
        _tell_reported(path)


def _write(report: Report, hand: Callable[[Report], None]) -> None:
    """Raises ReportError, or OSError where there is no room to collect it."""
    try:
        hand(report)
    except BaseException:
        report.abandon()
        raise
    report.close()


async def _redact_aside(
    flows: Sequence[flow.Flow], write: Callable[[Iterable[flow.Flow]], Redacted], path: str
) -> None:
    """Redact many flows as they are now."""
    states = []
    for one in flows:
        states.append((type(one), one.get_state()))
        if len(states) % _MOST_COPIED == 0:
            await asyncio.sleep(0)
    try:
        redacted = await asyncio.to_thread(write, (kind.from_state(state) for kind, state in states))
    except SharingError as error:
        _logger.error("lp-authorize: %s", error)  # noqa: TRY400
    else:
        _tell_redacted(redacted, path)


def _tell_reported(path: str) -> None:
    _tell(f"report written to {visible(path)}")


def _tell_redacted(redacted: Redacted, path: str) -> None:
    _tell("\n  ".join((f"{counted(redacted.exchanges, 'flow')} written to {visible(path)}", *redacted.lines)))


def _tell(what: str) -> None:
    """Say that a command has done what it should, in the windows too: they show no more of the log than this."""
    _logger.log(ALERT, "lp-authorize: %s", what)
