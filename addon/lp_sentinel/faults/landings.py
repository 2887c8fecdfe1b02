"""What a fault makes of the redirect that takes a browser back to its app: pure functions from URL to URL."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple
from urllib.parse import unquote_plus

from msgspec.structs import replace

from lp_sentinel.faults.plan import Do, TargetParts
from lp_sentinel.faults.raw_url import RawUrl, name_of, pair
from lp_sentinel.uri import DEFAULT_PORTS, Endpoint, endpoint_of
from lp_sentinel.uri_facts import endpoint_facts

_ERRORS = ("error", "error_description", "error_uri")
_PROTOCOL = frozenset({*_ERRORS, "code", "state", "iss"})

_STATE_WAYS: Mapping[str, Callable[[str], str]] = {
    "empty": lambda _: "",
    "truncated": lambda state: state[: len(state) // 2],
    "upper-case": str.upper,
    "plus-to-space": lambda state: state.replace("+", " "),
    "decoded-twice": unquote_plus,
    "html-escaped": html.escape,
}
"""What one value of ``state`` becomes."""


class Known(NamedTuple):
    """What is known where a landing is made or edited. Nothing here decides but what it says."""

    redirect_uri: str | None
    """Where a landing that is made goes: the requested redirect URI, or the only registered one."""
    state: str | None
    """As the authorize request had it."""
    registered: tuple[str, ...]
    earlier_code: str | None
    other_state: str | None
    made_up: Callable[[str], str]
    """A value for ``what`` that no server gave."""
    may_go_to: Callable[[str], bool]
    """Whether a fault may redirect to this host."""


class Redirect(NamedTuple):
    """A redirect as the fault has it."""

    locations: tuple[str, ...]
    did: str
    """What was done, in words, without secrets."""
    lands_on: str | None
    """Where a browser should land; ``None`` if nowhere."""


class NotPossibleError(Exception):
    """An answer cannot be changed in that way; the fault does not match."""


def redirect(do: Do, location: str | None, known: Known) -> Redirect:
    """The redirect that ``do`` makes of ``location``, or from nothing. Raises NotPossibleError."""
    if location is None and not do.makes_landing:
        raise NotPossibleError("there is no redirect to edit")
    did: list[str] = []
    url = RawUrl.read(location) if location else _made(known)
    real = endpoint_of(url.base)
    if do.edits_landing:
        url = _edited(do, url, known, did)
    target = endpoint_of(url.base)
    if location is None or do.target is not None:
        _check_target(target, known)
    if _leaves(real, target, do.location) and url.has("code"):
        url = url.replaced("code", known.made_up("dummy"))
        did.append("the code replaced by a dummy")
    if do.redirect:
        did.append(f"status {do.redirect}")
    return _located(do, url, did)


def _made(known: Known) -> RawUrl:
    if known.redirect_uri is None:
        raise NotPossibleError("it is not known where the app is called back")
    url = RawUrl.read(known.redirect_uri)._replace(fragment="")
    return url.added("state", known.state) if known.state else url


def _check_target(target: Endpoint | None, known: Known) -> None:
    if target is None or not known.may_go_to(target.host):
        host = target.host if target else "?"
        raise NotPossibleError(f"the host {host} is not among redirect_targets")


# Parameters


def _edited(do: Do, url: RawUrl, known: Known, did: list[str]) -> RawUrl:
    if do.given & {"error", "description"}:
        url = _with_error(do, url, did)
    if do.code and do.code != "kept":
        url = _with_code(do.code, url, known, did)
    if do.state:
        url = _with_state(do.state, url, known, did)
    for name, value in do.add.items():
        url = url.added(name, value)
        did.append(f"{name} added")
    if do.target is not None:
        url = _elsewhere(do.target, url, known, did)
    if do.fragment:
        own, moved = _parted(url.pieces)
        if not moved:
            raise NotPossibleError("there are no parameters to move")
        url = url._replace(pieces=own, fragment="&".join(moved))
        did.append("the parameters in the fragment")
    return url


def _parted(pieces: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What a redirect URI has of its own, and what the protocol adds to it."""
    own = tuple(piece for piece in pieces if name_of(piece) not in _PROTOCOL)
    return own, tuple(piece for piece in pieces if name_of(piece) in _PROTOCOL)


def _with_error(do: Do, url: RawUrl, did: list[str]) -> RawUrl:
    gone = {*_ERRORS, *(() if do.code == "kept" else ("code",))}
    if do.code == "kept" and not url.has("code"):
        raise NotPossibleError("there is no code to keep")
    own, protocol = _parted([piece for piece in url.pieces if name_of(piece) not in gone])
    given = (("error", do.error), ("error_description", do.description))
    new = (pair(name, value) for name, value in given if value is not None)
    beside = " beside the code" if do.code == "kept" else ""
    did.append(f"error={do.error}{beside}" if do.error else "error_description alone")
    return url._replace(pieces=(*own, *new, *protocol))


