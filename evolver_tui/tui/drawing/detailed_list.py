"""A list under the heads of its columns, and where there is room below it more about the row under the cursor."""

from __future__ import annotations

from typing import ClassVar

from rich.style import Style
from textual import events
from textual.message import Message

from evolver_tui.tui.drawing.movable import Movable
from evolver_tui.tui.drawing.pane import Pane
from evolver_tui.tui.drawing.styles import Fragment, Line


class DetailedList(Pane, Movable):
    """Draws the rows in sight, whatever their number."""

    DEFAULT_CSS = """
    DetailedList {
        height: 1fr;
        background: $surface;
        color: $foreground;
    }
    """

    HEAD_ROWS: ClassVar = 1
    """The names of the columns."""
    DETAIL_ROWS: ClassVar[int]
    """A rule, and what is said of the row under the cursor."""
    LEAST_ROWS: ClassVar[int]
    """With fewer left for the list than these the detail gives way."""

    can_focus = True

    class Moved(Message):
        """The cursor stands elsewhere, or among others."""

    def __init__(self, *, id: str, plain: bool = False) -> None:
        super().__init__(plain=plain, id=id)
        self._cursor = self._top = 0

    # --- what a list has

    @property
    def row_count(self) -> int:
        """How many rows there are here."""
        raise NotImplementedError

    def heads(self, width: int) -> Line:
        """The names of the columns."""
        raise NotImplementedError

    def row(self, index: int, width: int, is_selected: bool) -> Line:
        """One of the rows."""
        raise NotImplementedError

    def detail(self, y: int, width: int) -> Line:
        """A row about the one under the cursor, from 0."""
        raise NotImplementedError

    def empty_words(self, y: int) -> Fragment:
        """What a line says where there are no rows."""
        raise NotImplementedError

    # --- moving

    @property
    def page_height(self) -> int:
        """Rows of the list that are in sight."""
        has_detail = self.size.height >= self.HEAD_ROWS + self.LEAST_ROWS + self.DETAIL_ROWS
        return max(0, self.size.height - self.HEAD_ROWS - (self.DETAIL_ROWS if has_detail else 0))

    def move_by(self, rows: int) -> None:
        """Some rows down, or up below 0."""
        self._go(self._cursor + rows)

    def move_top(self) -> None:
        """To the first row."""
        self._go(0)

    def move_bottom(self) -> None:
        """To the last row."""
        self._go(self.row_count - 1)

    def _go(self, index: int) -> None:
        self._cursor = index
        self._settle()

    def _settle(self) -> None:
        """Keep the cursor on a row and in view, and no line empty that could show one."""
        count, height = self.row_count, max(1, self.page_height)
        self._cursor = max(0, min(self._cursor, count - 1))
        self._top = max(min(self._top, self._cursor), self._cursor - height + 1)
        self._top = max(0, min(self._top, count - height))
        self.refresh()
        self.post_message(self.Moved())

    def on_resize(self) -> None:
        """Keep the cursor in view."""
        self._settle()

    def on_click(self, event: events.Click) -> None:
        """Put the cursor on the row under the pointer."""
        offset = event.get_content_offset(self)
        if offset is None:
            return
        line = offset.y - self.HEAD_ROWS
        if 0 <= line < self.page_height and self._top + line < self.row_count:
            self._go(self._top + line)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Three rows down."""
        event.stop()
        self._go(self._cursor + 3)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Three rows up."""
        event.stop()
        self._go(self._cursor - 3)

    # --- drawing

    def line(self, y: int, width: int) -> tuple[Line, Style | None]:
        """The heads of the columns, a row, or something about the one under the cursor."""
        if not self.row_count:
            return [self.empty_words(y)], None
        if y < self.HEAD_ROWS:
            return self.heads(width), None
        line = y - self.HEAD_ROWS
        if line == self.page_height:
            return [(self.symbols.rule * width, "rule")], None
        if line > self.page_height:
            return self.detail(line - self.page_height - 1, width), None
        index = self._top + line
        if index >= self.row_count:
            return [], None
        is_selected = index == self._cursor
        return self.row(index, width, is_selected), self.theme_styles["selected"] if is_selected else None
