"""Code of which some lines are shown as one row."""

from __future__ import annotations

from collections.abc import Sequence

from evolver_tui.core.code_folds import Fold
from evolver_tui.core.safe_text import safe_text
from evolver_tui.tui.drawing.code_view import CodeDocument, CodeRow
from evolver_tui.tui.drawing.formatting import count
from evolver_tui.tui.drawing.row_source import RowSource
from evolver_tui.tui.drawing.styles import fit


class FoldedCode:
    """A view of a document. Lines keep their numbers, and whatever is copied is what stands in them."""

    def __init__(self, code: CodeDocument, folds: Sequence[Fold], sign: str) -> None:
        """Args:
        folds: in order, not one within another.
        sign: what stands before the words on a fold.
        """
        self.unfolded = code
        self.folds = folds
        self._sign = sign
        self._laid_out: tuple[int, list[int | Fold]] = (0, [])

    @property
    def line_count(self) -> int:
        """Lines, folded or not."""
        return self.unfolded.line_count

    def row_count(self, width: int) -> int:
        """Rows at a width."""
        return len(self._rows(width))

    def row(self, index: int, width: int) -> CodeRow:
        """One row at a width."""
        found = self._rows(width)[index]
        if isinstance(found, int):
            return self.unfolded.row(found, width)
        lines = found.last - found.first + 1
        words = f"{self._sign} {count(lines, 'line')}: {safe_text(found.words, 200)}" if found.words else ""
        return CodeRow(found.first, [(fit(words, width), "dim")], RowSource(found.first - 1, 0, 0, lines))

    def lines_at(self, index: int, width: int) -> tuple[int, int]:
        """The numbers of the first and the last line of a row at a width."""
        source = self.row(index, width).source
        return source.line + 1, source.line + source.lines

    def starts_of(self, index: int, width: int) -> Sequence[int]:
        """Where the rows of a row's line begin in it; a fold is one row."""
        found = self._rows(width)[index]
        return self.unfolded.starts_of(found, width) if isinstance(found, int) else [0]

    def _rows(self, width: int) -> list[int | Fold]:
        """For each row that of the unfolded code, or the fold."""
        if self._laid_out[0] != width:
            rows: list[int | Fold] = []
            folds = iter(self.folds)
            fold = next(folds, None)
            for index in range(self.unfolded.row_count(width)):
                number = self.unfolded.row(index, width).source.line + 1
                while fold is not None and number > fold.last:
                    fold = next(folds, None)
                if fold is None or number < fold.first:
                    rows.append(index)
                elif not rows or rows[-1] is not fold:
                    rows.append(fold)
            self._laid_out = (width, rows)
        return self._laid_out[1]

    # --- for a selection

    @property
    def lines(self) -> Sequence[str]:
        """The lines as they are read, folded or not."""
        return self.unfolded.lines

    @property
    def source_lines(self) -> Sequence[str]:
        """The lines as they were written, folded or not."""
        return self.unfolded.source_lines

    def source_of(self, index: int, width: int) -> RowSource:
        """Where a row at a width comes from."""
        return self.row(index, width).source
