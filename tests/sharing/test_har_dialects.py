"""A redacted HAR reads as its original does, however oddly a tool wrote that."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lp_sentinel.config import Config
from lp_sentinel.sharing.redacting import redact_capture
from tests.captures.hars import AUTHORIZE, CALLBACK, SENTINEL, TARGET
from tests.captures.reading import read_capture
from tests.sharing.same import verdict

FORM = {"name": "Content-Type", "value": "application/x-www-form-urlencoded"}
BODY = "grant_type=authorization_code&code=SplxlOBeZQQYbYS6WxSbIA&client_id=my-app&client_secret=7Fjfp0ZBr1KtDRbnfVd"
STORED = {"mimeType": FORM["value"], "text": "", "params": [], "_file": "0a.dat"}


def posted(**request: Any) -> dict[str, Any]:
    asked = {"method": "POST", "url": TARGET, "headers": [FORM], "bodySize": 0, **request}
    return {"request": asked, "response": {"status": 200, "headers": []}}


@pytest.mark.parametrize(
    "entry",
    [
        posted(postData=STORED),
        posted(postData=STORED, bodySize=-1),
        posted(),
        posted(postData={"mimeType": "application/json", "params": [{"name": "a", "value": {"b": 1}}]}),
        posted(postData={**STORED, "text": "REMOVED", "params": "REMOVED"}),
        posted(postData={"mimeType": FORM["value"], "text": {"code": "SplxlOBeZQQYbYS6WxSbIA"}}),
        posted(postData=BODY),
        posted(postData={"mimeType": "image/png", "text": "SplxlOBeZQQYbYS6WxSbIA"}),
        posted(headers={"Content-Type": FORM["value"]}, postData={"text": BODY}),
        posted(queryString={"v": "2.0"}, method=["POST"]),
        {
            "request": {"url": SENTINEL + AUTHORIZE, "headers": [{"name": "Accept", "value": ["a/b", "c/d"]}]},
            "response": {"status": 302, "headers": [{"name": "Location", "value": [CALLBACK, CALLBACK]}]},
            "timings": {"wait": {"ms": 5}},
        },
        {"request": {"url": SENTINEL + AUTHORIZE}, "response": {"status": 302, "redirectURL": {"to": CALLBACK}}},
        {"request": {"url": SENTINEL + AUTHORIZE}, "response": {"status": 302, "headers": {"Location": CALLBACK}}},
        {"request": {"url": TARGET}, "response": {"status": 200, "headers": [], "content": "{}"}},
        {"request": {"url": TARGET}, "response": {"status": 200, "headers": [], "content": {"text": {"a": 1}}}},
        posted(headers=None),
        {"request": {"url": CALLBACK}, "response": {"status": 200}},
        {"request": {"url": SENTINEL + AUTHORIZE, "headers": []}, "response": {"status": 302, "headers": []}},
        {"request": {"url": SENTINEL + AUTHORIZE}, "response": {"status": 302, "headers": [], "redirectURL": "null"}},
        {"request": {"url": CALLBACK, "headers": []}, "response": {"status": 500, "fromDiskCache": True}},
    ],
)
def test_redacted_as_read(entry: dict[str, Any], tmp_path: Path) -> None:
    check(tmp_path, entry)


def check(folder: Path, entry: dict[str, Any], **log: Any) -> None:
    """That the copy reads as the original does."""
    source, target = folder / "in.har", folder / "out.har"
    source.write_text(json.dumps({"log": {"version": "1.2", **log, "entries": [entry]}}))
    assert redact_capture(source, target, Config()).problem is None
    [original], [copy] = read_capture(source), read_capture(target)
    assert (original.request_body is None, original.response_body is None) == (
        copy.request_body is None,
        copy.response_body is None,
    )
    assert [name for name, _ in original.request_headers] == [name for name, _ in copy.request_headers]
    assert original.from_cache == copy.from_cache
    assert [name for name, _ in original.response_headers] == [name for name, _ in copy.response_headers]
    assert verdict(target, Config()) == verdict(source, Config())
