"""The project's ``lp-authorize.yaml``: which apps are registered, which hosts and rules count, which limits hold."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from lp_sentinel.documents.document import Document, Where, data_schema, load_document, parse_document
from lp_sentinel.finding import Severity
from lp_sentinel.uri import normal_host, parse_uri
from lp_sentinel.wording import quoted

DEFAULT_CONFIG = "lp-authorize.yaml"
_SCHEMA = "config.schema.json"

_BETWEEN_PARTS = re.compile("[/;?#&]")


@dataclass(frozen=True, slots=True)
class App:
    """A registered app. ``redirect_uris`` are as registered, each once."""

    client_id: str
    client_name: str | None = None
    redirect_uris: tuple[str, ...] = ()
    client_secret: str | None = field(default=None, repr=False)
    """For the simulator."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Where a login counts as looping or lost. Windows and timeouts are seconds."""

    loop_requests: int = 3
    loop_window: float = 30.0
    journey_timeout: float = 900.0
    open_journeys: int = 10_000


@dataclass(frozen=True, slots=True)
class Allowance:
    """A finding that is accepted; ``None`` means any account, app or redirect URI, and no last day."""

    rule: str
    account: str | None = None
    client_id: str | None = None
    redirect_uri: str | None = None
    reason: str = ""
    until: date | None = None
    """The last day on which it holds."""

    def expired(self, today: date) -> bool:
        """Whether its last day is over."""
        return self.until is not None and today > self.until

    def covers(
        self, rule: str, account: str | None, client_id: str | None, redirect_uri: str | None, today: date
    ) -> bool:
        """Whether it accepts such a finding on that day."""
        return (
            rule == self.rule
            and self.account in (None, account)
            and self.client_id in (None, client_id)
            and self.redirect_uri in (None, redirect_uri)
            and not self.expired(today)
        )


@dataclass(frozen=True, slots=True)
class RuleChoices:
    """Which rules apply, and how. ``select`` (empty: all) and ``ignore`` hold rule ids or their beginnings."""

    paths: tuple[Path, ...] = ()
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    severity: Mapping[str, Severity] = field(default_factory=dict)
    allow: tuple[Allowance, ...] = ()

    def asks(self, rule: str) -> bool:
        """Whether a rule is selected and not ignored."""
        return (not self.select or rule.startswith(self.select)) and not rule.startswith(self.ignore)

    def severity_of(self, rule: str, default: Severity) -> Severity:
        """That of the project, else the rule's own."""
        return self.severity.get(rule, default)


@dataclass(frozen=True, slots=True)
class Config:
    """What is known about the project. Host patterns are lower-cased, with A-labels."""

    sentinel_hosts: tuple[str, ...] = ("*.sentinel.liveperson.net",)
    login_hosts: tuple[str, ...] = ("*.liveperson.net", "*.liveperson.com")
    accounts: Mapping[str, Mapping[str, App]] = field(default_factory=dict)
    """By account and ``client_id``; only accounts with apps."""
    rules: RuleChoices = RuleChoices()
    limits: Limits = Limits()
    document: Document | None = field(default=None, repr=False, compare=False)
    """Where it was read from, to name a place in an error."""
    registered: frozenset[str] = field(init=False, repr=False, compare=False)
    """Accounts, client ids, and the parts of redirect URIs: segments of paths, ``name=value`` of paths and queries."""
    client_ids: frozenset[str] = field(init=False, repr=False, compare=False)
    """Of all accounts: asked about for every request with one that its own account does not have."""

    def __post_init__(self) -> None:
        """Gather once what is asked about for each request."""
        client_ids = frozenset(app.client_id for app in self.apps)
        parts = (part for uri in self.redirect_uris for part in _BETWEEN_PARTS.split(uri))
        object.__setattr__(self, "client_ids", client_ids)
        object.__setattr__(self, "registered", frozenset((*self.accounts, *client_ids, *parts)))

    @property
    def apps(self) -> Iterator[App]:
        """Of all accounts."""
        return (app for apps in self.accounts.values() for app in apps.values())

    @property
    def redirect_uris(self) -> Iterator[str]:
        """All that are registered."""
        return (uri for app in self.apps for uri in app.redirect_uris)

    def app(self, account: str | None, client_id: str | None) -> App | None:
        """The app with this ``client_id`` in this account; ``None`` also where one of them is not known."""
        if account is None or client_id is None:
            return None
        apps = self.accounts.get(account)
        return apps.get(client_id) if apps else None


