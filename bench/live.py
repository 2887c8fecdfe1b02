"""Live traffic through mitmdump, with the addon and without: the same requests in turn, one in a hundred of a login."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import cycle, islice
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

from mitmproxy.io import tnetstring

from bench.archive import Traffic

ROOT = Path(__file__).resolve().parent.parent
MITMDUMP = Path(sys.executable).with_name("mitmdump")
HERE = "127.0.0.1"
STARTS, ROUNDS, PER_ROUND, BROWSERS = 5, 8, 500, 12
"""How often the competitors are started, how often each has its turn then, with how many requests, from how many
connections at the same time.

Turns are short: two that are compared shall find the machine in the same mood. Two processes of the same program differ
by some hundredths for as long as they run, so that more turns of the same two would tell no more. A script with
nothing in it is there to tell what mitmproxy takes for having one.
"""
_LOGIN_SHARE = 0.01
_LOGIN_STEPS = 5
_OTHERS = 700
_LARGEST_BODY = 2_000
"""Bytes. A large body costs mitmproxy time and us none: with small ones our share is largest."""
_PATIENCE = 30.0
_WHICH = b"x-answer"

type Unit = list[bytes]
"""Requests that are sent one after the other: a login's, or one of another kind."""


class Round(NamedTuple):
    """What one competitor did in its turn."""

    seconds: float
    processor: float
    """Seconds of processor time that the proxy took."""


class Workload:
    """Requests and their answers, the same for all competitors; no login comes twice."""

    def __init__(self, rounds: int, per_round: int) -> None:
        self.answers: list[bytes] = []
        """By number, which a request names in a header."""
        traffic = Traffic()
        others = cycle([[self._add(traffic.other())] for _ in range(_OTHERS)])
        logins = max(1, round(per_round * _LOGIN_SHARE / _LOGIN_STEPS))
        each = (per_round - logins * _LOGIN_STEPS) // logins
        self.rounds: list[list[Unit]] = [
            [unit for _ in range(logins) for unit in (*islice(others, each), [*map(self._add, traffic.login())])]
            for _ in range(rounds)
        ]

    def _add(self, record: bytes) -> bytes:
        flow: dict[str, Any] = tnetstring.loads(record)  # type: ignore[assignment]
        asked, got = flow["request"], flow["response"]
        sent, body = asked["content"], got["content"][:_LARGEST_BODY]
        which = (_WHICH, b"%d" % len(self.answers))
        length = ((b"content-length", b"%d" % len(sent)),) if sent else ()
        names = [pair for pair in asked["headers"] if pair[0] != b"Host"]
        told = [pair for pair in got["headers"] if pair[0] != b"content-length"]
        status = b"HTTP/1.1 %d Fine" % got["status_code"]
        self.answers.append(_message(status, [*told, (b"content-length", b"%d" % len(body))], body))
        line = b"%b %b HTTP/1.1" % (asked["method"], asked["path"])
        return _message(line, [(b"host", asked["host"].encode()), *names, *length, which], sent)


