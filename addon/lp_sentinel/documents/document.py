"""YAML files that people write: loaded safely, checked against a JSON Schema, every mistake shown where it stands."""

from __future__ import annotations

import json
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from lp_sentinel.documents.places import DocumentError, Where, error_at
from lp_sentinel.wording import reason

__all__ = [
    "Document",
    "DocumentError",
    "Where",
    "data_file",
    "data_schema",
    "load_document",
    "parse_document",
    "read_text",
]


@dataclass(frozen=True, slots=True)
class Document:
    """A checked YAML file. ``data`` holds plain JSON values; the keys of its mappings are as the file spells them."""

    path: Path
    data: Any = field(repr=False)
    text: str = field(repr=False)
    was_tried: bool = False
    """All that is made of it was made before, and nothing wrong was found."""

    def error(self, where: Where, problem: str, *, of_key: bool = False, offset: int = 0) -> DocumentError:
        """The error for the value at ``where``, or for its key, or ``offset`` characters into its text.

        A way that leads nowhere is followed as far as it goes.
        """
        from lp_sentinel.documents import nodes  # noqa: PLC0415  (it loads PyYAML, and nearly always nothing is wrong)

        place = nodes.place_of(self.text, self.path, where, of_key=of_key, offset=offset)
        return error_at(self.path, self.text, place, problem)

    def value(self, where: Where) -> Any:
        """The plain value at ``where``; ``None`` if the way leads nowhere."""
        value = self.data
        for step in where:
            if isinstance(value, dict):
                value = value.get(step)
            elif isinstance(value, list) and isinstance(step, int) and step < len(value):
                value = value[step]
            else:
                return None
        return value

    def spelling(self, where: Where) -> str | None:
        """The text of a scalar as the file spells it, quotes aside: ``0123`` where ``data`` holds a number."""
        from lp_sentinel.documents import nodes  # noqa: PLC0415  (it loads PyYAML)

        return nodes.spelling_of(self.text, self.path, where)


def load_document(path: Path, schema: Mapping[str, Any]) -> Document:
    """Read and check a file. Raises ``DocumentError``, also for a file that cannot be read."""
    return parse_document(read_text(path), path, schema)


def read_text(path: Path) -> str:
    """The text of a file. Raises ``DocumentError``."""
    try:
        raw = path.read_bytes()
    except (OSError, ValueError) as error:
        raise DocumentError(str(path), 1, 1, f"cannot be read: {reason(error)}") from error
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        sound = raw[: error.start].decode("utf-8")
        is_utf16 = raw.startswith((BOM_UTF16_LE, BOM_UTF16_BE))
        problem = "this is UTF-16: save it as UTF-8" if is_utf16 else f"byte x{raw[error.start]:02X} is not UTF-8"
        raise error_at(path, sound, len(sound), problem) from error


def parse_document(text: str, path: Path, schema: Mapping[str, Any]) -> Document:
    """Check a text that stands for the file ``path``. Raises ``DocumentError``.

    An empty one is an empty mapping, unless a list is wanted.
    """
    from lp_sentinel.documents import nodes  # noqa: PLC0415  (it loads PyYAML)
    from lp_sentinel.documents.schema import problems  # noqa: PLC0415  (it loads a validator)

    text = text.removeprefix("\ufeff")
    data = nodes.read(text, path)
    document = Document(path, {} if data is None and schema.get("type") != "array" else data, text)
    errors = [document.error(found.where, found.text, of_key=found.of_key) for found in problems(document.data, schema)]
    if errors:
        raise min(errors, key=lambda error: (error.line, error.column))
    return document


def data_file(name: str) -> Path:
    """A file of the project's ``rules/`` folder: beside the package in a checkout, inside it once installed."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "_rules" / name
    return installed if installed.exists() else package.parents[1] / "rules" / name


@cache
def data_schema(name: str) -> Mapping[str, Any]:
    """A JSON Schema of that folder."""
    schema: Mapping[str, Any] = json.loads(data_file(name).read_text(encoding="utf-8"))
    return schema
