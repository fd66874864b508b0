"""The table of messages, in the order in which they were asked; the newest at the end."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, Final

from evolver_tui.core.safe_text import safe_text
from evolver_tui.core.times import age
from evolver_tui.core.workflow.chunk import CANCELLED
from evolver_tui.core.workflow.standing import ChatStanding, matching
from evolver_tui.tui.drawing.formatting import rate
from evolver_tui.tui.drawing.rows_pane import Column, RowsPane
from evolver_tui.tui.drawing.styles import Fragment, fit_middle
from evolver_tui.tui.screens.workflows.standing_words import latency, standing_sign

if TYPE_CHECKING:
    from evolver_tui.core.workflow.standing import ChatMessage

SECONDS_TO_READ_THE_END: Final = 3.0
"""An answer that has ended stays under a cursor that follows for so long."""
_TAIL: Final = 200


class ChatTable(RowsPane["ChatMessage"]):
    """A row for each message. While it follows, the cursor goes to the newest once the answer under it has ended."""

    pane_name = "chats"
    filter_words = "session, user, words, model, pod, error"
    columns = (
        Column("SESSION", 13), Column("USER", 10, 70), Column("MESSAGE"), Column("ANSWER", 0, 100),
        Column("CHUNKS", 8, 110, is_number=True), Column("RATE", 8, is_number=True),
        Column("FIRST", 6, is_number=True), Column("PODS", 5, 60, is_number=True), Column("TRY", 4, 60, is_number=True),
        Column("AGE", 5, is_number=True),
    )  # fmt: skip

    def __init__(self, now: Callable[[], float], *, plain: bool = False) -> None:
        super().__init__(id="chats", plain=plain)
        self._now = now
        self._messages: Sequence[ChatMessage] = ()
        self.follows = True
        self.set_title("Chats")

    def key_of(self, row: ChatMessage) -> Hashable:
        """Session and message."""
        return row.key

    def show_messages(self, messages: Sequence[ChatMessage]) -> None:
        """Show what matches the filter of these."""
        self._messages = messages
        self.search_changed()

    def search_changed(self) -> None:
        """Show what matches now."""
        self.show_rows(matching(self._messages, self.search))
        self.empty_words = f"nothing contains “{safe_text(self.search, 60)}”" if self.search else "no chats so far"
        self.draw_again()

    # --- following

    def follow(self) -> None:
        """Go to the newest, and from now on to each newer one."""
        self.follows = True
        self._go(len(self.rows) - 1)

    def moved_by_hand(self) -> None:
        """Whoever moves wants to stay there."""
        self.follows = False

    def move_bottom(self) -> None:
        """To the newest, and on to newer ones."""
        self.follow()

    def tick(self) -> None:
        """Follow, and draw again what reads differently."""
        here = self.selected
        if self.follows and here is not None and self._is_done_with(here):
            self._go(len(self.rows) - 1)
        following = " · following" if self.follows else ""
        below = f" · {self.below:,} below" if self.below else ""
        number = f"{len(self.rows):,}{' match' if self.search else ''}"
        self.set_subtitle(f"{number}{following}{below}" if self.rows else "")
        super().tick()

    def _is_done_with(self, message: ChatMessage) -> bool:
        now = self._now()
        if message.ended_at is not None:
            return now - message.ended_at >= SECONDS_TO_READ_THE_END
        return message.standing(now) is ChatStanding.SILENT

    # --- drawing

    def sign(self, row: ChatMessage) -> Fragment:
        """How it stands."""
        return standing_sign(row, self._now(), self.symbols)

    def cells(self, row: ChatMessage, widths: dict[str, int]) -> dict[str, Fragment]:
        """What is known of a message."""
        now = self._now()
        pace, first = row.chunks_per_second(now), row.first_seconds
        is_live = not row.is_over
        return {
            "SESSION": (fit_middle(safe_text(row.session_id, 60), widths["SESSION"] - 1), "text"),
            "USER": (safe_text(row.user_id, 60), "dim"),
            "MESSAGE": (safe_text(row.question, 300), "strong" if is_live else "text"),
            "ANSWER": self._answer(row, widths.get("ANSWER", 0) - 1),
            "CHUNKS": (f"{row.chunks:,}", "text"),
            "RATE": (rate(pace) if pace is not None else "-", "run" if is_live and pace else "dim"),
            "FIRST": (latency(first) if first is not None else "-", "text" if first is not None else "dim"),
            "PODS": (str(len(row.pods) or "-"), "text" if row.pods else "dim"),
            "TRY": (f"{row.attempt}", "warn" if row.attempt > 1 else "dim"),
            "AGE": (age(now - row.heard_at), "dim"),
        }

    def _answer(self, row: ChatMessage, room: int) -> Fragment:
        """The end of what was said while it streams, the beginning once it is over, and what is in the way."""
        if room <= 0:
            return "", "dim"
        if row.error is not None:
            return safe_text(
                row.error.message or row.error.code, 300
            ), "dim" if row.error.code == CANCELLED else "error"
        if row.asks:
            return safe_text(row.asks, 300), "needs"
        text = row.text.read()
        if row.is_over:
            return safe_text(" ".join(text[:_TAIL].split()), 300), "dim"
        tail = safe_text(" ".join(text[-_TAIL:].split()))
        return (f"…{tail[1 - room :]}" if len(tail) > room else tail), "text"
