"""What was drawn at random is told from what somebody wrote."""

from __future__ import annotations

import random
import string

import pytest

from lp_sentinel.drawn import is_drawn

_BASE64 = string.ascii_letters + string.digits + "-_"
_BASE32 = string.ascii_uppercase + "234567"


@pytest.mark.parametrize(
    "segment",
    """authorize sentinel 12345678 le12345678 index.html oauth2-callback-v2 oauth2callback oauth2cb login2024.html
    signin-oidc j_spring_security_check myAccountLoginCallbackHandler LoginServlet OAuthCallback.aspx a11y-i18n
    2024-11-24 auth0-callback salesforce-crm-connector-2 callback.php5 appV2Callback com.example.MyWebApp le-auth_v3_2
    saml2SSO openid-connect authenticateUserWithSSO OAuth2AuthorizeCallback liveEngageUI getSessionInfoV2 sso2oauth2
    agentWorkspace3 x509login bundle.min.js r%C3%BCckruf caf%E9 %2F%2F%2F%2F%2F%2F%2F%2F ________ 123456789""".split(),  # noqa: SIM905  (forty quoted words say less)
)
def test_names_are_written(segment: str) -> None:
    assert not is_drawn(segment)


@pytest.mark.parametrize(
    "segment",
    [
        "SplxlOBeZQQYbYS6WxSbIA",
        "75588e18-0213-4e33-8174-883acac7e3c4",
        "d41d8cd98f00b204e9800998ecf8427e",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
        "S3cret46%2FQx%3DWv%265246%C3%A9%2B%C3%BC%22%3Cz%3E%27Kp46",
        "0123456789",
        "aZ3kQ9pX",
    ],
)
def test_tokens_are_drawn(segment: str) -> None:
    assert is_drawn(segment)


@pytest.mark.parametrize(
    ("alphabet", "length", "share"),
    [
        (_BASE64, 16, 0.93),
        (_BASE64, 22, 0.99),
        (_BASE64, 43, 0.999),
        ("0123456789abcdef", 16, 0.999),
        ("0123456789ABCDEF", 40, 0.999),
        (_BASE32, 26, 0.95),
        (string.digits, 10, 1),
    ],
)
def test_how_many_tokens_are_told(alphabet: str, length: int, share: float) -> None:
    draw = random.Random(7)  # noqa: S311  (the same in each run)
    tokens = ("".join(draw.choices(alphabet, k=length)) for _ in range(5_000))
    assert sum(map(is_drawn, tokens)) >= 5_000 * share
