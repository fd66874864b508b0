"""What lies on the page for a parked request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evolver_tui.core.safe_text import safe_block, safe_text
from evolver_tui.tui.drawing.formatting import count, day_and_time
from evolver_tui.tui.drawing.text_page import Entry, TextPage
from evolver_tui.tui.screens.workflows.panes.parked_table import parked_words

if TYPE_CHECKING:
    from evolver_tui.engine.workflow.broker import ParkedRequest

_MOST = 20_000


def parked_page(request: ParkedRequest | None) -> TextPage:
    """Why it was put aside, and what was asked."""
    if request is None:
        return TextPage((("A request that no instance could answer to its end is put aside, and stands here.", "dim"),))
    words = parked_words(request.subject, request.data)
    first, *more = safe_block(words.message, _MOST).split("\n")
    facts = (
        f"{safe_text(words.session_id, 128)} · {count(request.attempts, 'try', 'tries')} · {day_and_time(request.at)}"
    )
    return TextPage(
        (
            (facts, "dim"),
            (safe_text(request.reason, 2_000), "warn"),
            ("", "text"),
            Entry(((f"{safe_text(words.user_id, 60) or '-'}  ", "name"),), first, "strong"),
            *((line, "strong") for line in more),
        )
    )
