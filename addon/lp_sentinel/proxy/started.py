"""How mitmproxy was started: by which of its tools, and which captures it reads and writes."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from datetime import datetime
from io import BytesIO
from pathlib import Path

from mitmproxy import ctx
from mitmproxy.flow import Flow

from lp_sentinel.captures.stream import Kind
from lp_sentinel.home import expanded
from lp_sentinel.reports import ReportError
from lp_sentinel.reports.base import STANDARD_OUTPUT
from lp_sentinel.wording import visible

_ONE = ("rfile", "hardump")
_SEVERAL = ("client_replay", "server_replay")
_SAVED = "save_stream_file"


def captures_in_use() -> Iterator[Path]:
    """The files flows are read from (``-r``, ``-C``, ``-S``), and those they are saved to (``-w``, ``hardump``)."""
    options = ctx.options
    given = {name: getattr(options, name) for name in (*_ONE, *_SEVERAL, _SAVED) if name in options}
    names = [given.get(name) for name in _ONE]
    names += (file for name in _SEVERAL for file in given.get(name) or ())
    # As mitmproxy reads it: a plus adds to the file, and times are filled in.
    names.append(datetime.today().strftime((given.get(_SAVED) or "").removeprefix("+")))  # noqa: DTZ002  (local, too)
    yield from (expanded(name) for name in names if name)


def saved_at_the_end() -> list[Flow]:
    """What mitmproxy saves only as it ends, in that order: requests that nobody answered, connections still open."""
    save = ctx.master.addons.get("save")  # type: ignore[no-untyped-call]
    return [*save.active_flows] if save else []


def is_running() -> bool:
    """Whether it has come to that: before, a mistake may end it."""
    loader = ctx.master.addons.get("scriptloader")  # type: ignore[no-untyped-call]
    return bool(getattr(loader, "is_running", False))


def replayed_kind() -> Kind | None:
    """What that capture is, by how it begins, as mitmproxy tells it; what comes through a pipe counts as flows."""
    if not _is_replay():
        return None
    path = expanded(ctx.options.rfile)
    try:
        with path.open("rb") if path.is_file() else BytesIO() as file:
            return "har" if file.read(4).removeprefix(codecs.BOM_UTF8).startswith(b"{") else "flows"
    except OSError:
        return "flows"


def batch_capture() -> str | None:
    """The capture of a batch run (``-n -r``), in which nothing else passes and that ends when it has been read."""
    return str(ctx.options.rfile) if _is_replay() and not ctx.options.server and not _has_windows() else None


def prints_here() -> bool:
    """Whether the terminal is free for blocks: the console has its windows there."""
    return type(ctx.master).__name__ != "ConsoleMaster"


def protect_proxy(reports: Iterable[str]) -> None:
    """Raise ReportError if a report would be written over the console's windows, or could hold up the traffic.

    To be asked before any is opened.
    """
    for report in reports:
        if report == STANDARD_OUTPUT:
            if not prints_here():
                raise ReportError(f"report {report}: mitmproxy's windows use standard output; name a file")
        elif _is_pipe(expanded(report)):
            # All traffic would wait for whoever reads it, or is yet to.
            raise ReportError(f"report {visible(report)}: is a named pipe; name a file, or - for standard output")


def _is_replay() -> bool:
    """Whether a capture is read first (``-r``)."""
    return "rfile" in ctx.options and bool(ctx.options.rfile)


def _is_pipe(path: Path) -> bool:
    try:
        return path.is_fifo()
    except OSError:
        return False  # whoever opens it says why that can't be done


def _has_windows() -> bool:
    """Whether people look at flows for as long as they like."""
    return type(ctx.master).__name__ in ("ConsoleMaster", "WebMaster")
