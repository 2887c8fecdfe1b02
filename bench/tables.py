"""Results as tables of Markdown, and the place in the documentation where they go."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from bench.competitors import OWN, Result

_TOO_SHORT = 0.05
"""Seconds: what is shorter disappears in what start-up varies by."""


def machine() -> str:
    """The kind of machine, and the day."""
    cores, memory = os.cpu_count(), os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    versions = f"Python {platform.python_version()}, mitmproxy {version('mitmproxy')}"
    kind = f"{cores} cores of {_processor()}, {memory / (1 << 30):.0f} GiB of memory, {platform.system()}"
    return f"{datetime.now(UTC):%Y-%m-%d}, {kind}, {versions}"


def _processor() -> str:
    try:
        told = Path("/proc/cpuinfo").read_text("utf-8", "replace")
    except OSError:
        told = ""
    named = re.search(r"^model name\s*:\s*(.+)$", told, re.MULTILINE)
    return named[1].strip() if named else platform.machine()


def comparison(title: str, results: Iterable[Result], size: int, items: int, what: str) -> Iterator[str]:
    """A table of medians; the last columns compare with ``check`` in one process."""
    results = list(results)
    own = next(result.seconds for result in results if result.name == OWN)
    yield f"**{title}**: {size / 1e6:,.0f} MB, {items:,} {what} of {size / items / 1e3:.1f} KB on average.\n\n"
    yield f"| | seconds | runs | processor | {what}/s | MB/s | check is … times as fast | peak MB | and mapped |\n"
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n"
    for one in results:
        speeds = f"{items / one.seconds:,.0f} | {size / 1e6 / one.seconds:,.0f}"
        took = f"{one.seconds:.2f} | {len(one.runs)} | {one.processor:.2f}"
        yield f"| `{one.name}` | {took} | {speeds} | {_figure(one.seconds / own)} | {_memory(one)} |\n"


def _figure(ratio: float) -> str:
    return f"{ratio:,.0f}" if ratio >= 10 else f"{ratio:.2f}"


def _memory(result: Result) -> str:
    return f"{result.peak.own:.0f} | {result.peak.whole:.0f}" if result.peak else "– | –"  # noqa: RUF001  (no figure)


def scaling(start: float, sizes: Sequence[int], seconds: Sequence[float]) -> Iterator[str]:
    """How time grows with size, of two; ``start`` seconds are what ``check`` takes for next to nothing."""
    yield "**Twice the archive**: `lp-authorize check --jobs 1 --quiet`.\n\n"
    yield "| MB | seconds | without start-up |\n| ---: | ---: | ---: |\n"
    for size, taken in zip(sizes, seconds, strict=True):
        yield f"| {size / 1e6:,.0f} | {taken:.2f} | {taken - start:.2f} |\n"
    (small, large), (fast, slow) = sizes, seconds
    if fast - start < _TOO_SHORT:
        yield "\nToo small to tell how time grows.\n"
        return
    ratio = (slow - start) / (fast - start) / (large / small)
    yield f"\nTime per byte of the larger to that of the smaller one: {ratio:.2f} (start-up, {start:.2f} s, apart).\n"


def put(path: Path, name: str, text: str) -> None:
    """Replace in a page what stands between ``<!-- name -->`` and ``<!-- /name -->``. Raises ValueError."""
    try:
        after = replaced(path.read_text("utf-8"), name, text)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    path.write_text(after, "utf-8")


def replaced(page: str, name: str, text: str) -> str:
    """The page with ``text`` between those comments. Raises ValueError."""
    marked = rf"(?<=<!-- {re.escape(name)} -->\n).*?(?=<!-- /{re.escape(name)} -->)"
    after, count = re.subn(marked, lambda _: text, page, flags=re.DOTALL)
    if count != 1:
        raise ValueError(f"has {count} places for {name}, not one")
    return after
