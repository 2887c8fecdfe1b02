"""The content view "LP authorize": a login's exchange as its parameters, its hops, and what was found on it."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple

from mitmproxy import contentviews, http

from lp_sentinel.authorize import DOCUMENTED
from lp_sentinel.captures.flows import exchange_of
from lp_sentinel.exchange import Exchange, as_text
from lp_sentinel.finding import Finding, JourneySummary
from lp_sentinel.marks import About, unless_found
from lp_sentinel.paths import authorize_path, token_path
from lp_sentinel.proxy.parameters import MEANINGS, Given, given, given_in_json
from lp_sentinel.proxy.session import Session
from lp_sentinel.redact import Redactor, printable
from lp_sentinel.reports.signs import SIGNS
from lp_sentinel.reports.words import answer_of, answered_with
from lp_sentinel.rules.citations import spelled_out
from lp_sentinel.target import redirect_target
from lp_sentinel.texts import Url
from lp_sentinel.uri import parse_parameters

NAME = "LP authorize"

_NOT_OURS = "This has nothing to do with a LivePerson login, as far as is known."
_FIRST = 2.0
"""Before mitmproxy's own views of a query; of a response, which may be a page, it is only offered."""
_OFFERED, _NEVER = 0.0, -1.0
_WIDTH = 100
_LONGEST_VALUE = 90
_MOST_ROWS = 60
_ABSENT = "(absent)"


class LoginView(contentviews.Contentview):
    """Shows an exchange of a login as lp-authorize sees it, redacted as everywhere. It never raises."""

    name = NAME
    syntax_highlight = "none"

    def __init__(self, session: Callable[[], Session | None]) -> None:
        self._session = session

    def render_priority(self, data: bytes, metadata: contentviews.Metadata) -> float:  # noqa: ARG002  (mitmproxy's)
        flow, session = metadata.flow, self._session()
        if session is None or not isinstance(flow, http.HTTPFlow):
            return _NEVER
        with suppress(Exception):  # as below
            path = as_text(flow.request.data.path.partition(b"?")[0])
            if session.knows(flow) or authorize_path(path) or token_path(path):
                return _FIRST if metadata.http_message is flow.request else _OFFERED
        return _NEVER

    def prettify(self, data: bytes, metadata: contentviews.Metadata) -> str:  # noqa: ARG002
        flow, session = metadata.flow, self._session()
        if session is None or not isinstance(flow, http.HTTPFlow):
            return _NOT_OURS
        try:
            about = session.about(flow)
            return "\n".join(_told(session, exchange_of(flow, 0), about)) if about else _NOT_OURS
        except Exception as error:  # noqa: BLE001  (a window must not break over what was captured)
            return f"lp-authorize could not show this: {type(error).__name__}"


def add_view(view: LoginView) -> None:
    contentviews.add(view)


def remove_view(view: LoginView) -> None:
    """Take it out again; mitmproxy has no call for that."""
    views = getattr(contentviews.registry, "_by_name", {})
    if views.get(NAME.lower()) is view:
        del views[NAME.lower()]


def show_anew(view: LoginView) -> None:
    """What is shown of a flow has changed: the console keeps what a view has said until a view changes."""
    contentviews.registry.on_change.send(view)


class _Row(NamedTuple):
    """A parameter, or the like, and how it stands."""

    name: str
    value: str
    state: str
    """``in order``, ``wrong`` or ``unknown``, and the rules that say so."""
    meaning: str


def _told(session: Session, exchange: Exchange, about: About) -> Iterator[str]:
    journey = session.journey(about.journey) if about.journey else None
    yield from _head(session.redactor, exchange, about, journey)
    yield from _sections(session, exchange, about)
    if journey:
        yield from _hops(journey, exchange.flow)
    yield from _findings(about.findings)


def _head(redactor: Redactor, exchange: Exchange, about: About, journey: JourneySummary | None) -> Iterator[str]:
    of = f" of journey {journey.journey}" if journey else ""
    found = ", ".join(dict.fromkeys(one.rule for one in about.findings))
    found = found or unless_found(about.hop, exchange.status, journey)
    yield f"{about.hop}{of}: {answered_with(exchange)}; {found}"
    yield ""
    yield f"{redactor.show(exchange.method)} {_bare(redactor, exchange.url)}"


def _sections(session: Session, exchange: Exchange, about: About) -> Iterator[str]:
    """The request's parameters, and those of what came back."""
    redactor, show = session.redactor, _Judged(session, exchange, about)
    query = given(exchange.query, redactor)
    if about.hop == "authorize":
        account = _account(exchange)
        query = [Given("account", None if account is None else str(redactor.show(account))), *query]
        query += [Given(name, None) for name in DOCUMENTED if name not in {one.name for one in query}]
    yield from _table(show.rows(query, "request"))
    if about.hop == "token" and exchange.request_body:
        yield from _titled("Body", show.rows(given(exchange.request_body, redactor), "request"))
    if redirect := redirect_target(exchange):
        yield ""
        yield f"Location: {_bare(redactor, redirect.url)}"
        rest = redirect.url.partition("?")[2] or redirect.url.partition("#")[2]
        yield from _table(show.rows(given(rest.replace("#", "&", 1), redactor), "answer"))
    if about.hop == "token" and exchange.response_body:
        yield from _titled("Answer", show.rows(given_in_json(exchange.response_body, redactor), "answer"))


