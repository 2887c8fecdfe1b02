"""Which ending of a report's name stands for which format."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from importlib import import_module
from pathlib import PurePath
from typing import TYPE_CHECKING

from lp_sentinel.home import expanded
from lp_sentinel.overwriting import is_one_of
from lp_sentinel.reports.base import STANDARD_OUTPUT, Report, ReportError
from lp_sentinel.reports.files import distinct
from lp_sentinel.reports.jsonl import JsonLines
from lp_sentinel.wording import visible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from lp_sentinel.reports.criteria import Criteria


def _whole(name: str) -> Callable[[str, Callable[[], Criteria]], Report]:
    """A format that is written at the end, by the module of that name: loaded only when it is wanted."""

    def report(path: str, criteria: Callable[[], Criteria]) -> Report:
        collected = import_module("lp_sentinel.reports.collected")
        opened: Report = collected.Collected(path, criteria, import_module(f"lp_sentinel.reports.{name}").write)
        return opened

    return report


_LINES = ".jsonl"

FORMATS: Mapping[str, Callable[[str, Callable[[], Criteria]], Report]] = {
    _LINES: lambda path, _criteria: JsonLines(path),
    ".json": _whole("json_"),
    ".sarif": _whole("sarif"),
    ".xml": _whole("junit"),
    ".md": _whole("markdown"),
    ".html": _whole("html"),
    ".annotations": _whole("github"),
}
"""By ending. A format gets the path, and what gives it the criteria at its end."""


def open_report(path: str, criteria: Callable[[], Criteria]) -> Report:
    """The report that ``path`` stands for; ``-`` is JSON Lines on standard output. Raises ReportError.

    ``criteria`` is called when the report is written: until then a session may change them.
    """
    ending = _LINES if path == STANDARD_OUTPUT else _ending(path)
    if ending not in FORMATS:
        known = ", ".join(FORMATS)
        raise ReportError(f"report {visible(path)}: its ending must be one of these: {known}")
    return FORMATS[ending](path, criteria)


def protect_lines(path: str, reports: Iterable[str]) -> None:
    """Raise ReportError if ``path`` is one of the reports that are open and written line by line."""
    lines = [expanded(one) for one in reports if one != STANDARD_OUTPUT and _ending(one) == _LINES]
    if path != STANDARD_OUTPUT and is_one_of(expanded(path), lines):
        raise ReportError(f"report {visible(path)}: is being written as findings come (lp_report)")


def _ending(path: str) -> str:
    return PurePath(path).suffix.lower()


@contextmanager
def open_reports(paths: Sequence[str], criteria: Criteria) -> Iterator[list[Report]]:
    """The reports, written if the run comes to its end: what is known of one that is broken off looks too good.

    Raises ReportError.
    """
    with ExitStack() as abandoning:
        reports = []
        for path in distinct(paths):
            reports.append(report := open_report(path, lambda: criteria))
            abandoning.callback(report.abandon)
        yield reports
        abandoning.pop_all()
    with ExitStack() as closing:
        for report in reports:
            closing.callback(report.close)
