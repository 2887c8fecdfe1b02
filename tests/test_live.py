"""Real clients through a live mitmdump with the addon: what is found, and that the traffic passes whatever it is."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from mitmproxy import http, io

from tests.world.app import App
from tests.world.behaviour import Behaviour
from tests.world.proxy import Ended, Mitmdump, Options, mitmdump, replay, run_mitmdump
from tests.world.visitor import Visitor

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "addon" / "lp_authorize.py"
CAPTURES = ROOT / "captures"

type Proxies = Callable[..., Mitmdump]


class Report(NamedTuple):
    findings: list[dict[str, Any]]
    journeys: list[dict[str, Any]]

    @property
    def rules(self) -> list[str]:
        return sorted(finding["rule"] for finding in self.findings)


def read(path: Path) -> Report:
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return Report([one for one in lines if "rule" in one], [one for one in lines if "outcome" in one])


def flows(path: Path) -> list[http.HTTPFlow]:
    with path.open("rb") as file:
        return [flow for flow in io.FlowReader(file).stream() if isinstance(flow, http.HTTPFlow)]


def configured(app: App, folder: Path) -> Path:
    path = folder / "lp-authorize.yaml"
    apps = [{"client_id": app.installation.client_id, "redirect_uris": [app.redirect_uri]}]
    content = {"accounts": {app.installation.account: {"apps": apps}}, "login_hosts": ["login.localhost"]}
    path.write_text(yaml.safe_dump(content))
    return path


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
    ours = {"lp_config": configured(app, tmp_path), "lp_report": report, "save_stream_file": saved, "hardump": har}
    proxy = proxies("-s", SCRIPT, options={**options, **ours})
    assert "belongs to no login" in signed_in(app, proxy, state="base64")
    proxy.wait_for("LPA311 state-altered")
    assert read(report).rules == ["LPA311"], "reported before the session ends"
    ended = proxy.stop()
    assert (ended.status, ended.stderr) == (0, ""), ended
    (finding,) = read(report).findings
    (journey,) = read(report).journeys
    assert (finding["hop"], finding["status"], finding["account"]) == ("landing", 302, "12345678")
    assert (journey["outcome"], journey["findings"], len(journey["exchanges"])) == ("code", 1, 5)
    (marked,) = [flow for flow in flows(saved) if flow.id == finding["flow"]]
    assert (marked.marked, marked.request.path.startswith("/sentinel/session?")) == (":red_circle:", True)
    assert marked.comment.endswith("; LPA311 state-altered")
    entries = json.loads(har.read_text("utf-8"))["log"]["entries"]
    assert len(entries) == len(flows(saved)), "a HAR of mitmproxy's has no place for marks and comments, but all flows"


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
    own: Options = {**options, "lp_config": configured(app, tmp_path), "lp_redact": "off"}
    proxy = proxies("-s", SCRIPT, options={**own, "lp_report": tmp_path / "live.jsonl", "save_stream_file": saved})
    signed_in(app, proxy, **habits)
    assert proxy.stop().status == 0
    targets = [flow.request.path for flow in flows(saved)]
    token, callback = (next(i for i, target in enumerate(targets) if part in target) for part in ("/token", "?code="))
    assert token < callback
    ended = replay(saved, "-s", SCRIPT, options={**own, "lp_report": tmp_path / "replayed.jsonl"})
    assert ended.status == 0, ended
    live, replayed = read(tmp_path / "live.jsonl"), read(tmp_path / "replayed.jsonl")
    assert live.rules == rules, live
    assert _comparable(live) == _comparable(replayed)


def _comparable(report: Report) -> list[list[tuple[str, str]]]:
    """Without what tells where it was read. A live session counts as the file does: what has ended."""
    records = [*report.findings, *report.journeys]
    return sorted([(key, repr(value)) for key, value in record.items() if key != "capture"] for record in records)


# Hostile traffic

MEGABYTE = b"A" * 1_000_000
NASTY = {
    "invalid-utf-8": b"\xff\xfe\xc3(",
    "lone-surrogate": b"\xed\xa0\x80",
    "nul": b"a\x00b",
    "1-mb": MEGABYTE,
    "open-bracket": b"http://[::1",
    "bad-port": b"http://app.localhost:99999999999/cb",
    "broken-percent": b"%zz%E0%A4%A%",
    "percent-nul": b"%00%ff%ed%a0%80",
    "escape-sequence": b"\x1b]0;title\x07\x1b[31m[red]",
    "many-pairs": b"a=b&" * 20_000,
    "only-delimiters": b"=&;#?//\\@:",
    "empty": b"",
}
API = b"/sentinel/api/account/12345678/authorize"
CALLBACK = b"redirect_uri=http%3A%2F%2Fapp.localhost%2Fcb"


class Exchanged(NamedTuple):
    """What the server got and what the client got."""

    request: bytes
    response: bytes


@contextmanager
def raw_server(answers: Mapping[bytes, bytes], got: dict[bytes, bytes]) -> Iterator[int]:
    """Answers with the bytes for the request's ``X-Case``, and notes the request's bytes in ``got``."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.settimeout(20)
                    request = _message(connection)
                    case = request.partition(b"\r\nX-Case: ")[2].partition(b"\r\n")[0]
                    got[case] = request
                    connection.sendall(answers.get(case, b"HTTP/1.1 500 Unasked\r\nContent-Length: 0\r\n\r\n"))

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(10)


def _message(connection: socket.socket) -> bytes:
    """All up to the end of the body that ``Content-Length`` announces."""
    data = b""
    while b"\r\n\r\n" not in data and (piece := connection.recv(1 << 20)):
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"\r\ncontent-length: ")[2].partition(b"\r\n")[0] or 0)
    while len(body) < length and (piece := connection.recv(1 << 20)):
        body += piece
    return head + b"\r\n\r\n" + body


