"""The hub pane: where tasks come from, how the link stands, and how fast work comes and goes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from rich.style import Style

from evolver_tui.core.safe_text import safe_text
from evolver_tui.tui.bridge import Rate
from evolver_tui.tui.panes.ink import Line, Marks, fit, wrap_words
from evolver_tui.tui.panes.pane import Pane
from evolver_tui.tui.panes.words import bars, duration, rate

if TYPE_CHECKING:
    from evolver_tui.engine.ports import LinkState

MOST_RETRIES = 10
_SPARK_CELLS = 20


def link_mark(state: LinkState | None, marks: Marks) -> tuple[str, str]:
    """The sign for a link's state, and its ink."""
    match state.phase if state else "idle":
        case "connected":
            return marks.on, "ok"
        case "connecting" | "waiting":
            return marks.failed, "warn"
        case "ended":
            return marks.rejected, "error"
    return marks.off, "dim"


def link_words(state: LinkState | None, now: float, dot: str, connect_key: str) -> str:
    """A link's state in words, without its reason."""
    if state is None or state.phase == "idle":
        return f"press {connect_key} to choose a hub"
    match state.phase:
        case "connecting":
            return "connecting…"
        case "connected":
            ping = f" {dot} {state.ping_ms:.0f} ms" if state.ping_ms is not None else ""
            return f"connected {duration(now - state.since)}{ping}"
        case "waiting":
            left = f" in {max(0.0, state.retry_at - now):.0f} s" if state.retry_at is not None else ""
            return f"waiting, retry {state.retries} of {MOST_RETRIES}{left}"
        case "ended":
            return f"ended, press {connect_key} to connect"
    return f"hung up, press {connect_key} to connect"


class HubPane(Pane):
    """Five lines, drawn again when one of them reads differently."""

    pane_name = "hub"
    can_focus = True

    def __init__(self, now: Callable[[], float], connect_key: str, *, plain: bool = False) -> None:
        super().__init__(plain=plain, id="hub")
        self._now = now
        self._connect_key = connect_key
        self._state: LinkState | None = None
        self._author = ""
        self._is_paused = False
        self._tasks_in, self._tasks_out = Rate(), Rate()
        self._lines: list[Line] = []
        self.set_title("Hub")

    def set_author(self, label: str) -> None:
        """Who writes."""
        self._author = label

    def update(self, state: LinkState | None, tasks_in: Rate, tasks_out: Rate, is_paused: bool) -> None:
        """What is so now."""
        self._state, self._tasks_in, self._tasks_out, self._is_paused = state, tasks_in, tasks_out, is_paused
        self.refresh_words()

    def refresh_words(self) -> None:
        """Draw again if anything reads differently."""
        lines = list(self._compose_lines(self.size.width)) if self.size.width else []
        if lines != self._lines:
            self._lines = lines
            self.refresh()

    def on_resize(self) -> None:
        """Fit the words to the new width."""
        self.refresh_words()

    def line(self, y: int, width: int) -> tuple[Line, Style | None]:
        """One of the lines."""
        return (self._lines[y] if y < len(self._lines) else []), None

    def _compose_lines(self, width: int) -> Iterator[Line]:
        state = self._state
        yield [(fit(safe_text(state.url, 400), width) if state else "not connected", "strong" if state else "dim")]
        mark, ink = link_mark(state, self.marks)
        words = link_words(state, self._now(), self.marks.dot, self._connect_key)
        if self._is_paused:
            words = f"intake paused {self.marks.dot} {words}"
        yield [(f"{mark} ", ink), (fit(words, width - 2), "text")]
        if state is not None and state.reason and state.phase != "connected":
            for row in wrap_words(safe_text(state.reason, 400), max(1, width - 2))[:2]:
                yield [("  ", "text"), (row, ink)]
        else:
            yield self._rate_line("in ", self._tasks_in, width)
            yield self._rate_line("out", self._tasks_out, width)
        yield [(fit(self._author, width), "dim")]

    def _rate_line(self, name: str, rates: Rate, width: int) -> Line:
        words = rate(rates.per_second())
        room = min(_SPARK_CELLS, width - 19)
        spark = bars(rates.history(room), self.marks.bars) if room > 3 else ""
        return [(f"{name} ", "dim"), (f"{words:<13} ", "text"), (spark, "dim")]
