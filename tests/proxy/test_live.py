"""Real clients through a live mitmdump with the addon: what is found, and what happens where something fails."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from lp_sentinel.cli import main
from tests.ours import CAPTURES, SCRIPT, Proxies, Report, config_for, read_report, saved_flows
from tests.world.app import App
from tests.world.behaviour import Behaviour
from tests.world.proxy import Ended, Mitmdump, Options, replay, run_mitmdump
from tests.world.visitor import Visitor

# What is found


@pytest.fixture(params=["http", "https"])
def login(request: pytest.FixtureRequest, authority_file: Path) -> tuple[App, Options]:
    """An app, and the options of a proxy that accepts the certificates of its servers."""
    app: App = request.getfixturevalue("app" if request.param == "http" else "secure_app")
    assert app.origin.startswith(f"{request.param}://")
    return app, {"ssl_verify_upstream_trusted_ca": authority_file}


def signed_in(app: App, proxy: Mitmdump, **habits: Any) -> str:
    """Sign in from end to end, the redemption of the code through the proxy too; gives the text of the last page."""
    app.habits = replace(app.habits, proxy=proxy.url, trusts=str(proxy.ca), **habits)
    visitor = Visitor(proxy)
    visitor.open(app.origin + "/login")
    return visitor.sign_in().text


def test_a_login_is_judged_as_it_passes(login: tuple[App, Options], proxies: Proxies, tmp_path: Path) -> None:
    """Without scope and with a state that is base64, so that it is one thing only that is wrong: found everywhere."""
    app, options = login
    app.sentinel.behaviour = Behaviour(alter_state="plus-to-space")
    report, saved, har = tmp_path / "report.jsonl", tmp_path / "saved.flow", tmp_path / "saved.har"
    ours = {"lp_config": config_for(app, tmp_path), "lp_report": report, "save_stream_file": saved, "hardump": har}
    proxy = proxies("-s", SCRIPT, options={**options, **ours})
    assert "does not belong to a login" in signed_in(app, proxy, state="base64")
    proxy.wait_for("LPA311 state-altered")
    assert read_report(report).rules == ["LPA311"], "reported before the session ends"
    ended = proxy.stop()
    assert (ended.status, ended.stderr) == (0, ""), ended
    (finding,) = read_report(report).findings
    (journey,) = read_report(report).journeys
    assert (finding["hop"], finding["status"], finding["account"]) == ("landing", 302, "12345678")
    assert (journey["outcome"], journey["findings"], len(journey["exchanges"])) == ("code", 1, 5)
    (marked,) = [flow for flow in saved_flows(saved) if flow.id == finding["flow"]]
    assert (marked.marked, marked.request.path.startswith("/sentinel/session?")) == (":red_circle:", True)
    assert marked.comment.endswith("; LPA311 state-altered")
    entries = json.loads(har.read_text("utf-8"))["log"]["entries"]
    assert len(entries) == len(saved_flows(saved)), (
        "a HAR of mitmproxy's has no place for marks and comments, but all flows"
    )


@pytest.mark.parametrize(
    ("habits", "rules"),
    [
        ({}, []),
        ({"library": "authlib"}, []),
        ({"redeems": {"redirect_uri": None}, "asks": {"scope": "openid"}}, ["LPA142", "LPA408", "LPA605"]),
    ],
)
def test_a_live_session_and_the_replay_of_its_file_agree(
    login: tuple[App, Options],
    proxies: Proxies,
    tmp_path: Path,
    habits: Mapping[str, Any],
    rules: Sequence[str],
) -> None:
    """The callback ends after the token exchange that it causes; in the file it stands behind it."""
    app, options = login
    saved = tmp_path / "saved.flow"
    own: Options = {**options, "lp_config": config_for(app, tmp_path), "lp_redact": "off"}
    proxy = proxies("-s", SCRIPT, options={**own, "lp_report": tmp_path / "live.jsonl", "save_stream_file": saved})
    signed_in(app, proxy, **habits)
    assert proxy.stop().status == 0
    targets = [flow.request.path for flow in saved_flows(saved)]
    token, callback = (next(i for i, target in enumerate(targets) if part in target) for part in ("/token", "?code="))
    assert token < callback
    ended = replay(saved, "-s", SCRIPT, options={**own, "lp_report": tmp_path / "replayed.jsonl"})
    assert ended.status == 0, ended
    live, replayed = read_report(tmp_path / "live.jsonl"), read_report(tmp_path / "replayed.jsonl")
    assert live.rules == rules, live
    assert _comparable(live) == _comparable(replayed)


def test_logins_that_are_unanswered_when_the_session_ends_are_judged_as_saved(proxies: Proxies, tmp_path: Path) -> None:
    saved, live, checked = tmp_path / "saved.flow", tmp_path / "live.jsonl", tmp_path / "checked.jsonl"
    proxy = proxies("-s", SCRIPT, options={"lp_report": live, "lp_redact": "off", "save_stream_file": saved})
    with ExitStack() as closing:
        silent = closing.enter_context(socket.create_server(("127.0.0.1", 0)))
        host = f"127.0.0.1:{silent.getsockname()[1]}"
        authorize = f"http://{host}/sentinel/api/account/12345678/authorize?response_type=code&client_id=my-app"

        def ask(target: str) -> socket.socket:
            client = closing.enter_context(socket.create_connection(("127.0.0.1", proxy.port)))
            client.sendall(f"GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            asked = closing.enter_context(silent.accept()[0])
            assert asked.recv(1 << 16).startswith(b"GET ")
            return asked

        answer = f"HTTP/1.1 302 Found\r\nLocation: http://{host}/login\r\nContent-Length: 0\r\n\r\n"
        ask(f"{authorize}&v=1.0&state=af0ifjsldkjFvB2Xq9ZwTg").sendall(answer.encode())
        for wait in ("/login", "/logo.png", "/style.css"):
            ask(f"http://{host}{wait}")
        for version in ("abc", "def", "ghi"):
            ask(f"{authorize}&v={version}&state={version}0ifjsldkjFvB2Xq9ZwTg")
        assert proxy.stop().status == 0
    assert read_report(live).rules.count("LPA111") == 3
    assert CliRunner().invoke(main, ["check", str(saved), "--no-redact", "--report", str(checked)]).exit_code == 1
    assert _comparable(read_report(live)) == _comparable(read_report(checked))


def _comparable(report: Report) -> list[list[tuple[str, str]]]:
    """Without what tells where it was read. A live session counts as the file does: what has ended."""
    records = [*report.findings, *report.journeys]
    return sorted([(key, repr(value)) for key, value in record.items() if key != "capture"] for record in records)


# Failing ourselves

FAILURES = {
    "letting by": "from lp_sentinel.sieve import Sieve as Broken; name = 'lets_by'",
    "judging": "from lp_sentinel.engine import Engine as Broken; name = 'feed'",
    "the end": "from lp_sentinel.engine import Engine as Broken; name = 'close'",
    "report": "from lp_sentinel.reports.jsonl import JsonLines as Broken; name = 'journey'",
    "summary": "from lp_sentinel.reports.terminal import Terminal as Broken; name = 'summary'",
}


@pytest.mark.parametrize("where", FAILURES)
def test_an_exception_of_ours_is_logged_once_and_the_traffic_passes(
    where: str, app: App, proxies: Proxies, tmp_path: Path
) -> None:
    script, har = tmp_path / "broken.py", tmp_path / "saved.har"
    script.write_text(
        f"{FAILURES[where]}\n"
        "def broken(*_, **__):\n    raise LookupError('our own fault')\n"
        "setattr(Broken, name, broken)\n"
    )
    options: Options = {
        "lp_config": config_for(app, tmp_path),
        "lp_report": tmp_path / "report.jsonl",
        "lp_redact": "off",
        "hardump": har,
    }
    proxy = proxies("-s", SCRIPT, "-s", script, options=options)
    assert "Signed in" in signed_in(app, proxy)
    assert "Signed in" in signed_in(app, proxy)
    ended = proxy.stop()
    assert ended.status == 0, ended
    said = ended.stdout + ended.stderr
    assert said.count("LookupError: our own fault") == 1, ended
    assert said.count("lp-authorize failed, and the traffic passes") == 1, ended
    assert "broken.py" in said
    assert len(json.loads(har.read_text("utf-8"))["log"]["entries"]) >= 12, "other addons had their end"


def test_what_follows_a_failure_is_judged(tmp_path: Path) -> None:
    """One exchange that cannot be judged costs a capture no other."""
    script = tmp_path / "broken.py"
    script.write_text(
        "from lp_sentinel.engine import Engine\n"
        "feed = Engine.feed\n"
        "def broken(self, exchange):\n"
        "    if exchange.index == 3:\n        raise LookupError\n"
        "    return feed(self, exchange)\n"
        "Engine.feed = broken\n"
    )
    report = tmp_path / "report.jsonl"
    options: Options = {"lp_config": CAPTURES / "lp-authorize.yaml", "lp_report": report}
    ended = replay(CAPTURES / "demo.flow", "-s", SCRIPT, "-s", script, options=options)
    assert ended.status == 1, "what could not be judged may be what was asked for"
    assert ended.stdout.count("lp-authorize failed") == 1, ended
    assert read_report(report).rules == ["LPA120", "LPA310", "LPA408", "LPA605"]


# Refusing to start

MISSPELT_FIELD = """\
- id: MINE001
  name: mine
  severity: error
  summary: x
  given: request
  expect: request.stat is None
  message: x
  expected: x
  why: x
  fix: x
  cite: []
  good: [{exchanges: [{authorize: {}}]}]
  bad: [{exchanges: [{authorize: {state: null}}]}]
