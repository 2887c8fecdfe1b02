"""Names below ``localhost``, which mean this machine (RFC 6761 6.3) whether or not its resolver knows them."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter

HERE = "127.0.0.1"
SENTINEL = "sentinel.localhost"
LOGIN = "login.localhost"
APP = "app.localhost"


def is_local(host: str) -> bool:
    return host == "localhost" or host.endswith(".localhost")


class LocalAdapter(HTTPAdapter):
    """Connects to loopback for every name below ``localhost``; certificates are still checked against the name."""

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: bool | str, cert: Any = None
    ) -> tuple[Any, Any]:
        host, tls = super().build_connection_pool_key_attributes(request, verify, cert)
        name = host["host"]
        if is_local(name):
            host["host"] = HERE
            if host["scheme"] == "https":
                return host, {**tls, "server_hostname": name, "assert_hostname": name}
        return host, tls

    def send(self, request: requests.PreparedRequest, *arguments: Any, **how: Any) -> requests.Response:
        # urllib3 would name the address that it connects to; left there, the header would go along on a redirect.
        request.headers["Host"] = urlsplit(str(request.url)).netloc
        try:
            return super().send(request, *arguments, **how)
        finally:
            del request.headers["Host"]


def at_home[S: requests.Session](session: S, adapter: LocalAdapter | None = None) -> S:
    """``session``, reaching local names and ignoring this machine's proxies and certificates."""
    session.trust_env = False
    for scheme in ("http://", "https://"):
        session.mount(scheme, adapter or LocalAdapter())
    return session
