"""Every change, as a table: what a redirect, an answer, a token answer becomes."""

from __future__ import annotations

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lp_sentinel.config import Config
from lp_sentinel.faults import acts
from lp_sentinel.faults.answers import answer, did, edited_token, login_page
from lp_sentinel.faults.counting import chance, delay_of, is_due
from lp_sentinel.faults.hops import Hops, Login, Seen
from lp_sentinel.faults.landings import Known, NotPossibleError, redirect
from lp_sentinel.faults.raw_url import carried
from lp_sentinel.faults.reading import load_plan
from lp_sentinel.uri import endpoint_of
from tests.faults.making import AUTHORIZE, TOKEN, exchange, fault

CB = "https://app.example/cb"
REAL = f"{CB}?own=1&code=c0de&state=a%2Bb%26c"
KNOWN = Known(
    redirect_uri=f"{CB}?own=1",
    state="a+b&c",
    registered=(CB, "https://app.example/cb2"),
    earlier_code="c1",
    other_state="s1",
    made_up=lambda what: f"MADE-{what}",
    may_go_to=lambda host: host in ("app.example", "localhost"),
)


@pytest.mark.parametrize(
    ("do", "location"),
    [
        ("error: access_denied", f"{CB}?own=1&error=access_denied&state=a%2Bb%26c"),
        ("error: a, description: No no", f"{CB}?own=1&error=a&error_description=No%20no&state=a%2Bb%26c"),
        ("error: access_denied, state: removed", f"{CB}?own=1&error=access_denied"),
        ("error: a, description: {text: ab, times: 3}", f"{CB}?own=1&error=a&error_description=ababab&state=a%2Bb%26c"),
        (
            "error: a, description: '<b>\"ü\\'",
            f"{CB}?own=1&error=a&error_description=%3Cb%3E%22%C3%BC%5C&state=a%2Bb%26c",
        ),
        ("error: a, fragment: true", f"{CB}?own=1#error=a&state=a%2Bb%26c"),
        ("error: a, state: other", f"{CB}?own=1&error=a&state=s1"),
        ("error: a, target: other-path", f"{CB}/other?own=1&error=a&state=a%2Bb%26c"),
        ("error: a, add: {iss: 'https://x'}", f"{CB}?own=1&error=a&state=a%2Bb%26c&iss=https%3A%2F%2Fx"),
    ],
)  # fmt: skip
def test_a_landing_that_is_made(do: str, location: str) -> None:
    one = fault(f"at: authorize, do: {{{do}}}")
    assert not one.needs_answer
    assert redirect(one.do, None, KNOWN).locations == (location,)


