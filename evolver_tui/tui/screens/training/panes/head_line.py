"""The upper row: how many runs train, and how their places are read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from rich.style import Style

from evolver_tui.core.safe_text import safe_text
from evolver_tui.tui.drawing.formatting import count
from evolver_tui.tui.drawing.head_row import Figure, head_row
from evolver_tui.tui.drawing.pane import Pane
from evolver_tui.tui.drawing.styles import Line, fit_middle

if TYPE_CHECKING:
    from evolver_tui.engine.training.source import SourceStanding


class Totals(NamedTuple):
    """What the row says."""

    training: int = 0
    runs: int = 0
    places: Sequence[SourceStanding] = ()
    failed: int = 0
    errors: int = 0
    """Of the runs that train."""


def _short(place: str) -> str:
    """A server without its scheme, or the end of a path."""
    _, scheme, host = place.partition("://")
    return safe_text(host if scheme else "/".join(place.rstrip("/").split("/")[-2:]), 60)


class TrainingLine(Pane):
    """One row, drawn again when it reads differently. What matters least gives way where it is narrow."""

    def __init__(self, views: Line, *, plain: bool = False) -> None:
        super().__init__(plain=plain, id="status")
        self._views = views
        self._totals = Totals()

    def update(self, totals: Totals) -> None:
        """What is so now."""
        if totals != self._totals:
            self._totals = totals
            self.refresh()

    def line(self, y: int, width: int) -> tuple[Line, Style | None]:
        """The row."""
        return head_row(list(self._figures()), self._views, width), None

    def _figures(self) -> Iterator[Figure]:
        """What may stand there, from left to right."""
        totals, symbols = self._totals, self.symbols
        if not totals.places:
            yield Figure(0, *[[("training", "text")]] * 2)
            return
        style = "run" if totals.training else "dim"
        trains: Line = [(f"{symbols.running} ", style), (f"{totals.training:,}", "strong"), (" training", "text")]
        yield Figure(0, trains, trains)
        runs: Line = [(count(totals.runs, "run"), "text")]
        yield Figure(3, runs, runs)
        if totals.errors:
            words: Line = [(f"{symbols.failed} {count(totals.errors, 'error')}", "warn")]
            yield Figure(2, words, [(f"{symbols.failed} {totals.errors:,}", "warn")])
        for place in totals.places:
            name = fit_middle(_short(place.place), 24)
            if not place.is_up:
                yield Figure(1, *[[(f"{symbols.off} ", "error"), (f"{name} away", "warn")]] * 2)
            else:
                yield Figure(4, [(f"{symbols.on} ", "ok"), (name, "dim")], [(f"{symbols.on} ", "ok"), (name, "dim")])
