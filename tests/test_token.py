"""What a token request is authenticated with, and that a secret which was sent in the wrong way stays one."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from click.testing import CliRunner
from msgspec.json import encode

from lp_sentinel.cli import main
from lp_sentinel.config import Config
from lp_sentinel.sharing.redacting import redact_capture
from lp_sentinel.token import basic_credentials

SECRET = "Tr3asur3Q7YbmK9xWzVd2Axy"  # base64 by its look, too
ALONE = base64.b64encode(SECRET.encode()).decode()
AUTHORIZE = (
    "https://va.sentinel.liveperson.net/sentinel/api/account/12345678/authorize?v=1.0&response_type=code"
    "&client_id=my-app&redirect_uri=https%3A%2F%2Fapp.example%2Fcb&state=af0ifjsldkjFvB2Xq9ZwTg"
)
CALLBACK = "https://app.example/cb?code=SplxlOBeZQQYbYS6WxSbIA&state=af0ifjsldkjFvB2Xq9ZwTg"
TOKEN = "https://va.sentinel.liveperson.net/sentinel/api/account/12345678/token?v=2.0"
BODY = "grant_type=authorization_code&code=SplxlOBeZQQYbYS6WxSbIA&redirect_uri=https%3A%2F%2Fapp.example%2Fcb"


@pytest.mark.parametrize(
    ("value", "is_read"),
    [
        (base64.b64encode(b"my-app:s3cret").decode(), ("my-app", ":", "s3cret")),
        (base64.b64encode(b"my-app:").decode().rstrip("="), ("my-app", ":", "")),
        (ALONE, None),
        (SECRET, None),
        ("REDACTED", None),
        (f"my-app:{SECRET}", None),
        (base64.b64encode("my-äpp:s3crét".encode()).decode(), ("my-äpp", ":", "s3crét")),
        (base64.b64encode("my-äpp:s3crét".encode("latin-1")).decode(), None),
        (base64.b64encode("my-app:s3crét".encode("latin-1")).decode(), ("my-app", ":", "s3cr\udce9t")),
        (base64.b64encode(b"my-app:\x00").decode(), None),
    ],
)
def test_basic_credentials(value: str, is_read: tuple[str, str, str] | None) -> None:
    assert basic_credentials(value) == is_read


@pytest.mark.parametrize("value", [ALONE, SECRET])
def test_a_secret_without_a_client_is_nobodys_client_id(tmp_path: Path, value: str) -> None:
    source, target = tmp_path / "in.har", tmp_path / "out.har"
    source.write_bytes(
        encode({"log": {"entries": [_entry(AUTHORIZE, 302, CALLBACK), _entry(CALLBACK, 200), _token(value)]}})
    )
    told = CliRunner().invoke(main, ["check", str(source), "--report", "-"]).output
    assert "LPA607" not in told
    redact_capture(source, target, Config())
    for secret in (SECRET, ALONE):
        assert secret not in told
        assert secret not in target.read_text()


def _entry(url: str, status: int, location: str = "") -> dict[str, object]:
    headers = [{"name": "Location", "value": location}] if location else []
    request = {"method": "GET", "url": url, "headers": [{"name": "Accept", "value": "*/*"}]}
    return {
        "startedDateTime": "2026-11-23T10:00:00Z",
        "request": request,
        "response": {"status": status, "headers": headers},
    }


def _token(basic: str) -> dict[str, object]:
    headers = [{"name": "Authorization", "value": f"Basic {basic}"}]
    posted = {"mimeType": "application/x-www-form-urlencoded", "text": BODY}
    request = {"method": "POST", "url": TOKEN, "headers": headers, "postData": posted}
    return {"startedDateTime": "2026-11-23T10:00:01Z", "request": request, "response": {"status": 400, "headers": []}}
