"""What both kinds of capture need to make an Exchange: authorities, times, and bodies that a tool took out."""

from __future__ import annotations

import math
import re

from lp_sentinel.exchange import Headers, header
from lp_sentinel.uri import DEFAULT_PORTS, normal_host, parse_uri

# Longer ones can't be looked up, and text of any length would be kept by the caches.
_LONGEST_AUTHORITY = 300
NO_ANSWER = "status 0"
"""What is said of an exchange whose status stands for none, as it does in a HAR."""
_LAST_PORT = 65535
_ABSOLUTE_FORM = re.compile(r"\A[A-Za-z][A-Za-z0-9+.\-]*://[^/?#]*")
_NO_AUTHORITY = re.compile(r"[/?#\\]")
_EXPLICIT_PORT = re.compile(r".*:([0-9]+)", re.DOTALL)


def split_authority(authority: str) -> tuple[str, int | None] | None:
    """The normalised host and the port, where there is one, of ``host:port``; ``None`` if it is not of that form."""
    if not authority or len(authority) > _LONGEST_AUTHORITY or _NO_AUTHORITY.search(authority):
        return None
    uri = parse_uri(f"http://{authority}")
    if uri is None:
        return None
    port = _EXPLICIT_PORT.fullmatch(authority)
    if port is None:
        return uri.endpoint.host, None
    return (uri.endpoint.host, int(port[1])) if int(port[1]) <= _LAST_PORT else None


def plain_host(host: str) -> str:
    """The normalised host of an address that stands by itself, so that IPv6 has no brackets yet."""
    if len(host) > _LONGEST_AUTHORITY:
        return host.lower()
    return f"[{host.lower()}]" if ":" in host and not host.startswith("[") else normal_host(host)


def asked_host(
    address: str, port: int, scheme: str, header: str | None, authority: str, *, by_authority: bool
) -> tuple[str, int]:
    """Host and port as the client named them: the proxy may have been told to go elsewhere, or only know an address.

    From HTTP/2 on the authority says it (``by_authority``), before that the Host header; the other one is second.
    """
    address = plain_host(address)
    first, second = (authority, header) if by_authority else (header, authority)
    named = split_authority(first or "") or split_authority(second or "")
    if named is None:
        return address, port
    host, named_port = named
    if named_port is None:
        named_port = port if host == address else DEFAULT_PORTS.get(scheme, port)
    return host, named_port


def without_authority(target: str) -> str:
    """A request's target, of which a proxy was also told scheme and host."""
    return target if target.startswith("/") else _ABSOLUTE_FORM.sub("", target, count=1)


def origin_form(target: str, method: str) -> str:
    """Path and query of what a request asked for; empty for CONNECT and for ``OPTIONS *``, which ask for none."""
    if method == "CONNECT" or target == "*":
        return ""
    target = target.partition("#")[0]
    return target if target.startswith("/") else f"/{target}"


def finite(value: object) -> float | None:
    """The number, if it is a finite one."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def may_have_token(target: str) -> bool:
    """Whether a token exchange may have this target: only those need their bodies."""
    return target.partition("?")[0].endswith("/token")


def was_taken_out(headers: Headers) -> bool:
    """Whether an empty body was announced as one that is not: a tool has stripped it."""
    length = header(headers, "content-length")
    return length is not None and length.isascii() and length.isdigit() and length.strip("0") != ""
