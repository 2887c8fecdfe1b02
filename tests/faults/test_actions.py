"""Every other change, as a table: what an answer or a token answer becomes, and when it is the turn of a fault."""

from __future__ import annotations

import pytest

from lp_sentinel.config import Config
from lp_sentinel.faults import acts
from lp_sentinel.faults.answers import answer, did, edited_token, login_page
from lp_sentinel.faults.counting import chance, delay_of, is_due
from lp_sentinel.faults.hops import Hops, Seen
from lp_sentinel.faults.landings import NotPossibleError
from lp_sentinel.faults.reading import load_plan
from tests.faults.making import AUTHORIZE, CB, KNOWN, REAL, TOKEN, exchange, fault


@pytest.mark.parametrize(
    ("do", "at", "status", "headers", "body"),
    [
        ("status: 400", "authorize", 400, {}, b"Problem with query parameters"),
        ("status: 401", "authorize", 401, {}, b"invalid site or application id"),
        ("status: 429, retry_after: 30", "authorize", 429, {"Retry-After": "30"}, b"Too many requests"),
        ("status: 502, body: html", "authorize", 502, {"Content-Type": "text/html; charset=utf-8"}, b"<h1>502</h1>"),
        ("status: 503, body: empty", "authorize", 503, {}, b""),
        ("status: 200, body: {text: hi, type: text/plain}", "callback", 200, {"Content-Type": "text/plain"}, b"hi"),
        ("error: invalid_grant", "token", 400, {"Content-Type": "application/json"}, b'{"error": "invalid_grant"}'),
        ("error: a, description: b, status: 401", "token", 401, {}, b'{"error": "a", "error_description": "b"}'),
        ("description: b", "token", 400, {"Content-Type": "application/json"}, b'{"error_description": "b"}'),
        ("status: 204", "authorize", 204, {}, b""),
        ("status: 304, body: html", "token", 304, {}, b""),
        ("status: 500", "token", 500, {"Content-Type": "application/json"}, b'{"error": "Internal server error"}'),
        ("status: 400, body: json", "token", 400, {}, b'{"error": "Problem with query parameters"}'),
        ("status: 399, body: json", "token", 399, {}, b'"token_type": "Bearer"'),
        ("status: 399, body: json", "callback", 399, {}, b"{}"),
        ("status: 200, body: broken-json", "token", 200, {}, b'{"access_token": "lp-authorize-'),
        ("status: 200, body: html", "token", 200, {"Content-Type": "text/html; charset=utf-8"}, b"<h1>200</h1>"),
    ],
)
def test_answers(do: str, at: str, status: int, headers: dict[str, str], body: bytes) -> None:
    one = fault(f"at: {at}, do: {{{do}}}")
    assert not one.needs_answer
    made = answer(one.do, is_token=at == "token")
    assert made.status == status
    assert dict(made.headers).items() >= ({"Cache-Control": "no-store"} | headers).items()
    assert body in made.body
    assert bool(body) is bool(made.body)


@pytest.mark.parametrize(
    ("do", "words"),
    [
        ("status: 204", "status 204"),
        ("status: 500", "status 500"),
        ("status: 500, body: html", "status 500 with html"),
        ("status: 500, body: {text: S3cret}", "status 500"),
        ("error: a", "400 with error=a"),
        ("error: a, status: 401", "401 with error=a"),
        ("description: b", "400 with error_description alone"),
        ("description: b, status: 401", "401 with error_description alone"),
        ("description: b, status: 401, body: json", "status 401 with json"),
    ],
)
def test_an_answer_in_words(do: str, words: str) -> None:
    assert did(fault(f"at: token, do: {{{do}}}").do) == words


@pytest.mark.parametrize(
    ("location", "problem"), [("https://login.example/?a=1", None), (None, "there is no redirect to edit")]
)
def test_the_form_of_a_redirect_that_does_not_land_is_changed_too(location: str | None, problem: str | None) -> None:
    asked = exchange(f"{AUTHORIZE}?client_id=my-app")
    seen = Hops(Config()).at_request(asked)
    assert seen
    real = exchange(asked.target, status=302, response_headers=(("location", location),) if location else ())
    one = fault("at: authorize, do: {redirect: 307}")
    if problem:
        with pytest.raises(NotPossibleError, match=problem):
            acts.at_response(one, seen, KNOWN, real, None)
        return
    act = acts.at_response(one, seen, KNOWN, real, None)
    assert (act.status, act.locations, act.answer) == (307, (location,), None)
    with pytest.raises(NotPossibleError, match="this answer does not land"):
        acts.at_response(fault("at: authorize, do: {state: removed}"), seen, KNOWN, real, None)


def test_what_makes_a_landing_makes_none_of_a_redirect_to_elsewhere() -> None:
    asked = exchange(f"{AUTHORIZE}?client_id=my-app")
    seen = Hops(Config()).at_request(asked)
    assert seen
    real = exchange(asked.target, status=302, response_headers=(("location", "https://login.example/?a=1"),))
    act = acts.at_response(fault("at: authorize, do: {error: a}, match: {outcome: login}"), seen, KNOWN, real, None)
    assert act.locations == (f"{CB}?own=1&error=a&state=a%2Bb%26c",)
    created = exchange(asked.target, status=201, response_headers=(("location", "https://login.example/?a=1"),))
    with pytest.raises(NotPossibleError, match="there is no redirect to edit"):
        acts.at_response(fault("at: authorize, do: {redirect: 307}"), seen, KNOWN, created, None)


def test_a_login_page_has_a_form() -> None:
    assert b"<form" in login_page().body


