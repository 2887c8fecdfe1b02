"""Markdown: what was found stands in it, and nothing that was captured is markup."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from lp_sentinel.reports import CaptureEnd
from lp_sentinel.reports.escaping import code, markdown
from tests.reports.runs import HOSTILE, Run, hostile, judged, report, varied
from tests.reports.samples import finding, journey

READER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


def tokens(text: str) -> Iterator[Token]:
    for token in READER.parse(text):
        yield token
        yield from token.children or ()


def test_a_section_for_each_journey_in_which_something_was_found(tmp_path: Path) -> None:
    run = varied(judged())
    text = report(tmp_path / "report.md", run)
    assert text.startswith("# lp-authorize: 7 errors, 2 warnings (1 allowed, 1 injected)\n")
    assert len(re.findall("^### Journey ", text, re.MULTILINE)) == len({one.journey for one in run.findings})
    for one in run.findings:
        assert f"**{one.rule} {one.name}**" in text
    assert "| 🟠 warning | LPA320 | error-without-description | 1 allowed |" in text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("state, (error_code and", "state, (`error_code` and"),
        ('the "client_secret" (client_credentials).', 'the "`client_secret`" (`client_credentials`).'),
        ("f(a_b), Splx…(22)#a1f3c2;", "`f(a_b)`, `Splx…(22)#a1f3c2`;"),
        ("(f(a_b))", "(`f(a_b)`)"),
        (":smile: it says:", "`:smile:` it says:"),
    ],
)
def test_punctuation_around_what_is_set_as_code_stays_outside(text: str, shown: str) -> None:
    assert markdown(text) == shown


@pytest.mark.parametrize(
    ("changes", "heading"),
    [
        ({}, "### Journey j3 · `code` · account `12345678` · client `my-app`"),
        ({"injected": True}, "### Journey j3 · `code` · account `12345678` · client `my-app` · injected"),
        ({"account": None, "client_id": None, "outcome": "login"}, "### Journey j3 · `login`"),
    ],
)
def test_a_journey_says_whose_it_is(tmp_path: Path, changes: dict[str, Any], heading: str) -> None:
    text = report(tmp_path / "report.md", Run([finding()], [journey(**changes)], CaptureEnd("captures/demo.har", 9)))
    assert [line for line in text.splitlines() if line.startswith("### ")] == [heading]


def test_the_broken_hop_is_marked(tmp_path: Path) -> None:
    text = report(tmp_path / "report.md", Run([finding()], [journey()], CaptureEnd("captures/demo.har", 9)))
    hops = re.findall(r"^\d+\. .*$", text, re.MULTILINE)
    assert [hop.startswith(f"{place}. ❌ ") for place, hop in enumerate(hops, 1)] == [False, True, False]
    assert "- 🔴 **LPA310 state-lost** (error)\n" in text
    assert "  - Fix: Carry state through the login.\n" in text
    assert "[RFC 6749 4.1.2](https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2)" in text


def test_captured_text_is_no_markup(tmp_path: Path) -> None:
    text = report(tmp_path / "report.md", hostile())
    links = {token.attrs["href"] for token in tokens(text) if token.type == "link_open"}
    assert links == {"https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2"}
    kinds = {token.type for token in tokens(text)}
    assert not kinds & {"html_inline", "html_block", "image", "fence", "code_block", "s_open", "hr", "em_open"}
    # What is not code must hold nothing that GitHub makes a mention, an issue or a link of.
    plain = [token.content for token in tokens(text) if token.type == "text"]
    assert not [part for part in plain if re.search(r"@\w|#\d|://|www\.", part)]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_table_keeps_its_columns(tmp_path: Path, text: str) -> None:
    whole = report(tmp_path / "report.md", Run([finding(name=text)], [], CaptureEnd(None, 1)))
    cells = [token.type for token in tokens(whole) if token.type in {"tr_open", "td_open", "th_open"}]
    assert cells == ["tr_open", *["th_open"] * 4, "tr_open", *["td_open"] * 4]


@given(st.text(max_size=60))
def test_any_text_is_shown_as_it_is(text: str) -> None:
    shown = list(tokens(f"- Seen: {markdown(text)}\n- Code: {code(text)}\n"))
    allowed = {"inline", "text", "code_inline", "bullet_list_open", "bullet_list_close", "list_item_open",
               "list_item_close", "paragraph_open", "paragraph_close"}  # fmt: skip
    assert {token.type for token in shown} <= allowed


def test_no_more_than_a_job_summary_takes(tmp_path: Path) -> None:
    findings = [finding(journey=f"j{number}", message="x" * 600) for number in range(1500)]
    text = report(tmp_path / "report.md", Run(findings, [], CaptureEnd("captures/demo.har", 9)))
    assert len(text.encode()) < 1 << 20
    assert text.startswith("# lp-authorize: 1,500 errors\n")
    assert re.search(r"\d+ more sections did not fit here", text)


def test_a_capture_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    text = report(tmp_path / "report.md", Run([], [], CaptureEnd("broken.har", 3, "broken.har: cut off in entry 3")))
    assert text.startswith("# lp-authorize: no findings, 1 capture not read to the end\n")
    assert "> broken.har: cut off in entry 3\n" in text