@pytest.mark.parametrize(
    ("do", "location"),
    [
        ("error: access_denied", f"{CB}?own=1&error=access_denied&state=a%2Bb%26c"),
        ("error: server_error, code: kept", f"{CB}?own=1&error=server_error&code=c0de&state=a%2Bb%26c"),
        ("description: Oh", f"{CB}?own=1&error_description=Oh&state=a%2Bb%26c"),
        ("state: removed", f"{CB}?own=1&code=c0de"),
        ("state: empty", f"{CB}?own=1&code=c0de&state="),
        ("state: replaced", f"{CB}?own=1&code=c0de&state=MADE-state"),
        ("state: truncated", f"{CB}?own=1&code=c0de&state=a%2B"),
        ("state: upper-case", f"{CB}?own=1&code=c0de&state=A%2BB%26C"),
        ("state: duplicated", f"{REAL}&state=a%2Bb%26c"),
        ("state: plus-to-space", f"{CB}?own=1&code=c0de&state=a%20b%26c"),
        ("state: decoded-twice", f"{CB}?own=1&code=c0de&state=a%20b%26c"),
        ("state: html-escaped", f"{CB}?own=1&code=c0de&state=a%2Bb%26amp%3Bc"),
        ("state: other", f"{CB}?own=1&code=c0de&state=s1"),
        ("code: removed", f"{CB}?own=1&state=a%2Bb%26c"),
        ("code: empty", f"{CB}?own=1&code=&state=a%2Bb%26c"),
        ("code: invalid", f"{CB}?own=1&code=MADE-code&state=a%2Bb%26c"),
        ("code: duplicated", f"{CB}?own=1&code=c0de&code=c0de&state=a%2Bb%26c"),
        ("code: earlier", f"{CB}?own=1&code=c1&state=a%2Bb%26c"),
        ("fragment: true", f"{CB}?own=1#code=c0de&state=a%2Bb%26c"),
        ("target: other-registered", "https://app.example/cb2?own=1&code=c0de&state=a%2Bb%26c"),
        ("target: other-path", f"{CB}/other?own=1&code=c0de&state=a%2Bb%26c"),
        ("target: other-port", "https://app.example:444/cb?own=1&code=MADE-dummy&state=a%2Bb%26c"),
        ("target: other-scheme", "http://app.example/cb?own=1&code=MADE-dummy&state=a%2Bb%26c"),
        ("target: trailing-slash", f"{CB}/?own=1&code=c0de&state=a%2Bb%26c"),
        ("target: query-lost", f"{CB}?code=c0de&state=a%2Bb%26c"),
        ("target: {host: localhost, port: 81}", "https://localhost:81/cb?own=1&code=MADE-dummy&state=a%2Bb%26c"),
        ("target: {host: localhost}, fragment: true", "https://localhost/cb?own=1#code=MADE-dummy&state=a%2Bb%26c"),
        ("target: {scheme: http, path: /x}", "http://app.example/x?own=1&code=MADE-dummy&state=a%2Bb%26c"),
        ("redirect: 303", REAL),
        ("location: relative", "/cb?own=1&code=MADE-dummy&state=a%2Bb%26c"),
        ("location: malformed", "https://[app.example/cb?own=1&code=MADE-dummy&state=a%2Bb%26c"),
    ],
)  # fmt: skip
def test_a_landing_that_is_edited(do: str, location: str) -> None:
    assert redirect(fault(f"at: landing, do: {{{do}}}").do, REAL, KNOWN).locations == (location,)


def test_a_state_is_altered_where_it_stands() -> None:
    in_fragment = f"{CB}#code=c0de&state=abc"
    made = redirect(fault("at: landing, do: {state: upper-case}").do, in_fragment, KNOWN)
    assert made.locations == (f"{CB}#code=c0de&state=ABC",)


@pytest.mark.parametrize(
    ("location", "made"), [("relative", "/cb?state=abc"), ("malformed", "com.example.app://[/cb?state=abc")]
)
def test_a_location_is_spoilt_where_the_app_s_own_scheme_has_no_host(location: str, made: str) -> None:
    spoilt = redirect(fault(f"at: landing, do: {{location: {location}}}").do, "com.example.app:/cb?state=abc", KNOWN)
    assert spoilt.locations == (made,)


def test_no_location_and_two() -> None:
    assert redirect(fault("at: landing, do: {location: removed}").do, REAL, KNOWN).locations == ()
    assert redirect(fault("at: landing, do: {location: twice}").do, REAL, KNOWN).locations == (REAL, CB)


@pytest.mark.parametrize(
    ("do", "location", "known", "problem"),
    [
        ("error: a", None, KNOWN._replace(redirect_uri=None), "it is not known where the app is called back"),
        (
            "error: a",
            None,
            KNOWN._replace(redirect_uri="https://evil.example/"),
            "evil.example is not among redirect_t",
        ),
        ("target: {host: evil.example}", REAL, KNOWN, "the host evil.example is not among redirect_targets"),
        ("error: a, code: kept", f"{CB}?error=b", KNOWN, "there is no code to keep"),
        ("code: removed", f"{CB}?error=b", KNOWN, "there is no code"),
        ("code: earlier", REAL, KNOWN._replace(earlier_code=None), "no earlier code of this app was seen"),
        ("state: removed", f"{CB}?code=b", KNOWN, "there is no state"),
        ("state: other", REAL, KNOWN._replace(other_state=None), "no other state of this app was seen"),
        ("state: plus-to-space", f"{CB}?code=b&state=abc", KNOWN, "this state would not change"),
        ("target: query-lost", f"{CB}?code=b", KNOWN, "the redirect URI has no query of its own"),
        ("target: other-registered", REAL, KNOWN._replace(registered=(CB,)), "no other redirect URI is registered"),
        ("fragment: true", f"{CB}?own=1", KNOWN, "there are no parameters to move"),
        ("redirect: 303", None, KNOWN, "there is no redirect to edit"),
    ],
)
def test_what_is_not_possible_is_not_done(do: str, location: str | None, known: Known, problem: str) -> None:
    with pytest.raises(NotPossibleError, match=problem):
        redirect(fault(f"at: landing, do: {{{do}}}").do, location, known)


