"""What is said about a rule, on the terminal and as a page."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from lp_sentinel.cli import main
from lp_sentinel.command_line.rules_page import rules_page
from lp_sentinel.config import RuleChoices
from lp_sentinel.documents.document import data_file
from lp_sentinel.rules import Rule, load_rules
from lp_sentinel.rules.explain import SERIES, explain, list_or_explain, listed

BOOK = load_rules()


def test_the_page_on_the_rules_is_made_from_the_rules_as_they_are() -> None:
    page = data_file("rule.schema.json").with_name("README.md")
    assert page.read_text(encoding="utf-8") == rules_page(BOOK), "stale: run `make docs`"


@pytest.mark.parametrize("rule", BOOK.by_id.values(), ids=lambda rule: rule.id)
def test_each_rule_is_told_in_full(rule: Rule) -> None:
    told = explain(rule, RuleChoices()).splitlines()
    assert told[0] == f"{rule.id} {rule.name} ({rule.severity})"
    assert {"Why it matters:", "Example that breaks it:", "What to do instead:", "Documented in:"} <= set(told)
    assert not [line for line in told if line != line.rstrip()]


def test_an_example_reads_like_an_exchange() -> None:
    told = explain(BOOK.by_id["LPA310"], RuleChoices())
    for line in (
        "  GET https://va.sentinel",
        "      &state=af0ifjsldkjFvB2Xq9ZwTg",
        "    answered 302",
        "  Found: state was",
    ):
        assert line in told


def test_what_is_wrong_with_an_encoding_is_shown_encoded() -> None:
    assert "redirect_uri=https%253A%252F%252Fapp.example" in explain(BOOK.by_id["LPA125"], RuleChoices())
    assert "&redirect_uri=https://app.example/cb?" in explain(BOOK.by_id["LPA126"], RuleChoices())


def test_the_list_has_every_rule_once_under_its_series() -> None:
    lines = listed(BOOK.by_id.values(), RuleChoices()).splitlines()
    assert sorted(line.split()[0] for line in lines if line.startswith("  ")) == sorted(BOOK.by_id)
    assert [line for line in lines if line and not line.startswith(" ")] == list(SERIES.values())


@pytest.mark.parametrize("asked", ["LPA310", "lpa310", "state-lost", " State-Lost "])
def test_a_rule_is_found_by_id_or_name(asked: str) -> None:
    result = CliRunner().invoke(main, ["rules", asked])
    assert (result.exit_code, result.output.splitlines()[0]) == (0, "LPA310 state-lost (error)")


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ("LPA3100", "did you mean 'LPA310'?"),
        ("LPA31O", "did you mean 'LPA310'?"),
        ("LPA14x", "did you mean 'LPA14"),
        ("state-losst", "did you mean 'state-lost'?"),
        ("nonsense", "(known: LPA1, LPA2"),
    ],
)
def test_an_unknown_rule_names_the_nearest(asked: str, says: str) -> None:
    result = CliRunner().invoke(main, ["rules", asked])
    assert (result.exit_code, says in result.output) == (2, True)


def test_rules_whose_ids_begin_alike_are_listed() -> None:
    lines = CliRunner().invoke(main, ["rules", "lpa31"]).output.splitlines()
    assert lines[0] == SERIES["LPA3"]
    assert [line.split()[0] for line in lines[1:]] == ["LPA310", "LPA311", "LPA312", "LPA314", "LPA315", "LPA316"]


def test_the_project_s_choices_are_told(tmp_path: Path) -> None:
    config = tmp_path / "lp-authorize.yaml"
    config.write_text("rules: {severity: {LPA310: warning}, ignore: [LPA213]}")
    for asked, says in (
        ("LPA310", "LPA310 state-lost (warning)"),
        ("LPA213", "LPA213 redirect-elsewhere (off in this project)"),
        ("LPA31", "  LPA310  warning  state-lost"),
        ("LPA2", "  LPA213  off      redirect-elsewhere"),
    ):
        assert says in CliRunner().invoke(main, ["rules", asked, "--config", str(config)]).output


def test_a_config_must_name_a_whole_rule(tmp_path: Path) -> None:
    config = tmp_path / "lp-authorize.yaml"
    config.write_text("rules: {allow: [{rule: LPA31, reason: x}]}")
    result = CliRunner().invoke(main, ["rules", "--config", str(config)])
    assert (result.exit_code, "is not a rule id; 6 ids begin with it, from LPA310 to LPA316" in result.output) == (
        2,
        True,
    )


def test_rules_of_a_project_are_listed_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["rules", "--config", "missing.yaml"])
    assert result.exit_code == 2


HOSTILE = r"""
- id: SHOP100
  name: state-made-up
  severity: warning
  summary: "First\e[31m\nsecond\u202e"
  given: request
  expect: request.state is None
  message: "\x9b31m"
  expected: no state
  why: "Because\e]0;x\a"
  fix: "Do\u2066"
  cite: ["RFC 6749 \e[0m"]
  good:
    - exchanges: [{authorize: {state: null}}]
  bad:
    - exchanges: [{authorize: {state: af0ifjsldkjFvB2Xq9ZwTg}}]
      finds: "\x9b31m"
"""


@pytest.mark.parametrize("asked", ["SHOP100", None])
def test_nothing_that_a_rule_file_holds_acts_on_the_terminal(tmp_path: Path, asked: str | None) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(HOSTILE)
    shown = list_or_explain(load_rules([rules]), RuleChoices(), asked)
    assert not [line for line in shown.split("\n") if not line.isprintable()]
    assert r"First\x1b[31m second\u202e" in shown
