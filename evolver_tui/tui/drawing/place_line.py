"""The upper row of a view without figures: what is looked at, and the other views."""

from __future__ import annotations

from typing import Final

from rich.style import Style

from evolver_tui.tui.drawing.head_row import views_within
from evolver_tui.tui.drawing.pane import Pane
from evolver_tui.tui.drawing.styles import Fragment, Line, spread

_WIDE: Final = 110
"""Cells with more than which the row says where that lies."""


class PlaceLine(Pane):
    """One row, drawn again when it reads differently."""

    def __init__(self, views: Line, words: str, *, plain: bool = False) -> None:
        super().__init__(plain=plain, id="status")
        self._views = views
        self._words = words
        self._place = ""

    def update(self, words: str, place: str = "") -> None:
        """What is looked at now, and where that lies."""
        if (words, place) != (self._words, self._place):
            self._words, self._place = words, place
            self.refresh()

    def line(self, y: int, width: int) -> tuple[Line, Style | None]:
        """The row."""
        here: list[Fragment] = [(" evolver ", "badge"), (f" {self._words}", "text")]
        if self._place:
            here.append((f"  {self._place}" if width > _WIDE else "", "dim"))
        return spread(here, views_within(self._views, width), width), None