def _with_code(way: str, url: RawUrl, known: Known, did: list[str]) -> RawUrl:
    if not url.has("code"):
        raise NotPossibleError("there is no code")
    did.append({"earlier": "an earlier login's code", "invalid": "an invalid code"}.get(way, f"code {way}"))
    match way:
        case "removed":
            return url.without("code")
        case "duplicated":
            return url.doubled("code")
        case "empty":
            return url.replaced("code", "")
        case "earlier":
            if known.earlier_code is None:
                raise NotPossibleError("no earlier code of this app was seen")
            return url.replaced("code", known.earlier_code)
    return url.replaced("code", known.made_up("code"))


def _with_state(way: str, url: RawUrl, known: Known, did: list[str]) -> RawUrl:
    if not url.has("state"):
        raise NotPossibleError("there is no state")
    did.append({"other": "an earlier login's state"}.get(way, f"state {way}"))
    match way:
        case "removed":
            return url.without("state")
        case "duplicated":
            return url.doubled("state")
        case "replaced":
            return url.replaced("state", known.made_up("state"))
        case "other":
            if known.other_state is None:
                raise NotPossibleError("no other state of this app was seen")
            return url.replaced("state", known.other_state)
    state = url.value("state") or ""
    changed = _STATE_WAYS[way](state)
    if changed == state:
        raise NotPossibleError("this state would not change")
    return url.replaced("state", changed)


# The place


def _elsewhere(way: str | TargetParts, url: RawUrl, known: Known, did: list[str]) -> RawUrl:
    endpoint = endpoint_of(url.base)
    if endpoint is None:
        raise NotPossibleError("the redirect does not lead to an absolute URL")
    if isinstance(way, TargetParts):
        did.append("another target")
        return url._replace(base=_written(_merged(endpoint, way)))
    did.append(f"target {way}")
    match way:
        case "other-registered":
            return url._replace(base=_other_registered(endpoint, known))
        case "other-path":
            return url._replace(base=_written(replace(endpoint, path=endpoint.path.rstrip("/") + "/other")))
        case "other-port":
            return url._replace(base=_written(replace(endpoint, port=_next_port(endpoint.port))))
        case "other-scheme":
            scheme = "http" if endpoint.scheme == "https" else "https"
            port = DEFAULT_PORTS[scheme] if endpoint.port == DEFAULT_PORTS.get(endpoint.scheme) else endpoint.port
            return url._replace(base=_written(replace(endpoint, scheme=scheme, port=port)))
        case "trailing-slash":
            return url._replace(base=url.base[:-1] if url.base.endswith("/") else url.base + "/")
    own, protocol = _parted(url.pieces)
    if not own:
        raise NotPossibleError("the redirect URI has no query of its own")
    return url._replace(pieces=protocol)


def _merged(endpoint: Endpoint, target: TargetParts) -> Endpoint:
    scheme = target.scheme or endpoint.scheme
    default = endpoint.port == DEFAULT_PORTS.get(endpoint.scheme)
    port = target.port or (DEFAULT_PORTS[scheme] if default and target.scheme else endpoint.port)
    return Endpoint(scheme, target.host or endpoint.host, port, target.path or endpoint.path)


def _other_registered(endpoint: Endpoint, known: Known) -> str:
    for uri in known.registered:
        if endpoint_of(uri) not in (None, endpoint):
            return uri.partition("?")[0]
    raise NotPossibleError("no other redirect URI is registered in the config")


def _next_port(port: int | None) -> int:
    last = 65535
    return (port or 0) + 1 if (port or 0) < last else 1024


def _written(endpoint: Endpoint) -> str:
    return endpoint_facts(endpoint).endpoint


def _leaves(real: Endpoint | None, target: Endpoint | None, form: str | None) -> bool:
    """Whether the browser would, or might, take what it carries to another origin."""
    return form in ("relative", "malformed") or real is None or target is None or real.origin != target.origin


# The header


def _located(do: Do, url: RawUrl, did: list[str]) -> Redirect:
    location = url.base + url.parameters
    if do.location is None:
        return Redirect((location,), ", ".join(did), location)
    scheme, _, rest = url.base.partition(":")
    # An app's own scheme may have no host: com.example.app:/callback.
    host, _, path = rest[2:].partition("/") if rest.startswith("//") else ("", "", rest.lstrip("/"))
    did.append({"twice": "two Locations", "removed": "no Location"}.get(do.location, f"a {do.location} Location"))
    match do.location:
        case "removed":
            locations: tuple[str, ...] = ()
        case "relative":
            locations = (f"/{path}{url.parameters}",)
        case "malformed":
            locations = (f"{scheme}://[{host}/{path}{url.parameters}",)
        case _:
            locations = location, url.base
    return Redirect(locations, ", ".join(did), location if do.location == "twice" else None)
