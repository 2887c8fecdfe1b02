"""All formats hold the same findings, for every capture in captures/."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from html.parser import HTMLParser
from pathlib import Path

import pytest
from junitparser import JUnitXml

from lp_sentinel.config import load_config
from lp_sentinel.finding import Severity
from lp_sentinel.reports.formats import FORMATS
from tests.reports.runs import Run, judged, recorded, report, varied

CAPTURES = Path(__file__).parents[2] / "captures"
CONFIG = load_config(CAPTURES / "lp-authorize.yaml")

type Found = Counter[tuple[str, str, str]]
"""Rule, severity, and why it does not count."""


def _why(text: str) -> str:
    return next((why for why in ("injected", "allowed") if why in text), "")


def _of_records(records: Iterator[Mapping[str, object]]) -> Found:
    return Counter(
        (str(one["rule"]), str(one["severity"]), "injected" if one["injected"] else "allowed" if one["allowed"] else "")
        for one in records
    )


def _jsonl(text: str) -> Found:
    return _of_records(record for record in map(json.loads, text.splitlines()) if "rule" in record)


def _json(text: str) -> Found:
    document = json.loads(text)
    assert document["summary"]["findings"] == len(document["findings"])
    return _of_records(iter(document["findings"]))


def _sarif(text: str) -> Found:
    severities: dict[str, Severity] = {"error": "error", "warning": "warning", "note": "info"}
    return _of_records(
        {"rule": one["ruleId"], "severity": severities[one["level"]], **one["properties"]}
        for one in json.loads(text)["runs"][0]["results"]
    )


def _junit(text: str) -> Found:
    told = [
        part
        for suite in JUnitXml.fromstring(text.encode())
        for case in suite
        for part in (*(result.text or "" for result in case.result), case.system_out or "")
    ]
    heads = re.findall(r"^(\S+) \S+ \((\w+)(, \w+)?\): ", "\n".join(told), re.MULTILINE)
    return Counter((rule, severity, _why(why)) for rule, severity, why in heads)


def _markdown(text: str) -> Found:
    heads = re.findall(r"^- \S+ \*\*(\S+) [^*]+\*\* \((\w+)(, \w+)?\)$", text, re.MULTILINE)
    return Counter((rule, severity, _why(why)) for rule, severity, why in heads)


def _annotations(text: str) -> Found:
    severities = {"error": "error", "warning": "warning", "notice": "info"}
    heads = re.findall(r"^::(\w+) title=(\S+) \S+?( \(\w+\))?(?:,file=[^:]*)?::", text, re.MULTILINE)
    return Counter((rule, "" if why else severities[kind], _why(why)) for kind, rule, why in heads)


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: Found = Counter()
        self._now: tuple[str, str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        one = {name: value or "" for name, value in attrs}
        kinds = one.get("class", "").split()
        if tag == "section" and "finding" in kinds:
            self.found[one["data-rule"], one["data-severity"], "?" if "excused" in kinds else ""] += 1
            self._now = (one["data-rule"], one["data-severity"])
        elif self._now and "badge" in kinds:
            self.found[*self._now, "?"] -= 1
            self.found[*self._now, kinds[-1]] += 1
        elif tag == "dl":
            self._now = None


def _html(text: str) -> Found:
    page = _Page()
    page.feed(text)
    return +page.found


READERS: Mapping[str, Callable[[str], Found]] = {
    ".jsonl": _jsonl,
    ".json": _json,
    ".sarif": _sarif,
    ".xml": _junit,
    ".md": _markdown,
    ".html": _html,
    ".annotations": _annotations,
}


def agree(folder: Path, *runs: Run) -> Found:
    """What every format says; fails if they differ."""
    assert READERS.keys() == FORMATS.keys(), "a format is not read here"
    said = {ending: read(report(folder / f"report{ending}", *runs)) for ending, read in READERS.items()}
    expected = _of_records(
        {"rule": one.rule, "severity": one.severity, "injected": one.injected, "allowed": one.allowed}
        for run in runs
        for one in run.findings
    )
    # An annotation of what does not count no longer tells how severe it would have been.
    for (rule, severity, why), count in expected.items():
        if why:
            said[".annotations"][rule, "", why] -= count
            said[".annotations"][rule, severity, why] += count
    assert {ending: +found for ending, found in said.items()} == dict.fromkeys(READERS, expected)
    return expected


@pytest.mark.parametrize(
    "path", sorted(path for path in CAPTURES.iterdir() if path.suffix in {".har", ".flow"}), ids=lambda path: path.name
)
def test_on_a_capture(tmp_path: Path, path: Path) -> None:
    agree(tmp_path, recorded(path, CONFIG))


def test_on_several_captures_with_what_does_not_count(tmp_path: Path) -> None:
    found = agree(tmp_path, varied(judged()), judged("other.har"), judged(None))
    assert {why for _, _, why in found} == {"", "allowed", "injected"}


def test_on_nothing(tmp_path: Path) -> None:
    assert not agree(tmp_path)
