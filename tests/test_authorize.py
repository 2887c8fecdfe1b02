"""Reading authorize requests and what their apps registered."""

from __future__ import annotations

import pytest

from lp_sentinel.authorize import read_request
from lp_sentinel.config import config_from
from lp_sentinel.exchange import Exchange
from lp_sentinel.facts import Misspelt, Placeholder, RequestFacts
from lp_sentinel.paths import authorize_path, token_path
from lp_sentinel.registered import difference, nearest_uri, read_app

CONFIG = config_from(
    {
        "accounts": {
            "1": {
                "apps": [
                    {"client_id": "one", "redirect_uris": ["https://one.example/cb"]},
                    {"client_id": "loop", "redirect_uris": ["http://127.0.0.1:3000/cb", "http://localhost:3000/cb"]},
                    {"client_id": "none", "redirect_uris": []},
                ]
            },
            "2": {"apps": [{"client_id": "two", "redirect_uris": ["https://two.example/cb"]}]},
        }
    }
)


@pytest.mark.parametrize(
    ("path", "read"),
    [
        ("/sentinel/api/account/123/authorize", ("documented", "123")),
        ("/sentinel/api/account/a%20b/authorize", ("documented", "a b")),
        ("/sentinel/api/account/a%252Fb/authorize", ("documented", "a%2Fb")),
        ("/sentinel/api/account//authorize", ("documented", None)),
        ("/sentinel/api/account/123/authorize/", ("trailing-slash", "123")),
        ("/sentinel/api/account//authorize/", ("documented", None)),
        ("/sentinel/api/account/123/authorize//", ("near-miss", "123")),
        ("/sentinel/api/accounts/123/authorise", ("near-miss", "123")),
        ("/Sentinel/api/Account/123/AUTHORIZE", ("near-miss", "123")),
        ("/sentinel/api/account/authorize", ("near-miss", None)),
        ("/sentinel/authorize", ("near-miss", None)),
        ("/sentinel/api/accounts//auth", ("near-miss", None)),
        ("/x/sentinel/account/9/v2/authorization", ("near-miss", "9")),
        ("/sentinel%2Fapi/account/1/authorize", None),
        ("/sentinels/api/account/1/authorize", None),
        ("/sentinel/api/account/1/token", None),
        ("/sentinel/api/account/1/authorize/x", None),
        ("/authorize", None),
        ("", None),
        ("/", None),
    ],
)
def test_paths(path: str, read: tuple[str, str | None] | None) -> None:
    assert authorize_path(path) == read


@pytest.mark.parametrize(
    ("path", "account"),
    [
        ("/sentinel/api/account/1/token", ("1",)),
        ("/sentinel/api/account//token", (None,)),
        ("/sentinel/api/account/1/token/", None),
        ("/sentinel/api/account/1/token/revoke", None),
        ("/sentinel/api/account/1/app/token", None),
    ],
)
def test_token_paths(path: str, account: tuple[str | None] | None) -> None:
    assert token_path(path) == account


def request(query: str, **more: object) -> RequestFacts:
    exchange = Exchange(
        index=0, method="GET", scheme="https", host="va.sentinel.liveperson.net", port=443,
        target=f"/sentinel/api/account/1/authorize?{query}", **more,  # type: ignore[arg-type]
    )  # fmt: skip
    return read_request(exchange, "documented", "1", CONFIG)


@pytest.mark.parametrize(
    ("query", "placeholders"),
    [
        ("client_id={client}", [("client_id", "{client}")]),
        ("client_id=%7B%7Bclient%7D%7D&v=undefined", [("v", "undefined"), ("client_id", "{client}")]),
        ("redirect_uri=https://${HOST}/cb", [("redirect_uri", "${HOST}")]),
        ("client_id=[object+Object]", [("client_id", "[object Object]")]),
        ("client_id={}", []),
        ("client_id=Null", []),
        ('state={"a":1}', []),
        ("state={state}", [("state", "{state}")]),
        ("state=${my.state}", [("state", "${my.state}")]),
        ("state={{a b}}", [("state", "{{a b}}")]),
        ("state={1}", []),
        ("state=x{state}", []),
        ("state=null", [("state", "null")]),
        ("scope={scope}", []),
    ],
)
def test_placeholders(query: str, placeholders: list[tuple[str, str]]) -> None:
    assert request(query).placeholders == tuple(Placeholder(*pair) for pair in placeholders)


