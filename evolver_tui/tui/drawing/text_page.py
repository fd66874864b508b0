"""Text as a value: paragraphs that are laid out for a width, and can be selected."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from evolver_tui.tui.drawing.row_source import RowSource
from evolver_tui.tui.drawing.styles import Fragment, Line, width_of, wrap_words


class Entry(NamedTuple):
    """A paragraph beside columns of its own, wrapped to the right of them, or below where there is too little room."""

    columns: tuple[Fragment, ...]
    text: str
    style: str


class TextPage(NamedTuple):
    """Paragraphs, each some text in one style, or an entry."""

    paragraphs: tuple[tuple[str, str] | Entry, ...]

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
        return [_text_of(paragraph) for paragraph in self.paragraphs]

    @property
    def source_lines(self) -> Sequence[str]:
        """The same: nothing else of them is known here."""
        return self.lines

    def source_of(self, index: int, width: int) -> RowSource:
        """Where a row at a width comes from."""
        return _laid_out(self.paragraphs, width)[1][index]


@lru_cache(maxsize=8)  # asked for again with every line that is drawn
def _laid_out(paragraphs: tuple[tuple[str, str] | Entry, ...], width: int) -> tuple[list[Line], list[RowSource]]:
    rows: list[Line] = []
    sources: list[RowSource] = []
    for number, paragraph in enumerate(paragraphs):
        text = paragraph.text if isinstance(paragraph, Entry) else paragraph[0]
        placed = _placed_again if len(text) <= _MOST_KEPT else _placed
        for row, start, row_indent in placed(paragraph, width):
            rows.append(row)
            sources.append(RowSource(number, start, row_indent))
    return rows, sources


_Row = tuple[Line, int, int]
"""A row, the index in its paragraph of its first character, and the characters before that which are drawn alone."""

_MOST_KEPT = 500
"""Characters of a paragraph whose rows are kept: of a page that grows, the others are laid out again each time."""


def _placed(paragraph: tuple[str, str] | Entry, width: int) -> tuple[_Row, ...]:
    """The rows of one paragraph."""
    return tuple(_entry(paragraph, width) if isinstance(paragraph, Entry) else _words(paragraph, width))


_placed_again = lru_cache(maxsize=4_096)(_placed)


def _words(paragraph: tuple[str, str], width: int) -> Iterator[_Row]:
    text, style = paragraph
    indent = " " * (len(text) - len(text.lstrip(" "))) if len(text) < width else ""
    position = len(indent)
    for row in wrap_words(text[len(indent) :], max(1, width - len(indent))):
        position = max(position, text.find(row, position))
        is_first = position == len(indent)
        yield ([(indent + row, style)], 0, 0) if is_first else ([(indent + row, style)], position, len(indent))
        position += len(row)


def _entry(entry: Entry, width: int) -> Iterator[_Row]:
    head = "".join(text for text, _ in entry.columns)
    is_narrow = width_of(head) > width // 2
    indent = " " * (_NARROW_INDENT if is_narrow else width_of(head))
    if is_narrow:
        yield entry.columns, 0, 0
    position = 0
    for index, row in enumerate(wrap_words(entry.text, max(1, width - len(indent)))):
        position = max(position, entry.text.find(row, position))
        if index == 0 and not is_narrow:
            yield [*entry.columns, (row, entry.style)], 0, 0
        else:
            yield [(indent + row, entry.style)], len(head) + position, len(indent)
        position += len(row)


def _text_of(paragraph: tuple[str, str] | Entry) -> str:
    if isinstance(paragraph, Entry):
        return "".join(text for text, _ in paragraph.columns) + paragraph.text
    return paragraph[0]


_NARROW_INDENT = 2
