"""What an app does after a fault: which of the exchanges that are judged later followed from it."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from lp_sentinel.config import Limits
from lp_sentinel.exchange import Browser, Exchange, elapsed
from lp_sentinel.faults.plan import Fault
from lp_sentinel.faults.verdict import Ending, FaultVerdict, Injection
from lp_sentinel.json_object import json_object
from lp_sentinel.memory import Ageing, digest
from lp_sentinel.paths import token_path
from lp_sentinel.token import read_token_request
from lp_sentinel.uri import parse_parameters

if TYPE_CHECKING:
    from lp_sentinel.engine import Verdict

_MOST_WATCHED = 1000
_MOST_CALLBACKS = 10_000
_OTHER_GRANTS = ("refresh_token", "client_credentials")


class Watch:
    """Follows what comes after each injection."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._watched: deque[Injection] = deque()
        self._tallies: dict[str, _Tally] = {}
        """Of those that are no longer watched, by fault."""
        self._callbacks: Ageing[str, _Callback] = Ageing(_MOST_CALLBACKS)
        """By journey."""

    def note_injection(self, injection: Injection) -> None:
        """Watch from now on."""
        self._watched.append(injection)
        if len(self._watched) > _MOST_WATCHED:
            oldest = self._watched.popleft()
            self._tallies.setdefault(oldest.fault.name, _Tally()).add(oldest, self.limits)

    def observe(self, exchange: Exchange, verdict: Verdict) -> None:
        """Take note of a judged exchange."""
        if verdict.hop == "callback" and verdict.journey:  # it may be answered before the token request is made
            answered = exchange.answered or exchange.started or 0.0
            self._callbacks[verdict.journey] = _Callback(exchange.status, answered, exchange.browser)
        if not self._watched:
            return
        for injection in self._watched:
            if injection.flow == exchange.flow:
                self._begin(injection, verdict.journey)
        match verdict.hop:
            case "callback":
                self._callback(exchange, verdict.journey)
            case "token":
                self._token(exchange, verdict.journey)
            case "authorize":
                self._authorize(exchange, verdict.journey)
            case None:
                self._bare_callback(exchange)

    def _begin(self, injection: Injection, journey: str | None) -> None:
        injection.journey = journey
        # The callback that a token request belongs to began before it, and may have been judged by now.
        earlier = self._callbacks.get(journey) if journey else None
        if earlier and injection.fault.at == "token":
            injection.browser = earlier.browser
            if earlier.answered >= injection.at:
                injection.callbacks.append(earlier.status)

    def _callback(self, exchange: Exchange, journey: str | None) -> None:
        answered = exchange.answered or exchange.started or 0.0
        after = [one for one in self._watched if one.flow != exchange.flow and answered >= one.at]
        followed = [one for one in after if one.journey is not None and one.journey == journey]
        for injection in followed or self._with_code(after, parse_parameters(exchange.query).get("code")):
            injection.callbacks.append(exchange.status)
            injection.browser = injection.browser or exchange.browser

    def _bare_callback(self, exchange: Exchange) -> None:
        """One without parameters, because there were none or they stood in the fragment: not a callback to others."""
        if parse_parameters(exchange.query).has("code", "error"):
            return
        for injection in reversed(self._watched):
            if injection.browser == exchange.browser and injection.lands_at == exchange.endpoint:
                if not injection.callbacks and (exchange.started or 0.0) >= injection.at:
                    injection.callbacks.append(exchange.status)
                return

    def _token(self, exchange: Exchange, journey: str | None) -> None:
        request = _read(exchange)
        if request.is_other:
            return
        started = exchange.started or 0.0
        after = [one for one in self._watched if one.flow != exchange.flow and started >= one.at]
        # A code that comes a second time still counts for the journey that it first came in: ask for the code first.
        found = self._with_code(after, request.code)
        found = found or [one for one in after if journey is not None and one.journey == journey][-1:]
        if not found and journey is None and not request.is_unread:
            # A code that nobody saw land, such as a literal "undefined": the app made it of the last landing.
            found = [one for one in after if one.client_id == request.client_id][-1:]
        for injection in found:
            injection.tokens += 1
        if not found and journey is None and request.is_unread:
            for injection in filter(request.may_follow, after):
                injection.tokens_unsure += elapsed(injection.at, started) <= self.limits.journey_timeout

    @staticmethod
    def _with_code(injections: list[Injection], code: str | None) -> list[Injection]:
        """The last one that had the browser land with this code."""
        return [one for one in injections if code is not None and one.code == digest(code)][-1:]

    def _authorize(self, exchange: Exchange, journey: str | None) -> None:
        client_id = parse_parameters(exchange.query).get("client_id")
        started = exchange.started or 0.0
        for injection in self._watched:
            same = injection.browser == exchange.browser and injection.client_id == client_id
            if same and injection.flow != exchange.flow and journey != injection.journey and started >= injection.at:
                injection.authorizes += 1
                injection.authorizes_soon += elapsed(injection.at, started) <= self.limits.loop_window

    def verdict(self, fault: Fault, could_not: Sequence[str] = ()) -> FaultVerdict:
        """How a fault has ended, or stands; ``could_not``: why it was not injected where it matched."""
        name, expected = fault.name, fault.expect.text
        tally = _Tally(self._tallies.get(name))
        for injection in self._watched:
            if injection.fault.name == name:
                tally.add(injection, self.limits)
        if not tally.judged:
            return FaultVerdict(
                name, "never matched", 0, expected, f"not injected: {could_not[0]}" if could_not else ""
            )
        verdict: Ending = (
            "not as expected" if tally.judged[False] else "as expected" if tally.judged[True] else "not seen"
        )
        seen = next(tally.seen[judged] for judged in (False, True, None) if tally.judged[judged])
        return FaultVerdict(name, verdict, tally.judged.total(), expected, seen)


