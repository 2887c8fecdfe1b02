"""The simulator against LivePerson's authorize page, and the document that says so."""

from __future__ import annotations

import pytest

from tests.simulate.conformance import DOCUMENT, ROWS, Row, answer_of, written


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.says)
def test_answers_as_documented(row: Row) -> None:
    assert answer_of(row) == row.answer


def test_the_document_shows_the_table() -> None:
    text = DOCUMENT.read_text("utf-8")
    assert text == written(text), "python -m tests.simulate.conformance writes it anew"