@pytest.mark.parametrize(
    ("query", "misspelt"),
    [
        ("clientId=a", [("clientId", "client_id")]),
        ("V=1", [("V", "v")]),
        ("redirect-url=a&callback_uri=b", [("redirect-url", "redirect_uri"), ("callback_uri", "redirect_uri")]),
        ("clientId=a&client_id=b", []),
        ("clientId=a&client_id=", [("clientId", "client_id")]),
        ("grant_type=code", [("grant_type", "response_type")]),
        ("apiVersion", [("apiVersion", "v")]),
        ("scope=a", []),
    ],
)
def test_misspelt(query: str, misspelt: list[tuple[str, str]]) -> None:
    assert request(query).misspelt == tuple(Misspelt(*pair) for pair in misspelt)


@pytest.mark.parametrize(
    ("state", "bits"),
    [("12345678", 26.57), ("0af3", 16.0), ("abcxyz", 31.02), ("ABC123", 31.02), ("aB3", 17.86), ("a-b", 19.66)],
)
def test_state_bits(state: str, bits: float) -> None:
    assert request(f"state={state}").state_bits == pytest.approx(bits, abs=0.01)


def test_an_unencoded_redirect_uri_spills_its_query() -> None:
    facts = request("v=1&redirect_uri=https://one.example/cb?tenant=7&lang=en&client_secret=x&clientid=y&state=z&q")
    assert facts.redirect_uri == "https://one.example/cb?tenant=7"
    assert facts.spilled == ("lang", "client_secret", "clientid")
    assert facts.cut_off == ("lang",)
    assert facts.undocumented == ("q",)  # without a value it counts as left out
    assert request("lang=en&redirect_uri=https://one.example/cb?a=1").spilled == ()
    assert request("redirect_uri=https%3A%2F%2Fone.example%2Fcb%3Fa=1&lang=en").undocumented == ("lang",)


@pytest.mark.parametrize(
    ("client_id", "redirect_uri", "registers"),
    [
        ("one", "https://one.example/cb", True),
        ("one", "https://one.example/cb/", False),
        ("one", "HTTPS://one.example/cb", False),
        ("one", None, None),
        ("none", "https://one.example/cb", None),
        ("who", "https://one.example/cb", None),
        ("loop", "http://127.0.0.1:49152/cb", True),
        ("loop", "http://127.0.0.1/cb", True),
        ("loop", "http://127.0.0.1:49152/cb?x", False),
        ("loop", "https://127.0.0.1:49152/cb", False),
        ("loop", "http://127.0.0.2:3000/cb", False),
        ("loop", "http://localhost:49152/cb", False),
    ],
)
def test_registered(client_id: str, redirect_uri: str | None, registers: bool | None) -> None:
    assert read_app(CONFIG, "1", client_id, redirect_uri).registers_redirect_uri is registers


def test_what_the_config_knows_of_a_client() -> None:
    assert read_app(CONFIG, "1", "one", None).known
    assert read_app(CONFIG, "1", "two", None).of_other_account
    assert not read_app(CONFIG, "1", "three", None).of_other_account
    assert not read_app(CONFIG, "9", "one", None).account_known


@pytest.mark.parametrize(
    ("value", "registered", "words"),
    [
        ("https://a.example/cb/", "https://a.example/cb", "trailing slash"),
        ("http://a.example/cb", "https://a.example/cb", "scheme"),
        ("https://b.example:8443/cb", "https://a.example/cb", "host, port"),
        ("https://a.example/CB", "https://a.example/cb", "letter case"),
        ("https://a.example/other", "https://a.example/cb", "path"),
        ("https://a.example/cb?x=1", "https://a.example/cb", "query"),
        ("https://a.example:443/cb", "https://a.example/cb", "port"),
        ("http://a.example:8080/cb", "https://a.example/cb", "scheme, port"),
        ("https://a.example/", "https://a.example", "trailing slash"),
        ("https://a.example", "https://a.example/", "trailing slash"),
        ("https://a.example/CB/", "https://a.example/cb", "letter case, trailing slash"),
        ("HTTPS://A.example/other", "https://a.example/cb", "letter case, path"),
        ("https://u@a.example/cb", "https://a.example/cb", "user"),
        ("https://a.example/cb?", "https://a.example/cb", "query"),
        ("https://B\u00fccher.example/cb", "https://xn--bcher-kva.example/cb", "spelling"),
        ("nonsense", "https://a.example/cb", "not an absolute URI"),
    ],
)
def test_difference(value: str, registered: str, words: str) -> None:
    assert difference(value, registered) == words


@pytest.mark.parametrize(
    ("value", "nearest", "other"),
    [
        ("https://TWO.example/cb/", "https://two.example/cb", "https://other.example/cb/"),
        ("https://two.example/CB/", "https://two.example/cb", "https://two.example/admin/cb"),
        ("http://two.example/cb", "https://two.example/cb", "https://two.example/cc"),
    ],
)
def test_slight_differences_count_last(value: str, nearest: str, other: str) -> None:
    assert nearest_uri(value, (other, nearest)) == nearest
