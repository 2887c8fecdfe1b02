"""Which ending of a report's name stands for which format."""

from __future__ import annotations

from importlib import import_module
from pathlib import PurePath
from typing import TYPE_CHECKING

from lp_sentinel.reports.base import STANDARD_OUTPUT, Report, ReportError
from lp_sentinel.reports.jsonl import JsonLines
from lp_sentinel.wording import visible

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lp_sentinel.rules import RuleBook


def _whole(name: str) -> Callable[[str, RuleBook], Report]:
    """A format that is written at the end, by the module of that name: loaded only when it is wanted."""

    def report(path: str, book: RuleBook) -> Report:
        collected = import_module("lp_sentinel.reports.collected")
        opened: Report = collected.Collected(path, book, import_module(f"lp_sentinel.reports.{name}").write)
        return opened

    return report


FORMATS: Mapping[str, Callable[[str, RuleBook], Report]] = {
    ".jsonl": lambda path, _book: JsonLines(path),
    ".json": _whole("json_"),
    ".sarif": _whole("sarif"),
    ".xml": _whole("junit"),
    ".md": _whole("markdown"),
    ".html": _whole("html"),
    ".annotations": _whole("github"),
}
"""By ending. A format gets the path and the rules that were asked, for their texts."""


def open_report(path: str, book: RuleBook) -> Report:
    """The report that ``path`` stands for; ``-`` is JSON Lines on standard output. Raises ReportError."""
    ending = ".jsonl" if path == STANDARD_OUTPUT else PurePath(path).suffix.lower()
    if ending not in FORMATS:
        known = ", ".join(FORMATS)
        raise ReportError(f"report {visible(path)}: its ending says in which format to write: {known}")
    return FORMATS[ending](path, book)
