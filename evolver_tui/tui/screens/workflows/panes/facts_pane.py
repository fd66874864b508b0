"""What is known of the message under the cursor, beside its answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.style import Style

from evolver_tui.core.safe_text import safe_text
from evolver_tui.core.times import age
from evolver_tui.tui.drawing.formatting import bars, clock_time, rate
from evolver_tui.tui.drawing.snapshot_pane import SnapshotPane
from evolver_tui.tui.drawing.styles import Fragment, Line, fill, wrap_words
from evolver_tui.tui.screens.workflows.standing_words import latency, standing_sign, standing_words

if TYPE_CHECKING:
    from evolver_tui.core.workflow.standing import ChatMessage

_LABEL = 9
_SECONDS_OF_PACE = 30


class FactsPane(SnapshotPane):
    """Labels and values; a value that is longer than a row goes on below."""

    DEFAULT_CLASSES = "framed"
    pane_name = "facts"

    def __init__(self, *, plain: bool = False) -> None:
        super().__init__(plain=plain, id="facts")
        self._lines: list[Line] = []
        self.set_title("Message")

    def show(self, message: ChatMessage | None, now: float) -> None:
        """Show a message as it stands."""
        self._lines = list(self._lines_of(message, now, self.size.width)) if message is not None else []
        self.draw_again()

    def line_now(self, y: int, width: int) -> tuple[Line, Style | None]:
        """One of its lines."""
        return (self._lines[y] if y < len(self._lines) else []), None

    def _lines_of(self, message: ChatMessage, now: float, width: int) -> Iterator[Line]:
        sign, style = standing_sign(message, now, self.symbols)
        yield [(f"{sign} ", style), (standing_words(message, now), style)]
        room = max(1, width - _LABEL)
        for label, (value, of) in self._facts(message, now, room):
            for number, row in enumerate(wrap_words(value, room)):
                yield [(fill(label if number == 0 else "", _LABEL), "dim"), (row, of)]

    def _facts(self, message: ChatMessage, now: float, room: int) -> Iterator[tuple[str, Fragment]]:
        first, pace = message.first_seconds, message.chunks_per_second(now)
        yield "session", (safe_text(message.session_id, 128), "text")
        yield "message", (safe_text(message.message_id, 128) or "-", "text")
        if message.correlation_id:
            yield "correl.", (safe_text(message.correlation_id, 128), "text")
        if message.user_id:
            yield "user", (safe_text(message.user_id, 100), "text")
        if message.asked_at is not None:
            yield "asked", (f"{clock_time(message.asked_at)[:8]}, {age(now - message.asked_at)} ago", "text")
        if message.asked_of:
            yield "asked of", (safe_text(message.asked_of, 100), "text")
        if message.model:
            yield "model", (safe_text(message.model, 100), "text")
        if first is not None:
            yield "first", (f"after {latency(first)}", "text")
        yield "chunks", (f"{message.chunks:,}{f' at {rate(pace)}' if pace is not None else ''}", "text")
        if not message.is_over and message.first_at is not None:
            yield "pace", (bars(message.pace(now, min(room, _SECONDS_OF_PACE)), self.symbols.bars), "run")
        yield "attempt", (f"{message.attempt}", "warn" if message.attempt > 1 else "text")
        pods = ", ".join(safe_text(pod, 60) for pod in message.pods)
        yield "pods", (pods or ("none: broadcast" if message.is_broadcast else "-"), "text")
        if message.tokens is not None:
            yield "tokens", (f"{message.tokens:,}", "text")
        if message.ended_at is not None:
            yield "ended", (f"{clock_time(message.ended_at)[:8]}, {safe_text(message.finish, 40) or '-'}", "text")
        if message.error is not None:
            yield "error", (safe_text(message.error.code, 100), "error")
            yield "", (safe_text(message.error.message, 1_000), "error")
