"""A table whose rows come and go while the one under the cursor stays where it is."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Generic, NamedTuple, TypeVar

from rich.style import Style
from textual import events
from textual.message import Message

from evolver_tui.tui.drawing.filterable import Filterable
from evolver_tui.tui.drawing.snapshot_pane import SnapshotPane
from evolver_tui.tui.drawing.styles import Fragment, Line, fill, fit

R = TypeVar("R")


class Column(NamedTuple):
    """A column; one without a width takes what the others leave."""

    head: str
    width: int = 0
    least: int = 0
    """Cells that the pane has at least where it is shown."""
    is_number: bool = False
    """Whether what stands there ends at the right."""


class RowsMoved(Message):
    """The cursor of a table is on another row."""


class RowsPane(SnapshotPane, Filterable, Generic[R]):
    """Draws the rows in sight. New rows come at the end."""

    DEFAULT_CLASSES = "framed"
    can_focus = True
    columns: Sequence[Column] = ()
    empty_words = ""

    def __init__(self, *, id: str, plain: bool = False) -> None:
        super().__init__(plain=plain, id=id)
        self.rows: Sequence[R] = ()
        self._cursor = self._top = 0
        self._chosen: Hashable = None
        """The key of the row under the cursor."""

    def key_of(self, row: R) -> Hashable:
        """What names a row."""
        raise NotImplementedError

    def cells(self, row: R, widths: dict[str, int]) -> dict[str, Fragment]:
        """What stands in a row, by the head of its column."""
        raise NotImplementedError

    def sign(self, row: R) -> Fragment:
        """How it stands, in one cell."""
        raise NotImplementedError

    # --- rows

    @property
    def selected(self) -> R | None:
        """What is under the cursor."""
        return self.rows[self._cursor] if self.rows else None

    def show_rows(self, rows: Sequence[R]) -> None:
        """Show these; the row under the cursor stays on its line as long as it is among them."""
        line = self._cursor - self._top
        self.rows = rows
        keys = [self.key_of(row) for row in rows]
        if self._chosen in keys:
            self._cursor = keys.index(self._chosen)
        else:
            self._cursor = max(0, min(self._cursor, len(rows) - 1))
            line = min(line, self._cursor)
        self._top = self._cursor - line
        self._keep_in_view()
        self._note_choice()

    def select(self, key: Hashable) -> None:
        """Put the cursor on a row."""
        for index, row in enumerate(self.rows):
            if self.key_of(row) == key:
                self._go(index)
                return

    def _note_choice(self) -> None:
        chosen = self.key_of(self.rows[self._cursor]) if self.rows else None
        if chosen != self._chosen:
            self._chosen = chosen
            self.post_message(RowsMoved())

    @property
    def below(self) -> int:
        """Rows under those in sight."""
        return max(0, len(self.rows) - self._top - self.page_height)

    # --- moving

    def moved_by_hand(self) -> None:
        """A person moves the cursor."""

    def move_by(self, rows: int) -> None:
        """Some rows down, or up below 0."""
        self.moved_by_hand()
        self._go(self._cursor + rows)

    def move_top(self) -> None:
        """To the first row."""
        self.moved_by_hand()
        self._go(0)

    def move_bottom(self) -> None:
        """To the last row."""
        self.moved_by_hand()
        self._go(len(self.rows) - 1)

    @property
    def page_height(self) -> int:
        """Rows in sight, without the head."""
        return max(1, self.list_height - 1)

    def _go(self, index: int) -> None:
        self._cursor = max(0, min(index, len(self.rows) - 1))
        self._keep_in_view()
        self._note_choice()
        self.draw_again()

    def _keep_in_view(self) -> None:
        height = self.page_height
        self._top = max(min(self._top, self._cursor), self._cursor - height + 1, 0)
        self._top = min(self._top, max(0, len(self.rows) - height))

    def on_resize(self) -> None:
        """Keep the cursor in view."""
        self._keep_in_view()
        self.draw_again()

    def on_focus(self) -> None:
        """The cursor has another background."""
        self.draw_again()

    def on_blur(self) -> None:
        """The cursor has another background."""
        self.draw_again()

    def on_click(self, event: events.Click) -> None:
        """Put the cursor on the row under the pointer."""
        offset = event.get_content_offset(self)
        if offset is not None and offset.y > 0 and self._top + offset.y - 1 < len(self.rows):
            self.moved_by_hand()
            self._go(self._top + offset.y - 1)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Three rows down."""
        event.stop()
        self.move_by(3)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Three rows up."""
        event.stop()
        self.move_by(-3)

    # --- drawing

    def tick(self) -> None:
        """Show this moment."""
        self.draw_again()

    def line_now(self, y: int, width: int) -> tuple[Line, Style | None]:
        """The head, a row, or nothing."""
        widths = self._widths(width)
        if y == 0:
            heads = ((self._placed(column, column.head, widths[column.head]), "dim") for column in self._shown(width))
            return [("   ", "dim"), *heads], None
        index = self._top + y - 1
        if index >= len(self.rows):
            return [(f" {self.empty_words}" if y == 1 and not self.rows else "", "dim")], None
        row, over = self.rows[index], None
        if index == self._cursor:
            over = self.theme_styles["selected" if self.has_focus else "selected.blurred"]
        cells = self.cells(row, widths)
        fitted: list[Fragment] = []
        for column in self._shown(width):
            words, style = cells[column.head]
            fitted.append((self._placed(column, words, widths[column.head]), style))
        return [(" ", "text"), self.sign(row), (" ", "text"), *fitted], over

    @staticmethod
    def _placed(column: Column, words: str, room: int) -> str:
        """Some words in the cells of a column, of which the last one stays empty."""
        words = fit(words, room - 1)
        return fill(f"{words:>{room - 1}}" if column.is_number else words, room)

    def _shown(self, width: int) -> Sequence[Column]:
        return [column for column in self.columns if width >= column.least]

    def _widths(self, width: int) -> dict[str, int]:
        shown = self._shown(width)
        wide = [column for column in shown if not column.width]
        room = width - 3 - sum(column.width for column in shown)
        share = max(1, room // max(1, len(wide)))
        widths = {column.head: column.width or share for column in shown}
        if wide:
            widths[wide[-1].head] += max(0, room - share * len(wide))
        return widths
