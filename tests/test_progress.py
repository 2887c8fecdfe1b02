"""The bar on standard error: for people only, and out of the way of what is printed."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from lp_sentinel import progress
from lp_sentinel.progress import tracked


class Screen(io.StringIO):
    """Says that it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def captures(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / name for name in ("a", "b")]
    for path in paths:
        path.write_bytes(b"x" * 100)
    return paths


@pytest.mark.parametrize(
    ("screen", "worth", "has_bar"), [(Screen(), 150, True), (Screen(), 201, False), (io.StringIO(), 150, False)]
)
def test_who_sees_a_bar(
    captures: list[Path], screen: io.StringIO, worth: int, has_bar: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "_WORTH_A_BAR", worth)
    assert list(tracked([1, 2], captures, screen)) == [1, 2]
    assert ("capture 1 of 2" in screen.getvalue()) == has_bar


def test_a_capture_that_is_not_there_has_its_result(captures: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_WORTH_A_BAR", 1)
    assert list(tracked("xyz", [*captures, Path("nowhere")], Screen())) == ["x", "y", "z"]


def test_it_goes_away_when_the_run_breaks_off(captures: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_WORTH_A_BAR", 1)

    def broken() -> Iterator[int]:
        yield 1
        raise ValueError("broken")

    screen = Screen()
    with pytest.raises(ValueError, match="broken"):
        list(tracked(broken(), captures, screen))
    assert screen.getvalue().endswith(("\x1b[2K", "\x1b[?25h"))
