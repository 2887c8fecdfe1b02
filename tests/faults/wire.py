"""A client that tells each byte, and plans and configs for the proxies that it goes through."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import yaml
from mitmproxy import http, io

from tests.world.oauth import Installation
from tests.world.sentinel import Sentinel

ORIGIN = "http://app.localhost:5000"
CALLBACK = f"{ORIGIN}/cb?own=1"
STATE = "a+b/c%41d&e"
"""With all in it that is altered on the way."""
_DATE = re.compile(rb"(?i)\r\ndate: [^\r]*")


def talk(port: int, url: str, form: Mapping[str, str] | None = None, *, patience: float = 20) -> bytes:
    """All bytes that come back for one request over a connection of its own."""
    body = urlencode(form) if form is not None else ""
    lines = [f"{'GET' if form is None else 'POST'} {url} HTTP/1.1", f"Host: {urlsplit(url).netloc}", "User-Agent: raw"]
    if form is not None:
        lines += ["Content-Type: application/x-www-form-urlencoded", f"Content-Length: {len(body)}"]
    got = b""
    with socket.create_connection(("127.0.0.1", port), timeout=patience) as client:
        client.sendall("\r\n".join([*lines, "Connection: close", "", body]).encode())
        while more := client.recv(1 << 16):
            got += more
    return got


def undated(answer: bytes) -> bytes:
    """Without what is another in each second."""
    return _DATE.sub(b"", answer)


def plain(environ: Mapping[str, Any], start: Callable[..., Any]) -> list[bytes]:
    """A server whose answers are the same in every run."""
    path = environ["PATH_INFO"]
    if path.endswith("/authorize"):
        start("302 Found", [("Location", f"{CALLBACK}&code=Sp1xl0BeZQQYbYS6WxSbIA&state=x"), ("X-Odd", "a  b")])
        return [b""]
    kind = "application/json" if path.endswith("/token") else "text/plain"
    start("200 OK", [("Content-Type", kind), ("Set-Cookie", "a=b"), ("Set-Cookie", "c=d")])
    return [b'{"access_token":  "a"}' if path.endswith("/token") else path.encode()]


def plain_authorize(port: int, client_id: str, redirect_uri: str = CALLBACK, **more: str) -> str:
    """The URL of an authorize request to that server."""
    query = urlencode({"client_id": client_id, "redirect_uri": redirect_uri, **more})
    return f"http://sentinel.localhost:{port}/sentinel/api/account/12345678/authorize?{query}"


def authorize_url(sentinel: Sentinel, client_id: str, state: str = STATE) -> str:
    asked = {"v": "1.0", "response_type": "code", "client_id": client_id, "redirect_uri": CALLBACK, "state": state}
    return f"{sentinel.authorize_url('12345678')}?{urlencode(asked)}"


def install(sentinel: Sentinel, names: Iterable[str]) -> None:
    sentinel.install(*(Installation(client_id=name, client_secret="s", redirect_uris=(CALLBACK,)) for name in names))


def redeem(port: int, sentinel: Sentinel, client_id: str, landed: bytes) -> bytes:
    """The token answer for the code in the bytes of a redirect."""
    code = parse_qs(urlsplit(locations(landed)[0]).query)["code"][0]
    form = {"grant_type": "authorization_code", "code": code, "client_id": client_id}
    form |= {"client_secret": "s", "redirect_uri": CALLBACK}
    return talk(port, f"{sentinel.token_url('12345678')}?v=2.0", form)


def locations(answer: bytes) -> list[str]:
    return re.findall(r"(?im)^location: (.*?)\r$", answer.decode().partition("\r\n\r\n")[0] + "\r\n")


def plan_file(folder: Path, *faults: Mapping[str, Any], **more: Any) -> Path:
    path = folder / "plan.yaml"
    path.write_text(yaml.safe_dump({"seed": 1, **more, "faults": list(faults)}))
    return path


def config_file(folder: Path, apps: Mapping[str, list[str]]) -> Path:
    path = folder / "lp-authorize.yaml"
    registered = [{"client_id": name, "redirect_uris": uris} for name, uris in apps.items()]
    path.write_text(yaml.safe_dump({"accounts": {"12345678": {"apps": registered}}, "login_hosts": ["*.localhost"]}))
    return path


def options(config: Path, *faults: str | Path, **more: Any) -> dict[str, Any]:
    """Options that say little of flows and never speak to a server unasked."""
    return {
        "lp_config": config, "lp_faults": faults, "flow_detail": "0", "connection_strategy": "lazy", **more,
    }  # fmt: skip


def write_flow(path: Path, flow: http.HTTPFlow) -> None:
    with path.open("wb") as file:
        io.FlowWriter(file).add(flow)  # type: ignore[no-untyped-call]
