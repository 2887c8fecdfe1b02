from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mitmproxy import contentviews, http
from mitmproxy.contentviews import Metadata
from mitmproxy.test import tflow

from lp_sentinel.captures.stream import Kind
from lp_sentinel.proxy.session import Session
from lp_sentinel.proxy.view import NAME, LoginView, add_view, remove_view
from tests.ours import CAPTURES, saved_flows
from tests.proxy.sessions import AUTHORIZE, flow_of, session_of

ROOT = Path(__file__).resolve().parents[2]
STATE = "af0ifjsldkjFvB2Xq9ZwTg"


def shown(session: Session, flow: http.HTTPFlow) -> str:
    return LoginView(lambda: session).prettify(b"", Metadata(flow=flow, http_message=flow.request))


def priority(session: Session | None, flow: Any, message: Any = None) -> float:
    return LoginView(lambda: session).render_priority(b"", Metadata(flow=flow, http_message=message))


def row(text: str, name: str, which: int = 0) -> str:
    return [" ".join(line.split()) for line in text.splitlines() if line.startswith(f"  {name} ")][which]


def test_an_authorize_exchange_alone() -> None:
    flow = flow_of(
        f"{AUTHORIZE}?v=1.0&response_type=token&client_id=my-app&state={STATE}&x=1&redirect_uri=https://a.example/cb",
        "https://a.example/cb?error=invalid_request",
    )
    text = shown(session_of(), flow)
    assert text.startswith("authorize: answered 302; ")
    assert row(text, "account") == "account unknown 12345678 the LivePerson account"
    assert row(text, "response_type") == "response_type wrong (LPA114) token what is asked for: a code"
    assert row(text, "v") == "v in order 1.0 the API's version"
    assert row(text, "state").startswith("state in order af0i…(22)#")
    assert row(text, "x").startswith("x unknown (LPA142) …(1)#")
    assert "Location: https://a.example/cb\n" in text
    assert row(text, "state", 1) == "state wrong (LPA310) (absent) the app's own value, to come back unchanged"
    assert row(text, "error") == "error in order invalid_request why there is no code"
    assert "✗ LPA310 state-lost (error)\n    seen      state was sent" in text
    assert "    fix       " in text
    assert "    see       LivePerson, Login Service API: the authorize request; RFC 6749 4.1.2" in text
    assert STATE not in text
    assert STATE in shown(session_of(lp_redact="off"), flow)


def test_a_token_exchange_alone() -> None:
    body = b"grant_type=authorization_code&code=SplxlOBeZQQYbYS6WxSbIA&client_id=my-app&redirect_uri=x"
    flow = flow_of(AUTHORIZE.replace("authorize", "token") + "?v=1.0", status=200, method=b"POST", content=body)
    flow.request.headers["content-type"] = "application/x-www-form-urlencoded"
    assert flow.response
    flow.response.text = json.dumps({"access_token": "2YotnFZFEjr1zCsicMWpAA", "token_type": "bearer", "expires_in": 3})
    text = shown(session_of(), flow)
    assert row(text, "grant_type") == "grant_type in order authorization_code what is redeemed"
    assert row(text, "code").startswith("code in order Splx…(22)#")
    assert row(text, "access_token").startswith("access_token in order 2Yot…(22)#")
    assert row(text, "expires_in").startswith("expires_in in order 3")
    assert "LPA604" in text
    assert "2YotnFZ" not in text


@pytest.fixture(scope="module")
def demo() -> list[http.HTTPFlow]:
    return saved_flows(CAPTURES / "demo.flow")


def test_a_whole_journey(demo: list[http.HTTPFlow]) -> None:
    session = session_of(replay="flows", config=ROOT / "captures" / "lp-authorize.yaml")
    for flow in demo:
        if not session.feed.sieve.lets_by(flow):
            session.response(flow)
    session.close()
    lost = next(flow for flow in demo if "LPA310" in flow.comment)
    text = shown(session, lost)
    assert text.startswith("login of journey j3: answered 302; LPA310")
    assert "\nJourney j3: code\n  1. authorize GET http://sentinel.localhost:5001/" in text
    assert "\n> 4. login     GET http://sentinel.localhost:5001/sentinel/session  302 to http://tickets." in text
    assert priority(session, lost, lost.request) > 1
    assert priority(session, lost, lost.response) == 0
    others = [flow for flow in demo if not flow.comment]
    assert others
    assert {priority(session, flow, flow.request) for flow in others} == {-1}


