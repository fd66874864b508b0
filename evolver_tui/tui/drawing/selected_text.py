"""What is copied of a document: all of it, or what is selected of its rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from textual.geometry import Offset
from textual.selection import Selection

from evolver_tui.tui.drawing.row_source import RowSource


class Document(Protocol):
    """Text that is shown wrapped to a width."""

    @property
    def lines(self) -> Sequence[str]:
        """The lines as they are read."""

    @property
    def source_lines(self) -> Sequence[str]:
        """The lines as they were written; other than `lines` where something is hidden in them."""

    def row_count(self, width: int) -> int:
        """Rows at a width."""

    def source_of(self, index: int, width: int) -> RowSource:
        """Where a row at a width comes from."""


class SelectedText(NamedTuple):
    """Text to be copied. Of what others wrote it is what was read, never what was hidden in it."""

    text: str
    line_count: int
    shows_hidden: bool
    """Whether the lines that it is of hide something, for which it has the stand-ins that are on the screen."""


def whole_text(document: Document) -> SelectedText:
    """Everything, character by character as it was written, unless something is hidden in it."""
    lines = list(document.lines)
    end = (len(lines) - 1, len(lines[-1])) if lines else (0, 0)
    whole = _between(document, (0, 0), end)
    return whole._replace(line_count=len(lines) - (lines[-1:] == [""]))


def as_written(text: str) -> SelectedText:
    """A text of the person's own, with whatever is hidden in it; half a character alone cannot be copied."""
    lines = text.count("\n") + (text[-1:] not in ("", "\n"))
    return SelectedText(text.encode("utf-8", "replace").decode(), lines, shows_hidden=False)


def selected_text(document: Document, width: int, selection: Selection) -> SelectedText | None:
    """What is selected of the rows at a width; None for nothing. Rows of one line are put together again."""
    lines, last_row = document.lines, document.row_count(width) - 1
    start, end = selection.start or Offset(0, 0), selection.end
    if start.y > last_row:
        return None
    first = _place(document, width, start)
    is_within = end is not None and end.y <= last_row
    last = _end(document, width, end) if end is not None and is_within else (len(lines) - 1, len(lines[-1]))
    return _between(document, first, last) if first < last else None


def _between(document: Document, first: tuple[int, int], last: tuple[int, int]) -> SelectedText:
    """The text between two places, each a line and a character in it as it is read."""
    read = list(document.lines[first[0] : last[0] + 1])
    written = document.source_lines[first[0] : last[0] + 1]
    hides = any(_seen(line) != shown for line, shown in zip(written, read, strict=False))
    is_whole = first[1] == 0 and bool(read) and last[1] >= len(read[-1])
    if is_whole and not hides:
        read = list(written)
    elif read:
        read[-1] = read[-1][: last[1]]
        read[0] = read[0][first[1] :]
    return SelectedText("\n".join(read), len(read), hides)


def _seen(line: str) -> str:
    """How a line reads that hides nothing: tabs are blanks to the eye, and a line's end is no sign of it."""
    return line.removesuffix("\r").replace("\t", "    ")


def _end(document: Document, width: int, offset: Offset) -> tuple[int, int]:
    """Where a selection ends: of a row that stands for several lines behind the last of them."""
    source = document.source_of(offset.y, width)
    if source.lines == 1:
        return _place(document, width, offset)
    line = source.line + source.lines - 1
    return line, len(document.lines[line])


def _place(document: Document, width: int, offset: Offset) -> tuple[int, int]:
    """Line and character of a row and a character in it; a row that stands for several lines is taken whole."""
    source = document.source_of(offset.y, width)
    if source.lines > 1:
        return source.line, 0
    return source.line, source.start + max(0, offset.x - source.indent)
