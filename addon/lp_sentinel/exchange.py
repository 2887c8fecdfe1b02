"""One HTTP request and its response, free of mitmproxy: what every source of traffic is turned into."""

from __future__ import annotations

from msgspec import Struct

from lp_sentinel.taken_out import known
from lp_sentinel.uri import DEFAULT_PORTS, Endpoint, HostPort, sent_path

type Headers = tuple[tuple[str, str], ...]
"""Names in lower case, values without surrounding white space."""
type Browser = tuple[str | None, str | None]
"""Client address and User-Agent: what tells browsers apart."""

FAULT_HEADER, FAULT_KEY = "lp-authorize-fault", "lp_authorize_fault"
"""What marks an injected fault: a header of its answer, and a key of the flow's metadata."""
LARGEST_BODY = 1 << 17
"""Bytes, decoded; a longer one is no token request or answer, which take a few kilobytes."""

REQUEST_HEADERS = frozenset(
    {
        "host",
        "user-agent",
        "referer",
        "sec-fetch-dest",
        "sec-fetch-mode",
        "x-requested-with",
        "authorization",
        "content-type",
    }
)
RESPONSE_HEADERS = frozenset({"location", FAULT_HEADER})
"""The headers that matter: rules and journeys depend on no others, so a source of exchanges may leave those out."""

REDIRECTS = frozenset({301, 302, 303, 307, 308})
"""The statuses at which browsers follow a ``Location``."""
_LEAST_REFUSAL = 400

_SUBRESOURCES = frozenset({"style", "script", "image", "font", "audio", "video", "track", "manifest"})


class Exchange(Struct, frozen=True, gc=False):
    """A request and what came back. Text that is not UTF-8 is kept as lone surrogates. ``None`` is "not known"."""

    index: int
    """Its place in its capture, from 0."""
    method: str
    scheme: str
    """Lower-cased."""
    host: str
    """Lower-cased, as A-labels; an IPv6 address in brackets."""
    port: int
    target: str
    """Path and query as sent."""
    flow: str | None = None
    """mitmproxy's id of the flow."""
    started: float | None = None
    """When the request started: seconds since the epoch."""
    answered: float | None = None
    """When the response started, or the connection failed: seconds since the epoch."""
    client: str | None = None
    """The client's address, without its port."""
    request_headers: Headers = ()
    """At least those of REQUEST_HEADERS."""
    request_body: bytes | None = None
    """Decoded of its Content-Encoding; ``None`` if the capture does not hold it, ``b""`` if there was none."""
    status: int | None = None
    """``None`` if there is no response."""
    response_headers: Headers = ()
    """At least those of RESPONSE_HEADERS."""
    response_body: bytes | None = None
    error: str | None = None
    """Why there is no response, where that was recorded. ``None`` with no status: not in the capture."""
    injected: bool = False
    """Whether a fault plan of ours altered the response."""
    hides_redirects: bool = False
    """Whether its tool records of a chain of redirects only one request, as Safari's inspector does."""
    is_last_answer: bool = False
    """Whether its client follows redirects by itself and gives the last answer under the first URL."""
    from_cache: bool = False
    """Whether the browser is known to have answered it itself: from a cache, by a service worker, going to https."""

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        return self.target.partition("?")[2]

    @property
    def host_port(self) -> HostPort:
        return self.host, self.port

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(self.scheme, self.host, self.port, sent_path(self.path))

    @property
    def url(self) -> str:
        """The URL as the client asked for it, the default port left out."""
        port = "" if DEFAULT_PORTS.get(self.scheme) == self.port else f":{self.port}"
        return f"{self.scheme}://{self.host}{port}{self.target}"

    @property
    def browser(self) -> Browser:
        return self.client, header(self.request_headers, "user-agent")

    @property
    def no_answer(self) -> bool:
        """A recorded failure; neither a response nor an error is unknown."""
        return self.status is None and self.error is not None and not self.from_cache

    @property
    def served_status(self) -> int | None:
        """The status that the server answered with; ``None``, too, where it may be another's or the browser's own."""
        is_others = self.is_last_answer and self.status not in REDIRECTS
        return None if self.from_cache or is_others else self.status

    @property
    def is_subresource(self) -> bool:
        """Whether the browser said that it fetched a part of a page (Sec-Fetch-Dest), not a page."""
        return header(self.request_headers, "sec-fetch-dest") in _SUBRESOURCES

    @property
    def is_navigation(self) -> bool:
        """Whether the browser goes there itself, as far as it said so (Sec-Fetch-Mode)."""
        return known(header(self.request_headers, "sec-fetch-mode")) in (None, "navigate")


def is_refusal(status: int | None) -> bool:
    """Whether a status is a client's or a server's error; false if there is no status."""
    return status is not None and status >= _LEAST_REFUSAL


def elapsed(since: float, until: float) -> float:
    """Seconds between two moments, to the millisecond: the last digits of a float are no clock's."""
    return round(until - since, 3)


def header(headers: Headers, name: str) -> str | None:
    """The first value of the header ``name`` (lower-case); ``None`` if absent."""
    for key, value in headers:
        if key == name:
            return value
    return None


def header_values(headers: Headers, name: str) -> tuple[str, ...]:
    """Every value of the header ``name`` (lower-case), in order."""
    return tuple([value for key, value in headers if key == name])


def is_injected(response_headers: Headers) -> bool:
    """Whether a fault plan of ours has marked the response."""
    return header(response_headers, FAULT_HEADER) is not None


def as_text(raw: bytes) -> str:
    """As an Exchange holds text: what is not UTF-8 stays there as lone surrogates."""
    return raw.decode("utf-8", "surrogateescape")


def as_bytes(text: str) -> bytes:
    """The bytes that :func:`as_text` made a text of."""
    return text.encode("utf-8", "surrogateescape")
