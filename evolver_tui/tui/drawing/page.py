"""Pages as values: titled text or code, made elsewhere and drawn by whatever shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from evolver_tui.tui.drawing.row_source import RowSource
from evolver_tui.tui.drawing.styles import Line, wrap_words

if TYPE_CHECKING:
    from evolver_tui.tui.drawing.code_view import CodeDocument


class TextPage(NamedTuple):
    """Paragraphs, each a line of fragments or words in one style."""

    paragraphs: tuple[tuple[str, str], ...]

    def rows(self, width: int) -> list[Line]:
        """The paragraphs wrapped to a width. One that starts with spaces keeps them on every row."""
        return _laid_out(self.paragraphs, width)[0]

    # --- for a selection

    def row_count(self, width: int) -> int:
        """Rows at a width."""
        return len(self.rows(width))

    @property
    def lines(self) -> Sequence[str]:
        """The text as it is read, unwrapped."""
        return [text for text, _ in self.paragraphs]

    @property
    def source_lines(self) -> Sequence[str]:
        """The same: nothing else of them is known here."""
        return self.lines

    def source_of(self, index: int, width: int) -> RowSource:
        """Where a row at a width comes from."""
        return _laid_out(self.paragraphs, width)[1][index]


class Page(NamedTuple):
    """One tab."""

    title: str
    content: CodeDocument | TextPage
    tally: Line = ()
    """Shown beside the title, e.g. how many checks passed."""
    notes: Mapping[int, str] | None = None
    """Line number to the style of the mark beside it (code only)."""


@lru_cache(maxsize=8)  # asked for again with every line that is drawn
def _laid_out(paragraphs: tuple[tuple[str, str], ...], width: int) -> tuple[list[Line], list[RowSource]]:
    rows: list[Line] = []
    sources: list[RowSource] = []
    for number, (text, style) in enumerate(paragraphs):
        indent = " " * (len(text) - len(text.lstrip(" "))) if len(text) < width else ""
        position = len(indent)
        for row in wrap_words(text[len(indent) :], max(1, width - len(indent))):
            rows.append([(indent + row, style)])
            position = max(position, text.find(row, position))
            is_first = position == len(indent)
            sources.append(RowSource(number, 0) if is_first else RowSource(number, position, len(indent)))
            position += len(row)
    return rows, sources
