"""What a report masks of an authorize URL is not in a redacted capture, either."""

from __future__ import annotations

import string
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

from hypothesis import example, given
from hypothesis import strategies as st

from lp_sentinel.config import Config, config_from
from lp_sentinel.exchange import Exchange
from lp_sentinel.redact import Redactor
from lp_sentinel.sharing.redacting import redact_capture
from tests.captures.writing import write_flows

HOST = "va.sentinel.liveperson.net"
ACCOUNT = "/sentinel/api/account/12345678/authorize"
SENT = "v=1.0&response_type=code&client_id=my-app"
# Lists, as Hypothesis makes of a text also words that stand in the code, such as the protocol's.
TEXTS = st.one_of(
    [
        st.lists(st.sampled_from(alphabet), min_size=8, max_size=32).map("".join)
        for alphabet in (string.ascii_letters + string.digits + "-_", string.ascii_letters, string.ascii_lowercase)
    ]
)
OWN = [
    f"{name}={{}}"
    for name in (
        "user_password", "session_key", "appsecret", "sessionToken", "x-api-key", "sid", "login_ticket", "tenant", "q",
    )
]  # fmt: skip
"""Of a redirect URI's own query."""
REDIRECT_URIS = [
    *(f"https://app.example/cb{mark}{pair}" for mark in "?#;" for pair in OWN),
    *(f"https://app.example/cb?tenant=7&{pair}" for pair in ("{}", "{}=", "user={}@shop.example", "at=a%3D{}")),
    "https://app.example/{}",
    "https://anna:{}@app.example/cb",
    "https://app.example/cb%3Fpage%3D{}",
    "{}",
    "/cb/{}",
]
TARGETS = [
    *(f"{ACCOUNT}?{SENT}&redirect_uri={quote(uri, safe='{}')}" for uri in REDIRECT_URIS),
    *(f"{ACCOUNT}?{SENT}&{pair}" for pair in ("{}", "{}=", "{}=1", *OWN)),
    *(f"{ACCOUNT}?{SENT}&{name}={{}}" for name in ("state", "nonce", "scope", "prompt", "version", "max_age")),
    *(f"{ACCOUNT}?{SENT}&scope={joined}" for joined in ("openid;state={}", "openid%3Bstate%3D{}", "a%20{}")),
    f"{ACCOUNT};jsessionid={{}}?{SENT}",
    f"{ACCOUNT}/{{}}?{SENT}",
    f"{ACCOUNT}%3Fv%3D1.0%26page%3D{{}}",
    f"/sentinel/{{}}/api/account/12345678/authorize?{SENT}",
    f"{ACCOUNT}?{SENT}#{{}}",
]


@given(st.sampled_from(TARGETS), TEXTS)
@example(f"{ACCOUNT}?{SENT}&redirect_uri=https%3A%2F%2Fapp.example%2Fcb%3Fuser_password%3D{{}}", "correcthorse")
@example(f"{ACCOUNT}?{SENT}&redirect_uri=https%3A%2F%2Fapp.example%2Fcb%3Fuser%3D{{}}%40shop.example", "annasmith")
@example(f"{ACCOUNT}?{SENT}&redirect_uri=https%3A%2F%2Fapp.example%2Fcb%253Fpage%253D{{}}", "correcthorse")
@example(f"{ACCOUNT}?{SENT}&prompt={{}}", "aZ3kQpXw")
def test_what_a_report_masks_is_not_in_a_copy(target: str, text: str) -> None:
    sent = target.replace("{}", text)
    if text in Redactor().url(f"https://{HOST}{sent}"):
        return
    with TemporaryDirectory() as folder:
        capture, copy = Path(folder) / "a.flow", Path(folder) / "b.flow"
        write_flows(capture, [Exchange(0, "GET", "https", HOST, 443, sent)])
        redact_capture(capture, copy, Config())
        assert text.encode() not in copy.read_bytes()


def test_what_is_registered_stays_also_where_a_query_was_encoded(tmp_path: Path) -> None:
    uri = "https://app.example/cb%3Fpage%3Dhome"
    config = config_from({"accounts": {"12345678": {"apps": [{"client_id": "my-app", "redirect_uris": [uri]}]}}})
    capture, copy = tmp_path / "a.flow", tmp_path / "b.flow"
    target = f"{ACCOUNT}?{SENT}&redirect_uri={quote(uri, safe='')}"
    write_flows(capture, [Exchange(0, "GET", "https", HOST, 443, target)])
    redact_capture(capture, copy, config)
    assert quote(uri, safe="").encode() in copy.read_bytes()
