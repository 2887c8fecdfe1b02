"""What both kinds of capture have in common when the secrets in them are replaced."""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from lp_sentinel.config import Config
from lp_sentinel.sharing.bodies import Bodies
from lp_sentinel.sharing.headers import HeaderValues
from lp_sentinel.sharing.spelling import spell
from lp_sentinel.sharing.stand_ins import StandIns
from lp_sentinel.sharing.urls import Urls
from lp_sentinel.uri import parse_parameters, parse_uri

_BETWEEN = re.compile(r"[/;=?#&]")
"""What stands in a path between the pieces that are replaced."""
_METHOD = re.compile(r"[A-Za-z\-]{1,20}")


class HarPage(NamedTuple):
    """What entries tell of the page that they were loaded for."""

    id: str
    started: str | None
    """When the first of them began, as it is written there."""


class Cleaner:
    """Goes over a capture twice: first it learns what is secret, then, sealed, it replaces that."""

    def __init__(self, config: Config) -> None:
        self.stand_ins = StandIns(_registered(config))
        self.urls = Urls(self.stand_ins)
        self.values = HeaderValues(self.stand_ins, self.urls)
        self.bodies = Bodies(self.stand_ins, self.urls, self.values)
        self.left_out: Counter[str] = Counter()
        """By kind: how much is not in the redacted capture at all."""
        self._addresses: dict[str, str] = {}
        self.creator: str | None = None
        """Which of ``FOLLOW_REDIRECTS`` (captures/entries.py) made a HAR."""
        self.pages: dict[str, HarPage] = {}
        """By what the original calls them."""

    def method(self, method: str) -> str:
        """A request's method: what can be none is no harmless text."""
        return self.stand_ins.text(method, "methods", is_open=bool(_METHOD.fullmatch(method)))

    def text(self, text: str, kind: str = "text") -> str:
        """A short text that is known to be harmless, but for known secrets and tokens."""
        return self.stand_ins.text(text, kind, is_open=True)

    def leave_out(self, kind: str) -> None:
        if self.stand_ins.is_sealed:
            self.left_out[kind] += 1

    def address(self, address: str) -> str:
        """Another address for each one: which requests came from the same browser stays known. Loopback stays."""
        try:
            parsed = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return address if address in ("", "localhost") else self._other_address(address, 4)
        return address if parsed.is_loopback or parsed.is_unspecified else self._other_address(address, parsed.version)

    def page(self, name: str, started: str | None) -> str:
        """What a HAR's page is called now: an entry speaks of it that began then."""
        return self.pages.setdefault(name, HarPage(f"page_{len(self.pages) + 1}", started)).id

    def _other_address(self, address: str, version: int) -> str:
        if address not in self._addresses:
            number = len(self._addresses) + 1
            self._addresses[address] = str(
                ipaddress.IPv4Address("10.0.0.0") + number
                if version == 4  # noqa: PLR2004
                else ipaddress.IPv6Address("fd00::") + number
            )
        return self._addresses[address]

    def summary(self) -> Iterator[str]:
        """A line for each kind of what was replaced or left out."""
        for kind, values in sorted(self.stand_ins.replaced.items()):
            yield f"replaced in {kind}: {len(values):,} different"
        if self._addresses:
            yield f"replaced in addresses: {len(self._addresses):,} different"
        for kind, count in sorted(self.left_out.items()):
            yield f"left out: {kind} ({count:,})"


def _registered(config: Config) -> Iterator[str]:
    """What the config holds is compared with the capture, so it must stay what it is."""
    for account, apps in config.accounts.items():
        yield account
        for client_id, app in apps.items():
            yield client_id
            for registered in app.redirect_uris:
                yield registered
                uri = parse_uri(registered)
                yield from _BETWEEN.split(spell(uri.endpoint.path).plain) if uri else ()
                yield from (value for _, value in parse_parameters(uri.query if uri else None).pairs)
