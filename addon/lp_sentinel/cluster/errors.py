"""What goes wrong with a cluster, or with a capture that it reads."""

from __future__ import annotations


class ClusterError(ValueError):
    """The cluster can't be used at all. The text says why."""


class UnreadableError(Exception):
    """A capture can't be read. The text is the whole message."""
