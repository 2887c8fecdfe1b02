"""What HARs tell otherwise of clients that follow redirects by themselves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lp_sentinel.captures.entries import FOLLOW_REDIRECTS
from lp_sentinel.check import judge_capture
from lp_sentinel.project import load_project
from lp_sentinel.redact import Redactor
from lp_sentinel.sharing.redacting import redact_capture
from tests.captures.hars import AUTHORIZE, CALLBACK, SENTINEL
from tests.captures.reading import read

HEADERS = [{"name": "Accept", "value": "*/*"}]
PARAMETERS = [
    {"name": "b", "value": "c d"},
    {"name": "a", "value": "other"},
    {"name": "u", "value": "https://x.example/"},
]


def entry(url: str, status: int, **request: Any) -> dict[str, Any]:
    asked = {"method": "GET", "url": url, "headers": HEADERS, **request}
    return {"request": asked, "response": {"status": status, "headers": HEADERS}}


def har(creator: object, *entries: dict[str, Any]) -> bytes:
    return json.dumps({"log": {"version": "1.2", "creator": creator, "entries": entries}}).encode()


def judged(capture: Path, config: str) -> tuple[list[str], list[str]]:
    found = judge_capture(capture, load_project(config).choosing((), ("LPA131",)), Redactor())
    assert found.problem is None
    return [finding.rule for finding in found.findings], [journey.outcome for journey in found.journeys]


@pytest.mark.parametrize(
    ("creator", "status", "rules", "outcome"),
    [
        *(({"name": name}, 200, [], "unknown") for name in sorted(FOLLOW_REDIRECTS)),
        ({"name": "Insomnia REST Client"}, 404, [], "unknown"),
        ({"name": "Insomnia REST Client"}, 302, ["LPA210"], "unknown"),
        ({"name": "Firefox"}, 200, ["LPA201", "LPA405"], "unknown"),
        ({"name": ["Insomnia REST Client"]}, 200, ["LPA201", "LPA405"], "unknown"),
        ("Insomnia REST Client", 200, ["LPA201", "LPA405"], "unknown"),
        (None, 200, ["LPA201", "LPA405"], "unknown"),
    ],
)
def test_the_last_answer_is_not_authorize_s(
    creator: object, status: int, rules: list[str], outcome: str, tmp_path: Path
) -> None:
    config = tmp_path / "lp-authorize.yaml"
    config.write_text("accounts: {'1': {apps: [{client_id: a, redirect_uris: ['https://app.example/cb']}]}}")
    source, target = tmp_path / "a.har", tmp_path / "b.har"
    source.write_bytes(har(creator, entry(CALLBACK, 200), entry(SENTINEL + AUTHORIZE, status)))
    found = judged(source, str(config))
    assert (sorted(found[0]), found[1]) == (rules, [outcome])
    redact_capture(source, target, load_project(str(config)).config)
    assert judged(target, str(config)) == found


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://a.example/x", "/x?b=c+d&a=other&u=https%3A%2F%2Fx.example%2F"),
        ("https://a.example/x?", "/x?b=c+d&a=other&u=https%3A%2F%2Fx.example%2F"),
        ("https://a.example/x?a=1", "/x?a=1&b=c+d&u=https%3A%2F%2Fx.example%2F"),
        ("https://a.example/x?a=1&b=2&u=", "/x?a=1&b=2&u="),
    ],
)
def test_parameters_that_stand_apart_from_the_url(url: str, target: str) -> None:
    [found], problem = read(har({"name": "Insomnia REST Client"}, entry(url, 200, queryString=PARAMETERS)))
    assert (found.target, problem) == (target, None)


def test_of_a_browser_the_url_is_whole() -> None:
    [found], _ = read(har({"name": "Firefox"}, entry("https://a.example/x?a=1", 200, queryString=PARAMETERS)))
    assert found.target == "/x?a=1"
