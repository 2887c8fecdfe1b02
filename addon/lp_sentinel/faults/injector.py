"""Puts the faults of a plan into live flows: at the request where no real answer is needed, else at the response."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakKeyDictionary

from lp_sentinel.captures.flows import exchange_of
from lp_sentinel.config import Config
from lp_sentinel.exchange import Exchange
from lp_sentinel.faults.acts import LOOP_LEG, Act, at_request, at_response, back_from_loop, response_of
from lp_sentinel.faults.armed import Armed
from lp_sentinel.faults.counting import delay_of, made_up
from lp_sentinel.faults.hops import Hops, Seen
from lp_sentinel.faults.landings import Known, NotPossibleError
from lp_sentinel.faults.lineup import Lineup
from lp_sentinel.faults.match import matches, outcome
from lp_sentinel.faults.notes import name_in, note
from lp_sentinel.faults.plan import Fault, Plan
from lp_sentinel.faults.raw_url import carried
from lp_sentinel.faults.verdict import FaultVerdict, Injection
from lp_sentinel.faults.watch import Watch
from lp_sentinel.memory import Ageing, digest
from lp_sentinel.redact import Redactor, printable
from lp_sentinel.sieve import glance
from lp_sentinel.uri import endpoint_of, parse_parameters

if TYPE_CHECKING:
    from mitmproxy.http import HTTPFlow, Response

    from lp_sentinel.engine import Verdict

_MOST_PENDING = 10_000
_MOST_REASONS = 100
_TICK = 0.25
_LONGEST_NAME, _LONGEST_STORY = 80, 300
"""Characters of what comes from traffic, in a line of the log."""


class _Pending(NamedTuple):
    """A request that waits for its answer, and the faults that may change it."""

    seen: Seen
    faults: tuple[Armed, ...]


class _Chosen(NamedTuple):
    armed: Armed
    act: Act
    place: int
    """Which of its app's matches it was, counted from 1."""
    seen: Seen


