"""``python -m tests.picture``: the README's picture of the terminal, drawn by rich from what the demo really prints."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs" / "terminal.svg"
WIDTH = 100
_FONT = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
"""A picture that is looked at loads nothing from elsewhere."""
BLOCK = "j3"
"""The journey that is shown: the one that loses its state at the login."""


def main() -> None:
    """Write the picture."""
    command = [str(Path(sys.executable).with_name("lp-authorize")), "check", "captures/demo.flow"]
    command += ["--config", "captures/lp-authorize.yaml"]
    environment = os.environ | {"FORCE_COLOR": "1", "COLUMNS": str(WIDTH), "TERM": "xterm-256color"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    blocks = done.stdout.strip().split("\n\n")
    shown = [block for block in blocks if BLOCK in Text.from_ansi(block).plain.split("\n")[0]]
    console = Console(record=True, width=WIDTH, file=StringIO(), force_terminal=True)
    console.print(Text.from_ansi("\n\n".join([*shown, *blocks[-1:]])))
    picture = console.export_svg(title="make demo")
    PICTURE.write_text(_FONT.sub("", picture), encoding="utf-8")


if __name__ == "__main__":
    main()
