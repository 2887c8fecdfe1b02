"""Captures judged by a cluster: each has a foreman here, who hands out its work and takes what comes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import partial
from typing import Any

from distributed import Client, Future, KilledWorker
from distributed.comm.core import CommClosedError

from lp_sentinel.captures.opening import STANDARD_INPUT
from lp_sentinel.check import Judged, judge_capture
from lp_sentinel.cluster import work
from lp_sentinel.cluster.connect import connected
from lp_sentinel.cluster.errors import ClusterError, UnreadableError
from lp_sentinel.cluster.sources import Source, find_sources
from lp_sentinel.cluster.standard import Standard
from lp_sentinel.project import Project
from lp_sentinel.redact import Redactor
from lp_sentinel.workers import Advance

RANGE = 64 << 20
"""Bytes of a flow file that a task goes through."""
PIECE = 10_000
"""Exchanges of a capture that are worth a worker of their own."""
_FOREMEN = 32
"""Captures under way at a time."""
_EVERY = 0.2
"""Seconds between two looks at how far a capture has come."""

type _Given = Future[Any]
"""What a task gives, kept where it was done."""


@contextmanager
def on_cluster(
    address: str, names: Iterable[str], project: Project, redactor: Redactor, workers: int
) -> Iterator[tuple[list[Source], Callable[[Advance | None], Iterator[Judged]]]]:
    """The captures that are named, and what judges them. Raises ClusterError."""
    with connected(address, workers) as client:
        sources = find_sources(names)
        yield sources, partial(judge_all, client, sources, project, redactor)


def judge_all(
    client: Client, sources: Sequence[Source], project: Project, redactor: Redactor, advance: Advance | None = None
) -> Iterator[Judged]:
    """Judge captures; the order stays. ``advance`` is told how many more bytes are done. Raises ClusterError."""
    standard = client.submit(work.same, Standard(project, redactor), pure=False)
    pool = ThreadPoolExecutor(_FOREMEN)
    try:
        foremen = [_Foreman(client, standard, source, project, redactor) for source in sources]
        for foreman, future in [(one, pool.submit(one.judge)) for one in foremen]:
            reported = 0
            while not future.done():
                wait([future], _EVERY)
                done = foreman.done
                if advance and done > reported:
                    advance(done - reported)
                    reported = done
            yield future.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


class _Foreman:
    """Has one capture judged."""

    def __init__(self, client: Client, standard: _Given, source: Source, project: Project, redactor: Redactor) -> None:
        self._client, self._standard, self._source = client, standard, source
        self._here = project, redactor
        self.done = 0
        """Bytes that were gone through."""

    def judge(self) -> Judged:
        """What came of the capture. Raises ClusterError."""
        name = self._source.name
        if self._source.is_here:
            return judge_capture(STANDARD_INPUT, *self._here)
        try:
            if self._source.problem:
                raise UnreadableError(self._source.problem)  # noqa: TRY301  (told as one that is found by a worker)
            size, is_in_ranges = self._result(self._task(work.look, self._source))
            if not is_in_ranges:
                judged: Judged = self._result(self._task(work.judge_whole, self._standard, self._source))
                return judged
            self._source = self._source._replace(size=size)
            return self._judge_parts(self._parts())
        except UnreadableError as error:
            return Judged(name, 0, (), (), str(error))
        except KilledWorker:
            return Judged(name, 0, (), (), f"{name}: several workers died while reading it")

    def _task(self, function: Callable[..., Any], *arguments: Any) -> _Given:
        return self._client.submit(function, *arguments, pure=False)

    def _result(self, future: _Given) -> Any:
        try:
            return work.opened(future.result())
        except ModuleNotFoundError as error:
            raise ClusterError(
                f"the workers lack the module {error.name}: install lp-authorize with its extra cluster on them"
            ) from error
        except (CancelledError, CommClosedError) as error:
            raise ClusterError("the connection to the cluster was lost") from error

    def _parts(self) -> list[_Given]:
        """The parts of a flow file, in order, one behind the other.

        All but the first begin where a flow seems to. What tells that one does is that the part before ends there,
        of which the lengths of all flows were followed; else the range is gone through once more.
        """
        size = self._source.size
        ranges = [(begin, min(begin + RANGE, size)) for begin in range(0, size, RANGE)]
        guesses = [self._task(work.extract_range, self._standard, self._source, *one) for one in ranges]
        found = [self._task(work.bounds, guess) for guess in guesses]
        parts, begin = [], 0
        for number, (first, end) in enumerate(ranges):
            if begin < end:
                part, bounds = guesses[number], self._result(found[number])
                if bounds is None or bounds[0] != begin:
                    part = self._task(work.extract_surely, self._standard, self._source, begin, end)
                    bounds = self._result(self._task(work.bounds, part))
                parts.append(part)
                if bounds[1] < end:
                    break
                begin = bounds[1]
            self.done += end - first
        return parts

    def _judge_parts(self, parts: list[_Given]) -> Judged:
        fetched: list[list[_Given]] = [[] for _ in parts]
        workers = max(sum(self._client.nthreads().values()), 1)
        while True:
            settled = self._task(work.settle, self._standard, self._source, parts, fetched, workers, PIECE)
            outline = self._result(self._task(work.outline, settled))
            for number, places in outline.missing.items():
                fetched[number].append(self._task(work.fetch, self._source, parts[number], places))
            if outline.judged:
                judged: Judged = outline.judged
                return judged
            if not outline.missing:
                return self._judge_pieces(settled, len(outline.pieces))

    def _judge_pieces(self, settled: _Given, count: int) -> Judged:
        """Have pieces judged until none hears anything new of the others; at first without rules, to hear of most."""
        name, pieces = self._source.name, [self._task(work.piece, settled, number) for number in range(count)]

        def judge(standard: _Given, heard: _Given) -> list[_Given]:
            return [self._task(work.judge_piece, standard, name, one, place, heard) for place, one in enumerate(pieces)]

        nothing = self._task(work.same, [])
        heard = self._task(work.told, judge(self._task(work.without_rules, self._standard), nothing))
        while True:
            judged = judge(self._standard, heard)
            told = self._task(work.told, judged)
            if self._result(self._task(work.are_equal, told, heard)):
                united: Judged = self._result(self._task(work.unite, name, settled, judged))
                return united
            heard = told