def _message(line: bytes, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> bytes:
    return b"%b\r\n%b\r\n%b" % (line, b"".join(b"%b: %b\r\n" % (name, value) for name, value in headers), body)


# The server, in a process of its own


class _Answering(asyncio.Protocol):
    """Answers each request with what it names; a body is taken for part of the next head, and does no harm there."""

    def __init__(self, answers: Sequence[bytes]) -> None:
        self._answers = answers
        self._got = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        *heads, self._got = (self._got + data).split(b"\r\n\r\n")
        for head in heads:
            number = head.lower().rpartition(b"\r\n%b: " % _WHICH)[2].partition(b"\r\n")[0]
            self._transport.write(self._answers[int(number)])


def _serve(answers: Sequence[bytes], told: Connection) -> None:
    async def run() -> None:
        server = await asyncio.get_running_loop().create_server(lambda: _Answering(answers), HERE, 0)
        told.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


@contextmanager
def _server(answers: Sequence[bytes]) -> Iterator[int]:
    own = multiprocessing.get_context("spawn")
    asks, tells = own.Pipe(duplex=False)
    process = own.Process(target=_serve, args=(answers, tells), daemon=True)
    process.start()
    tells.close()  # so that it is noticed if the process ends
    try:
        yield asks.recv()
    finally:
        process.terminate()
        process.join()


# The proxies


class Competitor(NamedTuple):
    """Something that requests are sent to: a proxy, or the server itself."""

    port: int
    process: int | None = None

    @property
    def processor(self) -> float:
        """Seconds of processor time so far, where the system tells."""
        try:
            threads = [path.read_text("ascii") for path in Path(f"/proc/{self.process}/task").glob("*/schedstat")]
        except OSError:
            return 0.0
        return sum(int(told.split()[0]) for told in threads) / 1e9


@contextmanager
def _proxy(server: int, folder: Path, seed: int, *options: str) -> Iterator[Competitor]:
    """A mitmdump before the server; ``seed`` is what Python's hashes begin with."""
    folder.mkdir()
    log = folder / "log"
    command = [
        str(MITMDUMP), *options, "--mode", f"reverse:http://{HERE}:{server}", "--listen-host", HERE,
        "--listen-port", "0", "--set", "keep_host_header=true", "--set", "flow_detail=0", "--set", f"confdir={folder}",
    ]  # fmt: skip
    with log.open("wb") as out:
        environment = {**os.environ, "PYTHONHASHSEED": str(seed)}
        process = subprocess.Popen(command, stdout=out, stderr=out, cwd=folder, env=environment)
    try:
        yield Competitor(_listening(process, log), process.pid)
    finally:
        process.terminate()
        process.wait(_PATIENCE)


def _listening(process: subprocess.Popen[bytes], log: Path) -> int:
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end and process.poll() is None:
        _, found, rest = log.read_text("utf-8").partition("listening at ")
        if found and "\n" in rest:
            return int(rest.partition("\n")[0].rstrip(".").rpartition(":")[2])
        time.sleep(0.05)
    raise RuntimeError(f"mitmdump does not listen: {log.read_text('utf-8')}")


# The browsers


async def _browse(competitor: Competitor, units: Sequence[Unit]) -> None:
    reader, writer = await asyncio.open_connection(HERE, competitor.port)
    for unit in units:
        for request in unit:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            length = head.lower().rpartition(b"\r\ncontent-length: ")[2].partition(b"\r\n")[0]
            await reader.readexactly(int(length))
    writer.close()
    await writer.wait_closed()


async def _turn(competitor: Competitor, units: Sequence[Unit]) -> Round:
    begin, before = time.perf_counter(), competitor.processor
    async with asyncio.TaskGroup() as browsers:
        for number in range(BROWSERS):
            browsers.create_task(_browse(competitor, units[number::BROWSERS]))
    return Round(time.perf_counter() - begin, competitor.processor - before)


def measure(starts: int = STARTS, rounds: int = ROUNDS, per_round: int = PER_ROUND) -> dict[str, list[Round]]:
    """What each competitor did, round by round; the first round of a start, in which all is new, is left out."""
    work = Workload(rounds + 1, per_round)
    found: dict[str, list[Round]] = {}
    for number in range(starts):
        for name, turns in _started(work, number).items():
            found.setdefault(name, []).extend(turns[1:])
    return found


def _started(work: Workload, start: int) -> dict[str, list[Round]]:
    """What each competitor did, from its start to its end; ``start`` counts them from 0."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lp-bench-")))
        (empty := folder / "empty.py").touch()
        server = stack.enter_context(_server(work.answers))
        competitors = {"no proxy": Competitor(server)}
        for name, scripts in {
            "mitmdump": [],
            "mitmdump -s empty": ["-s", str(empty)],
            "mitmdump -s addon": ["-s", str(ROOT / "addon" / "lp_authorize.py")],
        }.items():
            competitors[name] = stack.enter_context(_proxy(server, folder / name, start, *scripts))
        found: dict[str, list[Round]] = {name: [] for name in competitors}
        for number, units in enumerate(work.rounds):
            for name, competitor in list(competitors.items())[:: 1 if number % 2 else -1]:
                found[name].append(asyncio.run(_turn(competitor, units)))
    return found


def table(starts: int = STARTS, rounds: int = ROUNDS, per_round: int = PER_ROUND) -> str:
    """A Markdown table of medians; the last columns compare with mitmdump alone, round by round."""
    found = measure(starts, rounds, per_round)
    turns_each = f"median of {rounds} rounds in turn after each of {starts} starts"
    what = f"{per_round:,} requests a round, 1 % of logins, {BROWSERS} connections, {turns_each}"
    lines = [
        f"**Live through mitmdump**: {what}.",
        "",
        "| | requests/s | processor a request | throughput to mitmdump's | by processor time |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for name, turns in found.items():
        seconds = statistics.median(turn.seconds for turn in turns)
        processor = statistics.median(turn.processor for turn in turns) / per_round
        pairs = list(zip(found["mitmdump"], turns, strict=True))
        throughput = statistics.median(bare.seconds / turn.seconds for bare, turn in pairs)
        used, share = "–", "–"  # noqa: RUF001  (no figure)
        if processor:
            used = f"{processor * 1e6:,.0f} µs"
            share = f"{statistics.median(bare.processor / turn.processor for bare, turn in pairs):.3f}"
        lines.append(f"| `{name}` | {per_round / seconds:,.0f} | {used} | {throughput:.3f} | {share} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(f"{table(*map(int, sys.argv[1:4]))}\n")
