"""The page on the config names what there is, and the examples can be used."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from lp_sentinel.documents.document import data_file
from lp_sentinel.project import load_project

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "config.md").read_text(encoding="utf-8")
SCHEMA = json.loads(data_file("config.schema.json").read_text(encoding="utf-8"))


def resolved(schema: Mapping[str, Any]) -> dict[str, Any]:
    """With what its reference says; what it says itself comes first."""
    reference = schema.get("$ref")
    return {**resolved(SCHEMA["$defs"][reference.rpartition("/")[2]]), **schema} if reference else dict(schema)


def keys(schema: Mapping[str, Any], way: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Each key by the way that leads to it, ``*`` for any name and ``[]`` for any entry; and what the schema says."""
    whole = resolved(schema)
    for name, value in whole.get("properties", {}).items():
        inner = f"{way}.{name}".lstrip(".")
        yield inner, resolved(value)
        yield from keys(value, inner)
    for more, step in (("additionalProperties", ".*"), ("items", "[]")):
        if isinstance(whole.get(more), dict):
            yield from keys(whole[more], way + step)


ALL = dict(keys(SCHEMA))
ROWS = {row.split("`")[1]: row for row in PAGE.splitlines() if row.startswith("| `")}


def is_used(key: str) -> bool:
    return "ot used." not in ALL[key].get("description", "")


def test_every_key_that_is_used_has_a_row_and_no_other_has() -> None:
    assert set(ROWS) == set(filter(is_used, ALL))


@pytest.mark.parametrize("key", [key for key in ALL if not is_used(key)])
def test_keys_that_are_not_used_are_named(key: str) -> None:
    assert f"`{key.rpartition('.')[2]}`" in PAGE


@pytest.mark.parametrize("key", [key for key, schema in ALL.items() if "default" in schema])
def test_defaults_are_those_of_the_schema(key: str) -> None:
    assert ROWS[key].split(" | ")[2] == f"`{json.dumps(ALL[key]['default'])}`"


@pytest.mark.parametrize(
    "key",
    [
        f"{way}[].{name}"
        for way in ("accounts.*.apps", "rules.allow")
        for name in resolved(ALL[way]["items"])["required"]
    ],
)
def test_what_is_required_is_said_to_be(key: str) -> None:
    assert ROWS[key].split(" | ")[2] == "required"


def example(page: str, beginning: str) -> str:
    [found] = re.findall(rf"^```yaml\n({beginning}.*?)^```", (ROOT / page).read_text("utf-8"), re.DOTALL | re.MULTILINE)
    return str(found)


@pytest.mark.parametrize("page", ["docs/config.md", "README.md"])
def test_the_example_can_be_used(tmp_path: Path, page: str) -> None:
    own = tmp_path / "my-rules"
    own.mkdir()
    (own / "shop.yaml").write_text(example("CONTRIBUTING.md", "- id: "), encoding="utf-8")
    path = tmp_path / "lp-authorize.yaml"
    path.write_text(example(page, "# yaml-language-server"), encoding="utf-8")
    project = load_project(str(path))
    app = project.config.app("12345678", "75588e18-0213-4e33-8174-883acac7e3c4")
    assert app is not None
    assert app.client_name == "com.example.MyWebApp"
    assert project.config.rules.severity == {"LPA130": "error"}
    assert ("SHOP100" in project.book.by_id) == (page == "docs/config.md")


def test_the_example_has_every_key() -> None:
    text = example("docs/config.md", "# yaml-language-server")
    assert [key for key in filter(is_used, ALL) if not re.search(rf"\b{re.split(r'[.]', key)[-1]}:", text)] == []
