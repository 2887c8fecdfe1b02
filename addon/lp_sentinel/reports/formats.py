"""Which ending of a report's name stands for which format."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING

from lp_sentinel.reports import github, html, json_, junit, markdown, sarif
from lp_sentinel.reports.base import STANDARD_OUTPUT, Report, ReportError
from lp_sentinel.reports.collected import Collected, Write
from lp_sentinel.reports.jsonl import JsonLines
from lp_sentinel.wording import visible

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lp_sentinel.rules import RuleBook


def _whole(write: Write) -> Callable[[str, RuleBook], Report]:
    return lambda path, book: Collected(path, book, write)


FORMATS: Mapping[str, Callable[[str, RuleBook], Report]] = {
    ".jsonl": lambda path, _book: JsonLines(path),
    ".json": _whole(json_.write),
    ".sarif": _whole(sarif.write),
    ".xml": _whole(junit.write),
    ".md": _whole(markdown.write),
    ".html": _whole(html.write),
    ".annotations": _whole(github.write),
}
"""By ending. A format gets the path and the rules that were asked, for their texts."""


def open_report(path: str, book: RuleBook) -> Report:
    """The report that ``path`` stands for; ``-`` is JSON Lines on standard output. Raises ReportError."""
    ending = ".jsonl" if path == STANDARD_OUTPUT else PurePath(path).suffix.lower()
    if ending not in FORMATS:
        known = ", ".join(FORMATS)
        raise ReportError(f"report {visible(path)}: its ending says in which format to write: {known}")
    return FORMATS[ending](path, book)
