"""A pane whose text can be selected, by the mouse as Textual does it, or line by line by keys."""

from __future__ import annotations

from typing import Any

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Offset, Region
from textual.selection import Selection
from textual.strip import Strip

from evolver_tui.tui.drawing.formatting import count
from evolver_tui.tui.drawing.pane import Pane
from evolver_tui.tui.drawing.selected_text import Document, SelectedText, selected_text, whole_text
from evolver_tui.tui.drawing.styles import width_of

_BEFORE_TEXT = -1_000
"""The offset of what stands in front of a row, e.g. its number: whoever points there means the row's start."""


class SelectablePane(Pane):
    """Shows a document row by row. A selection names rows of it, so that it stays while the document is scrolled."""

    ALLOW_SELECT = True

    def __init__(self, selection_keys: str, *, plain: bool = False, **arguments: Any) -> None:
        """Args:
        selection_keys: which keys copy a selection and end it.
        plain: whether to draw with ASCII alone.
        """
        super().__init__(plain=plain, **arguments)
        self._selection_keys = selection_keys
        self._is_drawing = False
        self._anchor: int | None = None
        """The row in which a selection by keys began."""
        self._head = 0
        """The row that it goes to."""
        self._own_selection: Selection | None = None
        self._selected_width = 0

    # --- what is shown

    @property
    def document(self) -> Document:
        """What is shown."""
        raise NotImplementedError

    @property
    def document_width(self) -> int:
        """The cells that its rows are wrapped to."""
        raise NotImplementedError

    @property
    def first_row_in_sight(self) -> int:
        """The row of the document at the top."""
        raise NotImplementedError

    def row_at(self, y: int) -> tuple[int, int] | None:
        """The row of the document on a line of the pane, and the cell from which on it stands there."""
        raise NotImplementedError

    # --- the text

    @property
    def has_text(self) -> bool:
        """Whether there is anything to copy."""
        return any(self.document.lines)

    def take_text(self) -> SelectedText:
        """What is selected, or everything; nothing is selected from here on."""
        selection = self.text_selection
        chosen = selected_text(self.document, self.document_width, selection) if selection is not None else None
        self.end_selection()
        return chosen or whole_text(self.document)

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The text of a selection, for Textual."""
        chosen = selected_text(self.document, self.document_width, selection)
        return (chosen.text, "\n") if chosen is not None else None

    @property
    def selection_words(self) -> str:
        """How much is selected, and what can be done with it; empty for nothing."""
        selection = self.text_selection if self.is_attached else None
        chosen = selected_text(self.document, self.document_width, selection) if selection is not None else None
        return f"{count(chosen.line_count, 'line')} selected: {self._selection_keys}" if chosen is not None else ""

    # --- by keys

    def begin_selection(self) -> None:
        """Select the first line in sight."""
        self._anchor = self._head = self.first_row_in_sight
        self._select_rows()

    def extend_selection(self, rows: int) -> int | None:
        """Take the end of a selection that keys began some rows further; returns the row, None without one."""
        if self._anchor is None:
            return None
        self._head = max(0, min(self._head + rows, self.document.row_count(self.document_width) - 1))
        self._select_rows()
        return self._head

    def end_selection(self) -> bool:
        """Select nothing; False when nothing was selected."""
        was_selected = self.is_attached and self.text_selection is not None
        self._anchor = None
        if was_selected:
            self.screen.clear_selection()
        return was_selected

    def _select_rows(self) -> None:
        assert self._anchor is not None
        first, last = sorted((self._anchor, self._head))
        width, rows = self.document_width, self.document.row_count(self.document_width)
        source = self.document.source_of
        while first > 0 and source(first - 1, width).line == source(first, width).line:
            first -= 1
        while last + 1 < rows and source(last + 1, width).line == source(last, width).line:
            last += 1
        self._own_selection = Selection(Offset(0, first), Offset(width, last))
        self._selected_width = width
        self.screen.selections = {self: self._own_selection}

    def selection_updated(self, selection: Selection | None) -> None:
        """Draw it; one that the mouse made is not extended by keys."""
        if selection != self._own_selection:
            self._anchor = None
        self._selected_width = self.document_width
        self.refresh()

    def on_resize(self, event: events.Resize) -> None:
        """Rows of another width are other rows."""
        if self.document_width != self._selected_width:
            self.end_selection()

    # --- drawing

    def render_lines(self, crop: Region) -> list[Strip]:
        """Draw some lines. They carry no offsets: only where the mouse is, is asked for those, line by line."""
        self._is_drawing = True
        try:
            return super().render_lines(crop)
        finally:
            self._is_drawing = False

    def render_line(self, y: int) -> Strip:
        """Draw one line, what is selected of it over the selection's background."""
        strip = super().render_line(y)
        selection = self.text_selection
        place = self.row_at(y) if selection is not None or not self._is_drawing else None
        if place is None:
            return strip
        row, start = place
        gutter, text = strip.crop(0, start), strip.crop(start)
        if selection is not None and (span := selection.get_span(row)) is not None:
            text = _marked(text, span, self.theme_styles["selected"])
        if not self._is_drawing:
            gutter, text = gutter.apply_offsets(_BEFORE_TEXT, row), text.apply_offsets(0, row)
        return Strip.join([gutter, text])


def _marked(strip: Strip, span: tuple[int, int], style: Style) -> Strip:
    """A strip with a style over some of its characters; the end is exclusive, and -1 stands for all that follow."""
    words = strip.text.rstrip()
    first = width_of(words[: max(0, span[0])])
    last = width_of(words if span[1] == -1 else words[: max(0, span[1])])
    if last <= first:
        return strip
    before, chosen, after = strip.divide([first, last, strip.cell_length])
    over = [Segment(text, (own or Style()) + style, control) for text, own, control in chosen]
    return Strip.join([before, Strip(over, chosen.cell_length), after])
