"""Headers without the secrets in them."""

from __future__ import annotations

import base64
import re

from lp_sentinel.exchange import FAULT_HEADER, Headers, as_bytes
from lp_sentinel.sharing.stand_ins import StandIns, Weight
from lp_sentinel.sharing.urls import Urls
from lp_sentinel.token import basic_alone, basic_credentials

_OPEN = frozenset((
    "accept", "accept-charset", "accept-encoding", "accept-language", "accept-ranges",
    "access-control-allow-credentials", "access-control-allow-headers", "access-control-allow-methods",
    "access-control-expose-headers", "access-control-max-age", "access-control-request-headers",
    "access-control-request-method", "age", "allow", "cache-control", "connection", "content-encoding",
    "content-language", "content-length", "content-type", "cross-origin-opener-policy", "date", "dnt", "expires",
    "host", "if-modified-since", "keep-alive", "last-modified", "pragma", "priority", "proxy-connection",
    "referrer-policy", "retry-after", "sec-fetch-dest", "sec-fetch-mode", "sec-fetch-site", "sec-fetch-user", "server",
    "sec-ch-ua", "sec-ch-ua-mobile", "sec-ch-ua-platform", "strict-transport-security", "te", "transfer-encoding",
    "upgrade", "upgrade-insecure-requests", "user-agent", "vary", "x-content-type-options", "x-frame-options",
    "x-requested-with", "x-xss-protection", FAULT_HEADER,
))  # fmt: skip
"""Known to be harmless."""
_URLS = frozenset(("location", "referer", "content-location", "origin", "access-control-allow-origin"))
_KNOWN = _OPEN | _URLS | {"cookie", "set-cookie", "authorization", "proxy-authorization"}
_HOST = re.compile(r"(?:[A-Za-z0-9_.\-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_ATTRIBUTES = frozenset((
    "domain", "expires", "httponly", "max-age", "partitioned", "path", "priority", "samesite", "secure",
))  # fmt: skip
_HEADER_NAME = re.compile(r"[A-Za-z:][A-Za-z0-9\-]{0,40}")
_COOKIE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-]{0,40}")


class HeaderValues:
    """Has what is not known to be harmless replaced, header by header."""

    def __init__(self, stand_ins: StandIns, urls: Urls) -> None:
        self._stand_ins = stand_ins
        self._urls = urls

    def headers(self, headers: Headers, *, is_token_request: bool = False) -> Headers:
        """All headers of a message. The user of HTTP Basic is a client id in a token request, else a person."""
        return tuple(
            (self._name(name), self._value(name.lower(), value, is_token_request=is_token_request))
            for name, value in headers
        )

    def _name(self, name: str) -> str:
        if name.lower() in _KNOWN:
            return name
        is_name = _HEADER_NAME.fullmatch(name)
        return self._stand_ins.text(name, "header names", is_open=bool(is_name))

    def _value(self, name: str, value: str, *, is_token_request: bool) -> str:
        if name == "host" and _HOST.fullmatch(value):
            return value  # as in URLs: a secret that is called like one of its labels is none here
        if name in _OPEN:
            return self._stand_ins.text(value, "headers", is_open=True)
        if name in _URLS:
            return self._urls.url(value)
        if name == "cookie":
            return ";".join(self._cookie(pair) for pair in value.split(";"))
        if name == "set-cookie":
            first, semicolon, rest = value.partition(";")
            return self._cookie(first) + semicolon + ";".join(self._attribute(part) for part in rest.split(";"))
        if name in ("authorization", "proxy-authorization"):
            return self._authorization(value, is_token_request=is_token_request)
        if not self._stand_ins.is_sealed:
            # Numbers and flags among them are no secrets to look for elsewhere.
            return value
        return self._stand_ins.text(value, "headers")

    def _cookie(self, pair: str) -> str:
        name, equals, value = pair.partition("=")
        lead = name[: len(name) - len(name.lstrip())]
        return lead + self.cookie_name(name[len(lead) :]) + equals + self.cookie_value(value)

    def cookie_name(self, name: str) -> str:
        return self._stand_ins.text(name, "cookies", is_open=_COOKIE_NAME.fullmatch(name) is not None)

    def cookie_value(self, value: str) -> str:
        return self._stand_ins.secret(value, "cookies", Weight.TOKEN) if value else value

    def _attribute(self, part: str) -> str:
        is_known = part.partition("=")[0].strip().lower() in _ATTRIBUTES
        return self._stand_ins.text(part, "cookies", is_open=is_known)

    def _authorization(self, value: str, *, is_token_request: bool) -> str:
        scheme, space, rest = value.partition(" ")
        if not space:
            return self._stand_ins.secret(value, "authorization")
        scheme = self._stand_ins.text(scheme, "authorization", is_open=scheme.isalpha())
        return scheme + space + self._credentials(scheme.lower(), rest, is_token_request=is_token_request)

    def _credentials(self, scheme: str, value: str, *, is_token_request: bool) -> str:
        if scheme == "basic":
            credentials = basic_credentials(value)
            if credentials is None:
                if alone := basic_alone(value):
                    return base64.b64encode(self._stand_ins.secret(alone, "authorization").encode()).decode()
                shown = self._stand_ins.secret(value, "authorization")
                # No more readable than it was.
                return f"<{shown}>" if basic_credentials(shown) or basic_alone(shown) else shown
            user, colon, password = credentials
            if is_token_request:
                self._stand_ins.spare(user)
            user = self._stand_ins.secret(user, "authorization", Weight.TOKEN)
            password = self._stand_ins.secret(password, "authorization")
            return base64.b64encode(as_bytes(f"{user}{colon}{password}")).decode()
        return self._stand_ins.secret(value, "authorization")
