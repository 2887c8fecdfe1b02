"""Starts the playground: ``make play``, or ``python -m play`` with more options for mitmdump."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from lp_sentinel.config import load_config
from lp_sentinel.simulate.registry import registry_of
from lp_sentinel.simulate.sentinel import Simulator
from lp_sentinel.simulate.serving import HERE, NotServedError, end_on_signals, serving
from play.app import sample_app

APP_PORT, SENTINEL_PORT, PROXY_PORT = 8080, 5001, 8081
_ROLES = {APP_PORT: "the app", SENTINEL_PORT: "the simulated Sentinel", PROXY_PORT: "the proxy"}

_FOLDER = Path(__file__).parent
_CONFIG = _FOLDER / "lp-authorize.yaml"
_MITMDUMP = Path(sys.executable).with_name("mitmdump")


def main() -> int:
    end_on_signals()
    # The library wants https even on loopback.
    os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"
    if taken := [f"port {port}, for {role}" for port, role in _ROLES.items() if _is_taken(port)]:
        print(f"play: something else listens on {' and on '.join(taken)}: stop it first", file=sys.stderr)  # noqa: T201
        return 2
    config = load_config(_CONFIG)
    [(account, apps)] = config.accounts.items()
    [app] = apps.values()
    with ExitStack() as stack:
        try:
            simulator = stack.enter_context(serving(Simulator(registry_of(config)).wsgi))
            sample = stack.enter_context(serving(sample_app(app, account, f"http://localhost:{SENTINEL_PORT}")))
        except NotServedError as error:
            print(f"play: {error}", file=sys.stderr)  # noqa: T201
            return 2
        process = subprocess.Popen(_proxy(sample, simulator))  # noqa: S603  our own program and arguments
        return _until_ended(process)


def _is_taken(port: int) -> bool:
    """Asked before anything is started: the proxy would say so only after we have said what to open."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HERE, port))
        except OSError:
            return True
    return False


def _proxy(sample: int, simulator: int) -> list[str]:
    """The proxy stands in front of both servers, so that a browser needs no settings; and it is a proxy besides."""
    return [
        str(_MITMDUMP),
        *("-s", str(_FOLDER.parent / "addon" / "lp_authorize.py"), "--set", f"lp_config={_CONFIG}"),
        *("--mode", f"reverse:http://{HERE}:{sample}@{HERE}:{APP_PORT}"),
        *("--mode", f"reverse:http://{HERE}:{simulator}@{HERE}:{SENTINEL_PORT}"),
        *("--mode", f"regular@{HERE}:{PROXY_PORT}"),
        *("--set", "keep_host_header=true", "--set", "flow_detail=0", "--set", "termlog_verbosity=warn"),
        *sys.argv[1:],
    ]


def _say() -> None:
    lines = [
        "",
        f"  the app       http://localhost:{APP_PORT}/   open it, and log in",
        f"  Sentinel      http://localhost:{SENTINEL_PORT}/   simulated",
        f"  the proxy     127.0.0.1:{PROXY_PORT}            in front of both; its findings appear here",
        "  the live page http://lp.authorize/       for a browser that uses that proxy, but not for localhost",
    ]
    print("\n".join([*lines, "", "Ctrl-C ends it.", ""]), flush=True)  # noqa: T201


def _until_ended(process: subprocess.Popen[bytes]) -> int:
    try:
        _say()
        return process.wait()
    except KeyboardInterrupt:
        process.send_signal(signal.SIGINT)
        process.wait()
        return 0


if __name__ == "__main__":
    sys.exit(main())
