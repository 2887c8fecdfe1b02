"""The files that hold rules: which there are, and what is read of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from lp_sentinel.documents.document import (
    Document,
    DocumentError,
    data_file,
    data_schema,
    load_document,
    parse_document,
    read_text,
)
from lp_sentinel.rules import tried

_SCHEMA = "rule.schema.json"
_OWN_FILES = "[0-9]xx-*.yaml"
_ENDINGS = frozenset({".yaml", ".yml"})

_EXAMPLES = re.compile(r"^  (good|bad):\n(?:    .*\n?|\n)+", re.MULTILINE)
"""The examples of a rule, as the built-in files lay them out: two thirds of their text."""
_STAND_IN = "[{exchanges: [{authorize: {}}]}]"


def rule_documents(paths: Iterable[Path] = ()) -> Iterator[Document]:
    """The built-in rule files, and those of ``paths``: files, or folders of them. Raises ``DocumentError``.

    Of the built-in ones the examples are passed over, which nobody needs to judge and our own tests have tried.
    """
    own = {file.resolve(): file for file in own_files()}
    files = own.copy()
    for path in paths:
        for file in _rule_files(path):
            files.setdefault(file.resolve(), file)
    for resolved, file in files.items():
        yield _without_examples(file) if resolved in own else load_document(file, schema())


def with_examples(document: Document) -> Document:
    """The whole of a document whose examples may have been passed over. Raises ``DocumentError``."""
    return _whole(document.path, document.text)


def own_files() -> list[Path]:
    """The built-in rule files."""
    return sorted(data_file(_SCHEMA).parent.glob(_OWN_FILES))


def _rule_files(path: Path) -> list[Path]:
    """The rule files in a folder and those below it, or the file itself. Raises ``DocumentError`` if there are none."""
    if not path.is_dir():
        return [path]
    files = sorted(file for file in path.rglob("*") if file.suffix in _ENDINGS and file.is_file())
    if not files:
        raise DocumentError(str(path), 1, 1, "this folder holds no rule file (.yaml)")
    return files


def schema() -> Mapping[str, Any]:
    """The JSON Schema of rule files."""
    return data_schema(_SCHEMA)


def _without_examples(file: Path) -> Document:
    """The text is whole; what is read of it has one example for many, and every line where it was."""
    text = read_text(file)
    if (values := tried.values_of(text)) is not None:
        return Document(file, values, text, was_tried=True)
    short = _EXAMPLES.sub(lambda found: f"  {found[1]}: {_STAND_IN}" + "\n" * found[0].count("\n"), text)
    return replace(parse_document(short, file, schema()), text=text)


@cache
def _whole(path: Path, text: str) -> Document:
    return parse_document(text, path, schema())
