"""The bar on standard error: for people only, and out of the way of what is printed."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator

import pytest

from lp_sentinel.command_line import progress
from lp_sentinel.command_line.progress import tracked
from lp_sentinel.workers import Advance


class Screen(io.StringIO):
    """Says that it is a terminal."""

    def isatty(self) -> bool:
        return True


SIZES = (100, 100)


@pytest.mark.parametrize(
    ("screen", "worth", "has_bar"), [(Screen(), 150, True), (Screen(), 201, False), (io.StringIO(), 150, False)]
)
def test_who_sees_a_bar(screen: io.StringIO, worth: int, has_bar: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_WORTH_A_BAR", worth)
    assert list(tracked(lambda _: [1, 2], SIZES, screen)) == [1, 2]
    assert ("capture 1 of 2" in screen.getvalue()) == has_bar


def test_a_capture_that_is_not_there_has_its_result(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_WORTH_A_BAR", 1)
    assert list(tracked(lambda _: "xyz", (*SIZES, 0), Screen())) == ["x", "y", "z"]


def test_it_goes_away_when_the_run_breaks_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_WORTH_A_BAR", 1)

    def broken(_: object) -> Iterator[int]:
        yield 1
        raise ValueError("broken")

    screen = Screen()
    with pytest.raises(ValueError, match="broken"):
        list(tracked(broken, SIZES, screen))
    assert screen.getvalue().endswith(("\x1b[2K", "\x1b[?25h"))


def test_it_moves_within_a_capture_and_not_beyond_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_WORTH_A_BAR", 1)
    monkeypatch.setattr(progress, "_EVERY", 0)

    def judge(advance: Advance | None) -> Iterator[int]:
        assert advance
        for size in (50, 30, 30):  # of the first 100 bytes of 200
            advance(size)
        yield 1
        advance(40)
        yield 2

    screen = Screen()
    assert list(tracked(judge, SIZES, screen)) == [1, 2]
    shown = re.findall(r"(\d+)%", screen.getvalue())
    assert list(dict.fromkeys(shown)) == ["0", "25", "40", "50", "70", "100"]
