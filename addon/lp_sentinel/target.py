"""Where a request went, or a redirect points."""

from __future__ import annotations

from functools import lru_cache

from msgspec import Struct

from lp_sentinel.exchange import REDIRECTS, Exchange, header
from lp_sentinel.taken_out import known
from lp_sentinel.uri import (
    CACHED_LENGTH,
    NO_PARAMETERS,
    Endpoint,
    Parameters,
    Uri,
    parse_parameters,
    parse_uri,
    resolve,
    sent_path,
    sent_query,
)

type Key = int
"""A hash of endpoint and query: small, and no secret (Python keys the hashes of texts anew in each process)."""


def key_of(uri: Uri | None) -> Key:
    return hash((uri.endpoint, sent_query(uri.query) if uri.query else "")) if uri else 0


class Target(Struct, frozen=True, gc=False):
    """Where a redirect points, or a request went: the URL resolved, and what it carries."""

    url: str
    uri: Uri | None
    """``None`` when it is no absolute URI."""
    endpoint: Endpoint | None
    key: Key
    """What a request that follows this redirect has in common with it."""
    query: Parameters
    fragment: Parameters

    @property
    def state(self) -> str | None:
        """Wherever it stands: what lands in the fragment has it there."""
        return self.query.get("state") or self.fragment.get("state")

    @property
    def hands_out(self) -> bool:
        """Whether it carries a code or an error, wherever these stand."""
        return self.query.has("code", "error") or self.fragment.has("code", "error")


def read_target(url: str) -> Target:
    """A URL and what it carries in query and fragment."""
    return _read_target(url) if len(url) <= CACHED_LENGTH else _read_target.__wrapped__(url)


@lru_cache(maxsize=1024)
def _read_target(url: str) -> Target:
    uri = parse_uri(url)
    if uri is None:
        return Target(url, None, None, key_of(None), NO_PARAMETERS, NO_PARAMETERS)
    return Target(url, uri, uri.endpoint, key_of(uri), parse_parameters(uri.query), parse_parameters(uri.fragment))


def request_target(exchange: Exchange) -> Target:
    """The request's own URL as a target."""
    path, _, query = exchange.target.partition("?")
    endpoint = Endpoint(exchange.scheme, exchange.host, exchange.port, sent_path(path))
    uri = Uri(endpoint, query or None, None)
    return Target(exchange.url, uri, endpoint, key_of(uri), parse_parameters(query), NO_PARAMETERS)


def redirect_target(exchange: Exchange) -> Target | None:
    """Where the response redirects to; ``None`` if it does not. Of several ``Location``s the first is followed."""
    return location_target(exchange) if exchange.status in REDIRECTS else None


def location_target(exchange: Exchange) -> Target | None:
    """Where the first ``Location`` points, whatever the status; ``None`` if there is none, or not known."""
    location = known(header(exchange.response_headers, "location"))
    return read_target(resolve(exchange.url, location)) if location else None