def _get(target: bytes, *headers: bytes) -> tuple[bytes, bytes]:
    return target, b"".join(header + b"\r\n" for header in headers)


def _redirect(location: bytes) -> bytes:
    return b"HTTP/1.1 302 Found\r\nLocation: " + location + b"\r\nContent-Length: 0\r\n\r\n"


def _cases() -> tuple[dict[bytes, tuple[bytes, bytes, bytes]], dict[bytes, bytes]]:
    """By name: target, headers and body of requests; and the answers to them."""
    requests: dict[bytes, tuple[bytes, bytes, bytes]] = {}
    answers: dict[bytes, bytes] = {}
    plain = _redirect(b"http://app.localhost/cb?code=c0dec0dec0de&state=s")
    asked = API + b"?v=1.0&response_type=code&client_id=app&" + CALLBACK

    def add(name: str, target: bytes, headers: bytes = b"", body: bytes = b"", answer: bytes = plain) -> None:
        requests[name.encode()], answers[name.encode()] = (target, headers, body), answer

    for name, nasty in NASTY.items():
        add(f"{name}-in-path", b"/sentinel/api/account/" + nasty + b"/authorize?state=s&client_id=app")
        add(f"{name}-in-query", API + b"?client_id=app&state=" + nasty + b"&redirect_uri=" + nasty)
        add(f"{name}-as-name", API + b"?" + nasty + b"=1&" + CALLBACK)
        add(f"{name}-in-referer", b"/cb?code=1&state=2", b"Referer: " + nasty + b"\r\n")
        add(f"{name}-in-agent", asked, b"User-Agent: " + nasty + b"\r\nCookie: a=" + nasty + b"\r\n")
        add(f"{name}-location", asked + b"&state=s", answer=_redirect(nasty))
        add(f"{name}-landing", asked + b"&state=s", answer=_redirect(b"http://app.localhost/cb?state=" + nasty))
        add(f"{name}-fragment", asked + b"&state=s", answer=_redirect(b"/cb#" + nasty + b"&code=" + nasty))
        form = b"Content-Type: application/x-www-form-urlencoded\r\nContent-Encoding: gzip\r\n"
        add(f"{name}-form", API.replace(b"authorize", b"token") + b"?v=2.0", form, b"code=" + nasty)
        json_ = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: br\r\nContent-Length: "
        add(
            f"{name}-token",
            API.replace(b"authorize", b"token"),
            body=b"{",
            answer=b"%b%d\r\n\r\n%b" % (json_, len(nasty), nasty),
        )
    return requests, answers


REQUESTS, ANSWERS = _cases()


def _pass_all(proxy: Mitmdump) -> dict[bytes, Exchanged]:
    """Send every request through ``proxy`` to a server that does not care what it gets."""
    passed = {}
    got: dict[bytes, bytes] = {}
    with raw_server(ANSWERS, got) as port:
        for case, (target, headers, body) in REQUESTS.items():
            host = b"sentinel.localhost:%d" % port
            head = (b"POST" if body else b"GET") + b" http://" + host + target + b" HTTP/1.1\r\nHost: " + host
            own = b"\r\nX-Case: " + case + b"\r\n" + headers + b"Content-Length: %d\r\n\r\n" % len(body)
            with socket.create_connection(("127.0.0.1", proxy.port), timeout=20) as client:
                client.sendall(head + own + body)
                response = _message(client)
            number = b":%d" % port
            passed[case] = Exchanged(got.get(case, b"").replace(number, b":0"), response.replace(number, b":0"))
    return passed


def test_hostile_bytes_pass_unchanged_and_are_judged(tmp_path: Path) -> None:
    """What mitmproxy itself refuses or rewrites is refused or rewritten in the same way."""
    report = tmp_path / "report.jsonl"
    (tmp_path / "lp-authorize.yaml").write_text("login_hosts: ['*.localhost']\n")
    ours: Options = {"lp_report": report, "termlog_verbosity": "warn", "flow_detail": "0"}
    # Bodies are read when a capture is written, too.
    both: Options = {"save_stream_file": tmp_path / "saved.flow"}
    with mitmdump("-s", SCRIPT, options={**ours, **both}, cwd=tmp_path) as proxy:
        with_addon = _pass_all(proxy)
        ended = proxy.stop()
    with mitmdump(options={"termlog_verbosity": "warn", "flow_detail": "0"}) as proxy:
        without_addon = _pass_all(proxy)
    changed = [case for case in REQUESTS if with_addon[case] != without_addon[case]]
    assert changed == []
    assert (ended.status, ended.stderr) == (0, "")
    assert "lp-authorize failed" not in ended.stdout, ended
    assert "Traceback" not in ended.stdout, ended
    assert not {chr(code) for code in range(32)} - {"\n"} & set(ended.stdout), (
        "no control character reaches the terminal"
    )
    passed = [case for case, exchanged in with_addon.items() if exchanged.request]
    assert len(passed) > len(REQUESTS) * 0.8, "mitmproxy lets most of them by"
    found = read(report)
    assert found.findings
    assert found.journeys
    longest = max(len(line) for line in report.read_text("utf-8").splitlines())
    assert longest < 20_000, "long values are cut"


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
        "lp_config": configured(app, tmp_path),
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
    assert ended.stdout.count("lp-authorize failed") == 1, ended
    assert read(report).rules == ["LPA120", "LPA310", "LPA408", "LPA605"]


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
        ("rules: {paths: [missing.yaml]}\n", "", "missing.yaml:1:1: cannot be read"),
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
    assert set(rules) <= set(read(report).rules)
    assert "Summary" in ended.stdout or "No authorize request was seen" in ended.stdout
