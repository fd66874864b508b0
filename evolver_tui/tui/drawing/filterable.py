"""A pane with a search line at its bottom, made when it is asked for."""

from __future__ import annotations

from textual.css.query import NoMatches

from evolver_tui.tui.drawing.pane import Pane


class Filterable(Pane):
    """A list that shows only what contains `search`."""

    search = ""

    def search_changed(self) -> None:
        """Show what matches `search` now."""
        raise NotImplementedError

    @property
    def is_filtering(self) -> bool:
        """Whether the search line is open."""
        return bool(self.query("#filter"))

    @property
    def list_height(self) -> int:
        """Rows that are not under the search line."""
        return self.size.height - self.is_filtering

    def open_filter(self) -> None:
        """Show the search line and type into it."""
        from evolver_tui.tui.drawing.filter_line import FilterLine

        try:
            line = self.query_one("#filter", FilterLine)
        except NoMatches:
            line = FilterLine(self.search, self._search_for, self._leave_filter)
            self.mount(line)
            self.refresh()
        self.screen.set_focus(line)  # at once: what is typed next is meant for it

    def close_filter(self) -> bool:
        """Show everything again; False when nothing was filtered."""
        was_filtering = self.is_filtering or bool(self.search)
        for line in self.query("#filter"):
            if line.has_focus:
                self.focus()
            line.remove()
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
