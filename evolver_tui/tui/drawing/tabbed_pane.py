"""A row of tabs, and under it the page in front, which scrolls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from rich.style import Style
from textual import events

from evolver_tui.tui.drawing.diff_view import DiffDocument
from evolver_tui.tui.drawing.page import Page
from evolver_tui.tui.drawing.scrolled_pane import ScrolledPane
from evolver_tui.tui.drawing.styles import Fragment, Line, line_width, spread
from evolver_tui.tui.drawing.text_page import TextPage

if TYPE_CHECKING:
    from evolver_tui.tui.drawing.code_view import CodeDocument
    from evolver_tui.tui.drawing.folded_code import FoldedCode

_NOTHING = Page("", TextPage(()))


class TabbedPane(ScrolledPane):
    """Pages, one of them in front. The reader's place in each is kept, by its title."""

    rows_to_breathe: ClassVar[int]
    """With more rows than these, one of them stays empty under the tabs."""
    blanks_before_number: ClassVar[int]
    """Cells between the mark of a line of code and its number."""

    def __init__(self, selection_keys: str = "", *, id: str, plain: bool = False) -> None:
        super().__init__(selection_keys, plain=plain, id=id)
        self._pages: Sequence[Page] = (_NOTHING,)
        self._tab = 0
        self._places: dict[str, int] = {}

    # --- what is shown

    @property
    def page(self) -> Page:
        """The page in front."""
        return self._pages[self._tab]

    def lay_pages(self, pages: Sequence[Page]) -> None:
        """Show these; the one in front stays there if it is among them, and otherwise the first one comes there."""
        front = self.page.title
        self._pages = pages
        self._tab = self._tab_of(front) or 0
        self.refresh()

    def _tab_of(self, title: str) -> int | None:
        return next((tab for tab, page in enumerate(self._pages) if page.title == title), None)

    def forget_places(self) -> None:
        """Every page is at its top again, and nothing is selected."""
        self._places = {}
        self.end_selection()

    @property
    def document(self) -> CodeDocument | FoldedCode | TextPage | DiffDocument:
        """The page in front."""
        return self.page.content

    # --- turning pages

    def turn_to(self, title: str) -> None:
        """Put a page in front, by its title."""
        tab = self._tab_of(title)
        if tab is not None:
            self._turn(tab)

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

    def on_click(self, event: events.Click) -> None:
        """Turn to the page whose tab is under the pointer."""
        offset = event.get_content_offset(self)
        if offset is None or offset.y != 0 or len(self._pages) < 2:
            return
        end = 0
        for tab, page in enumerate(self._pages):
            end += line_width(self._tab_words(page))
            if offset.x < end:
                self._turn(tab)
                return

    # --- the place in a page

    def go_to_row(self, row: int) -> None:
        """Bring a row of the page to the top, as far as there are enough below it."""
        self._places[self.page.title] = max(0, min(row, self.furthest_row))
        self.refresh()

    def move_page_down(self) -> None:
        """To the rows after those in sight: what is read whole takes no more keys than it has pages."""
        self.move_by(self.page_height)

    def move_page_up(self) -> None:
        """To the rows before those in sight."""
        self.move_by(-self.page_height)

    @property
    def first_row_in_sight(self) -> int:
        """The row of the page that stands at its top."""
        return min(self._places.get(self.page.title, 0), self.furthest_row)

    def row_at(self, y: int) -> tuple[int, int] | None:
        """The row of the page on a line of the pane, and the cell from which on it stands there."""
        line = y - self._body_start
        row = line + self.first_row_in_sight
        return (row, self._gutter) if 0 <= line < self.page_height and row < self.row_count else None

    # --- geometry

    @property
    def _body_start(self) -> int:
        return (1 + (self.size.height > self.rows_to_breathe)) if len(self._pages) > 1 else 0

    @property
    def page_height(self) -> int:
        """Rows of the page that are in sight."""
        return max(1, self.size.height - self._body_start)

    @property
    def document_width(self) -> int:
        """The cells of a row of the page."""
        return self._width_of(self.page)

    def _width_of(self, page: Page) -> int:
        content = page.content
        beside = 2 if isinstance(content, TextPage | DiffDocument) else _digits(content) + 4
        return max(1, self.size.width - beside)

    @property
    def _gutter(self) -> int:
        """The cells in front of a row."""
        content = self.document
        if isinstance(content, TextPage | DiffDocument):
            return 1
        return 3 + self.blanks_before_number + _digits(content)

    # --- drawing

    def line(self, y: int, width: int) -> tuple[Line, Style | None]:
        """The tabs, or a row of the page."""
        if y < self._body_start:
            return (self.tab_line(width) if y == 0 else []), None
        row = y - self._body_start + self.first_row_in_sight
        return (self.row_line(row) if row < self.row_count else []), None

    def tab_line(self, width: int) -> Line:
        """The tabs, and at the right how much is selected, or else which rows are in sight where not all are."""
        has_place = self.row_count > self.page_height
        words = self.selection_words or (self.place_words() if has_place else "")
        style = "key" if self.selection_words else "dim"
        return spread(self.tabs(), [(f"{words} ", style)], width) if words else self.tabs()

    def tabs(self) -> list[Fragment]:
        """The tabs, that of the page in front another way."""
        return [part for tab, page in enumerate(self._pages) for part in self._tab_words(page, tab == self._tab)]

    def _tab_words(self, page: Page, is_in_front: bool = False) -> Line:
        return [(" ", "text"), (page.title, "tab" if is_in_front else "dim"), *page.tally, ("  ", "text")]

    def place_words(self) -> str:
        """Which rows of the page are in sight."""
        first, rows = self.first_row_in_sight, self.row_count
        return f"{first + 1}-{min(first + self.page_height, rows)} of {rows}"

    def row_line(self, row: int) -> Line:
        """A row of the page, a line of code behind its mark and number."""
        content, width = self.document, self.document_width
        if isinstance(content, TextPage):
            return [(" ", "text"), *content.rows(width)[row]]
        if isinstance(content, DiffDocument):
            return [(" ", "text"), *content.row(row, width)]
        code = content.row(row, width)
        number = f"{code.number or self.symbols.wrapped:>{self.blanks_before_number + _digits(content)}}"
        return [self.mark_of(code.number), (f"{number}  ", "dim"), *code.fragments]

    def mark_of(self, number: int) -> Fragment:
        """What stands before a line of code.

        Args:
            number: of the line; 0 where one goes on.
        """
        raise NotImplementedError


def _digits(content: CodeDocument | FoldedCode) -> int:
    return max(2, len(str(content.line_count)))
