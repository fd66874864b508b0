"""The signal feed: the last signals of this session, and before them its log; drawn only where they are seen."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.style import Style
from textual import events
from textual.message import Message

from evolver_tui.core.errors import EvolverError
from evolver_tui.core.signal_filter import WORDS, SignalFilter
from evolver_tui.tui.drawing.filterable import Filterable
from evolver_tui.tui.drawing.formatting import clock_time, rate
from evolver_tui.tui.drawing.signal_text import payload_fragments, signal_line
from evolver_tui.tui.drawing.styles import Line

if TYPE_CHECKING:
    from textual.worker import Worker

    from evolver_tui.core.signal import Signal
    from evolver_tui.engine.signal_log import LogReader
    from evolver_tui.tui.screens.desk.panes.log_window import LogWindow

CAPACITY = 5_000
"""Signals that are kept for looking back; before them the log in the database is read."""
MOST_HELD = 2 * CAPACITY
"""Signals that are kept while the feed is paused; what comes beyond that is counted, and read in the log."""
NEAR_EDGE = 100
"""Fewer rows than this above those in sight, and more are read before they are needed."""


def _words(signal: Signal) -> str:
    return "".join(text for text, _ in payload_fragments(signal))


class _Pause:
    """What the feed shows while it does not follow: what was kept then, or a part of the log."""

    def __init__(self, kept: Sequence[Signal]) -> None:
        self.kept = list(kept)
        """Everything that was kept, and what came since as long as there is room."""
        self.rows: list[Signal] = self.kept
        """What matches of it."""
        self.uncounted = 0
        """Signals that came since and are not kept, whether they match or not."""
        self.newer: int | None = 0
        """Those of them that match; None where that is not known, since the filter was another then."""
        self.window: LogWindow | None = None
        """The part of the log that is shown instead."""
        self.is_read: LogWindow | None = None
        """What is being read, or was read last."""
        self.is_beginning_wanted = False
        """Whether a person wants to see how the session began."""

    @property
    def shown(self) -> Sequence[Signal]:
        """The rows, oldest first."""
        return self.window.rows if self.window is not None else self.rows


class SignalFeed(Filterable):
    """Follows the newest signal until a person scrolls up or pauses it, and then stays where it is.

    Without a log it shows what it keeps, and nothing before that.
    """

    DEFAULT_CLASSES = "framed"
    pane_name = "feed"
    filter_words = WORDS
    can_focus = True

    class Failed(Message):
        """The log could not be read."""

        def __init__(self, error: EvolverError) -> None:
            super().__init__()
            self.error = error

    def __init__(self, *, plain: bool = False) -> None:
        super().__init__(plain=plain, id="feed")
        self._signals: deque[Signal] = deque(maxlen=CAPACITY)
        self._matching: deque[Signal] | None = None
        self._filter = SignalFilter(())
        self._pause: _Pause | None = None
        self._below = 0
        """Rows below the lowest one in sight; 0 while following."""
        self._heading = -1
        """Where a person went last: -1 to older signals, 1 to newer ones."""
        self._log: LogReader | None = None
        self._session_id = ""
        self._hears_all = True
        self._reading: Worker[None] | None = None
        self._received = 0
        self._dropped = 0
        self._is_behind = False
        """Whether something came that is not drawn yet."""
        self._per_second = 0.0
        self.set_title("Signals")

    def attach(self, log: LogReader, session_id: str, *, hears_all: bool = True) -> None:
        """Read what is kept no longer in a session's log from here on.

        Args:
            hears_all: whether all that the session told came here; else the log may hold more from the beginning.
        """
        self._log, self._session_id, self._hears_all = log, session_id, hears_all

    # --- what comes

    def add(self, signals: Sequence[Signal], dropped: int) -> None:
        """Take signals in, oldest first; `dropped` came too fast to be kept.

        What passes by so fast that each look finds other rows is drawn every second time: nobody reads it.
        """
        self._signals.extend(signals)
        self._received += len(signals)
        self._dropped += dropped
        found = [signal for signal in signals if self._matches(signal)] if self.search else signals
        if self._matching is not None:
            self._matching.extend(found)
        if self._pause is not None:
            self._add_to_pause(self._pause, signals, found, dropped)
        self._show_state()
        if found and self._pause is None:
            self._is_behind = not self._is_behind and len(found) >= self.list_height
            if not self._is_behind:
                self.refresh()

    def _add_to_pause(self, pause: _Pause, signals: Sequence[Signal], found: Sequence[Signal], dropped: int) -> None:
        """Keep what comes below the rows in sight, or count it."""
        if not pause.uncounted and pause.window is None and len(pause.kept) + len(signals) <= MOST_HELD:
            pause.kept += signals
            if pause.rows is not pause.kept:
                pause.rows += found
            self._below += len(found)
            return
        pause.uncounted += len(signals) + dropped
        if pause.newer is not None:
            pause.newer += len(found)

    def clear(self) -> None:
        """Forget every signal; what comes then begins anew."""
        self._signals.clear()
        self._received = self._dropped = 0
        self.follow()
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
        """Show the newest of the signals that match; while paused those around what is in sight."""
        self._filter = SignalFilter.of(self.search)
        self._matching = None
        if self._pause is not None:
            self._filter_pause(self._pause)
        else:
            self._match()
        self._show_state()
        self.refresh()

    def _match(self) -> None:
        """Find what matches of what is kept, once it is to be shown."""
        if self.search and self._matching is None:
            self._matching = deque((signal for signal in self._signals if self._matches(signal)), CAPACITY)

    def _filter_pause(self, pause: _Pause) -> None:
        """Show what matches of what is paused; the lowest row in sight stays there if it does."""
        self._stop_reading()
        pause.newer = None if pause.uncounted else 0
        self._heading = -1
        if pause.window is not None:
            seq = pause.window.seq_of(self._lowest_place) if pause.window.rows else pause.window.last
            pause.window = self._window_at(seq)
            self._below = 0
            self._read_if_near()
            return
        lowest = self.lowest
        place = next((i for i in range(len(pause.kept) - 1, -1, -1) if pause.kept[i] is lowest), len(pause.kept) - 1)
        above = [signal for signal in pause.kept[: place + 1] if self._matches(signal)] if self.search else pause.kept
        below = [signal for signal in pause.kept[place + 1 :] if self._matches(signal)] if self.search else []
        pause.rows = [*above, *below] if self.search else pause.kept
        self._below = min(len(below) if self.search else len(pause.kept) - 1 - place, self._last_place)

    def _matches(self, signal: Signal) -> bool:
        return self._filter.matches(signal, _words)

    # --- pausing

    @property
    def is_paused(self) -> bool:
        """Whether it stays where it is, whatever comes."""
        return self._pause is not None

    def pause(self) -> None:
        """Stay with what is in sight."""
        if self._pause is None:
            self._pause = _Pause(self._signals)
            if self._matching is not None:
                self._pause.rows = list(self._matching)
                self._matching = None
            self._below = 0
            self._is_behind = False
            self._show_state()
            self.refresh()

    def follow(self) -> None:
        """Show the newest signal, and each that comes."""
        self._stop_reading()
        self._pause = None
        self._match()
        self._below = 0
        self._show_state()
        self.refresh()

    # --- what is looked at

    @property
    def lowest(self) -> Signal | None:
        """The lowest signal in sight."""
        return self._shown[self._lowest_place] if self._shown else None

    def beside(self, signal: Signal, step: int) -> Signal:
        """The signal that is `step` newer (or older, below 0) among those that are kept and match.

        It ends at the first and the last of them; a signal that is kept no longer was before the first.
        """
        shown = self._shown
        place = self._place_of(signal)
        if not shown or (place < 0 and step < 0):
            return signal
        wanted = max(0, min(place + step, len(shown) - 1))
        return signal if wanted == place else shown[wanted]

    def look_at(self, signal: Signal) -> None:
        """Have a signal in sight, and what stands beside it."""
        place = self._place_of(signal)
        if place < 0:
            return
        lowest, highest = self._lowest_place, max(0, self._lowest_place - self.list_height + 1)
        if place < highest:
            self._go(len(self._shown) - 1 - place - (self.list_height - 1), -1)
        elif place > lowest:
            self._go(len(self._shown) - 1 - place, 1)
        else:
            self._read_if_near()

    def _place_of(self, signal: Signal) -> int:
        """Where a signal is among the rows, -1 where it is not: itself, or as it stands in the log."""
        shown = self._shown
        places = range(len(shown) - 1, -1, -1)
        here = next((place for place in places if shown[place] is signal), -1)
        return here if here >= 0 else next((place for place in places if shown[place] == signal), -1)

    # --- moving

    @property
    def _shown(self) -> Sequence[Signal]:
        if self._pause is not None:
            return self._pause.shown
        return self._signals if self._matching is None else self._matching

    @property
    def _lowest_place(self) -> int:
        return max(0, len(self._shown) - 1 - self._below)

    @property
    def _rows_above(self) -> int:
        """Rows above those in sight."""
        return max(0, len(self._shown) - self._below - self.list_height)

    @property
    def _last_place(self) -> int:
        return max(0, len(self._shown) - self.list_height)

    @property
    def _may_have_older(self) -> bool:
        """Whether the log may hold something before the first row."""
        if self._log is None:
            return False
        if self._pause is not None and self._pause.window is not None:
            return self._pause.window.has_older
        return not self._hears_all or self._dropped > 0 or self._received > len(self._signals)

    @property
    def _may_have_newer(self) -> bool:
        """Whether something came after the last row that is none of the rows."""
        return self._pause is not None and (self._pause.window is not None or self._pause.uncounted > 0)

    def _go(self, below: int, heading: int) -> None:
        """Show other rows; to where none are yet, they are read."""
        if self._pause is None and heading < 0 and (self._last_place or self._may_have_older):
            self.pause()
        if self._pause is None or (heading > 0 and below <= 0 and not self._may_have_newer):
            self.follow()
            return
        window = self._pause.window
        if heading > 0 and below <= 0 and window is not None:
            window.has_newer = True  # what came since is looked for
        self._pause.is_beginning_wanted = False
        self._heading = heading
        self._below = max(0, min(below, self._last_place))
        self._read_if_near()
        self._show_state()
        self.refresh()

    def move_by(self, rows: int) -> None:
        """Some signals on, or back below 0."""
        self._go(self._below - rows, 1 if rows > 0 else -1)

    def move_top(self) -> None:
        """To the oldest signal of this session."""
        has_older = self._may_have_older
        self._go(len(self._shown), -1)
        if has_older and self._pause is not None:
            self._stop_reading()
            self._pause.is_beginning_wanted = True
            self._read_if_near()

    def move_bottom(self) -> None:
        """To the newest signal, and follow."""
        self.follow()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Three signals back."""
        event.stop()
        self.move_by(-3)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Three signals on."""
        event.stop()
        self.move_by(3)

    # --- reading the log

    @property
    def _is_reading(self) -> bool:
        return self._reading is not None and not self._reading.is_finished

    def _stop_reading(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None

    def _read_if_near(self) -> None:
        """Read in the background what a person is about to come to."""
        if self._wants_to_read and not self._is_reading:
            self._reading = self.run_worker(self._read, name="log", exit_on_error=False)

    @property
    def _wants_to_read(self) -> bool:
        pause = self._pause
        if pause is None or self._log is None:
            return False
        near = self.list_height if self.search else max(NEAR_EDGE, 2 * self.list_height)
        if self._heading < 0:
            return pause.is_beginning_wanted or (self._may_have_older and self._rows_above < near)
        has_newer = pause.window.has_newer if pause.window is not None else pause.uncounted > 0
        return has_newer and self._below < near

    async def _read(self) -> None:
        """Read page after page until there is enough of it; a person may turn back or leave at any time."""
        pause = self._pause
        assert pause is not None
        try:
            while self._wants_to_read:
                if pause.is_beginning_wanted:
                    await self._read_beginning(pause)
                elif pause.window is None:
                    await self._open_log(pause)
                else:
                    await self._read_page(pause.window)
                pause.is_read = pause.window
                self._show_state()
                self.refresh()
        except EvolverError as error:
            self.post_message(self.Failed(error))
        self._reading = None
        self._show_state()

    async def _open_log(self, pause: _Pause) -> None:
        """Show the log instead of what was kept, with the same signals in sight."""
        assert self._log is not None
        there = self.lowest or (pause.kept[0] if pause.kept else None)
        seq = await self._log.seq_of(self._session_id, there) if there is not None else 0
        window = self._window_at(seq)
        await window.read_older()
        lowest, pause.window = self.lowest, window
        place = self._place_of(lowest) if lowest is not None else -1  # a key may have moved on meanwhile
        self._below = len(window.rows) - 1 - place if place >= 0 else 0

    async def _read_page(self, window: LogWindow) -> None:
        if self._heading < 0:
            self._below = max(0, self._below - await window.read_older())
            return
        added = await window.read_newer()
        self._below += added
        if not added and not window.has_newer and self._below == 0:
            self.follow()

    async def _read_beginning(self, pause: _Pause) -> None:
        """Show the first signals of the session."""
        pause.is_read = window = self._window_at(0)
        while window.has_newer and len(window.rows) < self.list_height:
            await window.read_newer()
            self._show_state()
            if not pause.is_beginning_wanted:
                return
        pause.window, pause.is_beginning_wanted = window, False
        self._below = max(0, len(window.rows) - self.list_height)

    def _window_at(self, seq: int) -> LogWindow:
        from evolver_tui.tui.screens.desk.panes.log_window import LogWindow

        assert self._log is not None
        search = SignalFilter.of(self.search)
        return LogWindow(
            self._log, self._session_id, seq, (lambda signal: search.matches(signal, _words)) if self.search else None
        )

    # --- drawing

    def _show_state(self) -> None:
        dot = f" {self.symbols.dot} "
        parts = [rate(self._per_second)]
        if self._dropped:
            parts.append(f"{self._dropped:,} too fast to show")
        parts.append(f"{len(self._shown):,} match" if self.search else "/ filter")
        if self.search and not self._shown and self._may_have_older and not self._is_reading:
            parts.append("k looks back")
        parts.append("follow" if self._pause is None else self._pause_words(self._pause))
        self.set_subtitle(dot.join(parts))

    def _pause_words(self, pause: _Pause) -> str:
        words = ["paused" if pause.window is None else "paused in the log"]
        read = pause.is_read
        if read is not None and read.looked_at and self._is_reading and self.search:
            words.append(f"looked at {read.looked_at:,}, to {clock_time(read.latest_look)[:8]}")
        if pause.newer is None:
            words.append("others came")
        elif pause.window is not None and pause.newer:
            words.append(f"{pause.newer:,} came since")
        elif self._below + pause.newer:
            words.append(f"{self._below + pause.newer:,} newer")
        return ", ".join([*words, "G follows"])

    def line(self, y: int, width: int) -> tuple[Line, Style | None]:
        """One signal, or nothing."""
        shown, lowest = self._shown, self._lowest_place
        index = y + max(0, lowest - self.list_height + 1)
        if y >= self.list_height or index > lowest or index >= len(shown):
            return [("no signals yet" if y == 0 and not shown and not self.search else "", "dim")], None
        return list(signal_line(shown[index], width)), None
