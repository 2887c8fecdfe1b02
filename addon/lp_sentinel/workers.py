"""Processes that work off tasks, so that all cores have something to do and little waits in memory."""

from __future__ import annotations

import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory
from threading import Event, Thread, Timer
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from concurrent.futures import Future, ProcessPoolExecutor
    from multiprocessing.process import BaseProcess

type Advance = Callable[[float], None]
"""Told how many more bytes are done."""

_AHEAD = 2
"""Tasks in hand for each process, the results that nobody has taken yet among them."""


def cores() -> int:
    """How many this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS and Windows
        return os.cpu_count() or 1


class WorkerError(Exception):
    """A process has died, and with it what it worked at. The text says what to do."""


class Workers:
    """Up to ``jobs`` processes, each of which calls ``begin`` first. They are started when there is work."""

    def __init__(self, jobs: int, begin: Callable[..., object], *arguments: object) -> None:
        self._jobs, self._begin, self._arguments = jobs, begin, arguments
        self._pool: ProcessPoolExecutor | None = None
        self._others: frozenset[BaseProcess] | None = None
        """Children that there were before: they are not ours to end."""
        self._closing = ExitStack()

    @cached_property
    def folder(self) -> Path:
        """Where they may leave files for each other until all is done."""
        return Path(self._closing.enter_context(TemporaryDirectory(prefix="lp-authorize-", ignore_cleanup_errors=True)))

    @property
    def ahead(self) -> int:
        """How many tasks are worth having in hand."""
        return _AHEAD * self._jobs

    def submit[R](self, task: Callable[..., R], *arguments: object) -> Future[R]:
        """Begin a task. Raises WorkerError."""
        if self._pool is None:
            from concurrent.futures import ProcessPoolExecutor  # noqa: PLC0415  (takes its time, and is seldom needed)
            from multiprocessing import active_children  # noqa: PLC0415  (likewise)

            if self._others is None:
                self._others = frozenset(active_children())
            begin = (self.folder, self._begin, self._arguments)
            self._pool = ProcessPoolExecutor(self._jobs, initializer=_work, initargs=begin)
        with _telling_of_death(), _held_back_from_children():
            return self._pool.submit(_done, task, *arguments)

    def map[R](self, task: Callable[..., R], each: Iterable[tuple[object, ...]]) -> Iterator[R]:
        """The results in the order of the tasks; no more tasks are begun than are soon asked for.

        Raises WorkerError.
        """
        waiting: deque[Future[R]] = deque()
        try:
            for arguments in each:
                waiting.append(self.submit(task, *arguments))
                if len(waiting) >= self.ahead:
                    yield result_of(waiting.popleft())
            while waiting:
                yield result_of(waiting.popleft())
        finally:
            for future in waiting:
                future.cancel()

    def rest(self) -> None:
        """Let the processes end when they have done what they have in hand; others are started for what comes later."""
        if self._pool is not None:
            self._pool.shutdown(wait=False)
            self._pool = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, failure: object, *_: object) -> None:
        with self._closing:
            self._end(failure)

    def _end(self, failure: object) -> None:
        if failure is not None and self._others is not None:  # nobody waits for what is in hand
            from multiprocessing import active_children  # noqa: PLC0415  (loaded already)

            for process in frozenset(active_children()) - self._others:
                process.terminate()
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)


def result_of[R](future: Future[R]) -> R:
    """What a task that was submitted has given. Raises what the task raised, and WorkerError."""
    with _telling_of_death():
        return future.result()


@contextmanager
def _telling_of_death() -> Iterator[None]:
    from concurrent.futures import BrokenExecutor  # noqa: PLC0415  (loaded already, where there are processes)

    try:
        yield
    except BrokenExecutor as error:
        message = "a worker process died, perhaps for lack of memory; --jobs 1 needs the least"
        raise WorkerError(message) from error


@contextmanager
def _held_back_from_children() -> Iterator[None]:
    """Keep a request to end waiting for the processes that are started meanwhile, until they listen to it.

    Python drops signals that come to a process just after it was forked, and whoever waits for its end waits for ever.
    """
    if not hasattr(signal, "pthread_sigmask"):  # on Windows nothing is forked
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _work(folder: Path, begin: Callable[..., object], arguments: tuple[object, ...]) -> None:
    # Ctrl-C is for whoever waits for the results, and so is a request to end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    Thread(target=_end_with_parent, args=(folder,), daemon=True).start()
    begin(*arguments)


_SENDING = 0.5
"""Seconds in which a result has long been sent."""
_at_work = Event()
"""Whether this process is in the middle of a task."""


def _done[R](task: Callable[..., R], *arguments: object) -> R:
    _at_work.set()
    try:
        return task(*arguments)
    finally:
        _at_work.clear()


def _leave(_number: int, _frame: object) -> None:
    """End, but not while a result is sent: whoever reads it would wait for the rest for ever."""
    if _at_work.is_set():
        os._exit(1)
    Timer(_SENDING, os._exit, (1,)).start()


def _end_with_parent(folder: Path) -> None:
    """Outlive nobody, and leave no file: a parent that was killed tells its children nothing."""
    import multiprocessing  # noqa: PLC0415  (likewise)

    if parent := multiprocessing.parent_process():
        parent.join()
        rmtree(folder, ignore_errors=True)
        os._exit(1)
