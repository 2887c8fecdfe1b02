"""What a fault makes of the redirect that takes a browser back to its app: pure functions from URL to URL."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple
from urllib.parse import quote, unquote_plus

from lp_sentinel.faults.plan import Do, Target
from lp_sentinel.uri import DEFAULT_PORTS, Endpoint, endpoint_of, form_decode

_ERRORS = ("error", "error_description", "error_uri")
_PROTOCOL = frozenset({*_ERRORS, "code", "state", "iss"})

STATE_WAYS: Mapping[str, Callable[[str], str]] = {
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

    redirect_uri: str | None = None
    """Where a landing that is made goes: the requested redirect URI, or the only registered one."""
    state: str | None = None
    """As the authorize request had it."""
    registered: tuple[str, ...] = ()
    earlier_code: str | None = None
    other_state: str | None = None
    made_up: Callable[[str], str] = lambda what: f"lp-authorize-{what}"
    """A value for ``what`` that no server gave."""
    may_go_to: Callable[[str], bool] = lambda _: True
    """Whether a fault may redirect to this host."""


class Redirect(NamedTuple):
    """A redirect as the fault has it."""

    locations: tuple[str, ...]
    did: str
    """What was done, in words, without secrets."""
    lands_on: str | None
    """Where a browser should land; ``None`` if nowhere."""


class _Url(NamedTuple):
    """A landing's URL. ``pieces`` are raw ``name=value``."""

    base: str
    pieces: tuple[str, ...]
    fragment: str = ""


class NotPossibleError(Exception):
    """An answer cannot be changed in that way; the fault does not match."""


def redirect(do: Do, location: str | None, known: Known) -> Redirect:
    """The redirect that ``do`` makes of ``location``, or from nothing. Raises NotPossibleError."""
    if location is None and not do.makes_landing:
        raise NotPossibleError("there is no redirect to edit")
    did: list[str] = []
    url = _read(location) if location else _made(known)
    real = endpoint_of(url.base)
    if do.edits_landing:
        url = _edited(do, url, known, did)
    target = endpoint_of(url.base)
    if location is None or do.target is not None:
        _check_target(target, known)
    if _leaves(real, target, do.location) and _has(url, "code"):
        url = _replaced(url, "code", known.made_up("dummy"))
        did.append("the code replaced by a dummy")
    if do.redirect:
        did.append(f"status {do.redirect}")
    return _located(do, url, did)


def carried(location: str, name: str) -> str | None:
    """The value of a parameter in query or fragment, form-decoded."""
    url = _read(location)
    for piece in (*url.pieces, *url.fragment.split("&")):
        key, _, value = piece.partition("=")
        if form_decode(key) == name and value:
            return form_decode(value)
    return None


def _read(location: str) -> _Url:
    rest, _, fragment = location.partition("#")
    base, _, query = rest.partition("?")
    return _Url(base, tuple(query.split("&")) if query else (), fragment)


def _made(known: Known) -> _Url:
    if known.redirect_uri is None:
        raise NotPossibleError("it is not known where the app is called back")
    url = _read(known.redirect_uri)
    return url._replace(pieces=(*url.pieces, *(_pair("state", known.state) if known.state else ())), fragment="")


def _check_target(target: Endpoint | None, known: Known) -> None:
    if target is None or not known.may_go_to(target.host):
        host = target.host if target else "?"
        raise NotPossibleError(f"the host {host} is not among redirect_targets")


# --- parameters --------------------------------------------------------------------------------------------------


def _edited(do: Do, url: _Url, known: Known, did: list[str]) -> _Url:
    if do.given & {"error", "description"}:
        url = _with_error(do, url, did)
    if do.code and do.code != "kept":
        url = _with_code(do.code, url, known, did)
    if do.state:
        url = _with_state(do.state, url, known, did)
    for name, value in do.add.items():
        url = url._replace(pieces=(*url.pieces, *_pair(name, value)))
        did.append(f"{name} added")
    if do.target is not None:
        url = _elsewhere(do.target, url, known, did)
    if do.fragment:
        own = tuple(piece for piece in url.pieces if _name(piece) not in _PROTOCOL)
        moved = tuple(piece for piece in url.pieces if _name(piece) in _PROTOCOL)
        if not moved:
            raise NotPossibleError("there are no parameters to move")
        url = url._replace(pieces=own, fragment="&".join(moved))
        did.append("the parameters in the fragment")
    return url


def _with_error(do: Do, url: _Url, did: list[str]) -> _Url:
    gone = {*_ERRORS, *(() if do.code == "kept" else ("code",))}
    if do.code == "kept" and not _has(url, "code"):
        raise NotPossibleError("there is no code to keep")
    kept = tuple(piece for piece in url.pieces if _name(piece) not in gone)
    own = tuple(piece for piece in kept if _name(piece) not in _PROTOCOL)
    error = _pair("error", do.error) if do.error is not None else ()
    description = _pair("error_description", do.description) if do.description is not None else ()
    protocol = tuple(piece for piece in kept if _name(piece) in _PROTOCOL)
    beside = " beside the code" if do.code == "kept" else ""
    did.append(f"error={do.error}{beside}" if do.error else "error_description alone")
    return url._replace(pieces=(*own, *error, *description, *protocol))


