"""The table of groups, and all of them together in its first row."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

from evolver_tui.core.safe_text import safe_text
from evolver_tui.core.spending import total_cost_words, total_token_words
from evolver_tui.core.statistics_words import node_cost_words, quantile_words, rate_words
from evolver_tui.tui.drawing.rows_pane import Column, RowsPane
from evolver_tui.tui.drawing.styles import Fragment, fit_middle
from evolver_tui.tui.screens.statistics.bars import share_bar

if TYPE_CHECKING:
    from evolver_tui.core.statistics import Figures, Statistics

_BAR = 10


class GroupTable(RowsPane["Figures"]):
    """A row for each group."""

    pane_name = "groups"
    filter_words = "name"
    empty_words = "reading what was decided…"
    columns = (
        Column("NAME"), Column("DECISIONS", 10, is_number=True), Column("", _BAR + 1, 110),
        Column("APPROVED", 12, is_number=True), Column("EDITED", 7, 132, is_number=True),
        Column("SEEN AFTER", 12, 116, is_number=True), Column("DECIDED AFTER", 14, is_number=True),
        Column("DECIDING", 11, 70, is_number=True), Column("TOKENS", 10, 144, is_number=True),
        Column("COST", 13, is_number=True), Column("PER NODE", 13, 104, is_number=True),
    )  # fmt: skip

    def __init__(self, *, plain: bool = False) -> None:
        super().__init__(id="groups", plain=plain)
        self._found: Statistics | None = None
        self._most = 1

    def key_of(self, row: Figures) -> Hashable:
        """Its name; all of them together has none."""
        return (row is self._total, row.name)

    @property
    def _total(self) -> Figures | None:
        return self._found.total if self._found is not None else None

    def show(self, found: Statistics | None) -> None:
        """Show what was found; None while it is read."""
        self._found = found
        self._most = max((each.decisions for each in found.groups), default=0) if found is not None else 0
        self.search_changed()

    def search_changed(self) -> None:
        """Show what matches now."""
        found, words = self._found, self.search.casefold().split()
        rows: Sequence[Figures] = ()
        if found is not None and found.groups:
            groups = [each for each in found.groups if all(word in each.name.casefold() for word in words)]
            rows = groups if words else [found.total, *groups]
        self.show_rows(rows)
        if self.search:
            self.empty_words = f"nothing contains “{safe_text(self.search, 60)}”"
        else:
            self.empty_words = "reading what was decided…" if found is None else "nothing was decided in this time"
        self.draw_again()

    def sign(self, row: Figures) -> Fragment:
        """Nothing stands in one cell."""
        return " ", "dim"

    def cells(self, row: Figures, widths: dict[str, int]) -> dict[str, Fragment]:
        """The figures of a group."""
        is_total = row is self._total
        style = "strong" if is_total else "text"
        name = "all" if is_total else fit_middle(safe_text(row.name, 200), widths["NAME"] - 1)
        spent = row.spent
        return {
            "NAME": (name, style),
            "DECISIONS": (f"{row.decisions:,}", style),
            "": ("" if is_total else share_bar(row.decisions, self._most, _BAR, self.symbols), "name"),
            "APPROVED": (rate_words(row), style),
            "EDITED": (f"{row.edited:,}", style),
            "SEEN AFTER": (quantile_words(row.until_seen), style),
            "DECIDED AFTER": (quantile_words(row.until_decided), style),
            "DECIDING": (quantile_words(row.deciding), style),
            "TOKENS": ("-" if spent is None else total_token_words(spent), style),
            "COST": ("-" if spent is None else total_cost_words(spent), style),
            "PER NODE": (node_cost_words(row), style),
        }
