"""Faults injected in this process: what is said of them, how often, and who waits."""

from __future__ import annotations

import asyncio
import time
from urllib.parse import urlencode

import pytest
from mitmproxy import http
from mitmproxy.connection import ConnectionState
from mitmproxy.test import tflow, tutils

from lp_sentinel.config import Config
from lp_sentinel.exchange import FAULT_KEY
from lp_sentinel.faults import Injector, Plan
from lp_sentinel.marks import INJECTED
from lp_sentinel.redact import Redactor
from tests.faults.making import AUTHORIZE, fault, plan


class Armed:
    """An injector with one fault, and what it says."""

    def __init__(self, entry: str) -> None:
        self.said: list[str] = []
        self.injector = Injector(Plan((fault(entry),)), Config(), Redactor(), say=self.said.append)
        self.said.clear()

    def ask(self, **query: str) -> http.HTTPFlow:
        """An authorize request, and what becomes of it."""
        flow = authorize(**query)
        asyncio.run(self.injector.request(flow))
        return flow


def authorize(**query: str) -> http.HTTPFlow:
    flow = tflow.tflow()
    flow.request.url = f"https://sentinel.example{AUTHORIZE}?{urlencode(query)}"
    flow.live = True
    return flow


def test_what_anybody_may_send_is_masked_and_made_safe_in_the_log() -> None:
    armed = Armed("at: authorize, do: {status: 500}")
    client_id = "app1;state=S3cretS3cretS3cret\r\n\x1b[2J\u202e" + "x" * 3000
    armed.ask(client_id=client_id)
    (line,) = armed.said
    assert line.startswith("fault it (n=1) injected at authorize of client app1;state=S3cr…(")
    assert "S3cretS3cret" not in line
    assert line.isprintable()
    assert len(line) < 200


def test_why_a_fault_was_not_injected_is_made_safe_in_the_log() -> None:
    armed = Armed("at: authorize, do: {error: access_denied}")
    armed.ask(client_id="a", redirect_uri=f"https://{'long.' * 1000}example/cb")
    (line,) = armed.said
    assert line.isprintable()
    assert len(line) < 400


@pytest.mark.parametrize(("is_replay", "waits"), [(None, False), ("request", True)])
def test_it_waits_for_no_client_that_has_gone_but_for_who_replays(is_replay: str | None, waits: bool) -> None:
    armed, flow = Armed("at: authorize, do: {status: 500, delay: 300ms}"), authorize(client_id="a")
    flow.client_conn.state, flow.is_replay = ConnectionState.CLOSED, is_replay
    began = time.monotonic()
    asyncio.run(armed.injector.request(flow))
    assert (time.monotonic() - began >= 0.3) is waits
    assert flow.response


@pytest.mark.parametrize(
    ("version", "location", "mark"),
    [(b"HTTP/1.1", b"Location", b"LP-Authorize-Fault"), (b"HTTP/2.0", b"location", b"lp-authorize-fault")],
)
def test_header_names_are_as_the_protocol_has_them(version: bytes, location: bytes, mark: bytes) -> None:
    """Mitmproxy puts those of HTTP/2 into lower case by itself, but with a line in its log for each answer."""
    armed = Armed("at: landing, do: {state: removed}")
    flow = armed.ask(client_id="a", redirect_uri="https://app.example/cb")
    headers = http.Headers([(location, b"https://app.example/cb?code=c&state=s")])
    flow.response = tutils.tresp(http_version=version, status_code=302, headers=headers)
    asyncio.run(armed.injector.response(flow))
    assert flow.response.headers["location"] == "https://app.example/cb?code=c"
    assert [name for name, _ in flow.response.headers.fields] == [location, mark]


