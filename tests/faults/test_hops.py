"""Hops are told apart as a live proxy sees them, and matched by what their login asked for."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlencode

import pytest

from lp_sentinel.config import config_from
from lp_sentinel.exchange import Exchange
from lp_sentinel.faults.hops import Hops, Seen
from lp_sentinel.faults.match import matches, outcome
from tests.faults.making import AUTHORIZE, TOKEN, exchange, fault

CB = "https://app.example/cb"
AGENT = (("user-agent", "Visitor"),)
CONFIG = config_from(
    {
        "accounts": {"12345678": {"apps": [{"client_id": "my-app", "redirect_uris": [CB]}]}},
        "login_hosts": ["login.example"],
    }
)


def authorize(state: str = "qa-1", **changes: str) -> Exchange:
    asked = {"v": "1.0", "client_id": "my-app", "redirect_uri": CB, "state": state} | changes
    return exchange(f"{AUTHORIZE}?{urlencode(asked)}")


def seen(*exchanges: Exchange) -> Sequence[Seen | None]:
    hops = Hops(CONFIG)
    return [hops.at_request(one) for one in exchanges]


@pytest.mark.parametrize(
    ("one", "hop"),
    [
        (authorize(), "authorize"),
        (exchange(f"{AUTHORIZE}/", method="GET"), "authorize"),
        (exchange(AUTHORIZE, method="OPTIONS"), None),
        (exchange(f"{TOKEN}?v=2.0", method="POST", request_body=b"client_id=my-app"), "token"),
        (exchange(f"{TOKEN}?v=2.0"), None),
        (exchange("/cb?code=c", host="app.example"), "callback"),
        (exchange("/cb?error=c", host="app.example"), "callback"),
        (exchange("/cb", host="app.example"), None),
        (exchange("/cb2?code=c", host="app.example"), None),
        (exchange("/login", host="login.example"), None),
        (exchange("/other", host="elsewhere.example"), None),
    ],
)
def test_hops_without_a_login_before(one: Exchange, hop: str | None) -> None:
    (found,) = seen(one)
    assert (found.hop if found else None) == hop


@pytest.mark.parametrize(
    ("one", "hop"),
    [
        (exchange("/login", host="login.example"), "login"),
        (exchange("/login", host="login.example", method="POST"), "login"),
        (exchange("/sentinel/session?state=qa-1"), "login"),
        (exchange("/x.css", host="login.example", request_headers=(*AGENT, ("sec-fetch-dest", "style"))), None),
        (exchange("/login", host="login.example", request_headers=(("user-agent", "Somebody else"),)), None),
        (exchange("/cb?code=c", host="app.example"), "callback"),
        (exchange("/page", host="app.example"), None),
        (exchange("/cb?code=c", host="new.example"), "callback"),
    ],
)  # fmt: skip
def test_hops_of_a_login(one: Exchange, hop: str | None) -> None:
    asked = authorize(redirect_uri="https://new.example/cb") if one.host == "new.example" else authorize()
    _, found = seen(asked, one)
    assert (found.hop if found else None) == hop
    assert found is None or (found.account, found.client_id, found.state) == ("12345678", "my-app", "qa-1")


def test_the_state_tells_logins_of_one_browser_apart() -> None:
    *_, found = seen(
        authorize("one"), authorize("two", client_id="other"), exchange("/cb?state=one", host="app.example")
    )
    assert found
    assert found.client_id == "my-app"


@pytest.mark.parametrize(
    ("match", "agrees"),
    [
        ("{}", True),
        ('{account: "12345678"}', True),
        ("{account: 12345678}", True),
        ('{account: "1234*"}', True),
        ("{account: 87654321}", False),
        ("{client_id: my-app}", True),
        ("{client_id: MY-APP}", False),
        ("{client_id: my-?pp}", True),
        ("{client_id: my}", False),
        ('{state: "qa-*"}', True),
        ('{state: "qb-*"}', False),
        ('{redirect_uri: "https://app.example/*"}', True),
        ('{redirect_uri: "http://*"}', False),
        ("{client_id: my-app, account: 1}", False),
        ("{filter: ~q}", True),
        ("{filter: '~q & !~q'}", False),
    ],
)
def test_matching(match: str, agrees: bool) -> None:
    one = fault(f"at: authorize, do: {{close: true}}, match: {match}")
    (found,) = seen(authorize())
    assert found
    assert matches(one.match, found, lambda passes: "!" not in (one.match.filter or "")) is agrees


def test_what_is_not_known_does_not_match() -> None:
    (found,) = seen(exchange(AUTHORIZE))
    assert found
    assert not matches(fault('at: authorize, do: {close: true}, match: {state: "*"}').match, found, bool)


@pytest.mark.parametrize(
    ("status", "location", "lands", "came_out"),
    [
        (302, f"{CB}?code=c&state=s", True, "code"),
        (303, f"{CB}#code=c", True, "code"),
        (302, f"{CB}?error=c&state=s", True, "error"),
        (302, f"{CB}?code=&code=c", True, "code"),
        (302, CB, True, "other"),
        (302, "https://new.example/?code=c", True, "code"),
        (302, "https://login.example/", False, "login"),
        (302, "/login", False, "login"),
        (302, "https://elsewhere.example/", False, "other"),
        (302, "", False, "other"),
        (400, "", False, "refused"),
        (500, "", False, "refused"),
        (200, "", False, "other"),
        (None, "", False, "other"),
    ],
)
def test_outcomes(status: int | None, location: str, lands: bool, came_out: str) -> None:
    hops = Hops(CONFIG)
    asked = authorize()
    found = hops.at_request(asked)
    assert found
    answered = exchange(asked.target, status=status, response_headers=(("location", location),) if location else ())
    landing = hops.lands(found, answered)
    assert (landing is not None) is lands
    assert outcome(answered, landing, hops.leads(found, answered)) == came_out


def test_earlier_codes_and_states_of_the_same_app() -> None:
    hops = Hops(CONFIG)
    first = hops.at_request(authorize("s1"))
    assert first
    assert hops.earlier(first, f"{CB}?code=c1&state=s1") == (None, None)
    hops.landed(first, f"{CB}?code=c1&state=s1")
    assert hops.earlier(first, f"{CB}?code=c1&state=s1") == (None, None), "its own are no earlier ones"
    assert hops.earlier(first, f"{CB}?code=c2&state=s2") == ("c1", "s1")
    for _ in range(2):  # a page that is loaded again lands again
        hops.landed(first, f"{CB}?code=c2&state=s2")
    assert hops.earlier(first, f"{CB}?code=c2&state=s2") == ("c1", "s1")
    other = hops.at_request(authorize("s3", client_id="other"))
    assert other
    assert hops.earlier(other, f"{CB}?code=c3&state=s3") == (None, None)


@pytest.mark.parametrize(
    ("host", "target", "concerned"),
    [
        ("any.example", AUTHORIZE, True),
        ("app.example", "/x", True),
        ("login.example", "/x", True),
        ("any.example", "/x?code=c", False),
    ],
)
def test_little_is_looked_at(host: str, target: str, concerned: bool) -> None:
    assert Hops(CONFIG).concerns(host, target) is concerned
