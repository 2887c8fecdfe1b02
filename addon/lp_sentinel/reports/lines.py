"""Lines for the terminal that need no layout: rich takes milliseconds to lay out what a journey has in a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rich.console import Console, ConsoleOptions

type Piece = tuple[str, str]
"""A text without line ends, and its style."""
type Line = tuple[Piece, ...]


class Lines:
    """What rich prints line by line; of a line that is too long the end is cut off."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self._lines = lines

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        for line in self._lines:
            for text, style in _cut(line, options.max_width):
                yield Segment(text, console.get_style(style) if style else None)
            yield Segment.line()


class Paragraph:
    """What rich prints beside a label, on as many lines as that takes."""

    def __init__(self, label: str, style: str, text: str) -> None:
        """``style`` is the label's."""
        self._label, self._style, self._text = label, style, text

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        label, style = self._label, console.get_style(self._style)
        room = max(options.max_width - len(label), 2)  # a wide character's; rich fails where there is none
        for line in Text(self._text, overflow="fold").wrap(console, room):
            yield Segment(label, style)
            yield Segment(line.plain.rstrip())
            yield Segment.line()
            label = " " * len(label)


def _cut(line: Line, width: int) -> Iterator[Piece]:
    sizes = [cell_len(text) for text, _ in line]
    if sum(sizes) <= width:
        yield from line
        return
    left = width - 1
    for (text, style), size in zip(line, sizes, strict=True):
        if size > left:
            yield f"{set_cell_size(text, left)}…", style
            return
        yield text, style
        left -= size
