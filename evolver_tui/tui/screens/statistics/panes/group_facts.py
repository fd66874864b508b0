"""The figures of the group under the cursor, as bars."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.style import Style

from evolver_tui.core.safe_text import safe_text
from evolver_tui.core.spending import total_cost_words, total_token_words
from evolver_tui.core.statistics_words import node_cost_words
from evolver_tui.core.times import age
from evolver_tui.tui.drawing.pane import Pane
from evolver_tui.tui.drawing.styles import Line, fill, fit
from evolver_tui.tui.screens.statistics.bars import share_bar

if TYPE_CHECKING:
    from evolver_tui.core.statistics import Figures, Quantiles

_LABEL, _NUMBER, _TIMES, _KNOWN = 15, 7, 19, 8
_MOST_BAR = 30


class GroupFacts(Pane):
    """What was decided, as shares of it; how long it took; what it cost."""

    DEFAULT_CLASSES = "framed"
    pane_name = "facts"

    def __init__(self, *, plain: bool = False) -> None:
        super().__init__(plain=plain, id="facts")
        self._figures: Figures | None = None

    def show(self, figures: Figures | None) -> None:
        """Show a group."""
        self._figures = figures
        self.set_title(safe_text(figures.name, 60) if figures is not None else "Group")
        self.refresh()

    def line(self, y: int, width: int) -> tuple[Line, Style | None]:
        """One of its lines."""
        lines = list(self._lines(self._figures, width)) if self._figures is not None else []
        return (lines[y] if y < len(lines) else []), None

    def _lines(self, figures: Figures, width: int) -> Iterator[Line]:
        room = max(4, min(_MOST_BAR, width - _LABEL - _NUMBER))
        for label, number, style in _decided(figures):
            if number or label in ("approved", "rejected"):
                bar = share_bar(number, figures.decisions, room, self.symbols)
                yield [(fill(label, _LABEL), "dim"), (f"{number:>{_NUMBER - 1},} ", "text"), (bar, style)]
        times = (
            ("seen after", figures.until_seen),
            ("decided after", figures.until_decided),
            ("deciding took", figures.deciding),
        )
        longest = max((found.p95 for _, found in times if found is not None), default=0.0)
        for label, found in times:
            yield self._time_line(label, found, longest, max(4, min(_MOST_BAR, width - _LABEL - _TIMES - _KNOWN)))
        if figures.spent is not None:
            spent = figures.spent
            each = node_cost_words(figures)
            words = f"{total_cost_words(spent)}, {total_token_words(spent)} tokens"
            words += f", {each} per approved node" if each != "-" else ""
            yield [(fill("cost", _LABEL), "dim"), (fit(words, width - _LABEL), "text")]

    def _time_line(self, label: str, found: Quantiles | None, longest: float, room: int) -> Line:
        """Half of them, and 95 of a hundred, within such a time."""
        if found is None:
            return [(fill(label, _LABEL), "dim"), ("not known", "dim")]
        half = share_bar(found.p50, longest, room, self.symbols)
        most = share_bar(found.p95, longest, room, self.symbols)
        words = f"p50 {age(found.p50)}, p95 {age(found.p95)}"
        rest = self.symbols.empty * (len(most) - len(half))
        known = f" of {found.known:,}"
        return [
            (fill(label, _LABEL), "dim"),
            (fill(words, _TIMES), "text"),
            (half, "run"),
            (rest, "dim"),
            (known, "dim"),
        ]


def _decided(figures: Figures) -> Iterator[tuple[str, int, str]]:
    yield "approved", figures.approved, "ok"
    yield "edited", figures.edited, "warn"
    yield "sent back", figures.sent_back, "warn"
    yield "rejected", figures.rejected, "error"
    yield "responded", figures.responded, "warn"
    yield "node reused", figures.reused, "ok"
    yield "answered", figures.answered, "name"
