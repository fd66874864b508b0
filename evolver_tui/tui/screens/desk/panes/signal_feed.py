"""The signal feed: the last signals of this session, drawn only where they are seen."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.style import Style
from textual import events

from evolver_tui.core.signal_filter import WORDS, SignalFilter
from evolver_tui.tui.drawing.filterable import Filterable
from evolver_tui.tui.drawing.formatting import rate
from evolver_tui.tui.drawing.signal_text import payload_fragments, signal_line
from evolver_tui.tui.drawing.styles import Line

if TYPE_CHECKING:
    from evolver_tui.core.signal import Signal

CAPACITY = 5_000
"""Signals that are kept for looking back; the log in the database has all of them."""


def _words(signal: Signal) -> str:
    return "".join(text for text, _ in payload_fragments(signal))


class SignalFeed(Filterable):
    """Follows the newest signal until a person scrolls up, and then stays where it is."""

    pane_name = "feed"
    filter_words = WORDS
    can_focus = True

    def __init__(self, *, plain: bool = False) -> None:
        super().__init__(plain=plain, id="feed")
        self._signals: deque[Signal] = deque(maxlen=CAPACITY)
        self._matching: deque[Signal] | None = None
        self._filter = SignalFilter(())
        self._newer = 0
        """Signals after the last one that is shown; 0 while following."""
        self._dropped = 0
        self._is_behind = False
        """Whether something came that is not drawn yet."""
        self._per_second = 0.0
        self.set_title("Signals")

    # --- what comes

    def add(self, signals: Sequence[Signal], dropped: int) -> None:
        """Take signals in, oldest first; `dropped` came too fast to be kept.

        What passes by so fast that each look finds other rows is drawn every second time: nobody reads it.
        """
        self._signals.extend(signals)
        self._dropped += dropped
        grown = len(signals)
        if self._matching is not None:
            found = [signal for signal in signals if self._matches(signal)]
            self._matching.extend(found)
            grown = len(found)
        if self._newer and grown:
            self._newer = min(self._newer + grown, self._last_place)
        self._show_state()
        if grown:
            self._is_behind = not self._is_behind and grown >= self.list_height
            if not self._is_behind:
                self.refresh()

    def clear(self) -> None:
        """Forget every signal; what comes then begins anew."""
        self._signals.clear()
        self._dropped = 0
        self.search_changed()

    def catch_up(self) -> None:
        """Draw what came last, now that nothing comes."""
        if self._is_behind:
            self._is_behind = False
            self.refresh()

    def set_rate(self, per_second: float) -> None:
        """How many signals a second there were lately."""
        self._per_second = per_second
        self._show_state()

    def search_changed(self) -> None:
        """Show the newest of the signals that match."""
        self._newer = 0
        self._matching = None
        self._filter = SignalFilter.of(self.search)
        if self.search:
            self._matching = deque((signal for signal in self._signals if self._matches(signal)), CAPACITY)
        self._show_state()
        self.refresh()

    def _matches(self, signal: Signal) -> bool:
        return self._filter.matches(signal, _words)

    # --- what is looked at

    @property
    def lowest(self) -> Signal | None:
        """The lowest signal in sight."""
        shown = self._shown
        return shown[len(shown) - 1 - min(self._newer, self._last_place)] if shown else None

    def beside(self, signal: Signal, step: int) -> Signal:
        """The signal that is `step` newer (or older, below 0) among those that are kept and match.

        It ends at the first and the last of them; a signal that is kept no longer was before the first.
        """
        shown = self._shown
        place = next((index for index in range(len(shown) - 1, -1, -1) if shown[index] is signal), -1)
        if not shown or (place < 0 and step < 0):
            return signal
        return shown[max(0, min(place + step, len(shown) - 1))]

    # --- moving

    @property
    def _shown(self) -> deque[Signal]:
        return self._signals if self._matching is None else self._matching

    @property
    def _last_place(self) -> int:
        return max(0, len(self._shown) - self.list_height)

    def _go(self, newer: int) -> None:
        self._newer = max(0, min(newer, self._last_place))
        self._show_state()
        self.refresh()

    def move_by(self, rows: int) -> None:
        """Some signals on, or back below 0."""
        self._go(self._newer - rows)

    def move_top(self) -> None:
        """To the oldest signal that is kept."""
        self._go(CAPACITY)

    def move_bottom(self) -> None:
        """To the newest signal, and follow."""
        self._go(0)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Three signals back."""
        event.stop()
        self._go(self._newer + 3)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Three signals on."""
        event.stop()
        self._go(self._newer - 3)

    # --- drawing

    def _show_state(self) -> None:
        dot = f" {self.symbols.dot} "
        parts = [rate(self._per_second)]
        if self._dropped:
            parts.append(f"{self._dropped:,} too fast to show")
        parts.append(f"{len(self._shown):,} match" if self.search else "/ filter")
        parts.append(f"{self._newer:,} newer, G follows" if self._newer else "follow")
        self.set_subtitle(dot.join(parts))

    def line(self, y: int, width: int) -> tuple[Line, Style | None]:
        """One signal, or nothing."""
        shown = self._shown
        index = y if len(shown) <= self.list_height else len(shown) - self._newer - self.list_height + y
        if y >= self.list_height or not 0 <= index < len(shown):
            return [("no signals yet" if y == 0 and not shown and not self.search else "", "dim")], None
        return list(signal_line(shown[index], width)), None
