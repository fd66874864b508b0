"""A pane over what changes all the time: it shows one moment whole, until it is told to show the next one."""

from __future__ import annotations

from typing import Any

from rich.style import Style

from evolver_tui.tui.drawing.pane import Pane
from evolver_tui.tui.drawing.styles import Line


class SnapshotPane(Pane):
    """Keeps the lines of a moment, and of the next one draws those that read differently.

    Rows that were drawn at different times would not fit together, and all of them anew would be much to send.
    """

    def __init__(self, *, plain: bool = False, **arguments: Any) -> None:
        super().__init__(plain=plain, **arguments)
        self._kept: list[tuple[Line, Style | None]] = []
        self._kept_width = -1

    def line_now(self, y: int, width: int) -> tuple[Line, Style | None]:
        """One line as it is at this moment, and what is laid over the whole of it."""
        raise NotImplementedError

    def draw_again(self) -> None:
        """Show this moment."""
        width, height = self.size.width, self.size.height
        lines = [self.line_now(y, width) for y in range(height)]
        before = self._kept if self._kept_width == width and len(self._kept) == height else None
        self._kept, self._kept_width = lines, width
        if before is None:
            self.refresh()
        elif changed := [y for y in range(height) if lines[y] != before[y]]:
            self.refresh_rows(changed)

    def line(self, y: int, width: int) -> tuple[Line, Style | None]:
        """One line of the moment that is shown."""
        if width == self._kept_width and y < len(self._kept):
            return self._kept[y]
        return self.line_now(y, width)