def load_config(path: Path) -> Config:
    """Read the config file. Raises ``DocumentError``."""
    return _config(load_document(path, data_schema(_SCHEMA)))


def config_from(data: Mapping[str, Any]) -> Config:
    """A config from plain values, checked like a file. Raises ``DocumentError`` with places in the YAML they make."""
    import yaml  # noqa: PLC0415  (it takes its time, and without a config file it is not needed)

    text = yaml.safe_dump(dict(data), sort_keys=False, allow_unicode=True) if data else ""
    return _config(parse_document(text, Path("config"), data_schema(_SCHEMA)))


def _config(document: Document) -> Config:
    data, default = document.data, Config()
    limits = data.get("limits") or {}
    return Config(
        sentinel_hosts=_hosts(data.get("sentinel_hosts"), default.sentinel_hosts),
        login_hosts=_hosts(data.get("login_hosts"), default.login_hosts),
        accounts=dict(_accounts(document)),
        rules=_rule_choices(document),
        limits=Limits(**{name: type(getattr(default.limits, name))(value) for name, value in limits.items()}),
        document=document,
    )


def _hosts(patterns: list[str] | None, default: tuple[str, ...]) -> tuple[str, ...]:
    if patterns is None:
        return default
    return tuple(dict.fromkeys(normal_host(pattern) for pattern in patterns))


def _accounts(document: Document) -> Iterator[tuple[str, Mapping[str, App]]]:
    """Those with apps: an account for which none is listed is as unknown as one that is not there."""
    for account, content in (document.data.get("accounts") or {}).items():
        apps: dict[str, App] = {}
        places: dict[str, Where] = {}
        for index in range(len((content or {}).get("apps") or ())):
            where: Where = ("accounts", account, "apps", index)
            app, place = _app(document, where), (*where, "client_id")
            if app.client_id in apps:
                first = f"first in line {document.error(places[app.client_id], '').line}"
                problem = f"client_id {quoted(app.client_id)} is registered twice in account {quoted(account)}, {first}"
                raise document.error(place, problem)
            apps[app.client_id], places[app.client_id] = app, place
        if apps:
            yield account, apps


def _app(document: Document, where: Where) -> App:
    uris = document.value((*where, "redirect_uris")) or ()
    for position, uri in enumerate(uris):
        # No request would equal one with a blank at its end, which nobody sees.
        if parse_uri(uri) is None or uri != uri.strip():
            problem = f"expected an absolute URI such as https://app.example/callback, not {quoted(uri)}"
            raise document.error((*where, "redirect_uris", position), problem)
    return App(
        client_id=_text(document, (*where, "client_id")) or "",
        client_name=_text(document, (*where, "client_name")),
        redirect_uris=tuple(dict.fromkeys(uris)),
        client_secret=_text(document, (*where, "client_secret")),
    )


def _rule_choices(document: Document) -> RuleChoices:
    data = document.data.get("rules") or {}
    return RuleChoices(
        paths=tuple(document.path.parent / path for path in data.get("paths", ())),
        select=tuple(data.get("select", ())),
        ignore=tuple(data.get("ignore", ())),
        severity=data.get("severity") or {},
        allow=tuple(_allowance(document, index) for index in range(len(data.get("allow") or ()))),
    )


def _allowance(document: Document, index: int) -> Allowance:
    where: Where = ("rules", "allow", index)
    entry = document.value(where)
    try:
        until = date.fromisoformat(entry["until"]) if "until" in entry else None
    except ValueError as error:
        problem = f"{quoted(entry['until'])} is not a valid date"
        raise document.error((*where, "until"), problem) from error
    return Allowance(
        rule=entry["rule"],
        account=_text(document, (*where, "account")),
        client_id=_text(document, (*where, "client_id")),
        redirect_uri=entry.get("redirect_uri"),
        reason=entry.get("reason", ""),
        until=until,
    )


def _text(document: Document, where: Where) -> str | None:
    """An id, a name or a secret as the file spells it: a number there stands for its digits, leading zeros included."""
    return document.spelling(where) if document.value(where) is not None else None