@pytest.mark.parametrize(
    ("do", "body", "edited"),
    [
        ("without: [id_token]", b'{"access_token":"a","id_token":"i"}', b'{"access_token": "a"}'),
        ("set: {token_type: mac, expires_in: 1}", b'{"expires_in":9}', b'{"expires_in": 1, "token_type": "mac"}'),
        ("without: [id_token]", b'{"access_token":"a"}', None),
        ("without: [id_token]", b"[]", None),
        ("without: [id_token]", b"<html>", None),
        ("without: [id_token]", b"[" * 100_000, None),
    ],
)
def test_token_answers(do: str, body: bytes, edited: bytes | None) -> None:
    assert edited_token(fault(f"at: token, do: {{{do}}}").do, body) == edited


@pytest.mark.parametrize(
    ("do", "answered", "spent"),
    [
        ("state: removed", 302, False),
        ("delay: 1s", 302, False),
        ("redirect: 307", 302, False),
        ("truncate: 3", 302, False),
        ("code: invalid", 302, True),
        ("error: a", 302, True),
        ("error: a, code: kept", 302, False),
        ("status: 500", 302, True),
        ("close: true", 302, True),
        ("hang: 1s", 302, True),
        ("login: true", 302, True),
        ("location: removed", 302, True),
        ("location: relative", 302, True),
        ("target: other-port", 302, True),
        ("target: other-path", 302, False),
    ],
)
def test_a_real_code_that_is_thrown_away_is_said_to_be_spent(do: str, answered: int, spent: bool) -> None:
    one = fault(f"at: landing, do: {{{do}}}")
    asked = exchange(f"{AUTHORIZE}?client_id=my-app&redirect_uri=https%3A%2F%2Fapp.example%2Fcb&state=a")
    seen = Hops(Config()).at_request(asked)
    assert seen
    real = exchange(asked.target, status=answered, response_headers=(("location", REAL),))
    assert acts.at_response(one, seen, KNOWN, real, REAL).spends is spent


@pytest.mark.parametrize(
    ("do", "answered", "spent"),
    [
        ("without: [id_token]", 200, False),
        ("close: true", 200, True),
        ("status: 500", 200, True),
        ("close: true", 400, False),
    ],
)
def test_so_is_one_whose_tokens_are_thrown_away(do: str, answered: int, spent: bool) -> None:
    asked = exchange(TOKEN, method="POST", request_body=b"code=c")
    seen = Hops(Config()).at_request(asked)
    assert seen
    real = exchange(TOKEN, method="POST", status=answered, response_body=b'{"id_token": "i"}')
    assert acts.at_response(fault(f"at: token, do: {{{do}}}"), seen, KNOWN, real, None).spends is spent


@pytest.mark.parametrize(
    ("times", "due"),
    [
        ("{}", [1, 2, 3, 4, 5, 6, 7, 8]),
        ("{first: 2}", [1, 2]),
        ("{nth: [2, 5]}", [2, 5]),
        ("{nth: 3}", [3]),
        ("{every: 3}", [3, 6]),
        ("{after: 2}", [3, 4, 5, 6, 7, 8]),
        ("{after: 2, first: 2}", [3, 4]),
        ("{max: 3}", [1, 2, 3]),
        ("{every: 2, max: 2}", [2, 4]),
        ("{percent: 0}", []),
        ("{percent: 100}", [1, 2, 3, 4, 5, 6, 7, 8]),
        ("{for: 4s}", [1, 2, 3, 4]),
    ],
)
def test_when_its_turn_comes(times: str, due: list[int]) -> None:
    one = fault(f"at: token, do: {{close: true}}, times: {times}")
    came: list[int] = []
    for count in range(1, 9):
        if is_due(one, count, len(came), seconds=count):
            came.append(count)
    assert came == due


def test_chance_is_the_seeds() -> None:
    one = fault("at: token, do: {delay: 1s, jitter: 1s}, times: {percent: 20}")
    came = [count for count in range(1, 1001) if is_due(one, count, 0, 0)]
    assert 150 < len(came) < 250
    assert came[:4] == [count for count in range(1, 1001) if 100 * chance(1, "it", count) < 20][:4]
    assert chance(1, "it", 1) != chance(2, "it", 1) != chance(2, "other", 1)
    assert 1 <= delay_of(one, 1) <= 2
    assert delay_of(one, 1) == delay_of(one, 1) != delay_of(one, 2)


def test_a_loop_goes_to_a_login_and_back() -> None:
    asked = exchange(f"{AUTHORIZE}?client_id=a&state=b")
    seen = Hops(Config()).at_request(asked)
    assert seen
    (there,) = [value for name, value in acts.at_request(fault("preset: redirect-loop"), seen, KNOWN).answer.headers if name == "Location"]  # type: ignore[union-attr]  # fmt: skip  # noqa: E501
    assert there == "https://sentinel.example/sentinel/api/account/12345678/lp-authorize-login?client_id=a&state=b"
    back = acts.back_from_loop(exchange(there.removeprefix("https://sentinel.example")))
    assert ("Location", asked.url) in back.headers


def test_a_preset_alone_has_a_seed_of_its_own() -> None:
    assert load_plan(["slow"], seed=7).faults[0].seed == 7


def test_a_loop_at_a_login_page_goes_back_to_the_authorize_request() -> None:
    hops = Hops(Config())
    asked = exchange(f"{AUTHORIZE}?client_id=a&state=b")
    hops.at_request(asked)
    seen = hops.at_request(exchange("/login?state=b"))
    assert isinstance(seen, Seen)
    act = acts.at_request(fault("at: login, do: {loop: true}"), seen, KNOWN)
    assert act.answer
    assert ("Location", asked.url) in act.answer.headers