@given(
    do=st.sampled_from(["target: other-port", "target: other-scheme", "target: {host: localhost}", "location: relative",
                        "location: malformed", "target: {host: localhost}, fragment: true"]),
    pieces=st.lists(st.sampled_from(["code=l1ve", "%63ode=l1ve", "state=s", "x=l", "code=l1ve2", "code="]), max_size=6),
    in_fragment=st.booleans(),
)  # fmt: skip
def test_a_live_code_never_goes_along_to_another_origin(do: str, pieces: list[str], in_fragment: bool) -> None:
    location = f"{CB}{'#' if in_fragment else '?'}{'&'.join(pieces)}"
    try:
        made = redirect(fault(f"at: landing, do: {{{do}}}").do, location, KNOWN)
    except NotPossibleError:
        return
    assert not any("l1ve" in unquote(one) for one in made.locations)


@given(state=st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), min_size=1, max_size=40))
def test_a_made_landing_carries_the_state_that_was_sent(state: str) -> None:
    made = redirect(fault("at: authorize, do: {error: a}").do, None, KNOWN._replace(state=state))
    assert carried(made.locations[0], "state") == state


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


@pytest.mark.parametrize(
    ("do", "words"),
    [
        ("error: a", "error=a"),
        ("error: a, code: kept", "error=a beside the code"),
        ("description: b", "error_description alone"),
        ("code: removed", "code removed"),
        ("code: earlier", "an earlier login's code"),
        ("state: removed", "state removed"),
        ("state: other", "an earlier login's state"),
        ("add: {iss: x}", "iss added"),
        ("fragment: true", "the parameters in the fragment"),
        ("target: other-port", "target other-port, the code replaced by a dummy"),
        ("target: {path: /x}", "another target"),
        ("code: removed, location: relative", "code removed, a relative Location"),
        ("redirect: 303", "status 303"),
        ("location: twice", "two Locations"),
        ("location: removed", "no Location"),
    ],
)
def test_a_landing_in_words(do: str, words: str) -> None:
    assert redirect(fault(f"at: landing, do: {{{do}}}").do, REAL, KNOWN).did == words


@pytest.mark.parametrize(
    ("do", "at", "target"),
    [
        ("target: trailing-slash", f"{CB}/", CB),
        ("target: other-port", "https://app.example:65535/cb", "https://app.example:1024/cb"),
        ("target: {path: /x}", "https://app.example:8443/cb", "https://app.example:8443/x"),
        ("target: {path: /x}", "com.example.app://app.example/cb", "com.example.app://app.example/x"),
        ("target: other-scheme", "https://app.example:8443/cb", "http://app.example:8443/cb"),
    ],
)
def test_of_the_place_only_what_is_said_is_changed(do: str, at: str, target: str) -> None:
    [location] = redirect(fault(f"at: landing, do: {{{do}}}").do, f"{at}?error=a", KNOWN).locations
    assert location == f"{target}?error=a"


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


@pytest.mark.parametrize(
    ("registered", "requested", "lands_at"),
    [
        ((), CB, CB),
        ((CB,), None, CB),
        ((CB, f"{CB}2"), None, None),
        ((CB,), f"{CB}?x=1", f"{CB}?x=1"),
        ((CB,), "https://evil.example/", None),
        ((), None, None),
    ],
)
def test_where_a_made_landing_goes(registered: tuple[str, ...], requested: str | None, lands_at: str | None) -> None:
    login = Login(account="1", client_id="a", redirect_uri=requested, state=None, sentinel=("s", 443),
                  browser=(None, None), url="https://s/", registered=registered)  # fmt: skip
    assert login.lands_at == lands_at
    assert login.app_endpoints == {endpoint_of(uri) for uri in (*registered, requested) if uri}
    host = endpoint_of(lands_at or CB)
    assert host
    assert login.may_go_to(host.host, None) is bool(login.app_endpoints)
    assert login.may_go_to("127.0.0.1", None)
    assert not login.may_go_to("127.0.0.1", ("app.example",))


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
