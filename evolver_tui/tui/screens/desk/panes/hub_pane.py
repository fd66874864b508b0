"""The hub pane: where tasks come from, how the link stands, and how fast work comes and goes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import ceil
from typing import TYPE_CHECKING

from rich.style import Style
from textual.message import Message

from evolver_tui.core.safe_text import safe_text
from evolver_tui.core.times import age
from evolver_tui.tui.bridge import Rate
from evolver_tui.tui.drawing.formatting import bars, rate
from evolver_tui.tui.drawing.pane import Pane
from evolver_tui.tui.drawing.styles import Line, Symbols, fit, width_of, wrap_words

if TYPE_CHECKING:
    from evolver_tui.core.link_state import LinkState
    from evolver_tui.tui.screens.desk.outage_words import OutageWords

MOST_RETRIES = 10
LONGEST_REASON = 2_000
"""Characters of a reason that are shown: a hub's own words are among them."""
_SPARK_CELLS = 20
_SHORT_WAYS = {"WebSockets": "", "Server-Sent Events": "SSE"}
"""How a hub is connected, as far as that is worth a word."""


def link_symbol(state: LinkState | None, symbols: Symbols) -> tuple[str, str]:
    """The sign for a link's state, and its style."""
    match state.phase if state else "idle":
        case "connected":
            return symbols.on, "ok"
        case "connecting" | "waiting":
            return symbols.failed, "warn"
        case "ended":
            return symbols.rejected, "error"
    return symbols.off, "dim"


def link_words(state: LinkState, now: float, dot: str) -> str:
    """A link's state in words, without its reason."""
    match state.phase:
        case "connecting":
            return "connecting…"
        case "connected":
            ping = f" {dot} {state.ping_ms:.0f} ms" if state.ping_ms is not None else ""
            way = _SHORT_WAYS.get(state.transport, state.transport)
            by = f" {dot} {way}" if way else ""
            return f"connected {age(now - state.since)}{by}{ping}"
        case "waiting":
            left = f" in {age(ceil(state.retry_at - now))}" if state.retry_at is not None else ""
            return f"retry {state.retries} of {MOST_RETRIES}{left}"
        case "ended":
            return "ended"
    return "not connected" if state.phase == "idle" else "hung up"


class HubPane(Pane):
    """Address and state of the link, the rates, or why there is none, and what is paused; drawn when that changes."""

    DEFAULT_CLASSES = "framed"
    pane_name = "hub"
    can_focus = True

    class Ended(Message):
        """The link will not be tried again by itself."""

        def __init__(self, state: LinkState) -> None:
            super().__init__()
            self.state = state

    def __init__(self, now: Callable[[], float], connect_key: str, *, plain: bool = False) -> None:
        super().__init__(plain=plain, id="hub")
        self._now = now
        self._connect_key = connect_key
        self._state: LinkState | None = None
        self._author = ""
        self._outage: OutageWords | None = None
        self._paused: str | None = None
        self._unheard = ""
        self._tasks_in, self._tasks_out = Rate(), Rate()
        self._lines: list[Line] = []
        self.set_title("Hub")

    def set_author(self, label: str) -> None:
        """Who writes."""
        self._author = label

    def update(
        self,
        state: LinkState | None,
        tasks_in: Rate,
        tasks_out: Rate,
        paused: str | None,
        outage: OutageWords | None,
        unheard: str = "",
    ) -> None:
        """What is so now.

        Args:
            paused: by whom, in words; None where the intake is not paused.
            unheard: what a hub calls that has not called what is listened to.
        """
        before, self._state = self._state, state
        self._outage = outage
        self._unheard = unheard
        self._tasks_in, self._tasks_out, self._paused = tasks_in, tasks_out, paused
        if state is not before:
            self._tell_end(before, state)
        self.refresh_words()

    def _tell_end(self, before: LinkState | None, state: LinkState | None) -> None:
        """Make room for the reason of a link that has ended for good, and tell of it, once for each end."""
        has_ended = state is not None and state.phase == "ended"
        self.screen.set_class(has_ended, "-hub-ended")
        was_told = before is not None and state is not None and (before.phase, before.since) == ("ended", state.since)
        if state is not None and has_ended and not was_told:
            self.post_message(self.Ended(state))

    def refresh_words(self) -> None:
        """Draw again if anything reads differently."""
        lines = list(self._compose_lines(*self.size)) if self.size.width else []
        if lines != self._lines:
            self._lines = lines
            self.refresh()

    def on_resize(self) -> None:
        """Fit the words to the new width."""
        self.refresh_words()

    def line(self, y: int, width: int) -> tuple[Line, Style | None]:
        """One of the lines."""
        return (self._lines[y] if y < len(self._lines) else []), None

    def _compose_lines(self, width: int, height: int) -> Iterator[Line]:
        state = self._state
        yield [(fit(safe_text(state.url, 400), width) if state else "not connected", "strong" if state else "dim")]
        mark, style = link_symbol(state, self.symbols)
        words = self._state_words(state)
        if self._paused is not None:
            words = f"intake paused{self._paused} {self.symbols.dot} {words}"
        yield [(f"{mark} ", style), (fit(words, width - 2), "text")]
        if state is not None and state.reason and state.phase != "connected":
            for row in _first_rows(safe_text(state.reason, LONGEST_REASON), width - 2, height - 2):
                yield [("  ", "text"), (row, style)]
        elif self._unheard:
            for row in _first_rows(safe_text(self._unheard, LONGEST_REASON), width - 2, height - 3):
                yield [("  ", "text"), (row, "warn")]
        else:
            yield self._rate_line("in ", self._tasks_in, width)
            if self._outage is None:
                yield self._rate_line("out", self._tasks_out, width)
        if self._outage is not None:
            head, brief, when = self._outage[:3]
            dot = f" {self.symbols.dot} "
            if width_of(head + dot + when) > width:
                when = when.removeprefix("next try ")
            yield [(fit(head, width - width_of(dot + when)) + dot + when, "warn")]
            yield [(fit(brief, width), "warn")]
        yield [(fit(self._author, width), "dim")]

    def _state_words(self, state: LinkState | None) -> str:
        """The link's state, and the key to press where it is over or was none."""
        if state is None or state.phase == "idle":
            return f"press {self._connect_key} to choose a hub" if self._connect_key else "no hub"
        words = link_words(state, self._now(), self.symbols.dot)
        is_over = state.phase in ("ended", "closed") and self._connect_key
        return f"{words}, press {self._connect_key} to connect" if is_over else words

    def _rate_line(self, name: str, rates: Rate, width: int) -> Line:
        words = rate(rates.per_second())
        room = min(_SPARK_CELLS, width - 19)
        spark = bars(rates.history(room), self.symbols.bars) if room > 3 else ""
        return [(f"{name} ", "dim"), (f"{words:<13} ", "text"), (spark, "dim")]


def _first_rows(text: str, width: int, height: int) -> Sequence[str]:
    """`text` wrapped into the room there is; where that ends too early, the last row says so."""
    rows = wrap_words(text, max(1, width))
    kept = rows[: max(1, height)]
    if len(kept) < len(rows):
        kept[-1] = f"{fit(kept[-1], width - 1).rstrip('…')}…"
    return kept
