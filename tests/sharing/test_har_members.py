"""What a redacted HAR still says beside requests and responses: what is known to be harmless, and no more."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lp_sentinel.config import Config
from lp_sentinel.sharing.redacting import redact_capture

SECRET = "SplxlOBeZQQYbYS6WxSbIA"
ENTRY: dict[str, Any] = {
    "startedDateTime": "2026-11-23T10:00:00.123Z",
    "time": 12.5,
    "pageref": SECRET,
    "connection": "443",
    "serverIPAddress": "192.0.2.7",
    "cache": {"afterRequest": {"eTag": SECRET}},
    "timings": {"send": 1, "wait": 2.5, "_blocked_queueing": 0.1, SECRET: 3},
    "_connectionId": "311",
    "_initiator": {"type": "script", "url": f"https://app.example/{SECRET}", "stack": {"callFrames": []}},
    "_priority": "VeryHigh",
    "_resourceType": "document",
    "_webSocketMessages": [{"data": SECRET}],
    "comment": SECRET,
    "request": {
        "method": "GET",
        "url": "https://app.example/",
        "httpVersion": "HTTP/2.0",
        "headers": [],
        "queryString": [],
        "cookies": [
            {
                "name": "sid",
                "value": SECRET,
                "path": "/app",
                "domain": ".app.example",
                "expires": "2026-12-01T00:00:00.000Z",
                "httpOnly": True,
                "secure": False,
                "sameSite": "Lax",
                "_note": SECRET,
            },
            ["tid", SECRET],
        ],
    },
    "response": {
        "status": 200,
        "statusText": "OK",
        "headers": [],
        "cookies": [],
        "content": {"size": 0, "mimeType": "text/html"},
        "_transferSize": 512,
        "_fetchedViaServiceWorker": False,
    },
}


def redacted(folder: Path, *entries: dict[str, Any], **log: Any) -> tuple[dict[str, Any], str]:
    """The log of the redacted HAR, and what was said of it."""
    source, target = folder / "in.har", folder / "out.har"
    source.write_text(json.dumps({"log": {"version": "1.2", "creator": {"name": SECRET}, "entries": entries, **log}}))
    said = redact_capture(source, target, Config())
    text = target.read_text()
    assert SECRET not in text
    assert said.problem is None
    told: dict[str, Any] = json.loads(text)["log"]
    return told, "\n".join(said.lines)


def test_members_that_are_known_to_be_harmless_stay(tmp_path: Path) -> None:
    log, said = redacted(tmp_path, ENTRY, pages=[{"id": SECRET, "title": SECRET}])
    [entry] = log["entries"]
    for name in ("startedDateTime", "time", "connection", "_connectionId", "_priority", "_resourceType"):
        assert entry[name] == ENTRY[name]
    assert entry["timings"] == {"send": 1, "wait": 2.5, "_blocked_queueing": 0.1}
    assert (entry["_initiator"], entry["cache"]) == ({"type": "script"}, {})
    assert {"_transferSize": 512, "_fetchedViaServiceWorker": False}.items() <= entry["response"].items()
    first, second = entry["request"]["cookies"]
    kept = ("name", "path", "domain", "expires", "httpOnly", "secure", "sameSite")
    assert {name: first[name] for name in kept} == {name: ENTRY["request"]["cookies"][0][name] for name in kept}
    assert (second["name"], second["value"]) == ("tid", first["value"])
    for left_out in ("named _webSocketMessages", "named comment", "named afterRequest", "named url", "titles and"):
        assert left_out in said


def test_of_a_body_that_is_no_text_nothing_stays_and_that_is_said(tmp_path: Path) -> None:
    image = {"mimeType": "image/png", "text": SECRET}
    entry = {**ENTRY, "request": {**ENTRY["request"], "postData": image}}
    log, said = redacted(tmp_path, entry)
    assert log["entries"][0]["request"]["postData"] == {"mimeType": "image/png", "text": ""}
    assert "left out: bodies (1)" in said


def test_pages_are_made_anew(tmp_path: Path) -> None:
    later = {**ENTRY, "startedDateTime": "2026-11-23T10:00:07.000Z"}
    log, said = redacted(tmp_path, ENTRY, later, {**later, "pageref": "other"}, later)
    assert [entry["pageref"] for entry in log["entries"]] == ["page_1", "page_1", "page_2", "page_1"]
    assert [(page["id"], page["startedDateTime"]) for page in log["pages"]] == [
        ("page_1", "2026-11-23T10:00:00.123Z"),
        ("page_2", "2026-11-23T10:00:07.000Z"),
    ]
    assert "left out: titles and timings of pages in the HAR (2)" in said


def test_without_pages_there_are_none(tmp_path: Path) -> None:
    entry = {name: value for name, value in ENTRY.items() if name != "pageref"}
    log, said = redacted(tmp_path, entry)
    assert "pages" not in log
    assert "pages" not in said


@pytest.mark.parametrize("name", ["_priority", "_resourceType", "_connectionId", "connection"])
def test_other_values_in_known_members_do_not_stay(tmp_path: Path, name: str) -> None:
    log, _ = redacted(tmp_path, {**ENTRY, name: SECRET, "timings": 7, "_initiator": {"type": SECRET}})
    assert log["entries"][0][name] is None
    assert log["entries"][0]["timings"] is None
    assert log["entries"][0]["_initiator"] == {"type": None}


@pytest.mark.parametrize(("cut", "more"), [(3, b""), (0, b", 21 more entries]}}"), (0, b'{"log": {"entries": []}}')])
def test_a_har_that_is_broken_is_redacted_as_far_as_it_goes_and_says_where(
    tmp_path: Path, cut: int, more: bytes
) -> None:
    source, target = tmp_path / "a.har", tmp_path / "b.har"
    data = json.dumps({"log": {"entries": [ENTRY, ENTRY]}}).encode()
    source.write_bytes(data[: len(data) - cut] + more)
    said = redact_capture(source, target, Config())
    assert (said.exchanges, len(json.loads(target.read_bytes())["log"]["entries"])) == (2, 2)
    what = "the HAR ends there, and more follows" if more else "the file ends in the middle of the JSON"
    assert said.problem == f"{source}: broken after 2 entries, at byte {len(data) - cut}: {what}"
