"""Every change of a redirect to the app, as a table."""

from __future__ import annotations

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lp_sentinel.faults.hops import Login
from lp_sentinel.faults.landings import Known, NotPossibleError, redirect
from lp_sentinel.faults.raw_url import carried
from lp_sentinel.uri import endpoint_of
from tests.faults.making import CB, KNOWN, REAL, fault


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