def _with_code(way: str, url: _Url, known: Known, did: list[str]) -> _Url:
    if not _has(url, "code"):
        raise NotPossibleError("there is no code")
    did.append({"earlier": "an earlier login's code", "invalid": "an invalid code"}.get(way, f"code {way}"))
    match way:
        case "removed":
            return _without(url, "code")
        case "duplicated":
            return _doubled(url, "code")
        case "empty":
            return _replaced(url, "code", "")
        case "earlier":
            if known.earlier_code is None:
                raise NotPossibleError("no earlier code of this app was seen")
            return _replaced(url, "code", known.earlier_code)
    return _replaced(url, "code", known.made_up("code"))


def _with_state(way: str, url: _Url, known: Known, did: list[str]) -> _Url:
    if not _has(url, "state"):
        raise NotPossibleError("there is no state")
    did.append({"other": "an earlier login's state"}.get(way, f"state {way}"))
    match way:
        case "removed":
            return _without(url, "state")
        case "duplicated":
            return _doubled(url, "state")
        case "replaced":
            return _replaced(url, "state", known.made_up("state"))
        case "other":
            if known.other_state is None:
                raise NotPossibleError("no other state of this app was seen")
            return _replaced(url, "state", known.other_state)
    state = next(form_decode(piece.partition("=")[2]) for piece in url.pieces if _name(piece) == "state")
    changed = STATE_WAYS[way](state)
    if changed == state:
        raise NotPossibleError("this state would not be altered by it")
    return _replaced(url, "state", changed)


def _name(piece: str) -> str:
    return form_decode(piece.partition("=")[0])


def _has(url: _Url, name: str) -> bool:
    return any(_name(piece) == name for piece in url.pieces) or any(
        _name(piece) == name for piece in url.fragment.split("&") if url.fragment
    )


def _pair(name: str, value: str) -> tuple[str]:
    return (f"{quote(name, safe='')}={quote(value, safe='', errors='surrogateescape')}",)


def _without(url: _Url, name: str) -> _Url:
    return _mapped(url, name, lambda _: ())


def _doubled(url: _Url, name: str) -> _Url:
    return _mapped(url, name, lambda piece: (piece, piece))


def _replaced(url: _Url, name: str, value: str) -> _Url:
    return _mapped(url, name, lambda _: _pair(name, value))


def _mapped(url: _Url, name: str, change: Callable[[str], Sequence[str]]) -> _Url:
    def mapped(pieces: Sequence[str]) -> tuple[str, ...]:
        return tuple(new for piece in pieces for new in (change(piece) if _name(piece) == name else (piece,)))

    fragment = "&".join(mapped(url.fragment.split("&"))) if url.fragment else ""
    return url._replace(pieces=mapped(url.pieces), fragment=fragment)


# --- the place ---------------------------------------------------------------------------------------------------


def _elsewhere(way: str | Target, url: _Url, known: Known, did: list[str]) -> _Url:
    endpoint = endpoint_of(url.base)
    if endpoint is None:
        raise NotPossibleError("the redirect leads to no absolute URL")
    if isinstance(way, Target):
        did.append("another target")
        return url._replace(base=_written(_merged(endpoint, way)))
    did.append(f"target {way}")
    match way:
        case "other-registered":
            return url._replace(base=_other_registered(endpoint, known))
        case "other-path":
            return url._replace(base=_written(endpoint._replace(path=endpoint.path.rstrip("/") + "/other")))
        case "other-port":
            return url._replace(base=_written(endpoint._replace(port=_next_port(endpoint.port))))
        case "other-scheme":
            scheme = "http" if endpoint.scheme == "https" else "https"
            port = DEFAULT_PORTS[scheme] if endpoint.port == DEFAULT_PORTS.get(endpoint.scheme) else endpoint.port
            return url._replace(base=_written(endpoint._replace(scheme=scheme, port=port)))
        case "trailing-slash":
            return url._replace(base=url.base[:-1] if url.base.endswith("/") else url.base + "/")
    kept = tuple(piece for piece in url.pieces if _name(piece) in _PROTOCOL)
    if kept == url.pieces:
        raise NotPossibleError("the redirect URI has no query of its own")
    return url._replace(pieces=kept)


def _merged(endpoint: Endpoint, target: Target) -> Endpoint:
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
    port = "" if endpoint.port in (None, DEFAULT_PORTS.get(endpoint.scheme)) else f":{endpoint.port}"
    return f"{endpoint.scheme}://{endpoint.host}{port}{endpoint.path}"


def _leaves(real: Endpoint | None, target: Endpoint | None, form: str | None) -> bool:
    """Whether the browser would, or might, take what it carries to another origin."""
    return form in ("relative", "malformed") or real is None or target is None or real.origin != target.origin


# --- the header --------------------------------------------------------------------------------------------------


def _located(do: Do, url: _Url, did: list[str]) -> Redirect:
    query = "?" + "&".join(url.pieces) if url.pieces else ""
    fragment = "#" + url.fragment if url.fragment else ""
    location = f"{url.base}{query}{fragment}"
    if do.location is None:
        return Redirect((location,), ", ".join(did), location)
    path = url.base.partition("://")[2].partition("/")[2]
    host = url.base.partition("://")[2].partition("/")[0]
    did.append({"twice": "two Locations", "removed": "no Location"}.get(do.location, f"a {do.location} Location"))
    match do.location:
        case "removed":
            locations: tuple[str, ...] = ()
        case "relative":
            locations = (f"/{path}{query}{fragment}",)
        case "malformed":
            locations = (f"{url.base.partition('://')[0]}://[{host}/{path}{query}{fragment}",)
        case _:
            locations = location, url.base
    return Redirect(locations, ", ".join(did), location if do.location == "twice" else None)
