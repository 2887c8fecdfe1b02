"""Where the command ``lp-authorize`` begins: it loads what it needs."""

from __future__ import annotations

import gc

gc.disable()  # of what modules make while they load nothing is garbage, and to look for it takes a tenth of the time

from lp_sentinel.cli import main  # noqa: E402

gc.freeze()
gc.enable()

__all__ = ["main"]

if __name__ == "__main__":
    main(prog_name="lp-authorize")
