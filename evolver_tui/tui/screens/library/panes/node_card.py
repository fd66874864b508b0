"""The card of one node: its code, versions, a difference, its examples and its runs, page by page."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

from rich.style import Style
from textual import events

from evolver_tui.tui.drawing.diff_view import DiffDocument
from evolver_tui.tui.drawing.movable import Movable
from evolver_tui.tui.drawing.page import Page
from evolver_tui.tui.drawing.selectable import SelectablePane
from evolver_tui.tui.drawing.selected_text import Document
from evolver_tui.tui.drawing.styles import Fragment, Line, line_width, spread
from evolver_tui.tui.drawing.text_page import TextPage
from evolver_tui.tui.screens.library.names import CODE

if TYPE_CHECKING:
    from evolver_tui.tui.drawing.code_view import CodeDocument
    from evolver_tui.tui.drawing.folded_code import FoldedCode

_NOTHING = Page("", TextPage(()))


class NodeCard(SelectablePane, Movable):
    """Tabs, and a page that scrolls. The reader's place is kept for each page while the same node is shown."""

    pane_name = "node"
    can_focus = True

    def __init__(self, selection_keys: str = "", *, plain: bool = False) -> None:
        super().__init__(selection_keys, plain=plain, id="node")
        self._pages: Sequence[Page] = (_NOTHING,)
        self._about: Hashable = None
        self._tab = 0
        self._tops: dict[str, int] = {}
        self.set_title("Node")

    # --- what is shown

    @property
    def page(self) -> Page:
        """The page in front."""
        return self._pages[min(self._tab, len(self._pages) - 1)]

    def show(self, about: Hashable, title: str, subtitle: str, pages: Sequence[Page]) -> None:
        """Show a node; the page in front stays, and of the same node the place in it."""
        front = self.page.title
        if about != self._about:
            self._about, self._tops = about, {}
            self.end_selection()
        self._pages = pages
        titles = [page.title for page in pages]
        self._tab = titles.index(front) if front in titles else min(self._tab, len(pages) - 1)
        self.set_title(title)
        self.set_subtitle(subtitle)
        self.refresh()

    def turn_to(self, title: str) -> None:
        """Put a page in front, by its title."""
        titles = [page.title for page in self._pages]
        if title in titles:
            self._turn(titles.index(title))

    def go_to_line(self, number: int) -> None:
        """Put a line of the code into sight, with some before it."""
        self.turn_to(CODE)
        content = self.page.content
        if not isinstance(content, TextPage | DiffDocument) and self.size.width:
            width, rows = self._body_width, range(content.row_count(self._body_width))
            row = next((index for index in rows if content.row(index, width).number == number), 0)
            self._go(row - self._body_height // 3)

    def next_tab(self) -> None:
        """The page to the right."""
        self._turn((self._tab + 1) % len(self._pages))

    def previous_tab(self) -> None:
        """The page to the left."""
        self._turn((self._tab - 1) % len(self._pages))

    def _turn(self, tab: int) -> None:
        self.end_selection()
        self._tab = tab
        self.refresh()

    # --- a selection

    @property
    def document(self) -> Document:
        """The page in front."""
        return self.page.content

    @property
    def document_width(self) -> int:
        """The cells of a row of the page."""
        return self._body_width

    @property
    def first_row_in_sight(self) -> int:
        """The row of the page that stands at its top."""
        return self._top

    def row_at(self, y: int) -> tuple[int, int] | None:
        """The row of the page on a line of the card, and the cell from which on it stands there."""
        row = y - self._body_start + self._top
        if y < self._body_start or row >= self._row_count:
            return None
        return row, self._gutter

    # --- moving

    @property
    def page_height(self) -> int:
        """Rows of the page that are in sight."""
        return self._body_height

    def move_by(self, rows: int) -> None:
        """Some rows down, or up below 0; the end of a selection goes along."""
        row = self.extend_selection(rows)
        self._go(self._top + rows if row is None else min(max(self._top, row - self._body_height + 1), row))

    def move_top(self) -> None:
        """To the first row."""
        self.extend_selection(-self._row_count)
        self._go(0)

    def move_bottom(self) -> None:
        """To the last row."""
        self.extend_selection(self._row_count)
        self._go(self._row_count)

    def _go(self, top: int) -> None:
        self._tops[self.page.title] = max(0, min(top, self._furthest))
        self.refresh()

    @property
    def _furthest(self) -> int:
        return max(0, self._row_count - self._body_height)

    @property
    def _top(self) -> int:
        return min(self._tops.get(self.page.title, 0), self._furthest)

    def on_click(self, event: events.Click) -> None:
        """Turn to the page whose tab is under the pointer."""
        offset = event.get_content_offset(self)
        if offset is None or offset.y != 0:
            return
        start = 0
        for index, page in enumerate(self._pages):
            start += len(page.title) + line_width(page.tally) + 3
            if offset.x < start:
                self._turn(index)
                return

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Three rows down."""
        event.stop()
        self._go(self._top + 3)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Three rows up."""
        event.stop()
        self._go(self._top - 3)

    # --- geometry

    @property
    def _body_start(self) -> int:
        return (1 + (self.size.height > 14)) if len(self._pages) > 1 else 0

    @property
    def _body_height(self) -> int:
        return max(1, self.size.height - self._body_start)

    @property
    def _gutter(self) -> int:
        content = self.page.content
        return 1 if isinstance(content, TextPage | DiffDocument) else self._digits(content) + 3

    @property
    def _body_width(self) -> int:
        return max(1, self.size.width - self._gutter - 1)

    @staticmethod
    def _digits(content: CodeDocument | FoldedCode) -> int:
        return max(2, len(str(content.line_count)))

    @property
    def _row_count(self) -> int:
        return self.page.content.row_count(self._body_width)

    # --- drawing

    def line(self, y: int, width: int) -> tuple[Line, Style | None]:
        """Tabs, or a row of the page."""
        if y < self._body_start:
            return (self._tab_line(width) if y == 0 else []), None
        index, content = y - self._body_start + self._top, self.page.content
        if index >= content.row_count(self._body_width):
            return [], None
        if isinstance(content, TextPage):
            return [(" ", "text"), *content.rows(self._body_width)[index]], None
        if isinstance(content, DiffDocument):
            return [(" ", "text"), *content.row(index, self._body_width)], None
        row = content.row(index, self._body_width)
        mark: Fragment = (self.symbols.on, "key") if row.number in (self.page.notes or {}) else (" ", "dim")
        number = f"{row.number or self.symbols.wrapped:>{self._digits(content)}}"
        return [mark, (f"{number}  ", "dim"), *row.fragments], None

    def _tab_line(self, width: int) -> Line:
        left: list[Fragment] = []
        for page in self._pages:
            left += [(" ", "text"), (page.title, "tab" if page is self.page else "dim"), *page.tally, ("  ", "text")]
        rows, first = self._row_count, self._top
        place = f"{first + 1}-{min(first + self._body_height, rows)} of {rows}" if rows > self._body_height else ""
        words = self.selection_words or place
        return spread(left, [(f"{words} ", "key" if self.selection_words else "dim")], width) if words else left
