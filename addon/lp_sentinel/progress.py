"""How far a run over captures has come, on standard error, for someone who waits at a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

_WORTH_A_BAR = 5_000_000
"""Bytes that take a second or so."""


def tracked[T](results: Iterable[T], captures: Sequence[Path], file: TextIO | None = None) -> Iterator[T]:
    """The results, one for each capture in order, with a bar while the next one is awaited."""
    stream = file or sys.stderr
    sizes = [_size(path) for path in captures]
    if not stream.isatty() or sum(sizes) < _WORTH_A_BAR:
        yield from results
        return
    progress = Progress(
        TextColumn("{task.percentage:>3.0f}%"),
        BarColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
        TextColumn("{task.description}"),
        console=Console(file=stream),
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )
    task = progress.add_task(_place(0, sizes), total=sum(sizes))
    try:
        progress.start()
        for done, (size, result) in enumerate(zip(sizes, results, strict=False), 1):
            # What is printed meanwhile must not run into the bar.
            progress.stop()
            yield result
            progress.update(task, advance=size, description=_place(done, sizes))
            progress.start()
    finally:
        progress.stop()


def _place(done: int, sizes: Sequence[int]) -> str:
    return f"capture {min(done + 1, len(sizes))} of {len(sizes)}"


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
