"""Pages as values: titled text or code, made elsewhere and drawn by whatever shows them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from evolver_tui.tui.drawing.styles import Line, wrap_words

if TYPE_CHECKING:
    from evolver_tui.tui.drawing.code_view import CodeDocument


class TextPage(NamedTuple):
    """Paragraphs, each a line of pieces or words in one ink."""

    paragraphs: tuple[tuple[str, str], ...]

    def rows(self, width: int) -> list[Line]:
        """The paragraphs wrapped to a width. One that starts with spaces keeps them on every row."""
        return _rows(self.paragraphs, width)


class Page(NamedTuple):
    """One tab."""

    title: str
    content: CodeDocument | TextPage
    tally: Line = ()
    """Shown beside the title, e.g. how many checks passed."""
    notes: Mapping[int, str] | None = None
    """Line number to the ink of the mark beside it (code only)."""


@lru_cache(maxsize=8)  # asked for again with every line that is drawn
def _rows(paragraphs: tuple[tuple[str, str], ...], width: int) -> list[Line]:
    rows: list[Line] = []
    for text, ink in paragraphs:
        indent = " " * (len(text) - len(text.lstrip(" "))) if len(text) < width else ""
        for row in wrap_words(text[len(indent) :], max(1, width - len(indent))):
            rows.append([(indent + row, ink)])
    return rows
