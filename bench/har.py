"""HAR files to measure with: the traffic of :mod:`bench.archive` as Chrome's export writes it, bodies and all.

``python -m bench.har [MB [ROUNDS]]`` prints how fast one is judged, beside JSON parsers that read it as a whole.
"""

from __future__ import annotations

import base64
import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import IO, Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

import msgspec
from mitmproxy.io import tnetstring

from bench.archive import Traffic

_HEAD = b"""{
  "log": {
    "version": "1.2",
    "creator": {
      "name": "WebInspector",
      "version": "537.36"
    },
    "pages": [
      {
        "startedDateTime": "2026-09-21T13:33:20.000Z",
        "id": "page_1",
        "title": "https://app.example/",
        "pageTimings": {
          "onContentLoad": 412.2,
          "onLoad": 1203.7
        }
      }
    ],
    "entries": [
"""
_PLAIN_HEAD = b'{"log":{"version":"1.2","creator":{"name":"x","version":"1"},"pages":[],"entries":['
_TAIL = b"\n    ]\n  }\n}"
_RESOURCES = {"script": "script", "image": "image", "style": "stylesheet", "empty": "fetch", "document": "document"}
_BIN = Path(sys.executable).parent
_MEASURE = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
sys.stderr.write(f"{used.ru_utime + used.ru_stime} {used.ru_maxrss}")
"""
"""A process's peak counts what its parent held when it was started: so the parent is a small one."""
_STATIC = ("mitmproxy.tools.web", "static")
"""Where real scripts and style sheets are, minified as they are in the field."""


