"""Where the simulator listens, and as a command."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import pytest
import requests
from click.testing import CliRunner

from lp_sentinel.cli import main
from lp_sentinel.simulate.serving import NotServedError, loopback, serving
from tests.world.names import at_home
from tests.world.proxy import environment

COMMAND = Path(sys.executable).with_name("lp-authorize")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "example.com", "localhost.example.com", "", "[::]"])
def test_refuses_to_listen_beyond_loopback(host: str) -> None:
    with pytest.raises(NotServedError, match="listens on loopback only"):
        loopback(host)
    ended = CliRunner().invoke(main, ["simulate", "--host", host])
    assert (ended.exit_code, "listens on loopback only" in ended.output) == (2, True)


def test_what_a_terminal_would_act_on_is_not_repeated() -> None:
    with pytest.raises(NotServedError) as raised:
        loopback("\x1b[31m")
    assert str(raised.value).endswith(r"not on \x1b[31m")


@pytest.mark.parametrize(
    ("host", "address"), [("localhost", "127.0.0.1"), ("127.0.0.2", "127.0.0.2"), ("[::1]", "::1")]
)
def test_listens_on_loopback(host: str, address: str) -> None:
    assert loopback(host) == address


def test_says_that_a_port_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = CliRunner().invoke(main, ["simulate", "--port", str(port)])
        assert ended.exit_code == 2
        assert f"port {port} of 127.0.0.1 can't be opened" in ended.output
        with pytest.raises(NotServedError), serving(print, port=port):
            pass


def test_says_what_is_wrong_with_the_config(tmp_path: Path) -> None:
    config = tmp_path / "lp-authorize.yaml"
    config.write_text("simulate: {users: [{nme: a, password: b}]}\n")
    ended = CliRunner().invoke(main, ["simulate", "--config", str(config)])
    assert (ended.exit_code, "unknown key 'nme', did you mean 'name'?" in ended.output) == (2, True)


def test_where_no_certificate_can_be_made_it_is_said_for_which_folder(tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.touch()
    ended = CliRunner().invoke(main, ["simulate", "--tls", "--confdir", str(taken)])
    problem = f"no certificate can be made with --confdir {taken}: "
    assert (ended.exit_code, problem in ended.output) == (2, True), ended.output


@contextmanager
def command(*arguments: str, folder: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The running command, and where it says that it is."""
    process = subprocess.Popen(
        [COMMAND, "simulate", "--port", "0", "--confdir", folder / "conf", *arguments],
        stdout=subprocess.PIPE,
        text=True,
        cwd=folder,
        env=environment(),
    )
    said: IO[str] | None = process.stdout
    assert said
    try:
        yield said.readline().rpartition(" ")[2].strip(), process
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
        said.close()


def test_serves_http_until_ctrl_c(tmp_path: Path) -> None:
    with command(folder=tmp_path) as (origin, _), at_home(requests.Session()) as client:
        page = client.get(origin)
        assert (page.status_code, f"<code>{origin}</code>" in page.text) == (200, True)
        elsewhere = client.get(origin, headers={"Host": "rebound.example"})
        assert elsewhere.status_code == 200, "LocalAdapter names the host itself"
        port = int(origin.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as raw:
            raw.sendall(b"GET / HTTP/1.1\r\nHost: rebound.example\r\nConnection: close\r\n\r\n")
            assert raw.recv(100).startswith(b"HTTP/1.1 400"), "a host that is not this machine's"


def test_serves_by_the_address_that_it_names(tmp_path: Path) -> None:
    with command("--host", "::1", folder=tmp_path) as (origin, _), at_home(requests.Session()) as client:
        assert origin.startswith("http://[::1]:")
        assert client.get(origin).status_code == 200


@pytest.mark.parametrize("ends", [[signal.SIGTERM], [signal.SIGINT] * 3])
def test_a_signal_while_it_starts_ends_it(tmp_path: Path, ends: list[signal.Signals]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    started = [str(COMMAND), "simulate", "--port", str(port), "--confdir", str(tmp_path)]
    process = subprocess.Popen(started, cwd=tmp_path, env=environment(), stdout=subprocess.DEVNULL)
    while True:
        with suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
            break
    for end in ends:
        process.send_signal(end)
        time.sleep(0.2)
    assert process.wait(20) in (0, 130)


def test_a_second_signal_does_not_keep_it_from_ending(tmp_path: Path) -> None:
    with command(folder=tmp_path) as (_, process):
        process.terminate()
        time.sleep(0.2)
        process.terminate()
        process.wait(20)


def test_serves_https_with_mitmproxys_authority(tmp_path: Path) -> None:
    with command("--tls", "--down", folder=tmp_path) as (origin, _), at_home(requests.Session()) as client:
        client.verify = str(tmp_path / "conf" / "mitmproxy-ca-cert.pem")
        assert origin.startswith("https://localhost:")
        down = client.get(f"{origin}/sentinel/api/account/12345678/authorize")
        assert (down.status_code, "Internal server error" in down.text) == (500, True)
        assert client.get(f"https://127.0.0.1:{origin.rpartition(':')[2]}/").status_code == 200
