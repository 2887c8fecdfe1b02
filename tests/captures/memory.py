"""The memory that a process takes at its peak."""

from __future__ import annotations

import sys

# A process's peak counts what its parent held when it was started: so the parent is a small one.
MEASURE = """
import resource, subprocess, sys
status = subprocess.run(sys.argv[1:]).returncode
sys.stderr.write(f"\\n{status} {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss}")
"""
UNIT = 1 << 20 if sys.platform == "darwin" else 1 << 10
"""Of which peaks are a megabyte."""
