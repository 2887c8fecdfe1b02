"""From what a rule found to a Finding: the project's choice of rules, its severities, what it allows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime

from lp_sentinel.exchange import Exchange
from lp_sentinel.facts import Facts
from lp_sentinel.finding import Finding, Hop, JourneyHop
from lp_sentinel.journey import Journey
from lp_sentinel.project import Project
from lp_sentinel.redact import Redactor, bounded
from lp_sentinel.rules import Fired, Hit, judge
from lp_sentinel.target import Target
from lp_sentinel.texts import Word

_HOPS: Mapping[str, Hop] = {"landing": "landing", "closed": "login"}
"""At which hop a moment's rules say that something broke, where it is not that of the exchange it is put on."""

PREFLIGHT = "preflight"
"""The tag of rules that are asked about a preflight, too."""


class Judgement:
    """Asks the rules about one capture, and keeps what they found until it is taken."""

    def __init__(self, project: Project, redactor: Redactor, capture: str | None) -> None:
        self._redactor = redactor
        self.capture = capture
        self._found: list[Finding] = []
        self.change(project)

    def change(self, project: Project) -> None:
        """Ask the rules of this project from now on, and choose as it does."""
        self._config, self._book = project
        self._redactor.spare(project.config.registered)

    def take(self) -> tuple[Finding, ...]:
        """What was found since the last call."""
        found, self._found = tuple(self._found), []
        return found

    def ask(
        self,
        moment: str,
        facts: Mapping[str, Facts | None],
        at: JourneyHop,
        journey: Journey | None = None,
        prior: frozenset[Fired] = frozenset(),
        *,
        account: str | None = None,
        client_id: str | None = None,
        only_tag: str | None = None,
    ) -> frozenset[Fired]:
        """Ask the rules of a moment; what fired, the rules that yielded included."""
        hits, fired = judge(self._book, moment, facts, prior, self._redactor.show)
        for hit in hits:
            if only_tag is None or only_tag in hit.rule.tags:
                self._add(hit, moment, at, journey, account, client_id)
        return fired

    def _add(
        self, hit: Hit, moment: str, at: JourneyHop, journey: Journey | None, account: str | None, client_id: str | None
    ) -> None:
        rule, choices = hit.rule, self._config.rules
        if not choices.asks(rule.id):
            return
        redirect_uri = None
        if journey:
            account, client_id = journey.request.account, journey.request.client_id
            redirect_uri = journey.request.redirect_uri
            journey.findings += 1
        today = utc_today()
        self._found.append(
            Finding(
                rule=rule.id,
                name=rule.name,
                severity=choices.severity_of(rule.id, rule.severity),
                message=hit.message,
                account=self.text(account),
                client_id=self.text(client_id),
                journey=journey.id if journey else None,
                hop=rule.hop or _HOPS.get(moment, at.hop),
                flow=at.flow,
                index=at.index,
                capture=self.capture,
                time=at.time,
                method=at.method,
                url=at.url,
                status=at.status,
                evidence=hit.evidence,
                cite=rule.cite,
                injected=at.injected or (journey is not None and journey.injected),
                allowed=any(a.covers(rule.id, account, client_id, redirect_uri, today) for a in choices.allow),
                expected=hit.expected,
                fix=rule.fix,
                why=rule.why,
                parameter=hit.parameter,
            )
        )

    def text(self, value: str | None) -> str | None:
        """Captured text that is no secret, fit to be handed on."""
        return None if value is None else str(self._redactor.show(value))

    def hop(self, exchange: Exchange, hop: Hop, redirect: Target | None) -> JourneyHop:
        """An exchange as it is shown: redacted, small."""
        return JourneyHop(
            index=exchange.index,
            flow=exchange.flow,
            hop=hop,
            method=bounded(exchange.method),
            url=self._redactor.url(exchange.url),
            status=exchange.status,
            # Tools write here what they like, and some what was sent.
            error=self.text(None if exchange.error is None else Word(exchange.error)),
            started=exchange.started,
            answered=exchange.answered,
            leads_to=self._redactor.url(redirect.url) if redirect else None,
            injected=exchange.injected,
        )


def utc_today() -> date:
    return datetime.now(UTC).date()
