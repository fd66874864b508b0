"""Why drafts were rejected, the most frequent reason first, and what has to be known of the figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.style import Style

from evolver_tui.core.safe_text import safe_text
from evolver_tui.core.statistics_words import honesty
from evolver_tui.tui.drawing.pane import Pane
from evolver_tui.tui.drawing.styles import Line, fit, wrap_words
from evolver_tui.tui.screens.statistics.bars import share_bar

if TYPE_CHECKING:
    from evolver_tui.core.statistics import Statistics

_BAR = 8


class ReasonsPane(Pane):
    """A row for each reason."""

    DEFAULT_CLASSES = "framed"
    pane_name = "reasons"

    def __init__(self, *, plain: bool = False) -> None:
        super().__init__(plain=plain, id="reasons")
        self._found: Statistics | None = None
        self.set_title("Reasons for rejects")

    def show(self, found: Statistics | None) -> None:
        """Show those of a period."""
        self._found = found
        self.refresh()

    def line(self, y: int, width: int) -> tuple[Line, Style | None]:
        """One of its lines; the last ones say what has to be known."""
        if self._found is None:
            return [], None
        notes = [row for sentence in honesty(self._found) for row in wrap_words(sentence, max(1, width))]
        notes = notes[: max(1, self.size.height // 2)]
        room = self.size.height - len(notes)
        if y >= room:
            return [(notes[y - room], "dim")], None
        return self._reason(y, width), None

    def _reason(self, y: int, width: int) -> Line:
        found = self._found
        assert found is not None
        if not found.reasons:
            return [("No draft was rejected with a reason.", "dim")] if y == 0 else []
        if y >= len(found.reasons):
            return []
        each, most = found.reasons[y], found.reasons[0].times
        bar = share_bar(each.times, most, _BAR, self.symbols)
        words = fit(safe_text(each.reason, 300), max(1, width - _BAR - 7))
        return [(f"{each.times:>5,} ", "strong"), (f"{bar:<{_BAR}} ", "warn"), (words, "text")]
