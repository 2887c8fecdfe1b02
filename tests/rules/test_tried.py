"""Rule files that were tried when the package was built are not read as YAML again, and it makes no difference."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lp_sentinel.documents.document import DocumentError
from lp_sentinel.rules import Rule, RuleBook, load_rules, tried
from lp_sentinel.rules.files import own_files, rule_documents

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What stands in for the file that was made when the package was built; it is not there yet."""
    path = tmp_path / "tried.msgpack"
    monkeypatch.setattr(tried, "FILE", path)
    return path


def described(rule: Rule) -> tuple[object, ...]:
    entry, words = rule.document.value(rule.where), rule.words
    texts = (rule.id, rule.name, rule.severity, rule.summary, rule.given, rule.why)
    others = (rule.fix, rule.cite, rule.yields_to, rule.tags, rule.hop, rule.mentions, rule.place)
    return entry, *texts, *others, words.parameter, words.message, words.expected, words.evidence


def all_of(book: RuleBook) -> dict[str, list[tuple[object, ...]]]:
    """In the order in which they are asked."""
    return {moment: [described(rule) for rule in rules] for moment, rules in book.given.items()}


def test_all_that_come_along_have_been_tried() -> None:
    tried_ones = [document.path.name for document in rule_documents() if document.was_tried]
    assert tried_ones == [file.name for file in own_files()], "rules were edited since they were tried: run make"


def test_they_say_the_same_as_when_they_are_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tried, "FILE", tmp_path / "none")
    read = load_rules()
    monkeypatch.setattr(tried, "FILE", tmp_path / "tried.msgpack")
    tried.write({rule.document.text: rule.document.data for rule in read.by_id.values()}.items())
    again = load_rules()
    assert {rule.document.was_tried for rule in read.by_id.values()} == {False}
    assert {rule.document.was_tried for rule in again.by_id.values()} == {True}
    assert all_of(again) == all_of(read)
    assert [len(rule.good) for rule in again.by_id.values()] == [len(rule.good) for rule in read.by_id.values()]


def test_neither_yaml_nor_a_validator_is_loaded() -> None:
    code = "import sys; from lp_sentinel.project import load_project; load_project(None); print(*sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env={"PYTHONPATH": "addon"}, capture_output=True, text=True, check=True
    )
    assert not {"yaml", "jsonschema_rs"} & set(run.stdout.split())


@pytest.mark.parametrize("content", [b"", b"\x93\x01", b"\xc1", b"\x81\xa1a\x01"])
def test_a_damaged_file_is_as_none(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    assert len(load_rules().by_id) == 90


def test_what_was_edited_since_is_checked(file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    [text] = [own.read_text(encoding="utf-8") for own in own_files() if own.name == "2xx-answer.yaml"]
    tried.write([(text, [])])
    edited = tmp_path / "2xx-answer.yaml"
    edited.write_text(text.replace("{answer.status}", "{answer.statsu}"), encoding="utf-8")
    monkeypatch.setattr("lp_sentinel.rules.files.own_files", lambda: [edited])
    assert file.exists()
    with pytest.raises(DocumentError, match="did you mean 'status'"):
        load_rules()