class _Tally:
    """What injections of one fault came to."""

    def __init__(self, earlier: _Tally | None = None) -> None:
        """``earlier`` are those to count on from; its own counts stay what they are."""
        self.judged: Counter[bool | None] = Counter(earlier.judged if earlier else ())
        self.seen: dict[bool | None, str] = dict(earlier.seen if earlier else ())
        """What followed the first that was judged so, in words."""

    def add(self, injection: Injection, limits: Limits) -> None:
        judged = injection.judge(limits)
        self.judged[judged] += 1
        if judged not in self.seen:
            self.seen[judged] = injection.seen(limits)


class _Callback(NamedTuple):
    """What is remembered of a journey's last callback."""

    status: int | None
    answered: float
    """Seconds since the epoch."""
    browser: Browser


class _Redeems(NamedTuple):
    """What a token request says of the login whose code it redeems, in the wrong place or form, too."""

    account: str | None
    client_id: str | None
    code: str | None
    is_other: bool
    """It redeems no code."""
    is_unread: bool
    """It may say more than could be read."""

    def may_follow(self, injection: Injection) -> bool:
        """Whether it may be what an app did after a fault, by what is known of both."""
        known = ((self.account, injection.account), (self.client_id, injection.client_id))
        return all(one == other or None in (one, other) for one, other in known)


def _read(exchange: Exchange) -> _Redeems:
    request, path, said = read_token_request(exchange), token_path(exchange.path), _json(exchange)

    def get(name: str) -> str | None:
        return request.get(name) or request.query.get(name) or said.get(name)

    code, client_id = get("code"), request.client_id or get("client_id")
    return _Redeems(
        account=path.account if path else None,
        client_id=client_id,
        code=code,
        is_other=request.method == "OPTIONS" or get("grant_type") in _OTHER_GRANTS,
        is_unread=client_id is None or (not code and request.form is None),
    )


def _json(exchange: Exchange) -> dict[str, str]:
    """The texts of a body that is a JSON object, which none should be."""
    said = json_object(exchange.request_body) or {}
    return {name: value for name, value in said.items() if isinstance(value, str)}
