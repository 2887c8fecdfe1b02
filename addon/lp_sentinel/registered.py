"""What the project's config says of an app, and how a redirect URI compares with those that it registered."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from lp_sentinel.config import App, Config
from lp_sentinel.facts import AppFacts
from lp_sentinel.taken_out import is_taken_out, known
from lp_sentinel.uri import Endpoint, endpoint_of, is_loopback_ip, normal_host, parse_uri

_PORT = re.compile(r"(http://(?:\[[^\]]*\]|[^:/?#\[\]]*))(?::[0-9]*)?(?=[/?#]|\Z)", re.IGNORECASE)
_WRITTEN = re.compile(
    r"(?s)(?P<scheme>[^:]*):(?://(?:(?P<user>[^/?#]*)@)?(?P<host>\[[^\]/?#]*\]|[^:/?#]*)(?::(?P<port>[^/?#]*))?)?"
    r"(?P<path>[^?#]*)(?P<query>\?[^#]*)?(?P<fragment>#.*)?"
)
"""The parts of an absolute URI as they stand there: those of an endpoint would be normalised."""
_SLIGHT = frozenset({"letter case", "trailing slash", "spelling"})


def read_app(config: Config, account: str | None, client_id: str | None, redirect_uri: str | None) -> AppFacts:
    """What the config says of the account and client of a request, and how the ``redirect_uri`` compares."""
    account_known = account in config.accounts and not is_taken_out(client_id)
    app = config.app(account, client_id)
    redirect_uri = known(redirect_uri)
    registers = registers_redirect_uri(app, redirect_uri) if app and app.redirect_uris and redirect_uri else None
    nearest = nearest_uri(redirect_uri, app.redirect_uris) if app and redirect_uri and registers is False else None
    return AppFacts(
        account_known=account_known,
        known=app is not None,
        of_other_account=app is None and client_id in config.client_ids,
        redirect_uris=app.redirect_uris if app else (),
        registers_redirect_uri=registers,
        nearest_redirect_uri=nearest,
        difference=difference(redirect_uri, nearest) if redirect_uri and nearest else None,
    )


def registers_redirect_uri(app: App, redirect_uri: str) -> bool:
    """Whether a registered URI equals this one as a string (RFC 6749 3.1.2.3).

    The port of an http URI on a loopback IP address is the app's to choose (RFC 8252 section 7.3).
    """
    return redirect_uri in app.redirect_uris or any(
        _any_port(registered) and _any_port(registered) == _any_port(redirect_uri) for registered in app.redirect_uris
    )


@lru_cache(maxsize=1024)
def _any_port(uri: str) -> str | None:
    """An http URI on a loopback IP address without its port; ``None`` for any other."""
    endpoint = endpoint_of(uri)
    if endpoint is None or endpoint.scheme != "http" or not is_loopback_ip(endpoint.host):
        return None
    found = _PORT.match(uri)
    return found[1] + uri[found.end() :] if found else uri


def registered_endpoints(app: App | None) -> frozenset[Endpoint]:
    return _endpoints(app.redirect_uris) if app else frozenset()


@lru_cache(maxsize=1024)
def _endpoints(uris: tuple[str, ...]) -> frozenset[Endpoint]:
    return frozenset(endpoint for uri in uris if (endpoint := endpoint_of(uri)))


def nearest_uri(value: str, uris: Sequence[str]) -> str:
    """The URI that differs from ``value`` in the fewest parts, slight differences last, then in characters."""
    from difflib import SequenceMatcher  # noqa: PLC0415  (only for a redirect URI that nobody registered)

    head = value[:512]

    def distance(uri: str) -> tuple[int, int, float]:
        words = difference(value, uri).split(", ")
        return len(set(words) - _SLIGHT), len(words), -SequenceMatcher(None, head, uri).ratio()

    return min(uris, key=distance)


def difference(value: str, registered: str) -> str:
    """In what two URIs differ, in the words of a person, such as ``trailing slash`` or ``host, path``."""
    one, other = _WRITTEN.fullmatch(value), _WRITTEN.fullmatch(registered)
    if one is None or other is None or parse_uri(value) is None or parse_uri(registered) is None:
        return "letter case" if value.lower() == registered.lower() else "not an absolute URI"
    words = [word for name, mine in one.groupdict("").items() for word in _words(name, mine, other[name] or "")]
    return ", ".join(dict.fromkeys(words)) or "spelling"


def _words(part: str, mine: str, theirs: str) -> Iterator[str]:
    """In what a part of two URIs differs."""
    if mine == theirs:
        return
    bare, their_bare = (mine.rstrip("/"), theirs.rstrip("/")) if part == "path" else (mine, theirs)
    if bare.lower() == their_bare.lower():
        yield from ["letter case"] if bare != their_bare else []
        yield from ["trailing slash"] if len(mine) != len(theirs) else []
    elif part != "host" or normal_host(mine) != normal_host(theirs):
        yield part
