"""A page of text that grows, followed at its end until a person scrolls up."""

from __future__ import annotations

from collections.abc import Hashable

from rich.style import Style
from textual import events

from evolver_tui.tui.drawing.movable import Movable
from evolver_tui.tui.drawing.selectable import SelectablePane
from evolver_tui.tui.drawing.selected_text import Document
from evolver_tui.tui.drawing.styles import Line
from evolver_tui.tui.drawing.text_page import TextPage


class PagePane(SelectablePane, Movable):
    """Of its rows those in sight are drawn, and of these the ones that read differently."""

    can_focus = True

    def __init__(self, selection_keys: str = "", *, id: str, plain: bool = False) -> None:
        super().__init__(selection_keys, plain=plain, id=id)
        self._page = TextPage(())
        self._about: Hashable = None
        self._place = 0
        self._follows = True
        self._drawn: list[Line] = []

    def show(self, about: Hashable, page: TextPage, *, follow: bool) -> None:
        """Show a page; the reader's place is kept where it is about the same.

        Args:
            follow: whether something else is shown from its end.
        """
        if about != self._about:
            self._about, self._place, self._follows = about, 0, follow
            self._page = page
            self.end_selection()
            self._drawn = []
            self.refresh()
            return
        if page != self._page:
            self._page = page
        self.tick()

    @property
    def follows(self) -> bool:
        """Whether the end stays in sight."""
        return self._follows

    def follow(self) -> None:
        """Keep the end in sight."""
        self._go(self._row_count)

    # --- a selection

    @property
    def document(self) -> Document:
        """The page."""
        return self._page

    @property
    def document_width(self) -> int:
        """The cells of a row."""
        return max(1, self.size.width)

    @property
    def first_row_in_sight(self) -> int:
        """The row at the top."""
        return self._top

    def row_at(self, y: int) -> tuple[int, int] | None:
        """The row of the page on a line of the pane."""
        row = y + self._top
        return (row, 0) if row < self._row_count else None

    # --- moving

    @property
    def page_height(self) -> int:
        """Rows in sight."""
        return max(1, self.size.height)

    @property
    def _row_count(self) -> int:
        return self._page.row_count(self.document_width)

    @property
    def _furthest(self) -> int:
        return max(0, self._row_count - self.page_height)

    @property
    def _top(self) -> int:
        return self._furthest if self._follows else min(self._place, self._furthest)

    def move_by(self, rows: int) -> None:
        """Some rows down, or up below 0; the end of a selection goes along."""
        row = self.extend_selection(rows)
        self._go(self._top + rows if row is None else min(max(self._top, row - self.page_height + 1), row))

    def move_top(self) -> None:
        """To the first row."""
        self.extend_selection(-self._row_count)
        self._go(0)

    def move_bottom(self) -> None:
        """To the last row; what comes is followed from there."""
        self.extend_selection(self._row_count)
        self._go(self._row_count)

    def _go(self, top: int) -> None:
        self._follows = top >= self._furthest
        self._place = max(0, min(top, self._furthest))
        self.tick()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Three rows down."""
        event.stop()
        self._go(self._top + 3)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Three rows up."""
        event.stop()
        self._go(self._top - 3)

    # --- drawing

    def tick(self) -> None:
        """Draw again what reads differently."""
        rows, top, height = self._page.rows(self.document_width), self._top, self.size.height
        drawn: list[Line] = [rows[top + y] if top + y < len(rows) else [] for y in range(height)]
        before = self._drawn if len(self._drawn) == height else []
        changed = [y for y, line in enumerate(drawn) if not before or line != before[y]]
        self._drawn = drawn
        if changed:
            self.refresh_rows(changed)
        self.set_subtitle(self._place_words(len(rows), top, height))

    def _place_words(self, rows: int, top: int, height: int) -> str:
        if self.selection_words:
            return self.selection_words
        if rows <= height:
            return ""
        return f"{top + 1}-{min(rows, top + height)} of {rows} rows{' · following' if self._follows else ''}"

    def line(self, y: int, width: int) -> tuple[Line, Style | None]:
        """A row of the page."""
        rows = self._page.rows(self.document_width)
        index = y + self._top
        return (rows[index] if index < len(rows) else []), None
