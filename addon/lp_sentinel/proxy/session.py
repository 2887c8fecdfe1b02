"""A session in mitmproxy from its first flow to its end: judged, marked, printed, reported."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

from lp_sentinel.captures.flows import exchange_of
from lp_sentinel.captures.stream import Kind
from lp_sentinel.config import Config
from lp_sentinel.engine import Engine, Verdict
from lp_sentinel.exchange import Exchange, as_text
from lp_sentinel.finding import Finding, JourneySummary, Severity, by_place
from lp_sentinel.marks import About, Marks
from lp_sentinel.paths import authorize_path, token_path
from lp_sentinel.proxy.blocks import Blocks
from lp_sentinel.proxy.early import Early, judge_after, judge_alone
from lp_sentinel.proxy.feed import Feed
from lp_sentinel.proxy.legacy import Legacy
from lp_sentinel.proxy.record import Record
from lp_sentinel.proxy.settings import Settings
from lp_sentinel.redact import Redactor
from lp_sentinel.reports import CaptureEnd, Report
from lp_sentinel.reports.base import STANDARD_OUTPUT, Taker, hand_to
from lp_sentinel.reports.tally import Tally
from lp_sentinel.reports.terminal import Terminal

if TYPE_CHECKING:
    from mitmproxy.http import HTTPFlow

    from lp_sentinel.faults import FaultVerdict


class Session:
    """Everything between the flows and what becomes of them."""

    def __init__(
        self,
        settings: Settings,
        reports: Iterable[Report],
        *,
        replay: Kind | None,
        capture: str | None,
        observe: Callable[[Exchange, Verdict], None],
        faults: Callable[[], tuple[FaultVerdict, ...]],
        refresh: Callable[[list[HTTPFlow]], None],
        guard: Callable[[Callable[[], object]], object],
    ) -> None:
        """``replay``: such a file is read first; ``capture``: it is all there is. ``refresh`` shows changed flows anew.

        ``observe`` is told of each judged exchange, ``faults`` tells how the app took what was injected. ``guard``
        does something that may fail, and for which nothing else shall wait: writing a report.
        """
        self.redactor = Redactor(on=settings.redact)
        self._engine = Engine(settings.project, self.redactor, capture)
        self.feed = Feed(self._engine, settings.project.config, self._take, replay=replay)
        """What flows go to first: most go no further."""
        self._early = Engine(settings.project, self.redactor) if replay == "flows" else None
        """Judges a replayed flow file in the order in which it lists its flows, for what is saved meanwhile."""
        self._is_replay = replay is not None
        self._capture = capture
        self._refresh = refresh
        self._observe = observe
        self._faults = faults
        self._guard = guard
        self._current: HTTPFlow | None = None
        self._has_judged = False
        self._findings: list[Finding] = []
        """Those of a capture, until it is judged to its end."""
        self._closed: list[JourneySummary] = []
        self._tally = Tally()
        self._blocks = Blocks(self._engine.journey)
        self._marks = Marks()
        self.record = Record()
        self.change(settings, reports)

    def change(self, settings: Settings, reports: Iterable[Report]) -> None:
        """Take over other settings for what comes now. What was found before, and the logins under way, stay."""
        self.project = settings.project
        self._engine.change(self.project)
        if self._early:
            self._early.change(self.project)
        self.feed.sieve.change(self.project.config)
        self.redactor.on = settings.redact
        self.criteria = settings.criteria
        self._reports = tuple(reports)
        # A report on standard output has it for itself.
        output = sys.stderr if STANDARD_OUTPUT in settings.reports else sys.stdout
        self._screen = Terminal(output, least=settings.show) if settings.show else None

    def go_on_from(self, earlier: Legacy, files: Iterable[Report]) -> None:
        """Take on what was found by a session that has ended in this one's favour.

        ``files`` are the reports that have been emptied: what went to standard output stands there.
        """
        self._engine.begun = earlier.begun
        self.feed.go_on_from(earlier.ended, earlier.others)
        for journey in earlier.journeys:
            self.record.see(journey.journey)
        self._report(earlier.findings, earlier.journeys, files)

    def legacy(self) -> Legacy:
        """What another session may go on from, once this one is closed."""
        return Legacy(self.record.findings, self.record.journeys, self._engine.begun, *self.feed.places)

    # Traffic

    def response(self, flow: HTTPFlow) -> None:
        """A flow has ended that does not pass by."""
        self._current = flow
        self._marks.begin(flow)
        exchange = self.feed.response(flow)
        if self.feed.holds(exchange) and (early := self._judge_early(exchange)):
            # It is saved now, and judged later: in a replay at its end, live after those that started before it.
            self._marks.mark_for_now(flow, early.hop, early.seen, early.findings)
        if self._has_judged:
            self._settle()
        self._current = None

    def _judge_early(self, exchange: Exchange) -> Early | None:
        return judge_after(self._early, exchange) if self._early else self._judge_alone(exchange)

    def _judge_alone(self, exchange: Exchange) -> Early | None:
        return judge_alone(exchange, self.project, self.redactor)

    def about(self, flow: HTTPFlow) -> About | None:
        """What a flow was, and what was found on it; by what it alone shows where all is not known yet."""
        if about := self._marks.about(flow):
            return about
        alone = self._judge_alone(exchange_of(flow, 0))
        return About(alone.hop, None, alone.findings) if alone and alone.hop else None

    def found(self, flows: Sequence[HTTPFlow]) -> Iterator[Finding]:
        """What was found on these flows; on those that this session has not judged, what they show alone."""
        known = {flow: self._marks.findings(flow) for flow in flows}
        recorded = self.record.by_flow({flow.id for flow, findings in known.items() if findings is None})
        for flow, findings in known.items():
            yield from recorded.get(flow.id) or self._found_alone(flow) if findings is None else findings

    def _found_alone(self, flow: HTTPFlow) -> tuple[Finding, ...]:
        path = as_text(flow.request.data.path.partition(b"?")[0])
        about = self.about(flow) if authorize_path(path) or token_path(path) else None
        return about.findings if about else ()

    def knows(self, flow: HTTPFlow) -> bool:
        """Whether a flow is known to belong to a login."""
        return self._marks.about(flow) is not None

    def journey(self, name: str) -> JourneySummary | None:
        """A journey as it stands, or as it ended."""
        return self._engine.journey(name) or self.record.closed(name)

    @property
    def waits(self) -> bool:
        """Whether :meth:`tick` is to be called in a while."""
        return self.feed.holds_back or self._blocks.waits or (self._is_replay and self._capture is None)

    def tick(self, *, is_reading: bool) -> None:
        """Time has passed. ``is_reading``: the file of a replay is still being read."""
        if self._is_replay and self._capture is None and not is_reading:
            self._is_replay = False
            self.feed.go_live()
        elif self.feed.holds_back:
            self.feed.release()
        self._settle()

    # What comes of it

    def _take(self, exchange: Exchange, verdict: Verdict) -> None:
        self._has_judged = True
        journey = self._engine.journey(verdict.journey) if verdict.journey else None
        if exchange.flow:
            self._marks.judged(exchange.flow)
        if verdict.hop and exchange.flow:
            self._marks.tell(exchange.flow, verdict.hop, journey)
        self._hand_on(verdict, journey)
        self._observe(exchange, verdict)

    def _hand_on(self, verdict: Verdict, journey: JourneySummary | None = None) -> None:
        if verdict.journey:
            self.record.see(verdict.journey)
        self._blocks.take(verdict, journey)
        for finding in verdict.findings:
            self._marks.finding(finding)
        if self._capture is None:
            self._report(verdict.findings, verdict.closed)
        else:
            self._findings += verdict.findings
            self._closed += verdict.closed

    def _settle(self) -> None:
        self._has_judged = False
        changed = [flow for flow in self._marks.apply() if flow is not self._current]
        if changed:
            self._refresh(changed)
        self._blocks.show(self._screen)

    # The end

    def close(self, problem: Callable[[Config], str | None] = lambda _config: None) -> None:
        """No more will come: judge what is left. Each step is taken even if one before it has failed.

        ``problem`` tells why the capture was not read, or not to its end.
        """
        with ExitStack() as steps:
            steps.callback(self._tell_end, problem)
            steps.callback(self._settle)
            steps.callback(self._report_capture)
            steps.callback(self._judge_open)
            self._judge_rest()

    def _judge_open(self) -> None:
        for verdict in self._engine.close():
            self._hand_on(verdict)

    def _judge_rest(self) -> None:
        """Judge what is held back; an exchange that can't be judged takes no other with it."""
        failure: Exception | None = None
        while True:
            try:
                self.feed.close()
                break
            except Exception as error:  # noqa: BLE001  (raised below)
                failure = failure or error
        if failure:
            raise failure

    def _report_capture(self) -> None:
        """The report of a capture is the one that ``lp-authorize check`` writes of it, line by line."""
        self._report(by_place(self._findings), self._closed)
        self._findings, self._closed = [], []

    def _tell_end(self, problem: Callable[[Config], str | None]) -> None:
        end = self._end
        try:
            end = end._replace(problem=problem(self.project.config))
        finally:
            for report in self._reports:
                self._guard(partial(report.capture, end))

    def _report(
        self,
        findings: Sequence[Finding],
        journeys: Sequence[JourneySummary],
        reports: Iterable[Report] | None = None,
    ) -> None:
        takers: tuple[Taker, ...] = (self._tally, self.record, *(self._reports if reports is None else reports))
        for taker in takers:
            self._guard(partial(hand_to, taker, findings, journeys))

    def summarize(self) -> None:
        self._tally.exchanges = self.feed.exchanges
        if self._screen:
            self._screen.summary(self._tally, self._faults())

    def fails(self, least: Severity | None) -> bool:
        """Whether something at least as severe was found, or seen of a fault; for ``None`` nothing is severe enough."""
        if least is None:
            return False
        # Nothing is put into what is read from a file: there a fault that was not injected says nothing.
        faults = [fault for fault in self._faults() if fault.injected or not self._capture]
        return self._tally.at_least(least) > 0 or any(fault.fails(least) for fault in faults)

    def write_closed(self, report: Report) -> None:
        """Hand what was found so far to a report that will be told of the rest, such as how open journeys end."""
        hand_to(report, self.record.findings, self.record.journeys)

    def so_far(self) -> Callable[[Report], None]:
        """What hands all that was found until now to a report, with the journeys that go on: in any thread, later."""
        findings, journeys = self.record.findings, self.record.all_journeys(self._engine.journey)
        end = self._end

        def hand(report: Report) -> None:
            hand_to(report, findings, journeys)
            report.capture(end)

        return hand

    def finish(self, report: Report) -> None:
        """Hand a report that was told of each finding what it still lacks: journeys that go on, and the end."""
        self.record.write_open(report, self._engine.journey)
        report.capture(self._end)

    @property
    def _end(self) -> CaptureEnd:
        return CaptureEnd(self._capture, self.feed.exchanges, faults=self._faults())
