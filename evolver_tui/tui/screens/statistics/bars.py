"""Shares as rows of cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evolver_tui.tui.drawing.symbols import Symbols


def share_bar(part: float, whole: float, width: int, symbols: Symbols) -> str:
    """As many full cells as a part is of a whole; something is at least one cell, and no empty cells are drawn."""
    if part <= 0 or whole <= 0:
        return ""
    return symbols.full * max(1, round(min(1.0, part / whole) * width))
