"""The card of one node: its code, versions, a difference, its examples and its runs, page by page."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from evolver_tui.tui.drawing.diff_view import DiffDocument
from evolver_tui.tui.drawing.page import Page
from evolver_tui.tui.drawing.styles import Fragment
from evolver_tui.tui.drawing.tabbed_pane import TabbedPane
from evolver_tui.tui.drawing.text_page import TextPage
from evolver_tui.tui.screens.library.names import CODE


class NodeCard(TabbedPane):
    """The reader's place is kept for each page while the same node is shown."""

    DEFAULT_CLASSES = "framed"
    pane_name = "node"
    rows_to_breathe = 14
    blanks_before_number = 0

    def __init__(self, selection_keys: str = "", *, plain: bool = False) -> None:
        super().__init__(selection_keys, plain=plain, id="node")
        self._about: Hashable = None
        self.set_title("Node")

    def show(self, about: Hashable, title: str, subtitle: str, pages: Sequence[Page]) -> None:
        """Show a node; the page in front stays, and of the same node the place in it."""
        if about != self._about:
            self._about = about
            self.forget_places()
        self.lay_pages(pages)
        self.set_title(title)
        self.set_subtitle(subtitle)

    def go_to_line(self, number: int) -> None:
        """Put a line of the code into sight, with some before it."""
        self.turn_to(CODE)
        content, width = self.document, self.document_width
        if not isinstance(content, TextPage | DiffDocument) and self.size.width:
            rows = range(content.row_count(width))
            row = next((index for index in rows if content.row(index, width).number == number), 0)
            self.go_to_row(row - self.page_height // 3)

    def mark_of(self, number: int) -> Fragment:
        """A line that was searched for has one."""
        return (self.symbols.on, "key") if number in (self.page.notes or {}) else (" ", "dim")
