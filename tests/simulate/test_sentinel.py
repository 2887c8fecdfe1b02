"""Tokens, sessions, keys and look-ups: what the authorize page does not speak of."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from urllib.parse import parse_qs, urlsplit

import pytest
from flask.testing import FlaskClient
from joserfc import jwt
from joserfc.jwk import KeySet

from lp_sentinel.config import config_from
from lp_sentinel.simulate.checks import is_version
from lp_sentinel.simulate.grants import Issued
from lp_sentinel.simulate.registry import APPS, USER, registry_of
from lp_sentinel.simulate.sentinel import MARK, SESSION, Simulator
from tests.simulate.conformance import ACCOUNT, API, registry

ONE, TWO = APPS
QUERY = f"v=1.0&response_type=code&client_id={ONE.client_id}&state=xyz"
CREDENTIALS = {"client_id": ONE.client_id, "client_secret": str(ONE.client_secret)}
LOGIN = {"user": USER.name, "password": USER.password, "do": "sign-in"}


@pytest.fixture
def simulator() -> Simulator:
    return Simulator(registry())


@pytest.fixture
def browser(simulator: Simulator) -> FlaskClient:
    return simulator.wsgi.test_client()


def code_of(browser: FlaskClient, query: str = QUERY) -> str:
    location = browser.post(f"{API}/login?{query}", data=LOGIN).headers["Location"]
    return parse_qs(urlsplit(location).query)["code"][0]


def redeem(
    browser: FlaskClient, code: str, /, url: str = f"{API}/token?v=2.0", **changes: str | None
) -> Mapping[str, object]:
    form = {"grant_type": "authorization_code", "code": code, **CREDENTIALS, **changes}
    answer = browser.post(url, data={name: value for name, value in form.items() if value is not None})
    assert answer.headers["Content-Type"] == "application/json"
    return {**answer.get_json(), "status": answer.status_code}


def refresh(browser: FlaskClient, token: object) -> Mapping[str, object]:
    return redeem(browser, "", grant_type="refresh_token", code=None, refresh_token=str(token))


@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_a_code_is_worth_tokens(browser: FlaskClient, version: str) -> None:
    token = redeem(browser, code_of(browser, f"{QUERY}&nonce=n0nce"), url=f"{API}/token?v={version}")
    assert {name: token[name] for name in ("status", "token_type", "expires_in")} == {
        "status": 200,
        "token_type": "Bearer",
        "expires_in": 3600,
    }
    keys = KeySet.import_key_set(browser.get(f"{API}/keys").get_json())
    read = jwt.decode(str(token["id_token"]), keys, algorithms=["RS256"])
    assert read.header["alg"] == "RS256"
    assert {name: read.claims[name] for name in ("iss", "sub", "aud", "nonce")} == {
        "iss": "sentinel",
        "sub": USER.name,
        "aud": ONE.client_id,
        "nonce": "n0nce",
    }
    assert "d" not in browser.get(f"{API}/keys").get_json()["keys"][0], "the private half stays here"


def test_tokens_are_in_no_log(browser: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        token = redeem(browser, code_of(browser))
    assert str(token["access_token"]) not in caplog.text


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code": "unknown"}, "invalid_grant"),
        ({"code": None}, "invalid_request"),
        ({"client_secret": "wrong"}, "invalid_client"),
        ({"client_secret": None}, "invalid_client"),
        ({"client_id": "unknown"}, "invalid_client"),
        ({"client_id": TWO.client_id, "client_secret": str(TWO.client_secret)}, "invalid_grant"),
        ({"grant_type": None}, "unsupported_grant_type"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"url": f"{API}/token"}, "invalid_request"),
        ({"url": f"{API}/token?v=3.0"}, "invalid_request"),
        ({"url": f"{API}/token?v=2.0&code=x"}, "invalid_request"),
        ({"url": "/sentinel/api/account/1/token?v=2.0"}, "invalid_client"),
    ],
)
def test_refuses_a_token_request(browser: FlaskClient, changes: dict[str, str], error: str) -> None:
    token = redeem(browser, code_of(browser), **changes)
    assert (token["status"], token["error"]) == (400, error)


@pytest.mark.parametrize("how", ["get", "json", "repeated"])
def test_refuses_a_token_request_of_another_form(browser: FlaskClient, how: str) -> None:
    answer = {
        "get": lambda: browser.get(f"{API}/token?v=2.0"),
        "json": lambda: browser.post(f"{API}/token?v=2.0", json={"grant_type": "authorization_code"}),
        "repeated": lambda: browser.post(f"{API}/token?v=2.0", data={"code": ["a", "b"], **CREDENTIALS}),
    }[how]()
    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    ("version", "is_right"),
    [
        *((version, True) for version in ("1", "1.0", "1.00", "01.0", "2.0", "2")),
        *((version, False) for version in ("", "0", "3", "1.", ".1", "1e0", "1.00000000000000001", "12", "\u0661")),
    ],
)
def test_versions_are_compared_as_text(version: str, is_right: bool) -> None:
    assert is_version(version, {"1", "2"}) == is_right


def test_authenticates_by_http_basic(browser: FlaskClient) -> None:
    form = {"grant_type": "authorization_code", "code": code_of(browser)}
    secret = str(ONE.client_secret)
    assert browser.post(f"{API}/token?v=2.0", data=form, auth=(ONE.client_id, "wrong")).status_code == 400
    assert browser.post(f"{API}/token?v=2.0", data=form, auth=(ONE.client_id, secret)).status_code == 200


@pytest.mark.parametrize("credentials", ["é", "/////w==", "eHg=x", ""])
def test_refuses_http_basic_that_nobody_can_read(browser: FlaskClient, credentials: str) -> None:
    form = {"grant_type": "authorization_code", "code": code_of(browser)}
    answer = browser.post(f"{API}/token?v=2.0", data=form, headers={"Authorization": f"Basic {credentials}"})
    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_client")


def test_the_redirect_uri_must_be_that_of_the_authorize_request(browser: FlaskClient) -> None:
    uri = ONE.redirect_uris[0]
    query = f"{QUERY}&redirect_uri={uri}"
    for given, status in ((None, 400), (f"{uri}/", 400), (uri, 200)):
        assert redeem(browser, code_of(browser, query), redirect_uri=given)["status"] == status


def test_a_second_use_of_a_code_ends_what_came_of_the_first(browser: FlaskClient) -> None:
    code = code_of(browser)
    token = redeem(browser, code)
    assert redeem(browser, code)["error"] == "invalid_grant"
    assert refresh(browser, token["refresh_token"])["error"] == "invalid_grant"


def test_a_code_expires(simulator: Simulator, browser: FlaskClient) -> None:
    simulator.issued = Issued(lifetime=0.05)
    code = code_of(browser)
    time.sleep(0.06)
    assert redeem(browser, code)["error"] == "invalid_grant"


def test_a_scope_is_ignored_when_it_is_asked_for_again(browser: FlaskClient) -> None:
    first = redeem(browser, code_of(browser, f"{QUERY}&scope=openid"), scope="openid")["refresh_token"]
    again = redeem(browser, "", grant_type="refresh_token", code=None, refresh_token=str(first), scope="openid")
    assert again["status"] == 200


def test_a_refresh_gives_a_new_token_and_an_old_one_ends_all(browser: FlaskClient) -> None:
    first = redeem(browser, code_of(browser))["refresh_token"]
    second = refresh(browser, first)["refresh_token"]
    assert second != first
    assert refresh(browser, first)["error"] == "invalid_grant"
    assert refresh(browser, second)["error"] == "invalid_grant"


@pytest.mark.parametrize("state", ["%FF", "%C3%A9", "%00"])
def test_refuses_a_state_that_is_not_printable(browser: FlaskClient, state: str) -> None:
    location = browser.get(f"{API}/authorize?{QUERY.replace('xyz', state)}").headers["Location"]
    assert "error=invalid_request" in location


def test_knows_no_status_that_is_not_documented(browser: FlaskClient) -> None:
    answer = browser.open(f"{API}/authorize?{QUERY}", method="TRACE")
    assert (answer.status_code, "TRACE is not documented" in answer.text) == (400, True)


@pytest.mark.parametrize("version", ["v=1.0", "v1.0"])
def test_revoking_ends_tokens_and_session(browser: FlaskClient, version: str) -> None:
    token = redeem(browser, code_of(browser))["refresh_token"]
    assert "code=" in browser.get(f"{API}/authorize?{QUERY}").headers["Location"]
    answer = browser.post(f"{API}/token/revoke?{version}", data={"token": str(token), **CREDENTIALS})
    assert answer.status_code == 200
    assert refresh(browser, token)["error"] == "invalid_grant"
    assert "/login?" in browser.get(f"{API}/authorize?{QUERY}").headers["Location"]


def test_tells_where_sentinel_is(browser: FlaskClient) -> None:
    path = f"/api/account/{ACCOUNT}/service/sentinel/baseURI.json"
    assert browser.get(f"{path}?version=1.0").get_json() == {
        "service": "sentinel",
        "account": ACCOUNT,
        "baseURI": "localhost",
    }
    assert [browser.get(other).status_code for other in (path, f"{path.replace(ACCOUNT, '1')}?version=1.0")] == [
        404
    ] * 2


def test_signs_in_and_denies(browser: FlaskClient) -> None:
    page = browser.post(f"{API}/login?{QUERY}", data={**LOGIN, "password": "real one"})
    assert (page.status_code, "No made-up user" in page.text) == (403, True)
    assert browser.get_cookie(SESSION, path="/sentinel/") is None
    assert (
        "error=access_denied&error_description="
        in browser.post(f"{API}/login?{QUERY}", data={"do": "deny"}).headers["Location"]
    )


def test_users_and_secrets_are_those_of_the_config() -> None:
    config = config_from(
        {
            "accounts": {
                "1": {"apps": [{"client_id": "a", "redirect_uris": ["https://a.example/cb?x=%20y"]}]},
                "2": {"apps": [{"client_id": "b", "redirect_uris": ["https://b.example/cb"]}]},
            },
            "simulate": {"users": [{"name": "anna", "password": 123, "accounts": [1]}]},
        }
    )
    browser = Simulator(registry_of(config)).wsgi.test_client()
    anna = {"user": "anna", "password": "123"}
    location = browser.post("/sentinel/api/account/1/login?v=1&response_type=code&client_id=a", data=anna).headers[
        "Location"
    ]
    assert location.startswith("https://a.example/cb?x=%20y&code="), "its own query is kept as it is"
    form = {"grant_type": "authorization_code", "code": location.rpartition("=")[2], "client_id": "a"}
    token = browser.post("/sentinel/api/account/1/token?v=2.0", data={**form, "client_secret": "None"})
    assert token.get_json()["error"] == "invalid_client", "without a made-up secret no secret is right"
    other = "/sentinel/api/account/2/{}?v=1&response_type=code&client_id=b"
    assert browser.post(other.format("login"), data=anna).status_code == 403
    assert "/login?" in browser.get(other.format("authorize")).headers["Location"], "no session for that account"


@pytest.mark.parametrize("path", ["/", f"{API}/login?{QUERY}", f"{API}/authorize", "/nothing"])
def test_every_page_says_what_it_is(browser: FlaskClient, path: str) -> None:
    page = browser.get(path)
    assert "This is lp-authorize on your machine, for tests." in page.text
    assert MARK in page.headers


def test_a_failure_in_here_is_a_500(
    simulator: Simulator, browser: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulator, "check", lambda: 1 / 0)
    simulator.wsgi.logger.disabled = True
    page = browser.get(f"{API}/authorize?{QUERY}")
    assert (page.status_code, "Internal server error" in page.text) == (500, True)
