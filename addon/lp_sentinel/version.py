"""What this tool is called, and which version of it runs."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

TOOL = "lp-authorize"


def tool_version() -> str:
    try:
        return version(TOOL)
    except PackageNotFoundError:  # run from a checkout by mitmproxy's own Python
        return "0+unknown"
