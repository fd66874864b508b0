"""A canvas of dots: two by four of them in each cell as braille, or a sign for each cell in ASCII.

Dots count from the upper left. A cell has one ink, the latest that was put there: a number, of which 0 is the paper.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from evolver_tui.tui.drawing.styles import Fragment

_FIRST: Final = 0x2800
_GLYPHS: Final = " " + "".join(chr(_FIRST + mask) for mask in range(1, 256))
_BITS: Final = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
"""Of the dots of a cell's two columns, from the top down."""
_MASKS: Final = tuple(
    tuple(tuple(sum(column[top : bottom + 1]) for bottom in range(4)) for top in range(4)) for column in _BITS
)
"""By column, first and last dot: all dots in between."""
_SAME: Final = re.compile(rb"(.)\1*", re.DOTALL)


class Canvas:
    """Dots that are set and never cleared."""

    def __init__(self, columns: int, rows: int, signs: str = "") -> None:
        """Args:
        columns: cells across.
        rows: cells down.
        signs: what stands for each ink in ASCII, the paper's first; empty for braille.
        """
        self.columns, self.rows = columns, rows
        self._signs = signs
        self.width, self.height = (columns, rows) if signs else (2 * columns, 4 * rows)
        """In dots."""
        self._masks = bytearray(columns * rows)
        self._inks = bytearray(columns * rows)

    def span(self, x: int, top: int, bottom: int, ink: int) -> None:
        """Dots below each other, both ends among them; what is not on the canvas is left out."""
        top, bottom = max(0, top), min(self.height - 1, bottom)
        if top > bottom or not 0 <= x < self.width:
            return
        masks, inks, columns = self._masks, self._inks, self.columns
        if self._signs:
            for cell in range(top * columns + x, bottom * columns + x + 1, columns):
                masks[cell], inks[cell] = 1, ink
            return
        bits = _MASKS[x & 1]
        first, last = top >> 2, bottom >> 2
        cell = first * columns + (x >> 1)
        inks[cell] = ink
        if first == last:
            masks[cell] |= bits[top & 3][bottom & 3]
            return
        masks[cell] |= bits[top & 3][3]
        for _ in range(first + 1, last):
            cell += columns
            masks[cell] |= bits[0][3]
            inks[cell] = ink
        cell += columns
        masks[cell] |= bits[0][bottom & 3]
        inks[cell] = ink

    def line(self, start: tuple[int, float], end: tuple[int, float], ink: int) -> None:
        """A line from one dot to another one further right, without holes."""
        (left, upper), (right, lower) = start, end
        if right <= left:
            return
        slope = (lower - upper) / (right - left)
        first, last = max(left, 0), min(right, self.width - 1)
        for x in range(first, last + 1):
            one = upper + slope * (max(left, x - 0.5) - left)
            other = upper + slope * (min(right, x + 0.5) - left)
            self.span(x, round(min(one, other)), round(max(one, other)), ink)

    def is_empty(self, column: int, row: int) -> bool:
        """Whether nothing is in a cell."""
        return not self._masks[row * self.columns + column]

    def row(self, number: int, styles: Sequence[str], paper: str = "") -> list[Fragment]:
        """A row of cells as fragments.

        Args:
            styles: by ink.
            paper: what stands in cells without dots, as long as the row; blanks where it is empty.
        """
        start = number * self.columns
        masks, inks = self._masks[start : start + self.columns], self._inks[start : start + self.columns]
        text = "".join(self._signs[ink] for ink in inks) if self._signs else masks.decode("latin-1").translate(_GLYPHS)
        fragments: list[Fragment] = []
        for found in _SAME.finditer(inks):
            first, last = found.span()
            ink = inks[first]
            part = paper[first:last] if paper and not ink else text[first:last]
            fragments.append((part, styles[ink]))
        return fragments