"""


@pytest.mark.parametrize(
    ("config", "rules", "problem"),
    [
        ("accounts: [\n", "", "lp-authorize.yaml:2:1: "),
        ("accounts: {}\naccounts: {}\n", "", "lp-authorize.yaml:2:1: "),
        ("rules: {paths: [missing.yaml]}\n", "", "lp-authorize.yaml:1:17: there is no file or folder 'missing.yaml'\n"),
        ("rules: {paths: [mine.yaml]}\n", "- id: MINE1\n  id: MINE2\n", "mine.yaml:2:3: "),
        (
            "rules: {paths: [mine.yaml]}\n",
            MISSPELT_FIELD,
            "mine.yaml:6:19: unknown field 'stat', did you mean 'state'?\n",
        ),
    ],
)
def test_a_mistake_in_config_or_rules_stops_it_before_it_listens(
    tmp_path: Path, config: str, rules: str, problem: str
) -> None:
    (tmp_path / "lp-authorize.yaml").write_text(config)
    (tmp_path / "mine.yaml").write_text(rules)
    ended = run_mitmdump("--listen-host", "127.0.0.1", "--listen-port", "0", "-s", SCRIPT, cwd=tmp_path)
    said = ended.stdout + ended.stderr
    assert ended.status == 1, ended
    assert said.count("lp-authorize: ") == 1, ended
    assert said.count(problem) == 1, ended
    for text in ("listening", "Traceback"):
        assert text not in said


# Captures that break off


def _newer(content: bytes) -> bytes:
    """The capture with one more flow, of a mitmproxy that is not written yet."""
    from mitmproxy.io import tnetstring  # noqa: PLC0415

    return content + bytes(tnetstring.dumps({"version": 999, "type": "http"}))


@pytest.mark.parametrize(
    ("damage", "rules"),
    [
        (lambda content: content[:-100], ["LPA120", "LPA310"]),
        (_newer, ["LPA120", "LPA310", "LPA408", "LPA605"]),
        (lambda _: b"", []),
        (lambda _: b"no capture", []),
        (lambda _: b'{"log": {"entries": [{"request": ', []),
    ],
    ids=["truncated", "newer", "empty", "no-capture", "truncated-har"],
)
def test_what_can_be_read_of_a_broken_capture_is_judged(
    tmp_path: Path, damage: Callable[[bytes], bytes], rules: Sequence[str]
) -> None:
    """That it is broken mitmproxy says itself; whatever status it ends with, it is not ours."""
    capture, report = tmp_path / "broken.flow", tmp_path / "report.jsonl"
    capture.write_bytes(damage((CAPTURES / "demo.flow").read_bytes()))
    ours: Options = {"lp_config": CAPTURES / "lp-authorize.yaml", "lp_report": report}
    ended = replay(capture, "-s", SCRIPT, options=ours)
    alone: Ended = replay(capture)
    assert ended.status == alone.status, ended
    assert "lp-authorize failed" not in ended.stdout
    assert set(rules) <= set(read_report(report).rules)
    assert "Summary" in ended.stdout or "No authorize request was seen" in ended.stdout
