"""How far a run over captures has come, on standard error, for someone who waits at a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, TextIO

from lp_sentinel.workers import Advance

if TYPE_CHECKING:
    from rich.progress import Progress

_WORTH_A_BAR = 5_000_000
"""Bytes that take a second or so."""
_EVERY = 0.1
"""Seconds from one picture to the next."""


def tracked[T](
    judge: Callable[[Advance | None], Iterable[T]], sizes: Sequence[int], file: TextIO | None = None
) -> Iterator[T]:
    """The results that ``judge`` gives, one for each capture in order, with a bar while the next one is awaited.

    ``sizes`` are those of the captures, in bytes.
    """
    stream = file or sys.stderr
    if stream is None or not stream.isatty() or sum(sizes) < _WORTH_A_BAR:
        yield from judge(None)
        return
    bar = _Bar(_progress(stream), sizes)
    try:
        bar.show()
        for result in judge(bar.advance):
            # What is printed meanwhile must not run into the bar.
            bar.hide()
            yield result
            bar.next()
            bar.show()
    finally:
        bar.hide()


class _Bar:
    """How much is done of captures of these sizes. It has no thread of its own: it moves when it is told."""

    def __init__(self, progress: Progress, sizes: Sequence[int]) -> None:
        self._progress, self._sizes, self._place = progress, sizes, 0
        self._before = self._done = 0.0
        self._seen = 0.0
        self._task = progress.add_task("", total=sum(sizes))

    def advance(self, size: float) -> None:
        """Note that so many more bytes of the present capture are done."""
        self._done = min(self._done + size, self._before + self._sizes[self._place])
        if time.monotonic() - self._seen >= _EVERY:
            self._draw()

    def next(self) -> None:
        """Note that the present capture is done."""
        self._before = self._done = self._before + self._sizes[self._place]
        self._place += 1

    def show(self) -> None:
        self._progress.start()
        self._draw()

    def hide(self) -> None:
        self._progress.stop()

    def _draw(self) -> None:
        self._seen = time.monotonic()
        of = len(self._sizes)
        place = f"capture {min(self._place + 1, of)} of {of}"
        self._progress.update(self._task, completed=self._done, description=place, refresh=True)


def _progress(stream: TextIO) -> Progress:
    from rich.progress import (  # noqa: PLC0415  (takes its time, and is seldom needed)
        BarColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    from lp_sentinel.console import console_for  # noqa: PLC0415

    return Progress(
        TextColumn("{task.percentage:>3.0f}%"),
        BarColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
        TextColumn("{task.description}"),
        console=console_for(stream),
        auto_refresh=False,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )
