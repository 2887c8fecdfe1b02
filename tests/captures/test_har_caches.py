"""What a browser's HAR tells otherwise than it was: requests that nobody got, as it had the page, and no redirects."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lp_sentinel.check import judge_capture
from lp_sentinel.project import load_project
from lp_sentinel.redact import Redactor
from tests.captures.hars import AUTHORIZE, CALLBACK, SENTINEL

BY_WORKER = {"response": {"_fetchedViaServiceWorker": True}}
INTERNAL = {"response": {"headers": [{"name": "Non-Authoritative-Reason", "value": "HSTS"}]}}
PLAIN: dict[str, Any] = {}


def entry(url: str, second: int, *, status: int = 200, referer: str = "", **more: Any) -> dict[str, Any]:
    headers = {"Accept": "*/*"} | ({"Referer": referer} if referer else {})
    pairs = [{"name": name, "value": value} for name, value in headers.items()]
    return {
        "startedDateTime": f"2026-11-23T10:00:{second:02}Z",
        "request": {"method": "GET", "url": url, "headers": pairs},
        **more,
        "response": {"status": status, "headers": [], **more.get("response", {})},
    }


def judged(tmp_path: Path, *entries: dict[str, Any]) -> list[str]:
    """What the callback rules find where authorize redirects to the app."""
    return found_in(tmp_path, entry(SENTINEL + AUTHORIZE, 0, status=302, response={"redirectURL": CALLBACK}), *entries)


def found_in(tmp_path: Path, *entries: dict[str, Any], config: str | None = None) -> list[str]:
    capture = tmp_path / "session.har"
    capture.write_text(json.dumps({"log": {"version": "1.2", "entries": entries}}))
    found = judge_capture(capture, load_project(config).choosing(("LPA4",), ()), Redactor())
    assert found.problem is None
    return [finding.rule for finding in found.findings]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (PLAIN, {"_fromCache": "disk"}),
        (PLAIN, {"_fromCache": "memory"}),
        (PLAIN, {"_fetchType": "Disk Cache"}),
        (BY_WORKER, PLAIN),
        ({"_fetchType": "Service Worker"}, PLAIN),
        (INTERNAL, PLAIN),
        (PLAIN, {"response": {"fromDiskCache": True}}),
        ({"response": {"fromServiceWorker": True}}, PLAIN),
        ({"response": {"fromPrefetchCache": True}}, PLAIN),
    ],
)
def test_a_callback_that_is_there_twice_but_was_sent_once(
    first: dict[str, Any], second: dict[str, Any], tmp_path: Path
) -> None:
    assert judged(tmp_path, entry(CALLBACK, 1, **first), entry(CALLBACK, 2, **second)) == []


def test_what_a_service_worker_answered_was_answered_by_nobody(tmp_path: Path) -> None:
    by_worker = entry(CALLBACK, 1, status=500, response=BY_WORKER["response"])
    assert judged(tmp_path, by_worker, entry(CALLBACK, 2, status=500)) == ["LPA408"], "once, as it was sent once"
    assert judged(tmp_path, entry(CALLBACK, 1, status=0, response=BY_WORKER["response"]), entry(CALLBACK, 2)) == []


@pytest.mark.parametrize(
    "second",
    [
        PLAIN,
        {"_fromCache": ""},
        {"_fetchType": "Network Load"},
        {"_fromCache": {"of": ["disk"]}},
        {"response": {"fromDiskCache": False}},
        {"response": {"fromDiskCache": ["odd"]}},
    ],
)
def test_a_callback_that_was_sent_twice(second: dict[str, Any], tmp_path: Path) -> None:
    assert judged(tmp_path, entry(CALLBACK, 1), entry(CALLBACK, 2, **second)) == ["LPA406"]


@pytest.mark.parametrize(("how", "leaks"), [({"_fromCache": "disk"}, []), (PLAIN, ["LPA407"])])
def test_what_comes_from_a_cache_tells_nobody_a_code(how: dict[str, Any], leaks: list[str], tmp_path: Path) -> None:
    image = entry("https://cdn.example/logo.png", 2, referer=CALLBACK, **how)
    assert judged(tmp_path, entry(CALLBACK, 1), image) == leaks


@pytest.mark.parametrize(("how", "outcome"), [({"_fromCache": "disk"}, "unknown"), (PLAIN, "refused:401")])
def test_a_refusal_from_a_cache_is_nobody_s(how: dict[str, Any], outcome: str, tmp_path: Path) -> None:
    capture = tmp_path / "session.har"
    refused = entry(SENTINEL + AUTHORIZE, 0, status=401, **how)
    capture.write_text(json.dumps({"log": {"version": "1.2", "entries": [refused]}}))
    found = judge_capture(capture, load_project(None), Redactor())
    assert [journey.outcome for journey in found.journeys] == [outcome]


def test_chrome_goes_to_https_by_itself(tmp_path: Path) -> None:
    secure = SENTINEL + AUTHORIZE
    by_itself = {"headers": INTERNAL["response"]["headers"], "redirectURL": secure}
    entries = [
        entry(secure.replace("https", "http", 1), 0, status=307, response=by_itself),
        entry(secure, 1, status=302, response={"redirectURL": CALLBACK}),
    ]
    capture = tmp_path / "session.har"
    capture.write_text(json.dumps({"log": {"version": "1.2", "entries": entries}}))
    found = judge_capture(capture, load_project(None).choosing(("LPA1", "LPA2"), ("LPA131",)), Redactor())
    assert [finding.rule for finding in found.findings] == ["LPA103"], "nobody was answered 307"


@pytest.mark.parametrize("how", [{"_fromCache": "disk"}, {"_fetchType": "Service Worker"}, PLAIN])
def test_where_an_answer_leads_counts_wherever_it_came_from(how: dict[str, Any], tmp_path: Path) -> None:
    elsewhere = entry(SENTINEL + AUTHORIZE, 0, status=302, **how, response={"redirectURL": "https://evil.example/"})
    capture = tmp_path / "session.har"
    capture.write_text(json.dumps({"log": {"version": "1.2", "entries": [elsewhere]}}))
    found = judge_capture(capture, load_project(None).choosing(("LPA2",), ()), Redactor())
    assert [finding.rule for finding in found.findings] == ["LPA213"]


@pytest.mark.parametrize(
    ("kind", "finds"),
    [
        ({"_fetchType": "Network Load"}, []),
        (PLAIN, ["LPA405"]),
        ({"request": {"url": CALLBACK, "headers": []}}, []),
        ({"request": {"url": CALLBACK}}, []),
    ],
)
def test_a_callback_of_which_it_is_not_known_where_it_came_from(
    kind: dict[str, Any], finds: list[str], tmp_path: Path
) -> None:
    config = tmp_path / "lp-authorize.yaml"
    config.write_text("accounts: {'1': {apps: [{client_id: a, redirect_uris: ['https://app.example/cb']}]}}")
    assert found_in(tmp_path, entry("https://app.example/", 0), entry(CALLBACK, 1, **kind), config=str(config)) == finds
