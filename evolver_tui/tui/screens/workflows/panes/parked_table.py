"""The table of requests that were put aside, the oldest first."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from evolver_tui.core.safe_text import safe_text
from evolver_tui.core.times import age
from evolver_tui.core.workflow.subjects import session_of
from evolver_tui.tui.drawing.rows_pane import Column, RowsPane
from evolver_tui.tui.drawing.styles import Fragment, fit_middle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evolver_tui.engine.workflow.broker import ParkedRequest


class ParkedWords(NamedTuple):
    """What a parked request says, whatever it is."""

    session_id: str
    user_id: str
    message: str


@lru_cache(maxsize=512)
def parked_words(subject: str, data: bytes) -> ParkedWords:
    """Read as much of a request as is there."""
    try:
        value: Any = json.loads(data)
    except (ValueError, RecursionError):
        value = None
    said = value if isinstance(value, dict) else {}
    user, message = (text if isinstance(text := said.get(name), str) else "" for name in ("user_id", "message"))
    return ParkedWords(session_of(subject), user, message or data[:300].decode(errors="replace"))


class ParkedTable(RowsPane["ParkedRequest"]):
    """A row for each request."""

    pane_name = "parked"
    filter_words = "session, user, words, reason"
    columns = (
        Column("NUMBER", 7, is_number=True), Column("SESSION", 13), Column("USER", 10, 70), Column("MESSAGE"),
        Column("REASON", 0, 60), Column("TRIES", 6, is_number=True), Column("AGE", 5, is_number=True),
    )  # fmt: skip

    def __init__(self, now: Callable[[], float], *, plain: bool = False) -> None:
        super().__init__(id="parked", plain=plain)
        self._now = now
        self._requests: Sequence[ParkedRequest] = ()
        self.problem = ""
        self.set_title("Parked")

    def key_of(self, row: ParkedRequest) -> Hashable:
        """Its number."""
        return row.number

    def show_requests(self, requests: Sequence[ParkedRequest], problem: str) -> None:
        """Show what matches the filter of these.

        Args:
            problem: why they could not be read, as a sentence.
        """
        if (requests, problem) != (self._requests, self.problem):
            self._requests, self.problem = requests, problem
            self.search_changed()

    def search_changed(self) -> None:
        """Show what matches now."""
        words = self.search.casefold().split()
        self.show_rows([each for each in self._requests if all(word in self._text_of(each) for word in words)])
        found = f"nothing contains “{safe_text(self.search, 60)}”" if self.search else "nothing is parked"
        self.empty_words = safe_text(self.problem, 300) or found
        self.set_subtitle(f"{len(self.rows):,}" if self.rows else "")
        self.draw_again()

    def _text_of(self, request: ParkedRequest) -> str:
        return " ".join((*parked_words(request.subject, request.data), request.reason)).casefold()

    def sign(self, row: ParkedRequest) -> Fragment:
        """All of them stand still."""
        return self.symbols.done, "warn"

    def cells(self, row: ParkedRequest, widths: dict[str, int]) -> dict[str, Fragment]:
        """What is known of a request."""
        words = parked_words(row.subject, row.data)
        return {
            "NUMBER": (f"{row.number}", "text"),
            "SESSION": (fit_middle(safe_text(words.session_id, 60), widths["SESSION"] - 1), "text"),
            "USER": (safe_text(words.user_id, 60), "dim"),
            "MESSAGE": (safe_text(words.message, 300), "text"),
            "REASON": (safe_text(row.reason, 300), "warn"),
            "TRIES": (f"{row.attempts}", "text"),
            "AGE": (age(self._now() - row.at), "dim"),
        }
