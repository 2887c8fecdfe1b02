"""Whole runs to be reported: judged by the engine, and others that are hostile through and through."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from msgspec.structs import replace

from lp_sentinel.config import Config
from lp_sentinel.engine import Engine, Verdict
from lp_sentinel.finding import Finding, JourneySummary
from lp_sentinel.project import Project
from lp_sentinel.redact import Redactor
from lp_sentinel.reports import CaptureEnd, Criteria, open_report
from lp_sentinel.rules import load_rules
from tests.captures.reading import in_order, read_capture
from tests.logins import CONFIG, FINDS, WAYS, Fault, Login, Way
from tests.reports.samples import HOPS, JOURNEY, START, finding

BOOK = load_rules()
CRITERIA = Criteria(Project(CONFIG, BOOK), "error")
ALL: tuple[tuple[Way, Fault | None], ...] = (*(("form", fault) for fault in FINDS), *((way, None) for way in WAYS))
BROWSER = ("10.0.0.1", "Firefox")

HOSTILE = (
    "<script>document.title='run'</script>",
    "</svg><img src=x onerror=\"document.title='run'\">",
    "' onfocus='document.title=1' autofocus='",
    "{{ 7 * 7 }}{% raw %}",
    "[click](javascript:document.title=1) ![x](https://tracker.example/x.png)",
    "| cell | <!-- x --> `code` ``` ~~~ # heading @octocat #1",
    "::error::forged\r\n::set-env name=X::y %0A",
    "nul\x00 esc\x1b[31m bell\x07 fffe\ufffe",
    "right-to-left \u202egnp.exe, lone \udc80\ud800",
    "]]></failure><error/>&lt;&amp;",
)


class Run(NamedTuple):
    """What reports are handed about one capture."""

    findings: Sequence[Finding]
    journeys: Sequence[JourneySummary]
    end: CaptureEnd


def judged(capture: str | None = "captures/demo.har", logins: Sequence[tuple[Way, Fault | None]] = ALL) -> Run:
    """Logins one after the other, half an hour apart; by default each fault, and each way without any."""
    engine = Engine(Project(CONFIG, BOOK), Redactor(), capture)
    verdicts: list[Verdict] = []
    now, index = START, 0
    for number, (way, fault) in enumerate(logins, start=1):
        for step in Login(number, BROWSER, way, fault, redeems=fault is None).steps():
            verdicts.append(engine.feed(step.at(index, now)))
            now, index = now + 0.7, index + 1
        now += 1800
    verdicts += engine.close()
    findings = [one for verdict in verdicts for one in verdict.findings]
    return Run(findings, [one for verdict in verdicts for one in verdict.closed], CaptureEnd(capture, index))


def hostile() -> Run:
    """A journey for each hostile text, which stands wherever a text can stand."""
    journeys, findings = [], []
    for number, text in enumerate(HOSTILE):
        hops = tuple(
            replace(
                hop, index=10 * number + place, url=f"https://app.example/{text}?state={text}", leads_to=text, flow=text
            )
            for place, hop in enumerate(HOPS)
        )
        name, capture = f"j{number}", f"captures/{text}"
        about: dict[str, Any] = {"account": text, "client_id": text, "journey": name, "capture": capture}
        journeys.append(replace(JOURNEY, outcome=f"error:{text}", hops=hops, **about))
        texts = {"message": text, "expected": text, "url": hops[1].url, "flow": text, "parameter": text, "method": text}
        evidence = {text: text, "list": [text]}
        findings.append(finding(index=hops[1].index, evidence=evidence, hop="authorize", **texts, **about))
        findings.append(finding(index=hops[1].index, rule="MINE1", name=text, severity="warning", **about))
        findings.append(finding(index=999, **texts, **about | {"journey": None}))
    return Run(findings, journeys, CaptureEnd(f"captures/{HOSTILE[0]}", 30, HOSTILE[0]))


def varied(run: Run) -> Run:
    """The same with some findings allowed, and a journey injected."""
    injected = run.journeys[0].journey
    findings = [replace(one, allowed=one.rule == "LPA320", injected=one.journey == injected) for one in run.findings]
    return Run(findings, [replace(run.journeys[0], injected=True), *run.journeys[1:]], run.end)


def report(path: Path, *runs: Run, criteria: Criteria = CRITERIA) -> str:
    """What the report of these runs says."""
    writer = open_report(str(path), lambda: criteria)
    for run in runs:
        for one in run.findings:
            writer.finding(one)
        for journey in run.journeys:
            writer.journey(journey)
        writer.capture(run.end)
    writer.close()
    return path.read_text(encoding="utf-8")


def recorded(path: Path, config: Config) -> Run:
    """A capture as the command line judges it."""
    engine = Engine(Project(config, BOOK), Redactor(), path.name)
    exchanges = in_order(list(read_capture(path)))
    verdicts = [*map(engine.feed, exchanges), *engine.close()]
    findings = [one for verdict in verdicts for one in verdict.findings]
    return Run(findings, [one for verdict in verdicts for one in verdict.closed], CaptureEnd(path.name, len(exchanges)))
