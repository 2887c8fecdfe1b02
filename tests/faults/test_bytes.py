"""The bytes that a client gets for every preset, from a real mitmdump with a real server behind it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest
from mitmproxy import http

from lp_sentinel.exchange import Exchange
from lp_sentinel.faults import preset_index
from lp_sentinel.faults.reading import presets
from tests.captures.reading import read_capture
from tests.faults.wire import (
    CALLBACK,
    ORIGIN,
    authorize_url,
    config_file,
    install,
    locations,
    options,
    plan_file,
    redeem,
    talk,
    write_flow,
)
from tests.ours import SCRIPT, saved_flows
from tests.world.behaviour import Behaviour
from tests.world.proxy import COMMANDS, Ended, Mitmdump, mitmdump, replay, run_mitmdump
from tests.world.sentinel import Sentinel

SENT = "a%2Bb%2Fc%2541d%26e"
CODE, MADE = "C0DE", "MADE"
"""What stands for a code that Sentinel gave, and for the random part of a made-up value."""
SHORTENED = {"hang": {"hang": "300ms"}, "slow": {"delay": "300ms"}, "token-slow": {"delay": "300ms"}}


class Run(NamedTuple):
    """What one run with every preset came to; each has a client of its own."""

    got: Mapping[str, bytes]
    exchanges: Mapping[str, Exchange]
    """The altered ones as they are loaded later, by client."""
    flows: Mapping[str, http.HTTPFlow]
    ended: Ended
    report: list[str]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("faults")
    names = list(preset_index())
    changes = {name: {"do": do} for name, do in SHORTENED.items()}
    faults = [{"preset": name, "match": {"client_id": name}, **changes.get(name, {})} for name in names]
    config = config_file(folder, {name: [CALLBACK, f"{ORIGIN}/cb2"] for name in names})
    saved, report = folder / "saved.flow", folder / "report.jsonl"
    with Sentinel(behaviour=Behaviour(signed_in_as="qa")).serve() as sentinel:
        install(sentinel, names)
        set_to = options(config, plan_file(folder, *faults), save_stream_file=saved, lp_report=report)
        with mitmdump("-s", SCRIPT, options=set_to) as proxy:
            got = {name: _asked(proxy.port, sentinel, name) for name in names}
            ended = proxy.stop()
    flows = {name: flow for flow in saved_flows(saved) if (name := _fault_of(flow))}
    by_id = {flow.id: name for name, flow in flows.items()}
    exchanges = {by_id[one.flow]: one for one in read_capture(saved) if one.flow in by_id}
    return Run(got, exchanges, flows, ended, report.read_text("utf-8").splitlines())


def _fault_of(flow: http.HTTPFlow) -> str:
    return str(flow.metadata.get("lp_authorize_fault", "")).partition(";")[0]


def _asked(port: int, sentinel: Sentinel, name: str) -> bytes:
    if name in ("state-other", "code-replayed"):
        talk(port, authorize_url(sentinel, name, "an-earlier-state"))
    answer = talk(port, authorize_url(sentinel, name))
    return redeem(port, sentinel, name, answer) if _at(name) == "token" else answer


def _at(name: str) -> str:
    return str(presets().data["faults"][preset_index()[name]]["at"])


BACK = f"{ORIGIN}/cb?own=1"
LANDED = f"{BACK}&code={CODE}&state={SENT}"
DUMMY = f"code=lp-authorize-dummy-{MADE}&state={SENT}"


def error(code: str, description: str) -> tuple[int, tuple[str]]:
    return 302, (f"{BACK}&error={code}&error_description={description}&state={SENT}",)


LOCATIONS: Mapping[str, tuple[int, tuple[str, ...]]] = {
    "invalid_request": error("invalid_request", "The%20request%20is%20missing%20a%20parameter"),
    "unauthorized_client": error("unauthorized_client", "The%20app%20may%20not%20ask%20for%20a%20code"),
    "access_denied": error("access_denied", "The%20user%20said%20no"),
    "unsupported_response_type": error(
        "unsupported_response_type", "The%20response%20type%20is%20not%20supported"),
    "invalid_scope": error("invalid_scope", "The%20scope%20is%20not%20valid"),
    "server_error": error("server_error", "Something%20went%20wrong"),
    "temporarily_unavailable": error("temporarily_unavailable", "Please%20try%20again%20later"),
    "error-without-description": (302, (f"{BACK}&error=access_denied&state={SENT}",)),
    "error-without-state": (302, (f"{BACK}&error=access_denied",)),
    "error-unknown": error("qa_unknown_error", "Nobody%20expects%20this"),
    "error-description-alone": (302, (f"{BACK}&error_description=Something%20went%20wrong&state={SENT}",)),
    "error-description-long": error("server_error", "All%20work%20and%20no%20play.%20" * 182),
    "error-description-html": error(
        "server_error", "%3Cb%20id%3Dqa%3Ebold%3C%2Fb%3E%3Cscript%3Edocument.title%3D%27qa%27%3C%2Fscript%3E"),
    "error-description-quotes": error("server_error", "He%20said%20%22no%22%20%5C%20it%27s%20over"),
    "error-description-utf8": error(
        "server_error",
        "%C3%9Cberraschung%3A%20%E6%8B%92%E5%90%A6%E3%81%95%E3%82%8C%E3%81%BE%E3%81%97%E3%81%9F%20%F0%9F%99%85"),
    "error-in-fragment": (302, (f"{BACK}#error=access_denied&state={SENT}",)),
    "code-and-error": (302, (
        f"{BACK}&error=server_error&error_description=Something%20went%20wrong&code={CODE}&state={SENT}",)),
    "state-lost": (302, (f"{BACK}&code={CODE}",)),
    "state-empty": (302, (f"{BACK}&code={CODE}&state=",)),
    "state-replaced": (302, (f"{BACK}&code={CODE}&state=lp-authorize-state-{MADE}",)),
    "state-truncated": (302, (f"{BACK}&code={CODE}&state=a%2Bb%2Fc",)),
    "state-upper-case": (302, (f"{BACK}&code={CODE}&state=A%2BB%2FC%2541D%26E",)),
    "state-plus": (302, (f"{BACK}&code={CODE}&state=a%20b%2Fc%2541d%26e",)),
    "state-decoded-twice": (302, (f"{BACK}&code={CODE}&state=a%20b%2FcAd%26e",)),
    "state-html-escaped": (302, (f"{BACK}&code={CODE}&state=a%2Bb%2Fc%2541d%26amp%3Be",)),
    "state-other": (302, (f"{BACK}&code={CODE}&state=an-earlier-state",)),
    "state-duplicated": (302, (f"{LANDED}&state={SENT}",)),
    "code-missing": (302, (f"{BACK}&state={SENT}",)),
    "code-empty": (302, (f"{BACK}&code=&state={SENT}",)),
    "code-invalid": (302, (f"{BACK}&code=lp-authorize-code-{MADE}&state={SENT}",)),
    "code-duplicated": (302, (f"{BACK}&code={CODE}&code={CODE}&state={SENT}",)),
    "code-replayed": (302, (LANDED,)),
    "code-in-fragment": (302, (f"{BACK}#code={CODE}&state={SENT}",)),
    "target-other-registered": (302, (f"{ORIGIN}/cb2?own=1&code={CODE}&state={SENT}",)),
    "target-path": (302, (f"{ORIGIN}/cb/other?own=1&code={CODE}&state={SENT}",)),
    "target-port": (302, (f"http://app.localhost:5001/cb?own=1&{DUMMY}",)),
    "target-scheme": (302, (f"https://app.localhost:5000/cb?own=1&{DUMMY}",)),
    "target-slash": (302, (f"{ORIGIN}/cb/?own=1&code={CODE}&state={SENT}",)),
    "target-query-lost": (302, (f"{ORIGIN}/cb?code={CODE}&state={SENT}",)),
    "redirect-303": (303, (LANDED,)),
    "redirect-307": (307, (LANDED,)),
    "no-location": (302, ()),
    "location-relative": (302, (f"/cb?own=1&{DUMMY}",)),
    "location-malformed": (302, (f"http://[app.localhost:5000/cb?own=1&{DUMMY}",)),
    "location-twice": (302, (LANDED, f"{ORIGIN}/cb")),
    "slow": (302, (LANDED,)),
    "truncated": (302, (LANDED,)),
}  # fmt: skip
"""What is answered by a redirect: its status, and where it leads."""
BODIES: Mapping[str, tuple[int, str]] = {
    "refused-400": (400, r"Problem with query parameters"),
    "refused-401": (401, r"invalid site or application id"),
    "refused-500": (500, r"Internal server error"),
    "login-page": (200, r'<form method="post">'),
    "too-many-requests": (429, r"Too many requests"),
    "unavailable": (503, r"Service unavailable"),
    "bad-gateway": (502, r"<h1>502</h1>"),
    "html-200": (200, r"<h1>200</h1>"),
    "token-invalid-request": (400, r'^{"error": "invalid_request", "error_description": "Injected"}$'),
    "token-invalid-client": (400, r'^{"error": "invalid_client", "error_description": "Injected"}$'),
    "token-invalid-grant": (400, r'^{"error": "invalid_grant", "error_description": "Injected"}$'),
    "token-unauthorized-client": (400, r'^{"error": "unauthorized_client", "error_description": "Injected"}$'),
    "token-unsupported-grant-type": (400, r'^{"error": "unsupported_grant_type", "error_description": "Injected"}$'),
    "token-invalid-scope": (400, r'^{"error": "invalid_scope", "error_description": "Injected"}$'),
    "token-401": (401, r'^{"error": "Bad Authentication: invalid site or application id"}$'),
    "token-500": (500, r'^{"error": "Internal server error"}$'),
    "token-without-access-token": (200, r"^(?!.*access_token).*id_token.*refresh_token"),
    "token-without-refresh-token": (200, r"^(?!.*refresh_token).*access_token.*id_token"),
    "token-without-id-token": (200, r"^(?!.*id_token).*access_token.*refresh_token"),
    "token-wrong-type": (200, r'"token_type": "mac"'),
    "token-expires-at-once": (200, r'"expires_in": 1,'),
    "token-html": (200, r"<h1>200</h1>"),
    "token-broken-json": (200, r'^{"access_token": "lp-authorize-$'),
    "token-slow": (200, r'"access_token"'),
}
"""What is answered by a body: its status, and an expression for what is in it."""
NOTHING = ("closed", "hang")
SPENT = frozenset((
    "error-description-alone", "code-missing", "code-empty", "code-invalid", "code-replayed", "target-port",
    "target-scheme", "no-location", "location-relative", "location-malformed",
))  # fmt: skip
"""Those that throw a real code away."""


def test_every_preset_is_in_the_tables() -> None:
    assert {*LOCATIONS, *BODIES, *NOTHING, "redirect-loop"} == {*preset_index()}


def _general(location: str) -> str:
    location = re.sub(r"code=(?!lp-authorize)[\w-]{10,}", f"code={CODE}", location)
    return re.sub(r"(lp-authorize-\w+-)[0-9a-f]{16}", rf"\g<1>{MADE}", location)


@pytest.mark.parametrize("name", LOCATIONS)
def test_redirects(run: Run, name: str) -> None:
    status, wanted = LOCATIONS[name]
    assert run.got[name].startswith(f"HTTP/1.1 {status} ".encode())
    assert tuple(map(_general, locations(run.got[name]))) == wanted


@pytest.mark.parametrize("name", BODIES)
def test_bodies(run: Run, name: str) -> None:
    status, wanted = BODIES[name]
    head, _, body = run.got[name].decode().partition("\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ")
    assert re.search(wanted, body.strip("\n")), body
    assert f"content-length: {len(body)}" in head.lower()
    assert ("Retry-After: 30" in head) is (status in (429, 503))


@pytest.mark.parametrize("name", NOTHING)
def test_no_answer_at_all(run: Run, name: str) -> None:
    assert run.got[name] == b""
    assert run.exchanges[name].status is None


def test_an_answer_that_breaks_off_announces_more(run: Run) -> None:
    head, _, body = run.got["truncated"].decode().partition("\r\n\r\n")
    assert int(re.findall(r"(?i)content-length: (\d+)", head)[0]) > len(body)


@pytest.mark.parametrize("name", preset_index())
def test_each_is_told_apart(run: Run, name: str) -> None:
    if name not in NOTHING:
        assert f"LP-Authorize-Fault: {name}; n=1\r\n" in run.got[name].decode()
    assert run.flows[name].metadata["lp_authorize_fault"].startswith(f"{name}; n=1: ")
    assert run.flows[name].marked == ":syringe:"
    assert f"{name}; n=1: " in run.flows[name].comment
    assert f"fault {name} (n=1) injected at {_at(name)} of client {name}: " in run.ended.stdout
    assert run.exchanges[name].injected, "what is loaded later still knows"


@pytest.mark.parametrize("name", preset_index())
def test_a_code_that_is_thrown_away_is_said_to_be_spent(run: Run, name: str) -> None:
    assert run.flows[name].metadata["lp_authorize_fault"].endswith("; the real code is spent") is (name in SPENT)


def test_what_is_found_on_an_injected_answer_does_not_count(run: Run) -> None:
    findings = [line for line in run.report if '"rule": "LPA3' in line]
    assert any('"LPA310"' in line for line in findings)
    assert all('"injected": true' in line for line in findings)


def test_a_loop_goes_round(sentinel: Sentinel, proxies: Callable[..., Mitmdump], tmp_path: Path) -> None:
    install(sentinel, ["my-app"])
    proxy = proxies("-s", SCRIPT, options=options(config_file(tmp_path, {}), "redirect-loop"))
    asked = authorize_url(sentinel, "my-app")
    there = locations(talk(proxy.port, asked))
    assert there == [asked.replace("/authorize?", "/lp-authorize-login?")]
    back = talk(proxy.port, there[0])
    assert locations(back) == [asked]
    assert b"LP-Authorize-Fault: redirect-loop; n=1" in back


def test_nobody_is_left_in_a_loop_that_was_turned_off(
    sentinel: Sentinel, proxies: Callable[..., Mitmdump], tmp_path: Path
) -> None:
    install(sentinel, ["my-app"])
    proxy = proxies("-s", COMMANDS, "-s", SCRIPT, options=options(config_file(tmp_path, {}), "redirect-loop"))
    asked = authorize_url(sentinel, "my-app")
    leg = asked.replace("/authorize?", "/lp-authorize-login?")
    assert locations(talk(proxy.port, leg)) == [], "nobody was sent there yet: it is Sentinel's affair"
    assert locations(talk(proxy.port, asked)) == [leg]
    proxy.command("lp.faults.off")
    back = talk(proxy.port, leg)
    assert locations(back) == [asked]
    assert b"LP-Authorize-Fault: redirect-loop; n=1" in back
    assert locations(talk(proxy.port, asked)) != [leg]


def test_saved_flows_are_never_touched(run: Run, tmp_path: Path) -> None:
    saved, again = tmp_path / "in.flow", tmp_path / "out.flow"
    flow = run.flows["state-lost"].copy()  # type: ignore[no-untyped-call]
    flow.metadata.clear()
    assert flow.response
    del flow.response.headers["LP-Authorize-Fault"]
    write_flow(saved, flow)
    replay(saved, "-s", SCRIPT, "-w", again, options={"lp_faults": ["access_denied", "state-empty"]})
    (read,) = saved_flows(again)
    assert read.response
    assert read.response.data.headers == flow.response.data.headers
    assert read.response.data.content == flow.response.data.content
    assert "lp_authorize_fault" not in read.metadata


def test_client_replay_counts_as_live(run: Run, tmp_path: Path) -> None:
    saved, again = tmp_path / "in.flow", tmp_path / "out.flow"
    write_flow(saved, run.flows["state-lost"])
    # Nobody listens there any more, and nobody has to.
    ended = run_mitmdump(
        "-n", "-C", saved, "-s", SCRIPT, "-w", again,
        options={"lp_faults": ["access_denied"], "connection_strategy": "lazy"},
    )  # fmt: skip
    (read,) = saved_flows(again)
    assert read.response, ended
    assert "error=access_denied" in read.response.headers["Location"]
    assert read.metadata["lp_authorize_fault"].startswith("access_denied; n=1")


def test_client_replay_without_faults_tells_of_none(run: Run, tmp_path: Path) -> None:
    saved, again = tmp_path / "in.flow", tmp_path / "out.flow"
    write_flow(saved, run.flows["state-lost"])
    run_mitmdump("-n", "-C", saved, "-s", SCRIPT, "-w", again, options={"connection_strategy": "lazy"})
    (read,) = saved_flows(again)
    assert "lp_authorize_fault" not in read.metadata
    assert "injected" not in read.comment


def test_a_fault_is_not_answered_over_by_server_replay(
    sentinel: Sentinel, proxies: Callable[..., Mitmdump], tmp_path: Path
) -> None:
    install(sentinel, ["my-app"])
    saved, asked = tmp_path / "saved.flow", authorize_url(sentinel, "my-app")
    recorder = proxies("-w", saved)
    assert b"error=access_denied" not in talk(recorder.port, asked)
    recorder.stop()
    armed = options(config_file(tmp_path, {}), "access_denied") | {"server_replay_reuse": "true"}
    got = talk(proxies("-S", saved, "-s", SCRIPT, options=armed).port, asked)
    assert b"error=access_denied" in got
    assert b"LP-Authorize-Fault: access_denied; n=1" in got


def test_of_an_answer_that_is_streamed_it_is_said_that_no_fault_is_injected(
    sentinel: Sentinel, proxies: Callable[..., Mitmdump], tmp_path: Path
) -> None:
    sentinel.behaviour = Behaviour(signed_in_as="qa")
    install(sentinel, ["my-app"])
    armed = options(config_file(tmp_path, {}), "token-without-access-token", stream_large_bodies="1")
    proxy = proxies("-s", SCRIPT, options=armed)
    answer = redeem(proxy.port, sentinel, "my-app", talk(proxy.port, authorize_url(sentinel, "my-app")))
    assert b'"access_token"' in answer
    assert b"LP-Authorize-Fault" not in answer
    proxy.wait_for("was not injected: the answer was streamed")
