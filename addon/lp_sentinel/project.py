"""A project's config and the rules that it chose, read together: each may name the other's mistakes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import NamedTuple

from lp_sentinel.config import DEFAULT_CONFIG, Config, load_config
from lp_sentinel.documents.document import Where
from lp_sentinel.home import expanded
from lp_sentinel.rules import RuleBook, load_rules
from lp_sentinel.wording import quoted, unknown_rule, visible


class Project(NamedTuple):
    """What exchanges are judged by."""

    config: Config
    book: RuleBook

    def choosing(self, select: tuple[str, ...], ignore: tuple[str, ...]) -> Project:
        """With other rules selected, if any are named, and more ignored, in letters of either case.

        Raises ValueError for what begins no id.
        """
        for prefix in (*select, *ignore):
            if not _begins_one(prefix.upper(), self.book):
                raise ValueError(_unknown(prefix, self.book, may_begin=True))
        rules = self.config.rules
        select, ignore = tuple(map(str.upper, select)), tuple(map(str.upper, ignore))
        chosen = replace(rules, select=select or rules.select, ignore=(*rules.ignore, *ignore))
        return self._replace(config=replace(self.config, rules=chosen))

    def expired(self, today: date) -> Iterator[str]:
        """A line for each ``allow`` entry whose last day is over."""
        for entry in self.config.rules.allow:
            if entry.expired(today):
                reason = f" ({visible(entry.reason)})" if entry.reason else ""
                yield f"{entry.rule} was allowed until {entry.until} and counts again{reason}"


def load_project(config: str | None) -> Project:
    """The project of a config file; ``None`` is the one in the working directory, if there. Raises DocumentError."""
    path = expanded(config) if config else Path(DEFAULT_CONFIG)
    chosen = load_config(path) if config or os.path.lexists(path) else Config()
    _check_paths(chosen)
    project = Project(chosen, load_rules(chosen.rules.paths))
    _check_ids(project)
    return project


def _check_paths(config: Config) -> None:
    for index, path in enumerate(config.rules.paths):
        if config.document and not path.exists():
            raise config.document.error(("rules", "paths", index), f"there is no file or folder {quoted(str(path))}")


def _check_ids(project: Project) -> None:
    """A misspelt id in the config would change nothing, and nobody would notice."""
    document = project.config.document
    if document is None:
        return
    for where, text, is_prefix, of_key in _mentioned(project.config):
        if not (_begins_one(text, project.book) if is_prefix else text in project.book.by_id):
            problem = _unknown(text, project.book, may_begin=is_prefix)
            raise document.error(("rules", *where), problem, of_key=of_key)


def _unknown(text: str, book: RuleBook, *, may_begin: bool) -> str:
    named = (rule.id for rule in book.by_id.values() if rule.name == text.lower())
    if rule := next(named, None):
        return f"{quoted(text)} is the name of a rule; here its id is expected, {rule}"
    return unknown_rule(text, book.by_id, may_begin=may_begin)


def _mentioned(config: Config) -> Iterator[tuple[Where, str, bool, bool]]:
    """Way, text, whether it may be the beginning of ids, whether it is a key."""
    rules = config.rules
    for key, prefixes in (("select", rules.select), ("ignore", rules.ignore)):
        for index, prefix in enumerate(prefixes):
            yield (key, index), prefix, True, False
    for rule in rules.severity:
        yield ("severity", rule), rule, False, True
    for index, entry in enumerate(rules.allow):
        yield ("allow", index, "rule"), entry.rule, False, False


def _begins_one(prefix: str, book: RuleBook) -> bool:
    return any(rule.startswith(prefix) for rule in book.by_id)
