"""The report files of a session: opened together, kept while their settings stay, closed when they go."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING

from lp_sentinel.proxy.aside import Aside
from lp_sentinel.proxy.started import captures_in_use, protect_proxy
from lp_sentinel.reports import Criteria, Report, ReportError, open_report, protect_captures
from lp_sentinel.reports.base import STANDARD_OUTPUT

if TYPE_CHECKING:
    from lp_sentinel.proxy.failures import Failures
    from lp_sentinel.proxy.session import Session


class OpenReports:
    """Reports by the paths that the settings name."""

    def __init__(self, failures: Failures, aside: Aside) -> None:
        self._failures, self._aside = failures, aside
        self._open: dict[str, Report] = {}
        self._going: list[Future[None]] = []
        """What is still being written of reports that are no longer asked for."""

    def opened(self, paths: Sequence[str], criteria: Callable[[], Criteria]) -> dict[str, Report]:
        """What stands open, and the others opened: all or none. Raises ReportError."""
        protect_captures(paths, captures_in_use())
        protect_proxy(paths)
        reports: dict[str, Report] = {}
        try:
            for path in paths:
                reports[path] = self._open.get(path) or open_report(path, criteria)
        except ReportError:
            _abandon(report for path, report in reports.items() if path not in self._open)
            raise
        return reports

    def opened_where_possible(self, paths: Iterable[str], criteria: Callable[[], Criteria]) -> dict[str, Report]:
        """The same, but for those that can't be opened, which are told."""
        reports: dict[str, Report] = {}
        for path in paths:
            try:
                reports |= self.opened([path], criteria)
            except ReportError as error:
                self._failures.report(error)
        return reports

    def take_over(self, reports: dict[str, Report], session: Session | None) -> None:
        """Go on with these. New ones are told what ``session`` found so far, those that go what they still lack."""
        going = {path: self._open[path] for path in self._open.keys() - reports.keys()}
        if session:
            for path in reports.keys() - self._open.keys():
                self._failures.guard(partial(session.write_closed, reports[path]))
            for report in going.values():
                self._failures.guard(partial(session.finish, report))
        for path, report in going.items():
            if session and session.record.is_long and path != STANDARD_OUTPUT:
                self._close_aside(report)
            else:
                self._failures.guard(report.close)
        self._open = reports

    def _close_aside(self, report: Report) -> None:
        """Write it while the traffic goes on."""
        loop, going = asyncio.get_running_loop(), self._aside.do(report.close)
        self._going.append(going)
        going.add_done_callback(lambda _: loop.call_soon_threadsafe(self._gone, going))

    def _gone(self, going: Future[None]) -> None:
        if going in self._going:
            self._going.remove(going)
            self._failures.guard(going.result)

    def abandon(self) -> None:
        """Nothing has passed, so there is nothing to report."""
        _abandon(self._open.values())
        self._open = {}

    def close(self) -> None:
        """Write what has not been written yet, after what is being written: it may be for the same files."""
        self._aside.wait()
        for going in tuple(self._going):
            self._gone(going)
        for report in self._open.values():
            self._failures.guard(report.close)
        self._open = {}


def _abandon(reports: Iterable[Report]) -> None:
    for report in reports:
        report.abandon()
