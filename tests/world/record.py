"""Record the sessions of captures/: ``python -m tests.world.record [NAME...]``, all of them unless named."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.world import scenes
from tests.world.serving import PortTakenError
from tests.world.stage import SCENES, config, record

CAPTURES = Path(__file__).parents[2] / "captures"


def main(wanted: list[str]) -> int:
    """Record what is wanted; gives the exit status."""
    if unknown := [name for name in wanted if name not in SCENES]:
        sys.stderr.write(f"no scene of {scenes.__name__} is called {', '.join(unknown)}\n")
        return 2
    CAPTURES.joinpath("lp-authorize.yaml").write_text(config(), "utf-8")
    for name in wanted or SCENES:
        sys.stdout.write(f"{name}\n")
        try:
            record(SCENES[name], CAPTURES)
        except PortTakenError as taken:
            sys.stderr.write(f"{taken}; the captures are recorded at fixed ports\n")
            return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
