from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from rich.cells import cell_len
from rich.console import Console

from lp_sentinel.reports.lines import Lines, Paragraph

if TYPE_CHECKING:
    from rich.console import RenderableType


def printed(part: RenderableType, width: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    console.print(part, crop=False)
    out = console.file
    assert isinstance(out, io.StringIO)
    return out.getvalue().splitlines()


def test_a_line_that_fits_is_left_as_it_is() -> None:
    assert printed(Lines([(("abc", "bold"), ("defghij", ""))]), 10) == ["abcdefghij"]


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        (("abcdefghijkl",), "abcdefghi…"),
        (("abcdefghi", "jk", "l"), "abcdefghi…"),
        (("日本語日本語",), "日本語日 …"),  # the half of a wide character that is left over is a space
    ],
)
def test_of_a_longer_one_the_end_is_cut_off(pieces: tuple[str, ...], expected: str) -> None:
    assert printed(Lines([tuple((piece, "") for piece in pieces)]), 10) == [expected]
    assert cell_len(expected) == 10


def test_markup_is_text() -> None:
    assert printed(Lines([(("[bold]x[/]", ""),)]), 20) == ["[bold]x[/]"]
    assert printed(Paragraph("  seen ", "dim", "[bold]x[/] :cat:"), 30) == ["  seen [bold]x[/] :cat:"]


def test_a_paragraph_goes_on_under_its_beginning() -> None:
    assert printed(Paragraph("seen ", "dim", "alpha beta gammadelta-epsilon"), 15) == [
        "seen alpha beta",
        "     gammadelta",
        "     -epsilon",
    ]


@pytest.mark.parametrize("width", [1, 3, 5, 6])
def test_a_terminal_narrower_than_the_label_loses_no_text(width: int) -> None:
    lines = printed(Paragraph("seen ", "dim", "alpha 日本"), width)
    assert "".join(line[5:] for line in lines).replace(" ", "") == "alpha日本"
