"""What captures are judged by, on its way from the client to the workers."""

from __future__ import annotations

import dataclasses
import pickle
import sys
from functools import lru_cache
from pathlib import Path

from lp_sentinel.cluster.errors import ClusterError
from lp_sentinel.documents.document import Document
from lp_sentinel.project import Project
from lp_sentinel.redact import Redactor
from lp_sentinel.rules import RuleBook
from lp_sentinel.version import tool_version


class Standard:
    """Project and redactor in one: workers have no config file, and need the same key."""

    def __init__(self, project: Project, redactor: Redactor) -> None:
        self._made_by = _versions()
        self._packed = pickle.dumps((_slim(project), redactor))

    def __repr__(self) -> str:
        return "<standard>"

    def unpacked(self) -> tuple[Project, Redactor]:
        """Raises ClusterError where the worker has other versions than the client."""
        if self._made_by != _versions():
            raise ClusterError(f"the workers run {_versions()}, but this machine runs {self._made_by}: they must match")
        return _unpacked(self._packed)


def _slim(project: Project) -> Project:
    """Without the text and the examples of rules, which are most of them."""
    nothing = Document(Path(), {}, "")
    rules = (dataclasses.replace(rule, document=nothing) for rule in project.book.by_id.values())
    return project._replace(book=RuleBook(rules))


def _versions() -> str:
    return f"lp-authorize {tool_version()} on Python {sys.version_info.major}.{sys.version_info.minor}"


@lru_cache(1)
def _unpacked(packed: bytes) -> tuple[Project, Redactor]:
    standard: tuple[Project, Redactor] = pickle.loads(packed)  # noqa: S301  (of the client that asks for the work)
    return standard
