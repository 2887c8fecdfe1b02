"""Bytes that no client of good will sends: they pass as they would without the addon, and are judged all the same."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.ours import SCRIPT, read_report
from tests.world.proxy import Mitmdump, Options, mitmdump

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
    found = read_report(report)
    assert found.findings
    assert found.journeys
    longest = max(len(line) for line in report.read_text("utf-8").splitlines())
    assert longest < 20_000, "long values are cut"
