"""The report files of a session: opened together, kept while their settings stay, closed when they go."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from lp_sentinel.proxy.started import captures_in_use, protect_proxy
from lp_sentinel.reports import Criteria, Report, ReportError, open_report, protect_captures

if TYPE_CHECKING:
    from lp_sentinel.proxy.failures import Failures
    from lp_sentinel.proxy.session import Session


class OpenReports:
    """Reports by the paths that the settings name."""

    def __init__(self, failures: Failures) -> None:
        self._failures = failures
        self._open: dict[str, Report] = {}

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
        going = [self._open[path] for path in self._open.keys() - reports.keys()]
        if session:
            for path in reports.keys() - self._open.keys():
                self._failures.guard(partial(session.write_closed, reports[path]))
            for report in going:
                self._failures.guard(partial(session.finish, report))
        for report in going:
            self._failures.guard(report.close)
        self._open = reports

    def abandon(self) -> None:
        """Nothing has passed, so there is nothing to report."""
        _abandon(self._open.values())
        self._open = {}

    def close(self) -> None:
        """Write what has not been written yet."""
        for report in self._open.values():
            self._failures.guard(report.close)
        self._open = {}


def _abandon(reports: Iterable[Report]) -> None:
    for report in reports:
        report.abandon()
