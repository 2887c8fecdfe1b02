"""URIs as the rules compare them: scheme, endpoint, loopback, host patterns, form-decoded parameters."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache, partial
from urllib.parse import quote, unquote, urljoin

from msgspec import Struct

DEFAULT_PORTS = {"http": 80, "https": 443}

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):(?![0-9])")
_SCHEME_LIKE = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:")
_MANY_SLASHES = re.compile(r"(?i)(?:https?:)?///")
_DROPPED = dict.fromkeys(map(ord, "\t\n\r"))
"""By browsers, wherever it stands in a URL (URL Standard)."""
_BEFORE_QUERY = re.compile(r"[^?#]*")
_TO_A_HOST = re.compile(r"(?i)\A(https?:)?//+")
_BEHIND_SCHEME = re.compile(r"(?s)(?://(?P<authority>[^/\\]*))?(?P<path>.*)")
"""An authority ends at a backslash, too: to browsers that is a slash, so that they go to the host before it."""
_AUTHORITY = re.compile(
    r"(?s)(?:.*@)?(?P<host>\[[0-9A-Fa-f:.]+(?:%25[^\]@]*)?\]|[^:\[\]@\s\x00]*)(?::(?P<port>[0-9]{0,5}))?"
)
CACHED_LENGTH = 2048
"""Captured text is hostile: what is longer is not kept in a cache."""
ENCODED_QUERY = re.compile(r"%(?:25)*(?:3[fF]|23)")
"""In a path: what is behind it was meant to be a query or a fragment."""
_LONGEST_NAME = 253
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")
_ASCII = {f"%{code:{form}}": chr(code) for code in range(0x80) for form in ("02x", "02X")}
_FEW = 16
"""So many different escapes are replaced one after the other; that is fast, as most texts have but some of them."""
_PATH_AS_SENT = re.compile(r"[!$-;=@-\]_a-z|~]*+")
_QUERY_AS_SENT = re.compile(r"[!#-&(-;=?-~]*+")
_NOT_IN_PATH = re.compile(r"[^!$-;=@-\]_a-z|~]+")
_NOT_IN_QUERY = re.compile(r"[^!#-&(-;=?-~]+")
"""What browsers encode (URL Standard, the path and the special-query percent-encode sets)."""
_LOOPBACK_IP = re.compile(r"127(?:\.(?:25[0-5]|2[0-4]\d|1?\d?\d)){3}|\[::1\]")


type HostPort = tuple[str, int | None]
"""Host and port."""


class Endpoint(Struct, frozen=True, gc=False):
    """Where a URI leads, without its query: what RFC 6749 section 3.1.2.3 compares, normalised by RFC 3986 6.2.

    A path at http or https is as browsers ask for it; what is percent-encoded there already stays as it is.
    """

    scheme: str
    host: str
    port: int | None
    path: str

    @property
    def origin(self) -> tuple[str, str, int | None]:
        """Scheme, host and port (RFC 6454)."""
        return self.scheme, self.host, self.port

    @property
    def host_port(self) -> HostPort:
        """Host and port."""
        return self.host, self.port


class Uri(Struct, frozen=True, gc=False):
    """An absolute URI in its parts. ``query`` and ``fragment`` are raw; ``None`` where there is no ``?`` or ``#``."""

    endpoint: Endpoint
    query: str | None
    fragment: str | None


class Parameters(Struct, frozen=True, gc=False):
    """Name and value pairs of a query, a fragment or a form body, form-decoded as UTF-8, in their order.

    Bytes that are not UTF-8 are kept as lone surrogates, so that two different broken values stay different.
    """

    pairs: tuple[tuple[str, str], ...] = ()

    def get(self, name: str) -> str | None:
        """The first value of ``name``; ``None`` if it is absent. Without a value counts as omitted (RFC 6749 3.1)."""
        for key, value in self.pairs:
            if value and key == name:
                return value
        return None

    def names(self) -> tuple[str, ...]:
        """Every name once, with or without a value, in order of appearance."""
        return tuple(dict.fromkeys([name for name, _ in self.pairs]))

    def repeated(self) -> tuple[str, ...]:
        """The names that occur more than once, with or without values."""
        names = [name for name, _ in self.pairs]
        if len(set(names)) == len(names):
            return ()
        return tuple(name for name, count in Counter(names).items() if count > 1)

    def has(self, *names: str) -> bool:
        """Whether any of ``names`` is there with a value."""
        for name, value in self.pairs:  # noqa: SIM110  (any() takes twice as long)
            if value and name in names:
                return True
        return False


NO_PARAMETERS = Parameters()


def parse_parameters(raw: str | None) -> Parameters:
    """Form-decode ``a=1&b=2`` (RFC 6749 appendix B). Pairs without a name are dropped."""
    if not raw:
        return NO_PARAMETERS
    return _parse_parameters(raw) if len(raw) <= CACHED_LENGTH else _parse_parameters.__wrapped__(raw)


@lru_cache(maxsize=1024)
def _parse_parameters(raw: str) -> Parameters:
    pairs = [piece.partition("=") for piece in raw.split("&")]
    if "%" not in raw and "+" not in raw:
        return Parameters(tuple([(name, value) for name, _, value in pairs if name]))
    return Parameters(tuple([(form_decode(name), form_decode(value)) for name, _, value in pairs if name]))


def form_decode(raw: str) -> str:
    """``+`` and percent-encoding undone once, as UTF-8; what is not UTF-8 becomes lone surrogates."""
    text = raw.replace("+", " ") if "+" in raw else raw
    if "%" not in text:
        return text
    return _unescaped(text) if len(text) <= CACHED_LENGTH else _unescaped.__wrapped__(text)