def test_a_refusal_that_no_rule_explains(demo: list[http.HTTPFlow]) -> None:
    session = session_of(replay="flows")  # without a config, which would list the app
    flows: list[http.HTTPFlow] = [flow.copy() for flow in demo]  # type: ignore[no-untyped-call]
    for flow in flows:
        if not session.feed.sieve.lets_by(flow):
            session.response(flow)
    session.close()
    refused = next(flow for flow in flows if flow.comment.startswith("authorize") and "400" in flow.comment)
    assert refused.comment == "authorize (j2): 400; cause not found"
    assert shown(session, refused).startswith("authorize of journey j2: answered 400; cause not found\n")


@pytest.mark.parametrize("kind", ["flows", "har"])
def test_marks_of_a_replay_before_it_is_judged(demo: list[http.HTTPFlow], kind: Kind) -> None:
    session = session_of(replay=kind, config=ROOT / "captures" / "lp-authorize.yaml")
    flows: list[http.HTTPFlow] = [flow.copy() for flow in demo]  # type: ignore[no-untyped-call]
    for flow in flows:
        flow.marked = flow.comment = ""
        flow.metadata.clear()
        if not session.feed.sieve.lets_by(flow):
            session.response(flow)
    refused = next(flow for flow in flows if "LPA120" in flow.comment)
    assert (refused.marked, refused.comment) == (":red_circle:", "authorize: 400; LPA120 redirect-uri-missing")
    lost = [flow for flow in flows if "LPA310" in flow.comment]
    # A HAR lists its entries in any order, so that what came before tells nothing.
    assert [(flow.marked, flow.comment.partition(";")[2]) for flow in lost] == (
        [(":red_circle:", " LPA310 state-lost")] if kind == "flows" else []
    )
    assert any(flow.comment.endswith("; in order so far") for flow in flows)
    session.close()
    assert refused.comment == "authorize (j2): 400; LPA120 redirect-uri-missing"
    assert any("LPA310" in flow.comment for flow in flows)


def test_what_is_not_ours() -> None:
    session = session_of()
    for other in (flow_of("/"), tflow.ttcpflow(), None):
        assert priority(session, other) == -1
        text = LoginView(lambda: session).prettify(b"", Metadata(flow=other))
        assert text == "This has nothing to do with a LivePerson login, as far as is known."
    assert priority(None, flow_of(AUTHORIZE)) == -1


def test_it_does_not_raise(monkeypatch: pytest.MonkeyPatch) -> None:
    session = session_of()
    monkeypatch.setattr(session, "about", lambda flow: 1 / 0)
    assert shown(session, flow_of(AUTHORIZE)) == "lp-authorize could not show this: ZeroDivisionError"
    monkeypatch.setattr(session, "knows", lambda _: 1 / 0)
    assert priority(session, flow_of(AUTHORIZE)) == -1


SESSION = session_of()


@given(st.binary(max_size=60), st.binary(max_size=40), st.binary(max_size=60))
def test_whatever_was_captured(query: bytes, location: bytes, body: bytes) -> None:
    for path in (AUTHORIZE, AUTHORIZE.replace("authorize", "token")):
        flow = flow_of(path, "")
        flow.request.data.path += b"?" + query
        assert flow.response
        flow.response.headers.fields = ((b"Location", location),)
        flow.request.raw_content = flow.response.raw_content = body
        text = shown(SESSION, flow)
        assert "could not show" not in text
        assert not any(ord(char) < 32 and char != "\n" for char in text)


@pytest.fixture
def registered() -> Iterator[LoginView]:
    view = LoginView(lambda: None)
    add_view(view)
    yield view
    remove_view(view)


def test_it_can_be_taken_out_again(registered: LoginView) -> None:
    assert contentviews.registry[NAME] is registered
    remove_view(LoginView(lambda: None))
    assert NAME.lower() in contentviews.registry, "that was another one"
    remove_view(registered)
    assert NAME.lower() not in contentviews.registry