def test_each_reason_why_a_fault_was_not_injected_is_told_once() -> None:
    armed = Armed("at: authorize, do: {error: access_denied}")
    for host in ("one.example", "two.example") * 3:
        armed.ask(client_id="a", redirect_uri=f"https://{host}:port/cb")
        armed.ask(client_id="a")
    assert len(armed.said) == len(set(armed.said)) > 1
    [verdict] = armed.injector.verdicts()
    assert verdict.line == f"it: never matched: {armed.said[0].removeprefix('fault it was ')}"


@pytest.mark.parametrize(("mode", "verdicts"), [("arm", ["never matched"]), ("dry-run", []), ("off", [])])
def test_a_fault_that_never_was_on_or_was_only_told_of_has_no_verdict(mode: str, verdicts: list[str]) -> None:
    faults = plan(f"mode: {mode}\nfaults:\n  - {{name: it, at: authorize, do: {{status: 500}}}}\n")
    injector = Injector(Plan(faults), Config(), Redactor(), say=lambda _line: None)
    assert [verdict.verdict for verdict in injector.verdicts()] == verdicts


def answered(injector: Injector, flow: http.HTTPFlow, location: str) -> str | None:
    """The fault that an answer with this Location names then."""
    if not flow.response:
        flow.response = tutils.tresp(status_code=302, headers=http.Headers(location=location))
        asyncio.run(injector.response(flow))
    return flow.response.headers.get("lp-authorize-fault")


def test_the_order_of_the_plan_decides_and_the_first_may_have_to_wait_for_the_answer() -> None:
    faults = plan(
        "faults:\n"
        "  - {name: lost, at: authorize, do: {state: removed}, match: {client_id: waits}}\n"
        "  - {name: refused, at: authorize, do: {status: 500}}\n"
        "  - {name: never, at: authorize, do: {status: 501}}\n"
    )
    injector = Injector(Plan(faults), Config(), Redactor(), say=lambda _line: None)
    for client_id, location, fault_ in (
        ("waits", "https://app.example/cb?code=c&state=s", "lost; n=1"),
        ("waits", "https://app.example/cb?code=c", "refused; n=1"),
        ("waits", "https://login.example/", "refused; n=2"),
        ("other", "https://app.example/cb?code=c&state=s", "refused; n=1"),
    ):
        flow = authorize(client_id=client_id, redirect_uri="https://app.example/cb")
        asyncio.run(injector.request(flow))
        assert (flow.response is None) is (client_id == "waits")
        assert answered(injector, flow, location) == fault_


def test_matches_are_counted_for_each_app() -> None:
    armed = Armed("at: authorize, do: {status: 500}, times: {nth: 2}")
    came = [bool(armed.ask(client_id=client_id).response) for client_id in "aababba"]
    assert came == [False, True, False, False, True, False, False]


def test_a_filter_decides_too() -> None:
    armed = Armed("at: authorize, do: {status: 500}, match: {filter: '~u client_id=b'}")
    assert [bool(armed.ask(client_id=client_id).response) for client_id in "ab"] == [False, True]


def test_an_injected_flow_says_what_was_done() -> None:
    flow = Armed("at: authorize, do: {status: 500}").ask(client_id="a")
    assert flow.metadata[FAULT_KEY] == "it; n=1: status 500"
    assert (flow.marked, flow.comment) == (INJECTED, "injected it; n=1: status 500")


@pytest.mark.parametrize(
    ("entry", "location", "said"),
    [
        ("at: landing, do: {status: 500}", "https://login.example/", []),
        ("at: token, do: {status: 500}", "https://app.example/cb?code=c", []),
        (
            "at: landing, do: {target: {host: evil.example}}",
            "https://app.example/cb?code=c",
            ["fault it was not injected: the host evil.example is not among redirect_targets"],
        ),
    ],
)
def test_what_a_fault_does_not_speak_of_or_may_not_do_is_left_alone(entry: str, location: str, said: list[str]) -> None:
    armed = Armed(entry)
    flow = armed.ask(client_id="a", redirect_uri="https://app.example/cb")
    assert flow.response is None
    assert answered(armed.injector, flow, location) is None
    assert armed.said == said