class Injector:
    """The faults of a plan, armed. Only live flows are changed; what was replayed or saved never is."""

    def __init__(self, plan: Plan, config: Config, redactor: Redactor, *, say: Callable[[str], None]) -> None:
        """``say`` gets a line for each fault that is injected."""
        self._redactor = redactor
        self._say = say
        self._hops = Hops(config)
        self._watch = Watch(config.limits)
        self._pending: dict[str, _Pending] = {}
        self._answers: WeakKeyDictionary[HTTPFlow, Response] = WeakKeyDictionary()
        """What faults have answered: server replay, which comes behind, may answer over it."""
        self.lineup = Lineup(plan, say)
        self._loops: Ageing[str | None, tuple[Fault, int]] = Ageing(_MOST_PENDING)
        """The loop that an app's users are in, even if it is off by now: Sentinel does not know its other half."""

    # Commands

    def take_over(self, plan: Plan, config: Config) -> None:
        """Go on with another config, and with another plan and no preset besides, unless it is the one given before."""
        self._hops.change(config)
        self._watch.limits = config.limits
        self.lineup.take_over(plan)

    def verdicts(self) -> tuple[FaultVerdict, ...]:
        """How each fault has ended, or stands. One that only was told of (dry-run) or never was on has none."""
        verdicts = [(armed, self._watch.verdict(armed.fault, armed.could_not)) for armed in self.lineup.known()]
        return tuple(one for armed, one in verdicts if one.injected or (armed.is_on and not armed.is_dry))

    def observe(self, exchange: Exchange, verdict: Verdict) -> None:
        """An exchange has been judged: it may be what the app did next."""
        self._watch.observe(exchange, verdict)

    # Hooks

    async def request(self, flow: HTTPFlow) -> None:
        """Inject what needs no real answer."""
        self._answers.pop(flow, None)  # of a flow that was sent before (client replay)
        if flow.response or flow.error or not flow.live:
            return
        await self._answer(flow)
        if flow.response:
            self._answers[flow] = flow.response

    async def _answer(self, flow: HTTPFlow) -> None:
        self.lineup.look_at_files()
        if not self._hops.concerns(*glance(flow)):
            return
        exchange = exchange_of(flow, 0)
        # What is streamed has gone by now: only its answer can be changed.
        if LOOP_LEG in exchange.path and not flow.request.stream and (loop := self._loops.get(_client_id(exchange))):
            note(flow, *loop, "a redirect loop")
            flow.response = response_of(back_from_loop(exchange))
            name_in(flow.response, *loop)
            return
        seen = self._hops.at_request(exchange)
        if seen is None:
            return
        chosen, later = self._choose_at_request(flow, seen)
        if chosen:
            await self._inject(flow, chosen)
        if not flow.response and not flow.error:
            self._expect_answer(flow.id, _Pending(seen, later))

    async def response(self, flow: HTTPFlow) -> None:
        """Edit the real answer."""
        answer = self._answers.pop(flow, None)
        if answer and flow.is_replay == "response":
            flow.response = answer
        pending = self._pending.pop(flow.id, None)
        if pending is None or flow.error or not flow.live or not flow.response:
            return
        answered = exchange_of(flow, 0)
        landing = self._hops.lands(pending.seen, answered)
        chosen = self._choose_at_response(flow, pending, answered, landing)
        self._hops.landed(pending.seen, landing)
        if chosen:
            await self._inject(flow, chosen)

    def _expect_answer(self, flow: str, pending: _Pending) -> None:
        if len(self._pending) >= _MOST_PENDING:
            # Connections that fail have no response hook; the oldest are those.
            del self._pending[next(iter(self._pending))]
        self._pending[flow] = pending

    # Which fault

    def _choose_at_request(self, flow: HTTPFlow, seen: Seen) -> tuple[_Chosen | None, tuple[Armed, ...]]:
        """The fault to inject now, and those that may be injected later: the order of the plan decides."""
        chosen, later = None, list[Armed]()
        is_gone = bool(flow.request.stream)
        is_preceded = False  # by one that matches and waits for the answer
        for armed in self.lineup.faults:
            fault, must_wait = armed.fault, is_gone or is_preceded
            if fault.at == "landing":
                later.append(armed)
            elif fault.at != seen.hop or not (armed.is_on or must_wait):
                continue
            elif must_wait:
                later.append(armed)
            elif fault.needs_answer and chosen is None:
                later.append(armed)  # its filter may ask for the answer, too
                is_preceded = self._matches(fault, seen, flow)
            elif chosen is None and self._matches(fault, seen, flow):
                chosen = self._chosen(armed, seen, None, partial(at_request, fault, seen))
        return chosen, tuple(armed for armed in later if chosen is None or armed.fault.at == "landing")

    def _choose_at_response(
        self, flow: HTTPFlow, pending: _Pending, answered: Exchange, landing: str | None
    ) -> _Chosen | None:
        seen = pending.seen
        real = outcome(answered, landing, self._hops.leads(seen, answered))
        for armed in pending.faults:
            fault = armed.fault
            here = fault.at == seen.hop or landing is not None
            if not here or not armed.is_on or fault.match.outcome not in (None, real):
                continue
            if not self._matches(fault, seen, flow):
                continue
            is_gone = flow.response is not None and bool(flow.response.stream)
            work_out = _too_late if is_gone else partial(at_response, fault, seen, answered=answered, landing=landing)
            if chosen := self._chosen(armed, seen, landing, work_out):
                return chosen
        return None

    def _matches(self, fault: Fault, seen: Seen, flow: HTTPFlow) -> bool:
        return matches(fault.match, seen, lambda passes: bool(passes(flow)))

    def _chosen(
        self, armed: Armed, seen: Seen, landing: str | None, work_out: Callable[[Known], Act]
    ) -> _Chosen | None:
        """A fault that matches, if what it does is possible here and its turn has come."""
        place = armed.matched[seen.client] + 1
        try:
            act = work_out(self._known(armed.fault, seen, landing, place))
        except NotPossibleError as reason:
            why = printable(str(reason), _LONGEST_STORY)
            if why not in armed.could_not and len(armed.could_not) < _MOST_REASONS:
                armed.could_not.append(why)
                self._say(f"fault {armed.fault.name} was not injected: {why}")
            return None
        return _Chosen(armed, act, place, seen) if armed.is_turn(seen.client, place) else None

    def _known(self, fault: Fault, seen: Seen, landing: str | None, count: int) -> Known:
        code, state = self._hops.earlier(seen, landing)
        login = seen.login
        return Known(
            redirect_uri=login.lands_at if login else None,
            state=seen.state,
            registered=login.registered if login else (),
            earlier_code=code,
            other_state=state,
            made_up=lambda what: made_up(fault.seed, fault.name, count, what),
            may_go_to=lambda host: login is not None and login.may_go_to(host, fault.redirect_targets),
        )

    # Injecting it

    async def _inject(self, flow: HTTPFlow, chosen: _Chosen) -> None:
        armed, act = chosen.armed, chosen.act
        fault, number = armed.fault, armed.counted[chosen.seen.client]
        spent = "; the real code is spent" if act.spends else ""
        done = f"{printable(act.did, _LONGEST_STORY)}{spent}"
        # Anybody may send any client_id: with a secret joined to it, or with what a terminal obeys.
        client = printable(str(self._redactor.show(chosen.seen.client_id or "?")), _LONGEST_NAME)
        where = f"{fault.at} of client {client}"
        if armed.is_dry:
            self._say(f"fault {fault.name} (n={number}) would be injected at {where}: {done}")
            return
        self._say(f"fault {fault.name} (n={number}) injected at {where}: {done}")
        note(flow, fault, number, done)
        self._watch.note_injection(_injection(flow, chosen))
        if fault.family == "loop":
            self._loops[_client_id(chosen.seen.exchange)] = fault, number
        if act.lands_on:
            self._hops.expect_callback(act.lands_on)
        await _wait(flow, fault.do.hang if fault.family == "hang" else delay_of(fault, chosen.place))
        if act.kills:
            if flow.killable:
                flow.kill()  # type: ignore[no-untyped-call]
            return
        act.apply(flow)
        if flow.response:
            name_in(flow.response, fault, number)


def _too_late(_: Known) -> Act:
    raise NotPossibleError("the answer was streamed and had already been sent")


def _client_id(exchange: Exchange) -> str | None:
    return parse_parameters(exchange.query).get("client_id")


def _injection(flow: HTTPFlow, chosen: _Chosen) -> Injection:
    seen, act = chosen.seen, chosen.act
    code = carried(act.lands_on, "code")
    return Injection(
        fault=chosen.armed.fault,
        flow=flow.id,
        at=time.time(),
        account=seen.account,
        client_id=seen.client_id,
        browser=seen.exchange.browser if seen.hop != "token" else None,
        code=digest(code) if code else None,
        lands_at=endpoint_of(act.lands_on),
    )


async def _wait(flow: HTTPFlow, seconds: float) -> None:
    """Wait, but for no client that has gone. In a client replay there is none, but who replays waits."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        if not (flow.client_conn.connected or flow.is_replay == "request"):
            return
        await asyncio.sleep(min(_TICK, left))
