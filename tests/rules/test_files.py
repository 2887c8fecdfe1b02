"""Of the built-in rule files judging takes no examples: they are read when they are asked for, and where."""

from __future__ import annotations

from pathlib import Path

import pytest

from lp_sentinel.documents.document import DocumentError, load_document
from lp_sentinel.rules import files, load_rules
from lp_sentinel.rules.book import Rule
from lp_sentinel.rules.files import own_files, rule_documents, schema, with_examples

RULES = """\
- id: MY001
  name: my-rule
  severity: warning
  summary: Mine.
  given: request
  expect: request.v is not None
  message: "no v"
  expected: "v"
  why: why
  fix: fix
  cite: [mine]
  good:
    - why: >-
        In order,

        and with a line that is empty.
      exchanges: [{authorize: {}}]
    - exchanges: [{authorize: {}}]

  bad:
    - exchanges:
        - authorize: {v: null}

- id: MY002
  name: my-other-rule
  severity: warning
  summary: Mine, too.
  given: request
  expect: request.state is not None
  message: "no state"
  expected: "a state"
  why: why
  fix: fix
  cite: [mine]
  good: [{exchanges: [{authorize: {}}]}]
  bad:
    - exchanges: [{authorize: {state: null}}]
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only built-in one."""
    path = tmp_path / "1xx-mine.yaml"
    path.write_text(RULES, encoding="utf-8")
    monkeypatch.setattr(files, "own_files", lambda: [path])
    return path


def lines(rule: Rule) -> list[int]:
    """Where it stands, and where each of its examples does."""
    places = [rule.place, *(example.place for example in (*rule.good, *rule.bad))]
    return [int(place.rpartition(":")[2]) for place in places]


def test_examples_stand_where_they_are_in_the_file(file: Path) -> None:
    book = load_rules()
    assert [lines(rule) for rule in book.by_id.values()] == [[1, 13, 18, 21], [24, 35, 37]]
    assert [example.data.get("why") for example in book.by_id["MY001"].good] == [
        "In order,\nand with a line that is empty.",
        None,
    ]
    assert book.by_id["MY002"].document.error((1, "message"), "here").line == 30


def test_a_mistake_in_a_rule_is_shown_in_its_line(file: Path) -> None:
    file.write_text(RULES.replace("request.state is", "request.stat is"), encoding="utf-8")
    with pytest.raises(DocumentError, match=r"1xx-mine\.yaml:29:19: unknown field 'stat', did you mean 'state'"):
        load_rules()


def test_a_mistake_in_an_example_is_found_when_it_is_asked_for(file: Path) -> None:
    file.write_text(RULES.replace("{v: null}", "{v: null}, answer: 3"), encoding="utf-8")
    rule = load_rules().by_id["MY001"]
    with pytest.raises(DocumentError, match=r"1xx-mine\.yaml:22"):
        _ = rule.bad


def test_a_mistake_in_an_example_of_other_files_is_found_at_once(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(RULES.replace("authorize: {v: null}", "autorize: {v: null}"), encoding="utf-8")
    with pytest.raises(DocumentError, match=r"mine\.yaml:22:11: unknown key 'autorize', did you mean 'authorize'"):
        load_rules([path])


def test_a_file_that_is_changed_meanwhile_gives_the_examples_that_it_had(file: Path) -> None:
    rule = load_rules().by_id["MY002"]
    file.write_text("", encoding="utf-8")
    assert lines(rule) == [24, 35, 37]


@pytest.mark.parametrize("path", own_files(), ids=lambda path: path.name)
def test_of_the_rules_that_come_along_all_examples_and_nothing_else_is_passed_over(path: Path) -> None:
    short = next(document for document in rule_documents() if document.path == path)
    whole = load_document(path, schema())
    stand_in: list[object] = [{"exchanges": [{"authorize": {}}]}]
    assert with_examples(short).data == whole.data
    assert short.data == [rule | {"good": stand_in, "bad": stand_in} for rule in whole.data]
    for index, rule in enumerate(whole.data):
        for key in rule.keys() - {"good", "bad"}:
            assert str(short.error((index, key), "")) == str(whole.error((index, key), ""))
