"""Which captures mitmproxy reads and writes, by its options."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

_ONE = ("rfile", "hardump")
_SEVERAL = ("client_replay", "server_replay")
_SAVED = "save_stream_file"


def captures_in_use(options: Any) -> Iterator[Path]:
    """The files flows are read from (``-r``, ``-C``, ``-S``), and those they are saved to (``-w``, ``hardump``)."""
    given = {name: getattr(options, name) for name in (*_ONE, *_SEVERAL, _SAVED) if name in options}
    names = [given.get(name) for name in _ONE]
    names += (file for name in _SEVERAL for file in given.get(name) or ())
    # As mitmproxy reads it: a plus adds to the file, and times are filled in.
    names.append(datetime.today().strftime((given.get(_SAVED) or "").removeprefix("+")))  # noqa: DTZ002  (local, too)
    yield from (Path(os.path.expanduser(name)) for name in names if name)  # noqa: PTH111  (it never fails)