class Entries:
    """Makes entries out of flows."""

    def __init__(self, traffic: Traffic, seed: int = 1) -> None:
        self._traffic = traffic
        self._random = random.Random(seed)  # noqa: S311  (no secrets, and the same again each time)
        script, style = _static(".js"), _static(".css")
        page = "".join(f'<script nonce="{n}">{script[n * 900 :][:700]}</script>\n\t<p>Grüße…</p>\n' for n in range(900))
        self._texts = {"script": script, "style": style, "document": page, "empty": self._answers()}

    def chrome(self) -> Iterator[bytes]:
        """The JSON of each entry, without white space."""
        for record in self._traffic.realistic():
            flow: Any = tnetstring.loads(record)
            yield msgspec.json.encode(self._entry(flow))

    def _answers(self) -> str:
        """What an API would answer: short values in small objects, so that every few bytes there is a quote."""
        pick = self._random
        records = (
            {"id": pick.getrandbits(53), "name": f"Item {n}", "url": f"/items/{n}?x=\u2713",
             "price": pick.random() * 99, "tags": ["a", "bc", 'd"e'], "isOpen": n % 2 == 0, "note": None}
            for n in range(20_000)
        )  # fmt: skip
        return msgspec.json.encode(list(records)).decode()

    def _entry(self, flow: dict[str, Any]) -> dict[str, Any]:
        pick, asked, got = self._random, flow["request"], flow["response"]
        host, target = asked["host"], asked["path"].decode()
        url = f"https://{host}{target}"
        headers = _pairs(asked["headers"])
        kind = next(pair["value"] for pair in headers if pair["name"] == "sec-fetch-dest")
        pseudo = {":authority": host, ":method": asked["method"].decode(), ":path": target, ":scheme": "https"}
        request = {
            "method": asked["method"].decode(), "url": url, "httpVersion": "http/2.0",
            "headers": [{"name": name, "value": value} for name, value in pseudo.items()] + headers,
            "queryString": [{"name": name, "value": value} for name, value in parse_qsl(urlsplit(url).query)],
            "cookies": [{"name": "session", "value": "x" * 60, "path": "/", "domain": host, "httpOnly": True,
                         "secure": True, "expires": "2027-11-23T10:00:00.000Z", "sameSite": "Lax"}],
            "headersSize": -1, "bodySize": len(asked["content"]),
        }  # fmt: skip
        if asked["content"]:
            text = asked["content"].decode()
            params = [{"name": name, "value": value} for name, value in parse_qsl(text)]
            request["postData"] = {"mimeType": "application/x-www-form-urlencoded", "text": text, "params": params}
        answered = _pairs(got["headers"])
        response = {
            "status": got["status_code"], "statusText": "", "httpVersion": "http/2.0", "headers": answered,
            "cookies": [], "content": self._content(kind, got),
            "redirectURL": next((pair["value"] for pair in answered if pair["name"] == "location"), ""),
            "headersSize": -1, "bodySize": -1, "_transferSize": len(got["content"]) + 300, "_error": None,
            "_fetchedViaServiceWorker": False,
        }  # fmt: skip
        took = (got["timestamp_end"] - asked["timestamp_start"]) * 1000
        started = datetime.fromtimestamp(asked["timestamp_start"], UTC).isoformat(timespec="milliseconds")
        return {
            "_connectionId": str(pick.randrange(10_000)), "_initiator": self._initiator(kind, host),
            "_priority": "High", "_resourceType": _RESOURCES[kind], "cache": {}, "connection": "443",
            "pageref": "page_1", "request": request, "response": response, "serverIPAddress": "192.0.2.7",
            "startedDateTime": started.replace("+00:00", "Z"), "time": took,
            "timings": {"blocked": pick.random() * 9, "dns": -1, "ssl": -1, "connect": -1, "send": pick.random(),
                        "wait": took / 2, "receive": took / 3, "_blocked_queueing": pick.random(),
                        "_workerStart": -1, "_workerReady": -1, "_workerFetchStart": -1,
                        "_workerRespondWithSettled": -1},
        }  # fmt: skip

    def _initiator(self, kind: str, host: str) -> dict[str, Any]:
        if kind == "document":
            return {"type": "other"}
        if kind != "empty":
            return {"type": "parser", "url": f"https://{host}/", "lineNumber": self._random.randrange(900)}
        frames = [
            {"functionName": "fetch", "scriptId": "42", "url": f"https://{host}/main.{n}.js", "lineNumber": 1,
             "columnNumber": self._random.randrange(90_000)}
            for n in range(self._random.randrange(1, 9))
        ]  # fmt: skip
        return {"type": "script", "stack": {"callFrames": frames}}

    def _content(self, kind: str, response: dict[str, Any]) -> dict[str, Any]:
        body: bytes = response["content"]
        mime = next(pair["value"] for pair in _pairs(response["headers"]) if pair["name"] == "content-type")
        if not body:
            return {"size": 0, "mimeType": mime}
        if kind == "image":
            text = {"text": base64.b64encode(body).decode(), "encoding": "base64"}
        else:
            pool, size = self._texts[kind], len(body)
            text = {"text": (pool[self._random.randrange(len(pool)) :] + pool * (size // len(pool) + 1))[:size]}
        return {"size": len(body), "mimeType": mime, **text}


def write(file: IO[bytes], size: int, *, seed: int = 1, pretty: bool = True) -> int:
    """Write a HAR of about ``size`` bytes, as it is exported or without white space; how many entries it has."""
    written = count = 0
    file.write(_HEAD if pretty else _PLAIN_HEAD)
    for entry in Entries(Traffic(seed), seed).chrome():
        text = b",\n" if count and pretty else b"," if count else b""
        written += file.write(text + (_indented(entry) if pretty else entry))
        count += 1
        if written >= size:
            break
    file.write(_TAIL if pretty else b"]}}")
    return count


def _indented(entry: bytes) -> bytes:
    return b"      " + msgspec.json.format(entry, indent=2).replace(b"\n", b"\n      ")


def _pairs(headers: tuple[tuple[bytes, bytes], ...]) -> list[dict[str, str]]:
    return [{"name": name.decode().lower(), "value": value.decode()} for name, value in headers]


def _static(ending: str) -> str:
    files = resources.files(_STATIC[0]).joinpath(_STATIC[1]).iterdir()
    return "".join(sorted((file.read_text("utf-8") for file in files if file.name.endswith(ending)), key=len))


class Run(NamedTuple):
    """What one process took."""

    seconds: float
    """Of the processor."""
    megabytes: float
    """Its peak memory."""


def competitors(har: Path) -> dict[str, list[str]]:
    """The commands, by what they are called in the table; the last one is the limit."""
    whole = "import sys, {0}; {1}(open(sys.argv[1], 'rb').read())"
    return {
        "lp-authorize check --jobs 1": [str(_BIN / "lp-authorize"), "check", "--quiet", "--jobs", "1", str(har)],
        "json.loads of the whole": [sys.executable, "-c", whole.format("json", "json.loads"), str(har)],
        "msgspec.json.decode of the whole": [
            sys.executable,
            "-c",
            whole.format("msgspec", "msgspec.json.decode"),
            str(har),
        ],
        "cat": ["cat", str(har)],
    }


def report(size: int = 1_000, rounds: int = 3) -> Iterator[str]:
    """The lines of Markdown tables of medians, for HARs of ``size`` MB: as Chrome exports it, and minified."""
    for title, pretty in (("HAR as Chrome exports it", True), ("The same without white space", False)):
        with tempfile.TemporaryDirectory(prefix="lp-bench-") as folder:
            har = Path(folder) / "archive.har"
            with har.open("wb", buffering=1 << 20) as file:
                count = write(file, size * 1_000_000, pretty=pretty)
            yield f"{title}: {size} MB, {count} entries, processor time, median of {rounds}"
            yield from _table(har, size, rounds)


def _table(har: Path, size: int, rounds: int) -> Iterator[str]:
    commands = competitors(har)
    runs = [{name: _run(command) for name, command in commands.items()} for _ in range(rounds)]
    medians = {name: statistics.median(run[name].seconds for run in runs) for name in commands}
    own = next(iter(medians.values()))
    yield ""
    yield "| | seconds | MB/s | times as long as check | peak MB |"
    yield "|---|---:|---:|---:|---:|"
    for name, seconds in medians.items():
        peak = max(run[name].megabytes for run in runs)
        yield f"| `{name}` | {seconds:.2f} | {size / max(seconds, 0.01):,.0f} | {seconds / own:.2g} | {peak:.0f} |"
    yield ""


def _run(command: list[str]) -> Run:
    done = subprocess.run([sys.executable, "-c", _MEASURE, *command], capture_output=True, check=True)
    seconds, kilobytes = done.stderr.split()
    return Run(float(seconds), int(kilobytes) / 1024)


if __name__ == "__main__":
    sys.stdout.writelines(f"{line}\n" for line in report(*map(int, sys.argv[1:])))
