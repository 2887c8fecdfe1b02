"""The live page: the journeys of a session in the proxied browser, served inside the proxy on a host of its own."""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import time
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from markupsafe import Markup
from mitmproxy import http

from lp_sentinel.faults import PlanError, preset_index
from lp_sentinel.json_object import json_object
from lp_sentinel.proxy.recent import MOST
from lp_sentinel.reports.html import environment, part, policy
from lp_sentinel.uri import DEFAULT_PORTS
from lp_sentinel.version import tool_version

if TYPE_CHECKING:
    from collections.abc import Callable

    from lp_sentinel.proxy.live_faults import LiveFaults
    from lp_sentinel.proxy.recent import Recent

_TICK = 0.2
_PATIENCE = 20.0
"""Seconds after which a question is answered even if nothing is new."""
_LONGEST_WISH = 2_000
_LONGEST_VERSION = 9
"""Digits."""

_logger = logging.getLogger(__name__)


class Page:
    """Answers on the page's own host, whatever else goes on."""

    def __init__(
        self, recent: Callable[[], Recent | None], faults: Callable[[], LiveFaults], token: str | None
    ) -> None:
        """``recent`` gives what it shows, ``None`` if there is no session; ``token`` is an earlier page's."""
        self._recent, self._live_faults = recent, faults
        self.token = token or secrets.token_urlsafe(16)
        """Whoever wants to arm a fault must have read the page: other sites can't."""
        self._faults: tuple[object, ...] = ()
        self._faults_version = 0

    async def answer(self, flow: http.HTTPFlow) -> None:
        """Answer a request that is for the page."""
        if flow.response or flow.error:
            return
        try:
            flow.response = await self._answered(flow)
        except Exception as error:  # noqa: BLE001  (it is nobody else's flow)
            _logger.error("lp-authorize could not answer on its page: %s", type(error).__name__)  # noqa: TRY400
            flow.response = _text(500, "lp-authorize could not answer.")

    async def _answered(self, flow: http.HTTPFlow) -> http.Response:
        path, _, query = flow.request.path.partition("?")
        method, recent = flow.request.method, self._recent()
        if recent is None:
            return _text(503, "lp-authorize is not configured.")
        if path == "/faults":
            return self._wish(flow.request) if method == "POST" else _text(405, "Only POST.", ("Allow", "POST"))
        if path not in ("/", "/journeys"):
            return _text(404, "Not found; the page is at /.")
        if method not in ("GET", "HEAD"):
            return _text(405, "Only GET.", ("Allow", "GET, HEAD"))
        if path == "/":
            return self._page(recent)
        return await self._news(flow, query.removeprefix("after="))

    # The page

    def _page(self, recent: Recent) -> http.Response:
        recent.draw()
        overview = recent.overview()
        page = (
            environment()
            .get_template("live.html.j2")
            .render(
                **overview,
                **self._fault_state()._asdict(),
                cards=list(recent.cards().values()),
                after=self._after(recent),
                token=self.token,
                most=MOST,
                version=tool_version(),
                live_style=Markup(_own().style),  # noqa: S704  (our own)
                live_script=Markup(_own().script),  # noqa: S704
            )
        )
        return _made(200, "text/html; charset=utf-8", page, ("Content-Security-Policy", _own().policy))

    async def _news(self, flow: http.HTTPFlow, after: str) -> http.Response:
        """What is new to a page that has ``after``; waits for it for a while."""
        end = time.monotonic() + _PATIENCE
        while (recent := self._recent()) and not recent.has_changed and self._after(recent) == after:
            if time.monotonic() >= end or not flow.client_conn.connected:
                return _made(204, "application/json", "")
            await asyncio.sleep(_TICK)
        if recent is None:  # the script is reloaded: the page asks again
            return _made(204, "application/json", "")
        recent.draw()
        overview = recent.overview()
        parts = environment().get_template("live_parts.html.j2").make_module({"version": tool_version()})
        counts = {name: overview[name] for name in ("verdict", "counts", "journeys", "in_order", "left_out")}
        news = {
            **{name: overview[name] for name in ("verdict", "rules", "accounts", "left_out")},
            "after": self._after(recent),
            "top": parts.top(**counts),  # type: ignore[attr-defined]
            "faults": parts.faults(**self._fault_state()._asdict()),  # type: ignore[attr-defined]
            "ids": recent.ids,
            "cards": recent.cards(_version_in(after, recent.epoch)),
        }
        return _made(200, "application/json", json.dumps(news))

    def _after(self, recent: Recent) -> str:
        """What a page is to say that it has."""
        faults = tuple(self._fault_state())
        if repr(faults) != repr(self._faults):
            self._faults = faults
            self._faults_version += 1
        return f"{recent.epoch}.{recent.version}.{self._faults_version}"

    def _fault_state(self) -> _Faults:
        faults = self._live_faults()
        verdicts = {one.fault: one for one in faults.verdicts()}
        return _Faults(faults.rows(), verdicts, sorted(preset_index()))

    # Faults

    def _is_token(self, given: object) -> bool:
        return secrets.compare_digest(str(given).encode(), self.token.encode())

    def _wish(self, request: http.Request) -> http.Response:
        """Arm a fault, or one or all off; only for a script of the page itself."""
        port = "" if request.port == DEFAULT_PORTS.get(request.scheme) else f":{request.port}"
        if request.headers.get("origin") != f"{request.scheme}://{request.host}{port}":
            return _text(403, "Only the page itself may do this.")
        wish = _wish_in(request)
        if wish is None or not self._is_token(wish.get("token")):
            return _text(403, "This page is out of date: reload it.")
        try:
            if isinstance(name := wish.get("arm"), str):
                self._live_faults().arm(name)
            elif (off := wish.get("off")) is True or isinstance(off, str):
                self._live_faults().off(None if off is True else off)
            else:
                return _text(400, "Expected arm or off.")
        except PlanError as error:
            return _text(400, str(error))
        return _made(204, "application/json", "")


class _Faults(NamedTuple):
    """What the page says of faults."""

    rows: object
    verdicts: object
    presets: list[str]


class _Own(NamedTuple):
    style: str
    script: str
    policy: str


@cache
def _own() -> _Own:
    style = part("report.css") + part("live.css")
    script = part("report.js") + part("live.js")
    return _Own(style, script, f"{policy(style, script)}; connect-src 'self'; frame-ancestors 'none'")


def _wish_in(request: http.Request) -> dict[str, object] | None:
    body = request.raw_content or b""
    if len(body) > _LONGEST_WISH or not request.headers.get("content-type", "").startswith("application/json"):
        return None
    return json_object(body)


def _version_in(after: str, epoch: str) -> int:
    """The version that a page has; of another session it has none."""
    known, _, rest = after.partition(".")
    version = rest.partition(".")[0]
    is_one = known == epoch and version.isascii() and version.isdigit() and len(version) <= _LONGEST_VERSION
    return int(version) if is_one else -1


def _text(status: int, text: str, *more: tuple[str, str]) -> http.Response:
    return _made(status, "text/plain; charset=utf-8", text + "\n", *more)


def _made(status: int, kind: str, content: str, *more: tuple[str, str]) -> http.Response:
    headers = [
        ("Content-Type", kind),
        ("Cache-Control", "no-store"),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "no-referrer"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
        ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ]
    headers = [pair for pair in headers if pair[0] not in dict(more)] + list(more)
    encoded = content.encode("utf-8", "backslashreplace")
    return http.Response.make(status, encoded, [(name.encode(), value.encode()) for name, value in headers])
