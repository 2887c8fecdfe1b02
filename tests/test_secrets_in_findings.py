"""A secret in each captured text that a finding or a journey shows, and none of them read again in any report."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from urllib.parse import quote

import pytest
from msgspec.structs import replace

from lp_sentinel.config import Config
from lp_sentinel.engine import Engine
from lp_sentinel.exchange import Exchange, header
from lp_sentinel.redact import Redactor
from lp_sentinel.reports import CaptureEnd
from lp_sentinel.reports.formats import FORMATS
from lp_sentinel.rules import load_rules
from lp_sentinel.rules.book import Example
from lp_sentinel.rules.examples import example_config, example_exchanges
from tests.reports.runs import Run, report

BOOK = load_rules()
SECRET = "Tr3asur3Q7YbmK9xWzVd2A"
SHORT = "hunt3r2"
BEGIN = f"{SECRET[:4]}…"
PLANTED = (SECRET[6:], SHORT)
type Plant = Callable[[str], str]
"""From a URL, a query, a fragment or a form to the same with secrets."""


def joined(separator: str) -> Plant:
    """Secrets joined to the values of harmless parameters."""
    more = quote(f"{separator}client_secret={SHORT}{separator}state={SECRET}", safe="")
    names = "v|response_type|client_id|error|error_description|grant_type|token_type|scope"
    return lambda text: re.sub(rf"((?:\A|[?&#])(?:{names})=[^&#]*)", rf"\g<1>{more}", text)


def in_redirect_uri(change: Callable[[str], str], times: int = 1) -> Plant:
    def plant(text: str) -> str:
        def planted(found: re.Match[str]) -> str:
            uri = change("https://app.example/cb?tenant=7")
            for _ in range(times):
                uri = quote(uri, safe="")
            return f"redirect_uri={uri}"

        return re.sub(r"redirect_uri=[^&#]*", planted, text)

    return plant


def in_path(segment: str) -> Plant:
    return lambda text: re.sub(r"\A(https?://[^/?#]+/cb)(?=[?#]|\Z)", rf"\g<1>{segment}", text)


PLANTS: Mapping[str, Plant] = {
    "joined by ;": joined(";"),
    "joined by ,": joined(","),
    "joined by a line break": joined("\n"),
    "joined by &": joined("&"),
    "joined by an encoded &": joined("%26"),
    "a token as its type": lambda text: re.sub(r"(\"token_type\":\")[^\"]*", rf"\g<1>{SECRET}", text),
    "a token as what is asked for": lambda text: re.sub(r"((?:grant|response)_type=)[^&]*", rf"\g<1>{SECRET}", text),
    "landing path": in_path(f"/{SECRET}"),
    "landing path parameter": in_path(f";sid={SECRET};pin={SHORT}"),
    "request path": lambda text: re.sub(r"/sentinel/api/account/[^/?]*/authorize", f"/sentinel/v1/{SECRET}/auth", text),
    "rest of a state": lambda text: re.sub(r"(state=[^&#]*)", rf"\g<1>&{SECRET}&{SHORT}", text),
    "rest of a state, with padding": lambda text: re.sub(r"(state=[^&#]*)", rf"\g<1>&{SECRET}==&{SECRET}=x", text),
    "redirect URI's query": in_redirect_uri(lambda uri: f"{uri}&code={SECRET}&password={SHORT}&x={SECRET}"),
    "redirect URI's fragment": in_redirect_uri(lambda uri: f"{uri}#access_token={SECRET}&pwd={SHORT}"),
    "redirect URI's user": in_redirect_uri(lambda uri: uri.replace("//", f"//user:{SECRET}@")),
    "redirect URI's user, no slashes": in_redirect_uri(lambda uri: uri.replace("https://", f"user:{SHORT}@")),
    "redirect URI's path": in_redirect_uri(lambda uri: uri.replace("/cb", f"/cb;sid={SECRET};token={SHORT}")),
    "redirect URI, encoded twice": in_redirect_uri(
        lambda uri: uri.replace("//", f"//user:{SHORT}@") + f"&token={SECRET}", times=2
    ),
    "redirect URI, not encoded": in_redirect_uri(lambda uri: f"{uri}&{SECRET}&token={SHORT}", times=0),
    "redirect URI in a redirect URI": in_redirect_uri(lambda uri: f"{uri}&next={uri}%26code={SECRET}"),
    "a failure as a tool tells it": lambda text: re.sub(
        r"\A(timed out|connection reset)\Z", rf"\g<1> (Bearer {SECRET}; code: {SECRET})", text
    ),
    "a description that quotes what was sent": lambda text: re.sub(
        r"((?:\A|[?&#])error_(?:description|message)=[^&#]*)", rf"\g<1>+Code+{SECRET}+of+'{SECRET}'+was+used.", text
    ),
    "redirect URI over http": in_redirect_uri(lambda uri: f"{uri.replace('https', 'http')}&token={SECRET}"),
}


def planted(exchange: Exchange, plant: Plant) -> Exchange:
    path, mark, query = exchange.target.partition("?")
    headers = exchange.response_headers
    location = header(headers, "location")
    if location is not None:
        changed = plant(location)
        headers = tuple((name, changed if name == "location" else value) for name, value in headers)
    bodies = {
        name: plant(body.decode()).encode()
        for name in ("request_body", "response_body")
        if (body := getattr(exchange, name))
    }
    return replace(
        exchange,
        target=plant(path) + mark + plant(query),
        response_headers=headers,
        error=exchange.error and plant(exchange.error),
        **bodies,
    )


def judged(config: Config, exchanges: list[Exchange], redactor: Redactor) -> Run:
    engine = Engine(config, BOOK, redactor, "planted.har")
    verdicts = [*map(engine.feed, exchanges), engine.close()]
    findings = [one for verdict in verdicts for one in verdict.findings]
    return Run(findings, [one for verdict in verdicts for one in verdict.closed], CaptureEnd("planted.har", 0))


@cache
def captures() -> list[tuple[Config, list[Exchange]]]:
    """The bad examples of all rules."""
    return [(example_config(example), in_turn(example)) for rule in BOOK.by_id.values() for example in rule.bad]


def in_turn(example: Example) -> list[Exchange]:
    return sorted(example_exchanges(example), key=lambda exchange: exchange.started or 0.0)


def runs(plant: Plant, *, on: bool = True) -> Iterator[Run]:
    redactor = Redactor(on=on)
    for config, exchanges in captures():
        yield judged(config, [planted(exchange, plant) for exchange in exchanges], redactor)


def texts(run: Run) -> Iterator[str]:
    for one in run.findings:
        yield from (one.message, one.expected, repr(one.evidence), one.url, str(one.parameter), str(one.client_id))
    for journey in run.journeys:
        yield from (journey.outcome, str(journey.client_id), repr(journey.hops))


@pytest.mark.parametrize("plant", PLANTS.values(), ids=PLANTS)
def test_no_finding_shows_what_was_planted(plant: Plant) -> None:
    for run in runs(plant):
        for text in texts(run):
            assert not any(secret in text for secret in PLANTED), text


@pytest.mark.parametrize("plant", PLANTS.values(), ids=PLANTS)
def test_redaction_changes_no_verdict(plant: Plant) -> None:
    shown = False
    for masked, clear in zip(runs(plant), runs(plant, on=False), strict=True):
        assert [(one.rule, one.index, one.journey) for one in masked.findings] == [
            (one.rule, one.index, one.journey) for one in clear.findings
        ]
        shown |= any(secret in text for text in texts(clear) for secret in PLANTED)
    assert shown


def test_what_is_no_secret_is_shown_as_it_is() -> None:
    redactor, changed = Redactor(), set()
    for rule in BOOK.by_id.values():
        for example in rule.bad:
            if finds := example.data.get("finds"):
                run = judged(example_config(example), in_turn(example), redactor)
                message = next(one.message for one in run.findings if one.rule == rule.id)
                changed |= {rule.id} if message != finds else set()
    assert changed == {"LPA131", "LPA132", "LPA311", "LPA312"}  # those that speak of a state's value


def test_every_rule_was_asked_about_what_was_planted() -> None:
    fired = {one.rule for plant in PLANTS.values() for run in runs(plant) for one in run.findings}
    assert fired == BOOK.by_id.keys()


@cache
def telling() -> list[Run]:
    """Of each rule, and each kind of evidence it gives, one that tells the begin of what was planted."""
    found: dict[str, Run] = {}
    for plant in PLANTS.values():
        for run in runs(plant):
            for one in run.findings:
                if BEGIN in f"{one.message}{one.evidence}":
                    found.setdefault(f"{one.rule} {one.evidence.keys()}", run)
    return [*found.values()]


@pytest.mark.parametrize("ending", FORMATS)
def test_no_report_shows_what_was_planted(ending: str, tmp_path: Path) -> None:
    text = report(tmp_path / f"planted{ending}", *telling())
    assert BEGIN in text
    assert not any(secret in text for secret in PLANTED)
