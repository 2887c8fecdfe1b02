"""A URI as rules may speak of it."""

from __future__ import annotations

from functools import lru_cache

from lp_sentinel.facts import UriFacts
from lp_sentinel.uri import DEFAULT_PORTS, Endpoint, endpoint_of, is_loopback


def uri_facts(value: str | None) -> UriFacts | None:
    """The parts of an absolute URI; ``None`` for anything else."""
    endpoint = endpoint_of(value)
    return endpoint_facts(endpoint) if endpoint else None


@lru_cache(maxsize=1024)
def endpoint_facts(endpoint: Endpoint) -> UriFacts:
    """An endpoint as text: the default port left out."""
    port = "" if endpoint.port in (None, DEFAULT_PORTS.get(endpoint.scheme)) else f":{endpoint.port}"
    origin = f"{endpoint.scheme}://{endpoint.host}{port}"
    return UriFacts(endpoint.scheme, endpoint.host, origin, origin + endpoint.path, is_loopback(endpoint.host))
