"""What tools leave in place of what they took out."""

from __future__ import annotations

import pytest

from lp_sentinel.taken_out import NOT_RECORDED, is_taken_out


@pytest.mark.parametrize(
    ("value", "is_one"),
    [
        ("[code redacted]", True),
        ("[client_id redacted]", True),
        ("REDACTED", True),
        ("<removed>", True),
        ("[FILTERED]", True),
        ("***", True),
        ("*****", True),
        ("••••••", True),
        ("__REDACTED__", True),
        ("*** REDACTED ***", True),
        (NOT_RECORDED, True),
        ("{redacted}", False),
        ("[sanitized]", True),
        (None, False),
        ("", False),
        ("**", False),
        ("██", True),
        ("*", False),
        ("█", False),
        ("[application/x-www-form-urlencoded redacted]", True),
        ("[text/html; charset=utf-8 redacted]", True),
        ("[HAR_SANITIZER:REMOVED]", True),
        ("<REDACTED_STATE>", True),
        ("[REDACTED:token]", True),
        ("[HIDDEN]", True),
        ("[scrubbed]", True),
        ("<code hidden>", True),
        ("REDACTED_TOKEN", True),
        ("redacted_token", False),
        ("REDACTED_7", False),
        ("hidden", False),
        ("scrubbed", False),
        ("[unhidden]", False),
        ("[REDACTED:]", False),
        ("[" + "a" * 100 + " redacted]", False),
        ("SplxlOBeZQQYbYS6WxSbId", False),
        ("redacted-by-me", False),
        ("xxx", False),
        ("unredacted", False),
        ("SplxlOBeZQQYbYS6WxSb__", False),
        ("a redacted state of mine]", False),
        ("Splx…(22)#a1f3c2", False),
    ],
)
def test_is_taken_out(value: str | None, is_one: bool) -> None:
    assert is_taken_out(value) is is_one
