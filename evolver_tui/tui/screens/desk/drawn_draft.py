"""What is drawn of the draft on the card, as far as that counts: for deciding about it, and for what was read of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from evolver_tui.tui.screens.desk.reading import Code, DrawnPieces, Reading, Readings, line_count

if TYPE_CHECKING:
    from evolver_tui.core.code_diff import Fold
    from evolver_tui.core.node import NodeDraft
    from evolver_tui.tui.drawing.diff_view import DiffDocument
    from evolver_tui.tui.screens.desk.draft_guard import DraftGuard


class DrawnDraft:
    """Hears of each row that is drawn."""

    def __init__(self, guard: DraftGuard, on_read: Callable[[], None]) -> None:
        """Args:
        on_read: called when a line was read that had not been before.
        """
        self._guard = guard
        self._on_read = on_read
        self.readings = Readings()
        """Which lines of drafts were on the screen."""
        self.reading: Reading | None = None
        """Of the draft that lies there; None without one."""
        self._pieces = DrawnPieces()

    def lay(self, job: int, draft: NodeDraft | None) -> None:
        """Another draft lies there from now on, or something else, of a job or, with 0, of nobody."""
        self._guard.lay(job, draft.sha256 if draft is not None else "")
        self.reading = None if draft is None else self.readings.of(draft.sha256, line_count(draft.code))
        self._pieces = DrawnPieces()

    def mark_read(self, lines: Iterable[int]) -> None:
        """These lines, counted from 1, were on the screen as a whole, on whatever page."""
        if self.reading is not None and self.reading.add(lines):
            self._on_read()

    def note_code(self, code: Code, row: int, width: int) -> None:
        """A row of its code was drawn."""
        self._guard.note_drawn(row, code.row_count(width))
        self.mark_read(self._pieces.note(code, row, width))

    def note_diff(self, document: DiffDocument, row: int, width: int) -> None:
        """A row of what differs was drawn: what it shows of the draft was read, as is what was before it."""
        if not document.is_code(row, width):
            return
        self._guard.note_drawn(row, document.code_row_count(width))
        self.mark_read(document.lines_shown(row, width))
        fold = document.fold_at(row, width)
        if fold is not None:
            self._note_fold(document, fold)

    def _note_fold(self, document: DiffDocument, fold: Fold) -> None:
        """Lines that are the same on both sides and are not shown: read, as far as those of the other side were."""
        before = None if document.is_known else self.readings.of(document.old_sha256, document.old_line_count)
        passed = range(fold.lines)
        self.mark_read(fold.new + each for each in passed if before is None or before.has(fold.old + each))
