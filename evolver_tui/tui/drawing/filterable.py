"""A pane with a search line at its bottom, made when it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evolver_tui.tui.drawing.movable import Movable
from evolver_tui.tui.drawing.pane import Pane

if TYPE_CHECKING:
    from evolver_tui.tui.drawing.filter_line import FilterLine


class Filterable(Pane, Movable):
    """A list that shows only what contains `search`."""

    search = ""
    filter_words = "filter"
    """What may be typed there."""
    _filter_line: FilterLine | None = None
    """While it is open: each row that is drawn asks for it."""

    def search_changed(self) -> None:
        """Show what matches `search` now."""
        raise NotImplementedError

    @property
    def is_filtering(self) -> bool:
        """Whether the search line is open."""
        return self._filter_line is not None

    @property
    def page_height(self) -> int:
        """Rows that are not under the search line."""
        return self.list_height

    @property
    def list_height(self) -> int:
        """Rows that are not under the search line."""
        return self.size.height - self.is_filtering

    def open_filter(self) -> None:
        """Show the search line and type into it."""
        from evolver_tui.tui.drawing.filter_line import FilterLine

        if self._filter_line is None:
            self._filter_line = FilterLine(self.search, self.filter_words, self._search_for, self._leave_filter)
            self.mount(self._filter_line)
            self.refresh()
        self.screen.set_focus(self._filter_line)  # at once: what is typed next is meant for it

    def find(self, text: str) -> None:
        """Show what matches this text, with it in the search line."""
        self.open_filter()
        if self._filter_line is not None:
            self._filter_line.value = text
        self._search_for(text)
        self.focus()

    def close_filter(self) -> bool:
        """Show everything again; False when nothing was filtered."""
        was_filtering = self.is_filtering or bool(self.search)
        if self._filter_line is not None:
            if self._filter_line.has_focus:
                self.focus()
            self._filter_line.remove()
            self._filter_line = None
        if was_filtering:
            self._search_for("")
            self.refresh()
        return was_filtering

    def _search_for(self, text: str) -> None:
        if text != self.search:
            self.search = text
            self.search_changed()

    def _leave_filter(self) -> None:
        self.focus()
