"""Which captures mitmproxy reads and writes, by its options."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any


def captures_in_use(options: Any) -> Iterator[Path]:
    """The files that flows are read from (``-r``, ``-C``, ``-S``), and the one they are saved to (``-w``)."""

    def given(name: str) -> Any:
        return (getattr(options, name) if name in options else None) or ()

    saved = [_saved_to(given("save_stream_file"))] if given("save_stream_file") else []
    read = [given("rfile")] if given("rfile") else []
    for name in (*read, *given("client_replay"), *given("server_replay"), *saved):
        yield Path(name).expanduser()


def _saved_to(named: str) -> str:
    """As mitmproxy's own ``save`` reads it: a plus adds to the file, and times are filled in."""
    return datetime.today().strftime(named.removeprefix("+"))  # noqa: DTZ002  (that is what it is saved by)