class _Judged:
    """Says of each parameter how it stands."""

    def __init__(self, session: Session, exchange: Exchange, about: About) -> None:
        book = session.project.book
        self._about_answers = {one.rule for one in about.findings if book.judges_answer(one.rule)}
        self._findings = about.findings
        self._unknown: frozenset[str] = frozenset()
        if about.hop == "authorize":
            client_id = parse_parameters(exchange.query).get("client_id")
            if not session.project.config.app(_account(exchange), client_id):
                self._unknown = frozenset({"account", "client_id", "redirect_uri"})

    def rows(self, parameters: Iterable[Given], of: str) -> list[_Row]:
        """What is missing and should not be has a row as well."""
        listed = list(parameters)
        named = dict.fromkeys(name for one in self._findings if self._is_about(one, of) for name in _named(one))
        absent = named.keys() - {one.name for one in listed}
        return [self._row(one, of) for one in (*listed, *(Given(name, None) for name in named if name in absent))]

    def _is_about(self, finding: Finding, of: str) -> bool:
        return (finding.rule in self._about_answers) == (of == "answer")

    def _row(self, one: Given, of: str) -> _Row:
        rules = dict.fromkeys(
            finding.rule for finding in self._findings if self._is_about(finding, of) and one.name in _named(finding)
        )
        meaning = MEANINGS.get(one.name)
        is_wrong = any(self._is_wrong(rule) for rule in rules)
        is_unknown = meaning is None or (of == "request" and one.name in self._unknown and one.value is not None)
        state = "wrong" if is_wrong else "unknown" if is_unknown else "in order"
        return _Row(
            one.name,
            _ABSENT if one.value is None else one.value,
            f"{state} ({', '.join(rules)})" if rules else state,
            meaning or "not documented",
        )

    def _is_wrong(self, rule: str) -> bool:
        return any(one.rule == rule and one.severity != "info" for one in self._findings)


def _named(finding: Finding) -> list[str]:
    """The parameters that a finding is about: a rule may name several."""
    return finding.parameter.split(", ") if finding.parameter else []


def _titled(title: str, rows: Sequence[_Row]) -> Iterator[str]:
    if rows:
        yield ""
        yield f"{title}:"
        yield from _table(rows)


def _table(rows: Sequence[_Row]) -> Iterator[str]:
    shown = rows[:_MOST_ROWS]
    cells = [(row.name, row.state, printable(row.value, _LONGEST_VALUE), row.meaning) for row in shown]
    widths = [max((len(row[column]) for row in cells), default=0) for column in range(2)]
    value_width = min(max((len(row[2]) for row in cells), default=0), 40)
    for name, state, value, meaning in cells:
        yield f"  {name:{widths[0]}}  {state:{widths[1]}}  {value:{value_width}}  {meaning}"
    if len(rows) > len(shown):
        yield f"  … and {len(rows) - len(shown)} more"


def _hops(journey: JourneySummary, flow: str | None) -> Iterator[str]:
    yield ""
    yield f"Journey {journey.journey}: {journey.outcome}{' so far' if journey.open else ''}"
    for number, hop in enumerate(journey.hops[:_MOST_ROWS], 1):
        here = ">" if hop.flow is not None and hop.flow == flow else " "
        to = f" to {hop.leads_to.partition('?')[0]}" if hop.leads_to else ""
        line = f"{here} {number}. {hop.hop:9} {hop.method} {hop.url.partition('?')[0]}  {answer_of(hop)}{to}"
        yield line + ("  (injected)" if hop.injected else "")


def _findings(findings: Sequence[Finding]) -> Iterator[str]:
    for one in findings:
        remark = f" ({one.excuse})" if one.excuse else ""
        yield ""
        yield f"{SIGNS[one.severity]} {one.rule} {one.name} ({one.severity}){remark}"
        for label, text in (
            ("seen", one.message),
            ("expected", one.expected),
            ("why", one.why),
            ("fix", one.fix),
            ("see", "; ".join(map(spelled_out, one.cite))),
        ):
            if text:
                yield from _wrapped(label, text)


def _wrapped(label: str, text: str) -> list[str]:
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=f"    {label:9} ",
        subsequent_indent=" " * 14,
        break_on_hyphens=False,
        break_long_words=False,
    )


def _bare(redactor: Redactor, url: str) -> str:
    return str(redactor.show(Url(url.partition("?")[0].partition("#")[0])))


def _account(exchange: Exchange) -> str | None:
    asked = authorize_path(exchange.path)
    return asked.account if asked else None