@lru_cache(maxsize=1024)
def _unescaped(text: str) -> str:
    """Percent-encoding undone. What is read as a parameter is shown next, and an app's redirect URI stays the same."""
    escapes = set(_ESCAPE.findall(text))
    if len(escapes) > _FEW or not escapes <= _ASCII.keys():
        return unquote(text, errors="surrogateescape")
    for escape in escapes - {"%25"}:
        text = text.replace(escape, _ASCII[escape])
    return text.replace("%25", "%")


def scheme_of(value: str) -> str | None:
    """The lower-cased scheme that ``value`` begins with. ``host:8080/path`` is a host and a port, so no scheme."""
    match = _SCHEME.match(value)
    return match[1].lower() if match else None


def parse_uri(value: str) -> Uri | None:
    """The parts of an absolute URI; ``None`` if it has no scheme, a broken authority, or is http(s) without a host."""
    before, hash_mark, fragment = value.partition("#")
    address, question_mark, query = before.partition("?")
    endpoint = _endpoint(address) if len(address) <= CACHED_LENGTH else _endpoint.__wrapped__(address)
    if endpoint is None:
        return None
    return Uri(endpoint, query if question_mark else None, fragment if hash_mark else None)


@lru_cache(maxsize=1024)
def _endpoint(address: str) -> Endpoint | None:
    """Of a URI without query and fragment, in which those of an app differ: without them few are new."""
    scheme = scheme_of(address)
    parts = _BEHIND_SCHEME.fullmatch(address, len(scheme) + 1) if scheme else None
    if scheme is None or parts is None:
        return None
    host, port = "", DEFAULT_PORTS.get(scheme)
    if parts["authority"] is not None:
        authority = _AUTHORITY.fullmatch(parts["authority"])
        if authority is None:
            return None
        host = normal_host(authority["host"])
        port = int(authority["port"]) if authority["port"] else port
    path = parts["path"] or "/"
    if scheme in DEFAULT_PORTS:
        if not host:
            return None
        path = sent_path(path.replace("\\", "/"))
    return Endpoint(scheme, host, port, path)


def sent_path(path: str) -> str:
    """A path as browsers ask for it that are told to go there."""
    return (path if _PATH_AS_SENT.fullmatch(path) else _NOT_IN_PATH.sub(_encoded, path)) or "/"


def sent_query(query: str) -> str:
    """A query as browsers send it that are told to go there."""
    return query if _QUERY_AS_SENT.fullmatch(query) else _NOT_IN_QUERY.sub(_encoded, query.translate(_DROPPED))


def _encoded(found: re.Match[str]) -> str:
    text = found[0]
    try:
        return quote(text, safe="", errors="surrogateescape")
    except UnicodeEncodeError:  # of surrogates that stand for no byte a capture in JSON may hold some
        return quote(text, safe="", errors="surrogatepass")


def endpoint_of(value: str | None) -> Endpoint | None:
    """The endpoint of an absolute URI; ``None`` for anything else."""
    uri = parse_uri(value) if value else None
    return uri.endpoint if uri else None


def resolve(base: str, reference: str) -> str:
    """``Location`` resolved against the URL that was asked for (RFC 3986 section 5); as it is where that fails."""
    reference = reference.strip(" \t")
    # Nearly none needs that. A regular expression would take four times as long to tell.
    if "\\" in reference or not reference.isprintable() or _MANY_SLASHES.match(reference):
        reference = _read_as_browsers_do(reference)
    if scheme_of(reference):
        return reference
    if _SCHEME_LIKE.match(reference):
        reference = f"./{reference}"  # a host and its port: no scheme, so a path
    try:
        return urljoin(base, reference)
    except ValueError:
        return reference


def _read_as_browsers_do(reference: str) -> str:
    """A reference to http or https as RFC 3986 would have it: what the URL Standard sees in it beyond that, undone.

    Tabs and line ends are dropped, before the query a backslash is a slash, and a host may follow on any more slashes.
    """
    reference = reference.translate(_DROPPED)
    if scheme_of(reference) not in (None, *DEFAULT_PORTS):
        return reference
    return _TO_A_HOST.sub(r"\1//", _BEFORE_QUERY.sub(lambda path: path[0].replace("\\", "/"), reference, count=1))


def normal_host(host: str) -> str:
    """Lower-cased, an internationalised name as A-labels; as it is where it can't be encoded."""
    if host.isascii() or len(host) > _LONGEST_NAME:
        return host.lower()
    import idna  # noqa: PLC0415  (its tables are large, and most names are ASCII)

    for encode in (partial(idna.encode, uts46=True), partial(str.encode, encoding="idna")):  # the second allows more
        try:
            return encode(host).decode("ascii").lower()
        except UnicodeError:
            continue
    return host.lower()


def is_loopback(host: str) -> bool:
    """``localhost``, ``*.localhost``, 127.0.0.0/8 and ``[::1]``."""
    return host == "localhost" or host.endswith(".localhost") or is_loopback_ip(host)


def is_loopback_ip(host: str) -> bool:
    """127.0.0.0/8 and ``[::1]``: where RFC 8252 section 7.3 leaves the port to the app."""
    return _LOOPBACK_IP.fullmatch(host) is not None


def host_matches(host: str, patterns: Iterable[str]) -> bool:
    """Whether ``host`` is one of ``patterns``; ``*.x`` stands for one or more labels before ``x``, never for ``x``."""
    return any(
        host.endswith(pattern[1:]) and len(host) > len(pattern) - 1 if pattern.startswith("*.") else host == pattern
        for pattern in patterns
    )
