"""A pane whose document scrolls, by keys and by the mouse."""

from __future__ import annotations

from textual import events

from evolver_tui.tui.drawing.movable import Movable
from evolver_tui.tui.drawing.selectable import SelectablePane


class ScrolledPane(SelectablePane, Movable):
    """Shows some rows of a document. The end of a selection that keys began goes along where they scroll."""

    can_focus = True

    def go_to_row(self, row: int) -> None:
        """Bring a row of the document to the top, as far as there are enough below it."""
        raise NotImplementedError

    @property
    def row_count(self) -> int:
        """The rows of the document."""
        return self.document.row_count(self.document_width)

    @property
    def furthest_row(self) -> int:
        """The row at the top while the last one is in sight."""
        return max(0, self.row_count - self.page_height)

    def move_by(self, rows: int) -> None:
        """Some rows down, or up below 0."""
        top, end = self.first_row_in_sight, self.extend_selection(rows)
        self.go_to_row(top + rows if end is None else min(max(top, end - self.page_height + 1), end))

    def move_top(self) -> None:
        """To the first row."""
        self.extend_selection(-self.row_count)
        self.go_to_row(0)

    def move_bottom(self) -> None:
        """To the last row."""
        self.extend_selection(self.row_count)
        self.go_to_row(self.row_count)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Three rows down."""
        event.stop()
        self.go_to_row(self.first_row_in_sight + 3)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Three rows up."""
        event.stop()
        self.go_to_row(self.first_row_in_sight - 3)
