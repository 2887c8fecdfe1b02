"""The simulator inside mitmproxy: answers in place of the Sentinel hosts, so that nothing is dialled for them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from io import BytesIO
from threading import Lock
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from mitmproxy import ctx, http, tls
from mitmproxy.proxy.server_hooks import ServerConnectionHookData

from lp_sentinel.captures.content import content_of
from lp_sentinel.exchange import LARGEST_BODY
from lp_sentinel.sieve import glance
from lp_sentinel.uri import host_matches, normal_host

if TYPE_CHECKING:
    from lp_sentinel.config import Config
    from lp_sentinel.proxy.settings import Settings
    from lp_sentinel.simulate.sentinel import Simulator

_DOMAIN_API = "api.liveperson.net"
"""Where apps look Sentinel's host up; of this host only that one look-up is answered."""

_LOOK_UP = re.compile(r"/api/account/([^/?]+)/service/sentinel/baseURI\.json(?:\?.*)?")


class Simulated:
    """Answers requests to ``sentinel_hosts`` while ``lp_simulate`` is on.

    A fault that answers a request is not answered over, and an answer from here passes the response hook like a
    real one.
    """

    name = "lp-authorize-simulator"

    def __init__(self, settings: Callable[[], Settings | None]) -> None:
        self._settings = settings
        self._config: Config | None = None
        self._simulator: Simulator | None = None
        self._making = Lock()

    def switch(self, *, on: bool) -> None:
        """Put it behind mitmproxy's own addons, one of which decides the same about TLS, or take it out.

        Flows pass all that is there, whether or not that does anything, so it is not there for nothing.
        """
        addons = ctx.master.addons
        is_there = addons.get(self.name) is self  # type: ignore[no-untyped-call]
        if on and not is_there:
            addons.add(self)  # type: ignore[no-untyped-call]
        elif is_there and not on:
            addons.remove(self)  # type: ignore[no-untyped-call]

    def http_connect(self, flow: http.HTTPFlow) -> None:
        # With an answer of its own, mitmproxy does not connect first to see whether it can.
        if flow.response is None and self._may_answer(flow.request.host):
            flow.response = http.Response.make(200)
            flow.response.reason = "Connection established"

    def tls_clienthello(self, data: tls.ClientHelloData) -> None:
        """Let mitmproxy answer a client's TLS without asking the server for its certificate first."""
        address = data.context.server.address
        if self._may_answer(data.client_hello.sni or (address[0] if address else "")):
            data.establish_server_tls_first = False

    def server_connect(self, data: ServerConnectionHookData) -> None:
        if data.server.address and self._is_sentinel(data.server.address[0]):
            hint = "" if ctx.options.connection_strategy == "lazy" else " (set connection_strategy=lazy)"
            data.server.error = f"lp_simulate is on: this host is not contacted{hint}"

    async def answer(self, flow: http.HTTPFlow) -> None:
        """Answer a request that is for Sentinel and that nobody has answered yet."""
        host, target = glance(flow)
        if flow.response or flow.error or not flow.live or not self._may_answer(host):
            return
        # To make a simulator takes the better part of a second, in which others shall not wait.
        if answered := await asyncio.to_thread(self._answer, flow.request, host, target):
            flow.response = answered

    def _answer(self, request: http.Request, host: str, target: str) -> http.Response | None:
        simulator = self._current()
        return answer(simulator.wsgi, request) if simulator and self._answers(simulator, host, target) else None

    def _answers(self, simulator: Simulator, host: str, target: str) -> bool:
        if self._is_sentinel(host):
            return True
        look_up = _LOOK_UP.fullmatch(target) if host == _DOMAIN_API else None
        return look_up is not None and look_up[1] in simulator.registry.accounts

    def _is_sentinel(self, host: str) -> bool:
        settings = self._settings()
        if settings is None or not settings.simulate:
            return False
        return host_matches(normal_host(host), settings.project.config.sentinel_hosts)

    def _may_answer(self, host: str) -> bool:
        settings = self._settings()
        return self._is_sentinel(host) or bool(settings and settings.simulate and host == _DOMAIN_API)

    def _current(self) -> Simulator | None:
        """The simulator, by the config that is in force. With another one, sessions, codes and tokens stay."""
        settings = self._settings()
        if settings is None or not settings.simulate:
            return None
        config = settings.project.config
        with self._making:
            if self._config is not config:
                self._config, self._simulator = config, _simulator(config, self._simulator)
            return self._simulator


def _simulator(config: Config, earlier: Simulator | None) -> Simulator:
    from lp_sentinel.simulate.registry import registry_of  # noqa: PLC0415  (an extra brings what it needs)
    from lp_sentinel.simulate.sentinel import Simulator  # noqa: PLC0415

    registry = registry_of(config)
    simulator = earlier or Simulator(registry)
    simulator.registry = registry
    first = next(iter(config.sentinel_hosts), _DOMAIN_API)
    simulator.home = first.replace("*.", "va.", 1)
    return simulator


def answer(wsgi: Callable[..., Any], request: http.Request) -> http.Response:
    """What a WSGI app answers to a request, whole."""
    from werkzeug.test import run_wsgi_app  # noqa: PLC0415

    body, status, headers = run_wsgi_app(wsgi, _environ(request), buffered=True)
    code, _, reason = status.partition(" ")
    response = http.Response.make(int(code), b"".join(body), [(k.encode(), v.encode("latin-1")) for k, v in headers])
    response.reason = reason
    return response


def _environ(request: http.Request) -> dict[str, Any]:
    """The request as PEP 3333 has it."""
    path, _, query = request.data.path.partition(b"?")
    body = content_of(request.raw_content, request.headers.get("content-encoding", ""), LARGEST_BODY) or b""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query.decode("latin-1"),
        "SERVER_NAME": request.host,
        "SERVER_PORT": str(request.port),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": request.scheme,
        "wsgi.input": BytesIO(body),
        "wsgi.errors": BytesIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "HTTP_HOST": request.host_header or request.host,
    }
    for name, value in request.headers.items():  # type: ignore[no-untyped-call]
        key = name.upper().replace("-", "_")
        environ[key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{key}"] = value
    environ["CONTENT_LENGTH"] = str(len(body))
    return environ
