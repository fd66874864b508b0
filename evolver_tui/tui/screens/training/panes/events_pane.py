"""What happened in a run: beginnings and ends, checkpoints, errors, and how they were recovered from."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Final

from evolver_tui.core.safe_text import safe_text
from evolver_tui.core.training.record import (
    CHECKPOINT,
    ERROR,
    MODEL_COMPLETED,
    RECOVERY,
    TRAINING_COMPLETED,
    TRAINING_RESUMED,
    TRAINING_STARTED,
)
from evolver_tui.tui.drawing.formatting import clock_time
from evolver_tui.tui.drawing.page_pane import PagePane
from evolver_tui.tui.drawing.signal_text import in_order, one_line
from evolver_tui.tui.drawing.styles import Fragment
from evolver_tui.tui.drawing.text_page import Entry, TextPage

if TYPE_CHECKING:
    from evolver_tui.core.training.record import Event
    from evolver_tui.engine.training.monitor import WatchedRun
    from evolver_tui.tui.drawing.symbols import Symbols

MOST_SHOWN: Final = 300
"""Events of a run, the latest."""
_LONGEST_VALUE: Final = 300
_MOST_FIELDS: Final = 20
_NOTHING: Final = TextPage((("Nothing but numbers was told so far.", "dim"),))


class EventsPane(PagePane):
    """The latest at the end, which is followed until a person scrolls up."""

    pane_name = "events"

    def __init__(self, selection_keys: str = "", *, plain: bool = False) -> None:
        super().__init__(selection_keys, id="events", plain=plain)
        self._shown: object = None
        self.set_title("Events")

    def show_events(self, watched: WatchedRun | None) -> None:
        """Show those of a run."""
        events = watched.run.events if watched is not None else ()
        latest = events[-1] if events else None
        shown = (watched.key if watched is not None else None, len(events), latest)
        if shown != self._shown:
            self._shown = shown
            kept = list(events)[-MOST_SHOWN:]
            page = TextPage(tuple(_paragraphs(kept, len(events) - len(kept), self.symbols))) if kept else _NOTHING
            self.show(shown[0], page if watched is not None else TextPage(()), follow=True)
        else:
            self.tick()


def _paragraphs(events: list[Event], left: int, symbols: Symbols) -> Iterator[tuple[str, str] | Entry]:
    if left:
        yield f"{left:,} earlier ones are not shown.", "dim"
    for event in events:
        sign, style = _sign(event, symbols)
        name = _name(event)
        step = f"step {event.step:,}  " if event.step is not None else ""
        columns = ((f"{clock_time(event.at)[:8]} ", "dim"), (f"{sign} ", style), (f"{name}  ", style))
        yield Entry(columns, (step + _payload(event)).rstrip(), "text")


def _sign(event: Event, symbols: Symbols) -> Fragment:
    return {
        TRAINING_STARTED: (symbols.running, "run"),
        TRAINING_RESUMED: (symbols.skipped, "run"),
        MODEL_COMPLETED: (symbols.approved, "ok"),
        TRAINING_COMPLETED: (symbols.approved, "ok"),
        ERROR: (symbols.rejected, "error"),
        RECOVERY: (symbols.skipped, "warn"),
        CHECKPOINT: (symbols.done, "dim"),
    }.get(event.name, (symbols.dot, "name"))


def _name(event: Event) -> str:
    if event.name == MODEL_COMPLETED:
        return f"model {event.model + 1} completed"
    if event.name in (TRAINING_STARTED, TRAINING_RESUMED, TRAINING_COMPLETED):
        return safe_text(event.name.replace("_", " "), 60)
    return safe_text(event.name, 60)


def _payload(event: Event) -> str:
    """Its fields as `key=value`, what went wrong first."""
    words = (
        f"{safe_text(key, 60)}={safe_text(one_line(value), _LONGEST_VALUE)}"
        for key, value in islice(in_order(event.payload), _MOST_FIELDS)
        if value is not None
    )
    return "  ".join(words)
