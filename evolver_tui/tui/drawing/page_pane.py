"""A page of text that grows, followed at its end until a person scrolls up."""

from __future__ import annotations

from collections.abc import Hashable

from rich.style import Style

from evolver_tui.tui.drawing.scrolled_pane import ScrolledPane
from evolver_tui.tui.drawing.selected_text import Document
from evolver_tui.tui.drawing.styles import Line
from evolver_tui.tui.drawing.text_page import TextPage


class PagePane(ScrolledPane):
    """Of its rows those in sight are drawn, and of these the ones that read differently."""

    DEFAULT_CLASSES = "framed"

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
        self.go_to_row(self.row_count)

    # --- a selection

    @property
    def document(self) -> Document:
        """The page."""
        return self._page

    @property
    def document_width(self) -> int:
        """The cells of a row."""
        return max(1, self.size.width)

    def row_at(self, y: int) -> tuple[int, int] | None:
        """The row of the page on a line of the pane."""
        row = y + self.first_row_in_sight
        return (row, 0) if row < self.row_count else None

    # --- moving

    @property
    def page_height(self) -> int:
        """Rows in sight."""
        return max(1, self.size.height)

    @property
    def first_row_in_sight(self) -> int:
        """The row at the top."""
        return self.furthest_row if self._follows else min(self._place, self.furthest_row)

    def go_to_row(self, row: int) -> None:
        """Bring a row to the top; from the last one on, what comes is followed."""
        furthest = self.furthest_row
        self._follows = row >= furthest
        self._place = max(0, min(row, furthest))
        self.tick()

    # --- drawing

    def tick(self) -> None:
        """Draw again what reads differently."""
        rows, top, height = self._page.rows(self.document_width), self.first_row_in_sight, self.size.height
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
        index = y + self.first_row_in_sight
        return (rows[index] if index < len(rows) else []), None
