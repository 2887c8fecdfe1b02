"""The proxy before a Sentinel and an app, so that everything that either is asked goes through it."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fcntl import LOCK_EX, flock
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from lp_sentinel.config import App, Config, load_config
from tests.ours import SCRIPT
from tests.world.ports import free_ports
from tests.world.proxy import Mitmdump, Options, environment, mitmdump

NODE = Path(__file__).parents[1] / "node"
HERE = "127.0.0.1"
ACCOUNT = "12345678"
_CONFIG = """accounts:
  "12345678":
    apps:
      - {{client_id: outside-app, client_secret: made-up-secret, redirect_uris: ["{origin}/callback"]}}
"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the browser finds both, and what is registered. ``app_port`` and ``sentinel_port`` are the proxy's."""

    app_port: int
    sentinel_port: int
    folder: Path

    @property
    def origin(self) -> str:
        return f"http://localhost:{self.app_port}"

    @property
    def sentinel(self) -> str:
        return f"http://localhost:{self.sentinel_port}"

    @property
    def config(self) -> Config:
        return load_config(self.folder / "lp-authorize.yaml")

    @property
    def app(self) -> App:
        return self.config.accounts[ACCOUNT]["outside-app"]

    @property
    def env(self) -> dict[str, str]:
        """For a program of tests/node."""
        secret = str(self.app.client_secret)
        names = {"ORIGIN": self.origin, "SENTINEL": self.sentinel, "CLIENT_ID": self.app.client_id}
        return {**names, "CLIENT_SECRET": secret}


@contextmanager
def place() -> Iterator[Place]:
    with TemporaryDirectory() as folder:
        app_port, sentinel_port = free_ports(2)
        chosen = Place(app_port, sentinel_port, Path(folder))
        chosen.folder.joinpath("lp-authorize.yaml").write_text(_CONFIG.format(origin=chosen.origin))
        yield chosen


@contextmanager
def between(
    chosen: Place, app: int, sentinel: int, options: Options | None = None
) -> Iterator[tuple[Mitmdump, Callable[[], list[dict[str, Any]]]]]:
    """The proxy before what listens at these ports; and what ends it and gives the lines of its report."""
    report = chosen.folder / "report.jsonl"
    own: dict[str, str | Path] = {
        "lp_config": chosen.folder / "lp-authorize.yaml",
        "lp_report": report,
        "keep_host_header": "true",
    }
    modes = (
        *("--mode", f"reverse:http://{HERE}:{app}@{HERE}:{chosen.app_port}"),
        *("--mode", f"reverse:http://{HERE}:{sentinel}@{HERE}:{chosen.sentinel_port}"),
    )
    with mitmdump("-s", SCRIPT, *modes, options={**own, **(options or {})}) as proxy:

        def lines() -> list[dict[str, Any]]:
            ended = proxy.stop()
            assert ended.status == 0, ended
            return [json.loads(line) for line in report.read_text("utf-8").splitlines()]

        yield proxy, lines


@contextmanager
def node(program: str, env: Mapping[str, str]) -> Iterator[int]:
    """A program of tests/node, until the block ends; gives the port that it listens at."""
    install()
    found = shutil.which("node")
    assert found, "these tests need Node.js 20.19 or newer"
    with ExitStack() as stack:
        process = stack.enter_context(
            subprocess.Popen(
                [found, "--no-warnings", program],
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                cwd=NODE,
                env={**environment(), **env},
            )
        )
        stack.callback(process.kill)
        assert process.stdout
        said = process.stdout.readline().strip()
        while not said.isdecimal():
            assert process.poll() is None, f"{program} did not start"
            said = process.stdout.readline().strip()
        yield int(said)


def install() -> None:
    """What the lock file pins, once, whichever of the processes that test comes first."""
    pinned, done = NODE / "package-lock.json", NODE / "node_modules" / ".package-lock.json"
    with pinned.open() as file:
        flock(file, LOCK_EX)
        if not done.exists() or done.stat().st_mtime < pinned.stat().st_mtime:
            npm = shutil.which("npm")
            assert npm, "these tests need npm"
            subprocess.run([npm, "ci", "--no-progress"], cwd=NODE, check=True, stdout=subprocess.DEVNULL)
