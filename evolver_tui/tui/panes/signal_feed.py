"""The signal feed: the last signals of this session, drawn only where they are seen."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.style import Style
from textual import events

from evolver_tui.core.safe_text import safe_text
from evolver_tui.tui.panes.filterable import Filterable
from evolver_tui.tui.panes.ink import Line, Piece, fill
from evolver_tui.tui.panes.words import clock_time, rate

if TYPE_CHECKING:
    from evolver_tui.core.signal import Signal

CAPACITY = 5_000
"""Signals that are kept for looking back; the log in the database has all of them."""

_LONGEST_VALUE = 300
_MARKS: Mapping[str, tuple[str, str]] = {"info": ("i", "dim"), "warning": ("!", "warn"), "error": ("x", "error")}


class SignalFeed(Filterable):
    """Follows the newest signal until a person scrolls up, and then stays where it is."""

    pane_name = "feed"
    can_focus = True

    def __init__(self, *, plain: bool = False) -> None:
        super().__init__(plain=plain, id="feed")
        self._signals: deque[Signal] = deque(maxlen=CAPACITY)
        self._matching: deque[Signal] | None = None
        self._newer = 0
        """Signals after the last one that is shown; 0 while following."""
        self._dropped = 0
        self._per_second = 0.0
        self.set_title("Signals")

    # --- what comes

    def add(self, signals: Sequence[Signal], dropped: int) -> None:
        """Take signals in, oldest first; `dropped` came too fast to be kept."""
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
            self.refresh()

    def set_rate(self, per_second: float) -> None:
        """How many signals a second there were lately."""
        self._per_second = per_second
        self._show_state()

    def search_changed(self) -> None:
        """Show the newest of the signals that match."""
        self._newer = 0
        self._matching = None
        if self.search:
            self._matching = deque((signal for signal in self._signals if self._matches(signal)), CAPACITY)
        self._show_state()
        self.refresh()

    def _matches(self, signal: Signal) -> bool:
        needle = self.search.casefold()
        if needle in signal.name.casefold():
            return True
        return needle in "".join(text for text, _ in payload_pieces(signal)).casefold()

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

    def move_up(self) -> None:
        """One signal back."""
        self._go(self._newer + 1)

    def move_down(self) -> None:
        """One signal on."""
        self._go(self._newer - 1)

    def move_page_up(self) -> None:
        """One page back."""
        self._go(self._newer + max(1, self.list_height - 1))

    def move_page_down(self) -> None:
        """One page on."""
        self._go(self._newer - max(1, self.list_height - 1))

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
        dot = f" {self.marks.dot} "
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


def signal_line(signal: Signal, width: int) -> Iterator[Piece]:
    """Time, level, name and payload of a signal, in their columns."""
    mark, ink = _MARKS.get(signal.level, _MARKS["info"])
    name_width = 26 if width >= 79 else max(12, min(24, width // 3))
    yield clock_time(signal.timestamp), "dim"
    yield f" {mark} ", ink
    yield fill(safe_text(signal.name, 80), name_width), "name"
    yield " ", "text"
    yield from payload_pieces(signal)


def payload_pieces(signal: Signal) -> Iterator[Piece]:
    """The task's id, then every field of the payload as `key=value`."""
    task_id = signal.context.get("task_id")
    if task_id is not None:
        yield f"{safe_text(task_id, 60)} ", "text"
    for key, value in signal.payload.items():
        yield f"{safe_text(key, 60)}=", "dim"
        yield f"{_value_text(value)} ", "text"


def _value_text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return safe_text(value, _LONGEST_VALUE)
