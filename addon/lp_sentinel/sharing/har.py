"""The entries of a HAR without the secrets in them; keys that are not known to be harmless are left out."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any
from urllib.parse import urlsplit

from lp_sentinel.captures.har_types import CACHES, is_scalar, pairs_of, text_of
from lp_sentinel.exchange import as_text
from lp_sentinel.paths import token_path
from lp_sentinel.sharing.cleaner import Cleaner

_TIME = re.compile(r"[0-9T:.+\-Z ]{1,40}")
_PHASES = (
    "blocked", "dns", "connect", "ssl", "send", "wait", "receive", "_blocked_queueing", "_blocked_proxy",
    "_workerStart", "_workerReady", "_workerFetchStart", "_workerRespondWithSettled",
)  # fmt: skip
_RESOURCES = frozenset((
    "document", "stylesheet", "image", "media", "font", "script", "texttrack", "xhr", "fetch", "prefetch",
    "eventsource", "websocket", "manifest", "signedexchange", "ping", "cspviolationreport", "preflight", "other",
))  # fmt: skip
_PRIORITIES = frozenset(("VeryLow", "Low", "Medium", "High", "VeryHigh"))
_INITIATORS = frozenset(("parser", "script", "preload", "SignedExchange", "preflight", "other"))
_SAME_SITE = frozenset(("Strict", "Lax", "None", "strict", "lax", "none", ""))


def clean_entry(text: bytes, cleaner: Cleaner) -> dict[str, Any]:
    """One element of ``log.entries``. Raises ValueError for what is no JSON object."""
    entry = json.loads(as_text(text), strict=False)
    if not isinstance(entry, dict):
        raise ValueError("it is not a JSON object")  # noqa: TRY004  (the caller takes all that JSON can be wrong in alike)
    clean: dict[str, Any] = _Entry(cleaner).entry(entry)
    return clean


class _Entry:
    def __init__(self, cleaner: Cleaner) -> None:
        self._cleaner = cleaner
        self._is_token = False

    def entry(self, entry: Mapping[str, Any]) -> Any:
        request = entry.get("request")
        url = request.get("url") if isinstance(request, dict) else None
        try:
            self._is_token = isinstance(url, str) and token_path(urlsplit(url).path) is not None
        except ValueError:
            self._is_token = False
        return self._kept(
            entry,
            {
                "startedDateTime": self._time,
                "time": _number,
                "request": self._request,
                "response": self._response,
                "timings": lambda timings: self._kept(timings, dict.fromkeys(_PHASES, _number)),
                "cache": lambda cache: self._kept(cache, {}),
                "serverIPAddress": lambda address: self._cleaner.address(str(address).strip("[]")),
                "connection": _number,
                "pageref": lambda page: self._cleaner.page(str(page), self._time(entry.get("startedDateTime"))),
                # Chrome's
                "_connectionId": _number,
                "_initiator": lambda initiator: self._kept(initiator, {"type": _one_of(_INITIATORS)}),
                "_priority": _one_of(_PRIORITIES),
                "_resourceType": _one_of(_RESOURCES),
                "_fromCache": _one_of(CACHES),
                # Safari's
                "_fetchType": _one_of(CACHES),
            },
        )

    def _kept(self, given: Any, known: Mapping[str, Callable[[Any], Any]]) -> Any:
        if not isinstance(given, dict):
            return None
        for key in given.keys() - known.keys():
            self._cleaner.leave_out(f"members of the HAR named {key}" if key.isidentifier() else "members of the HAR")
        return {key: None if given[key] is None else keep(given[key]) for key, keep in known.items() if key in given}

    def _request(self, request: Any) -> Any:
        return self._kept(
            request,
            {
                "method": lambda value: self._cleaner.method(_text(value)),
                "url": lambda url: self._cleaner.urls.url(str(url)),
                "httpVersion": self._short,
                "cookies": self._cookies,
                "headers": self._headers,
                "queryString": self._parameters,
                "postData": self._post,
                "headersSize": _number,
                "bodySize": _number,
            },
        )

    def _response(self, response: Any) -> Any:
        return self._kept(
            response,
            {
                "status": _number,
                "statusText": self._short,
                "httpVersion": self._short,
                "cookies": self._cookies,
                "headers": self._headers,
                "content": self._content,
                "redirectURL": lambda url: self._cleaner.urls.url(_text(url)),
                "headersSize": _number,
                "bodySize": _number,
                "_error": self._short,
                # Playwright's
                "_failureText": self._short,
                # Chrome's
                "_transferSize": _number,
                "_fetchedViaServiceWorker": _number,
                # chrome-har's
                "fromDiskCache": _number,
                "fromServiceWorker": _number,
                "fromPrefetchCache": _number,
            },
        )

    def _time(self, value: Any) -> Any:
        return value if isinstance(value, str) and _TIME.fullmatch(value) else None

    def _short(self, value: Any) -> Any:
        return self._cleaner.text(value) if isinstance(value, str) else _number(value)

    def _cookies(self, cookies: Any) -> list[Any]:
        values = self._cleaner.values
        known = {
            "name": lambda name: values.cookie_name(text_of(name)),
            "value": lambda value: values.cookie_value(text_of(value)),
            "path": lambda path: self._cleaner.urls.url(text_of(path)),
            "domain": self._short,
            "expires": self._time,
            "httpOnly": _number,
            "secure": _number,
            "sameSite": _one_of(_SAME_SITE),
        }
        given = cookies if isinstance(cookies, list) else []
        return [self._kept(cookie, known) for cookie in map(_named, given) if cookie]

    def _headers(self, headers: Any) -> list[Any] | None:
        pairs = pairs_of(headers)
        if pairs is None:
            return None
        clean = self._cleaner.values.headers(
            tuple((text_of(name), text_of(value)) for name, value in pairs), is_token_request=self._is_token
        )
        return [{"name": name, "value": value} for name, value in clean]

    def _parameters(self, pairs: Any, kind: str = "parameters") -> list[Any]:
        # What tools write here is decoded or not; spelling makes no difference to what is replaced.
        urls = self._cleaner.urls
        return [
            {"name": urls.name(text_of(name), kind), "value": urls.value(text_of(name), text_of(value), kind, 1)}
            for name, value in pairs_of(pairs) or ()
        ]

    def _post(self, data: Any) -> Any:
        if not isinstance(data, dict):
            return {"text": None}  # something was posted
        clean = self._kept(
            _beside_body(data),
            {"mimeType": self._short, "params": lambda params: self._parameters(params, "form fields")},
        )
        if not data.get("text") and (data.get("_file") or data.get("_sha1")):
            clean["text"] = None  # it stands elsewhere, so what it is is not known
        elif "text" in data:
            clean |= self._body(data, text_of(data.get("mimeType"))) or {"text": ""}
        return clean

    def _content(self, content: Any) -> Any:
        if not isinstance(content, dict):
            return None
        clean = self._kept(_beside_body(content), {"size": _number, "compression": _number, "mimeType": self._short})
        return clean | (self._body(content, text_of(content.get("mimeType"))) or {})

    def _body(self, data: Mapping[str, Any], kind: str) -> dict[str, Any] | None:
        """``None`` if nothing of it can be kept."""
        text = data.get("text")
        if not is_scalar(text):
            return {"text": None}
        if not text:
            return {"text": text} if "text" in data else None
        is_packed = text_of(data.get("encoding")).lower() == "base64"
        try:
            raw = base64.b64decode(text_of(text)) if is_packed else text_of(text).encode("utf-8", "surrogatepass")
        except ValueError:
            raw = None
        clean = self._cleaner.bodies.body(raw, kind, is_token=self._is_token) if raw is not None else None
        if clean is None:
            self._cleaner.leave_out("bodies")
            return None
        if is_packed:
            return {"text": base64.b64encode(clean).decode(), "encoding": "base64"}
        return {"text": as_text(clean)}


def _beside_body(data: Mapping[str, Any]) -> dict[str, Any]:
    return {key: data[key] for key in data if key not in ("text", "encoding")}


def _named(pair: Any) -> dict[str, Any]:
    """A pair in the form of the standard; empty if it is none."""
    if isinstance(pair, list):
        return dict(zip(("name", "value"), (*pair, None, None), strict=False))
    return pair if isinstance(pair, dict) else {}


def _text(value: Any) -> str:
    """Nothing for what is of another kind."""
    return text_of(value) if is_scalar(value) else ""


def _one_of(words: Collection[str]) -> Callable[[Any], Any]:
    return lambda value: value if isinstance(value, str) and value in words else None


def _number(value: Any) -> Any:
    """Numbers, also as texts."""
    if isinstance(value, bool | int | float):
        return value
    return value if isinstance(value, str) and re.fullmatch(r"-?[0-9]{0,20}(?:\.[0-9]{0,20})?", value.strip()) else None
