"""The examples in rule files: small captures that are judged like any other, each with what it must give."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple
from urllib.parse import quote

from lp_sentinel.captures.parts import origin_form, without_authority
from lp_sentinel.config import Config, config_from
from lp_sentinel.documents.document import DocumentError, Where
from lp_sentinel.engine import Engine
from lp_sentinel.exchange import Exchange, Headers, header, is_injected
from lp_sentinel.finding import Finding
from lp_sentinel.project import Project
from lp_sentinel.redact import Redactor
from lp_sentinel.rules.book import Example, Rule, RuleBook
from lp_sentinel.uri import DEFAULT_PORTS, parse_uri

ACCOUNT = "12345678"
AUTHORIZE = {
    "v": "1.0",
    "response_type": "code",
    "client_id": "my-app",
    "redirect_uri": "https://app.example/cb",
    "state": "af0ifjsldkjFvB2Xq9ZwTg",
}
"""The parameters that an ``authorize:`` example starts from."""

_ACCOUNTS = {ACCOUNT: {"apps": [{"client_id": "my-app", "redirect_uris": ["https://app.example/cb"]}]}}
_AUTHORIZE_URL = f"https://va.sentinel.liveperson.net/sentinel/api/account/{ACCOUNT}/authorize"
_AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
_START = 1_790_000_000.0
_UNTIL_ANSWER = 0.05


class Failure(NamedTuple):
    """An example that gave something else than it must."""

    rule: str
    place: str
    """``file:line``."""
    problem: str

    def __str__(self) -> str:
        return f"{self.place}: {self.rule}: {self.problem}"


def run_examples(book: RuleBook, rules: Iterable[str] | None = None) -> list[Failure]:
    """Try the rules with these ids, or all, on their examples; the whole book is asked each time."""
    chosen = book.by_id if rules is None else list(rules)
    return [failure for rule in chosen for failure in _failures(book, book.by_id[rule])]


def example_config(example: Example, *prefixes: str) -> Config:
    """The config of an example, with the rules of ``prefixes`` selected. Raises ``DocumentError``."""
    data = example.data
    config = config_from({"accounts": data.get("accounts", _ACCOUNTS), **data.get("config", {})})
    return replace(config, rules=replace(config.rules, select=prefixes)) if prefixes else config


def example_exchanges(example: Example) -> list[Exchange]:
    """The exchanges of an example, in its order. Raises ``DocumentError``."""
    return list(_exchanges(example))


def _failures(book: RuleBook, rule: Rule) -> Iterator[Failure]:
    for example, is_bad in [*((good, False) for good in rule.good), *((bad, True) for bad in rule.bad)]:
        try:
            findings = _judged(book, rule, example)
        except DocumentError as error:
            yield Failure(rule.id, example.place, f"the example cannot be used: {error.problem}")
            continue
        for problem in _problems(rule, example, findings, is_bad=is_bad):
            yield Failure(rule.id, example.place, problem)


def _judged(book: RuleBook, rule: Rule, example: Example) -> list[Finding]:
    config = example_config(example, "LPA", re.sub(r"[0-9]+\Z", "", rule.id))
    engine = Engine(Project(config, book), Redactor(on=False))
    # A stable sort: what starts at the same time stays in the example's order.
    exchanges = sorted(example_exchanges(example), key=lambda exchange: exchange.started or 0.0)
    verdicts = [*(engine.feed(exchange) for exchange in exchanges), *engine.close()]
    return [finding for verdict in verdicts for finding in verdict.findings]


def _problems(rule: Rule, example: Example, findings: list[Finding], *, is_bad: bool) -> Iterator[str]:
    messages: dict[str, str] = {}
    for finding in findings:
        messages.setdefault(finding.rule, finding.message)
    wanted = set(example.data.get("also", ())) | ({rule.id} if is_bad else set())
    if missing := sorted(wanted - set(messages)):
        yield f"did not fire: {', '.join(missing)}"
    for other in sorted(set(messages) - wanted):
        yield f"not expected: {other} ({messages[other]})"
    finds = example.data.get("finds")
    if finds is not None and rule.id in messages and messages[rule.id] != finds:
        yield f"the message is {messages[rule.id]!r}, expected {finds!r}"


def _exchanges(example: Example) -> Iterator[Exchange]:
    at = -1.0
    for index, entry in enumerate(example.data["exchanges"]):
        at = float(entry.get("at", at + 1))
        yield _exchange(example, (*example.where, "exchanges", index), entry, index, _START + at)


def _exchange(example: Example, where: Where, entry: dict[str, Any], index: int, started: float) -> Exchange:
    method, url = _asked(example, where, entry)
    uri = parse_uri(url)
    if uri is None or uri.endpoint.scheme not in DEFAULT_PORTS:
        raise example.document.error((*where, "request"), "expected an absolute http or https URL")
    status, error, body = entry.get("response"), entry.get("error"), entry.get("body", "")
    answer = (
        *_headers(example, (*where, "response_headers")),
        *(("location", value) for value in _texts(example, (*where, "location"))),
    )
    return Exchange(
        index=index,
        started=started,
        answered=started + _UNTIL_ANSWER if status is not None or error else None,
        client=entry.get("from", "10.0.0.1"),
        method=method,
        scheme=uri.endpoint.scheme,
        host=uri.endpoint.host,
        port=uri.endpoint.port or DEFAULT_PORTS[uri.endpoint.scheme],
        target=origin_form(without_authority(url), method),
        request_headers=_request_headers(example, where, entry),
        request_body=body.encode(),
        status=status,
        response_headers=answer,
        response_body=entry.get("response_body", "").encode() if status is not None else None,
        error=error if status is None else None,
        injected=is_injected(answer),
    )


def _asked(example: Example, where: Where, entry: dict[str, Any]) -> tuple[str, str]:
    """Method and URL."""
    if ("request" in entry) == ("authorize" in entry):
        raise example.document.error(where, "expected either 'request' or 'authorize'")
    if "request" in entry:
        method, _, url = entry["request"].partition(" ")
        return method, url
    values = {name: (value,) for name, value in AUTHORIZE.items()}
    values |= {name: _texts(example, (*where, "authorize", name)) for name in entry["authorize"]}
    pairs = [f"{quote(name, safe='')}={quote(text, safe='')}" for name, texts in values.items() for text in texts]
    return "GET", f"{_AUTHORIZE_URL}?{'&'.join(pairs)}"


def _request_headers(example: Example, where: Where, entry: dict[str, Any]) -> Headers:
    headers = _headers(example, (*where, "headers"))
    if header(headers, "user-agent") is None:
        headers = (*headers, ("user-agent", entry.get("agent", _AGENT)))
    if "body" in entry and header(headers, "content-type") is None:
        headers = (*headers, ("content-type", "application/x-www-form-urlencoded"))
    return headers


def _headers(example: Example, where: Where) -> Headers:
    names = example.document.value(where) or {}
    return tuple((name.lower(), text.strip(" \t")) for name in names for text in _texts(example, (*where, name)))


def _texts(example: Example, where: Where) -> tuple[str, ...]:
    """One text, or those of a list, as the file spells them: ``1.0`` stays ``1.0``. None for null."""
    value = example.document.value(where)
    if isinstance(value, list):
        return tuple(text for index in range(len(value)) for text in _texts(example, (*where, index)))
    return () if value is None else (example.document.spelling(where) or "",)
