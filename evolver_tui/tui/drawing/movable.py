"""Something with rows and a place in them, gone about in by keys."""

from __future__ import annotations


class Movable:
    """Something with rows and a place in them. Rows count downwards."""

    @property
    def page_height(self) -> int:
        """Rows in sight."""
        raise NotImplementedError

    def move_by(self, rows: int) -> None:
        """Some rows down, or up below 0."""
        raise NotImplementedError

    def move_top(self) -> None:
        """To the first row."""
        raise NotImplementedError

    def move_bottom(self) -> None:
        """To the last row."""
        raise NotImplementedError

    def move_down(self) -> None:
        """One row down."""
        self.move_by(1)

    def move_up(self) -> None:
        """One row up."""
        self.move_by(-1)

    def move_page_down(self) -> None:
        """One page down; a row of the page before stays in sight."""
        self.move_by(max(1, self.page_height - 1))

    def move_page_up(self) -> None:
        """One page up."""
        self.move_by(-max(1, self.page_height - 1))

    def move_half_down(self) -> None:
        """Half a page down."""
        self.move_by(max(1, self.page_height // 2))

    def move_half_up(self) -> None:
        """Half a page up."""
        self.move_by(-max(1, self.page_height // 2))
