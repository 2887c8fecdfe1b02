"""HARs as bytes, and what stands in them."""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import strategies as st

DATA = Path(__file__).parent / "data"
AUTHORIZE = (
    "/sentinel/api/account/12345678/authorize?v=1.0&response_type=code&client_id=my-app"
    "&redirect_uri=https%3A%2F%2Fapp.example%2Fcb&state=af0ifjsldkj"
)
CALLBACK = "https://app.example/cb?code=SplxlOBeZQQYbYS6WxSbIA&state=af0ifjsldkj"
SENTINEL = "https://va.sentinel.liveperson.net"
TARGET = "https://va.sentinel.liveperson.net/sentinel/api/account/1/token?v=2.0"
"""Of a token exchange: only of those are the bodies read."""
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.just("entries"), inner, max_size=4),
    max_leaves=20,
)


def har(*entries: object) -> bytes:
    return json.dumps({"log": {"version": "1.2", "entries": entries}}).encode()
