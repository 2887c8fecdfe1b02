"""A real ``mitmdump`` process: started, waited for, stopped, and what it said."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

MITMDUMP = Path(sys.executable).with_name("mitmdump")
INSIDE = Path(__file__).with_name("inside") / "lp_world.py"
COMMANDS = INSIDE.with_name("lp_commands.py")
"""The script with which :meth:`Mitmdump.command` works."""
_PATIENCE = 30.0

type Options = Mapping[str, str | Path | Sequence[str | Path]]


class Ended(NamedTuple):
    """How the process ended and all that it said."""

    status: int
    stdout: str
    stderr: str

    def __str__(self) -> str:
        return f"mitmdump ended with status {self.status}\n--- stdout\n{self.stdout}\n--- stderr\n{self.stderr}"


class MitmdumpError(AssertionError):
    """The process did not do what it was started for; says all that it said."""


class Mitmdump:
    """A process that may still run. Its output goes to files, so that it can be read at any time."""

    def __init__(
        self, arguments: Sequence[str | Path], folder: Path, cwd: Path | None, env: Mapping[str, str] | None
    ) -> None:
        self.folder = folder
        self._listening = folder / "listening"
        own = {"confdir": folder / "conf", "world_listening": self._listening}
        with (folder / "stdout").open("wb") as out, (folder / "stderr").open("wb") as err:
            self._process = subprocess.Popen(
                [MITMDUMP, "-s", INSIDE, *arguments_of(own), *arguments],
                stdout=out,
                stderr=err,
                stdin=subprocess.DEVNULL,
                cwd=cwd or folder,
                env=env or environment(),
            )

    @property
    def stdout(self) -> str:
        return (self.folder / "stdout").read_text("utf-8", "replace")

    @property
    def stderr(self) -> str:
        return (self.folder / "stderr").read_text("utf-8", "replace")

    @property
    def port(self) -> int:
        return int(self._listening.read_text())

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def ca(self) -> Path:
        """The certificate, as PEM, that a client must trust."""
        return self.folder / "conf" / "mitmproxy-ca-cert.pem"

    def wait_listening(self) -> None:
        self._wait_until(self._listening.exists, "it listens")

    def wait_for(self, text: str, *, patience: float = _PATIENCE) -> str:
        """Wait until ``text`` stands in the standard output; gives that output."""
        self._wait_until(lambda: text in self.stdout, f"it says {text!r}", patience)
        return self.stdout

    def command(self, line: str) -> Any:
        """What a command of mitmproxy's gives; raises MitmdumpError with what it says if it is refused."""
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=_PATIENCE)) as connection:
            connection.request("POST", "http://commands.localhost/", line)
            answer = connection.getresponse()
            said = json.loads(answer.read())
        if answer.status != 200:
            raise MitmdumpError(said)
        return said

    def wait_end(self, patience: float = _PATIENCE) -> Ended:
        try:
            status = self._process.wait(patience)
        except subprocess.TimeoutExpired:
            self._process.kill()
            ended = Ended(self._process.wait(), self.stdout, self.stderr)
            raise MitmdumpError(f"not over after {patience} s\n{ended}") from None
        return Ended(status, self.stdout, self.stderr)

    def stop(self) -> Ended:
        """Stop it as Ctrl-C does. Once it has ended this only tells again how."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        return self.wait_end()

    def _wait_until(self, condition: Callable[[], bool], what: str, patience: float = _PATIENCE) -> None:
        deadline = time.monotonic() + patience
        while not condition():
            if self._process.poll() is not None and not condition():
                raise MitmdumpError(f"over before {what}\n{self.wait_end()}")
            if time.monotonic() > deadline:
                raise MitmdumpError(f"waited {patience} s in vain until {what}\n{self.stop()}")
            time.sleep(0.02)


def arguments_of(options: Options) -> list[str]:
    """Options as mitmdump takes them; a sequence repeats ``--set``."""
    pairs = [
        (name, value)
        for name, values in options.items()
        for value in ([values] if isinstance(values, str | Path) else values)
    ]
    return [argument for name, value in pairs for argument in ("--set", f"{name}={value}")]


def environment(*, columns: int = 100, no_color: bool = True, **more: str) -> dict[str, str]:
    """What a process of the tests may see of this machine, and no more."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    return {
        **kept,
        "LANG": "C.UTF-8",
        "COLUMNS": str(columns),
        "PYTHONUNBUFFERED": "1",
        **({"NO_COLOR": "1"} if no_color else {}),
        **more,
    }


@contextmanager
def mitmdump(
    *arguments: str | Path,
    options: Options | None = None,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> Iterator[Mitmdump]:
    """A listening proxy on a free port, stopped at the end of the block. Raises MitmdumpError where it fails itself."""
    with TemporaryDirectory(prefix="mitmdump-") as temporary:
        folder = Path(temporary)
        listen = ["--listen-host", "127.0.0.1", "--listen-port", "0"]
        process = Mitmdump([*listen, *arguments, *arguments_of(options or {})], folder, cwd, env)
        try:
            process.wait_listening()
            yield process
        finally:
            process.stop()


def run_mitmdump(
    *arguments: str | Path,
    options: Options | None = None,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    patience: float = _PATIENCE,
) -> Ended:
    """Run until it ends by itself, as it does with ``-n`` and ``-r`` or with options that it refuses."""
    with TemporaryDirectory(prefix="mitmdump-") as temporary:
        folder = Path(temporary)
        process = Mitmdump([*arguments, *arguments_of(options or {})], folder, cwd, env)
        return process.wait_end(patience)


def replay(
    capture: Path,
    *arguments: str | Path,
    options: Options | None = None,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> Ended:
    """Read a capture without listening: ``mitmdump -n -r``."""
    return run_mitmdump("-n", "-r", capture.absolute(), *arguments, options=options, cwd=cwd, env=env)
