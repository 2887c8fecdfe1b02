"""HAR files to measure with: the traffic of :mod:`bench.archive` as Chrome's export writes it, bodies and all."""

from __future__ import annotations

import base64
import random
import sys
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import IO, Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
from mitmproxy.io import tnetstring

from bench.archive import Traffic

HEAD = b"""{
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
TAIL = b"\n    ]\n  }\n}"
_RESOURCES = {"script": "script", "image": "image", "style": "stylesheet", "empty": "fetch", "document": "document"}
_STATIC = ("mitmproxy.tools.web", "static")
"""Where real scripts and style sheets are, minified as they are in the field."""


class EntryMaker:
    """Makes entries out of flows."""

    def __init__(self, seed: int = 1) -> None:
        self._random = random.Random(seed)  # noqa: S311  (no secrets, and the same again each time)
        script, style = _static(".js"), _static(".css")
        page = "".join(f'<script nonce="{n}">{script[n * 900 :][:700]}</script>\n\t<p>Grüße…</p>\n' for n in range(900))
        self._texts = {"script": script, "style": style, "document": page, "empty": self._answers()}

    def of(self, record: bytes) -> bytes:
        """The JSON of the entry for a flow, without white space."""
        flow: Any = tnetstring.loads(record)
        return msgspec.json.encode(self._entry(flow))

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


def write(file: IO[bytes], size: int, *, pretty: bool = True) -> int:
    """Write a HAR of about ``size`` bytes, as it is exported or without white space; how many entries it has."""
    entries, written, count = EntryMaker(), 0, 0
    file.write(HEAD if pretty else b'{"log":{"version":"1.2","creator":{"name":"x","version":"1"},"entries":[')
    for record in Traffic().realistic():
        entry = entries.of(record)
        text = b",\n" if count and pretty else b"," if count else b""
        written += file.write(text + (indented(entry) if pretty else entry))
        count += 1
        if written >= size:
            break
    file.write(TAIL if pretty else b"]}}")
    return count


def indented(entry: bytes) -> bytes:
    """As it stands in what Chrome exports."""
    return b"      " + msgspec.json.format(entry, indent=2).replace(b"\n", b"\n      ")


def _pairs(headers: tuple[tuple[bytes, bytes], ...]) -> list[dict[str, str]]:
    return [{"name": name.decode().lower(), "value": value.decode()} for name, value in headers]


def _static(ending: str) -> str:
    files = resources.files(_STATIC[0]).joinpath(_STATIC[1]).iterdir()
    return "".join(sorted((file.read_text("utf-8") for file in files if file.name.endswith(ending)), key=len))


if __name__ == "__main__":
    with Path(sys.argv[1]).open("wb", buffering=1 << 20) as target:
        sys.stdout.write(f"{write(target, int(float(sys.argv[2]) * 1e6), pretty='minified' not in sys.argv[3:])}\n")
