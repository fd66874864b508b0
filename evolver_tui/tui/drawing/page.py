"""Pages as values: titled text or code, made elsewhere and drawn by whatever shows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from evolver_tui.tui.drawing.styles import Line

if TYPE_CHECKING:
    from evolver_tui.tui.drawing.code_view import CodeDocument
    from evolver_tui.tui.drawing.diff_view import DiffDocument
    from evolver_tui.tui.drawing.folded_code import FoldedCode
    from evolver_tui.tui.drawing.text_page import TextPage


class Page(NamedTuple):
    """One tab."""

    title: str
    content: CodeDocument | TextPage | DiffDocument
    tally: Line = ()
    """Shown beside the title, e.g. how many checks passed."""
    notes: Mapping[int, str] | None = None
    """Line number to the style of the mark beside it (code only)."""
    unlike: frozenset[int] = frozenset()
    """Numbers of lines that are unlike approved code (code only)."""
    folded: FoldedCode | None = None
    """The code with what can be passed over folded; None where nothing can (code only)."""
