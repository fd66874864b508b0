"""The table of sessions, newest first. Figures are read for the rows in sight alone, and kept once they are final."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from rich.style import Style
from textual import events
from textual.message import Message

from evolver_tui.core.errors import EvolverError
from evolver_tui.core.safe_text import safe_text
from evolver_tui.core.session_words import cost_words, percent_words, token_words
from evolver_tui.core.times import age
from evolver_tui.tui.drawing.filterable import Filterable
from evolver_tui.tui.drawing.formatting import day_and_time
from evolver_tui.tui.drawing.styles import Fragment, Line, Symbols, fill, fit

if TYPE_CHECKING:
    from evolver_tui.engine.past_sessions import PastSession
    from evolver_tui.engine.session import Session
    from evolver_tui.engine.signal_log import SessionRecord

_AHEAD = 10
"""Rows beyond those in sight that are read as well."""
_SHARE = 20
"""What may have changed is read again after so many times the seconds that reading it took."""


class _Column(NamedTuple):
    head: str
    width: int
    least: int
    """Cells that the pane has at least where it is shown."""


_COLUMNS = (
    _Column("BEGAN", 13, 0), _Column("LENGTH", 7, 0), _Column("TASKS", 6, 34), _Column("APPROVED", 12, 0),
    _Column("WAITED", 7, 50), _Column("TOKENS", 11, 60), _Column("COST", 13, 72),
)  # fmt: skip


class SessionTable(Filterable):
    """Draws the rows in sight; the cursor stays on its session while others come and go."""

    DEFAULT_CLASSES = "framed"
    pane_name = "sessions"
    filter_words = "id, day, host, ended, open, cut off"
    can_focus = True

    class Moved(Message):
        """The cursor is on another session, or more is known of the one under it."""

    class Failed(Message):
        """The sessions could not be read."""

        def __init__(self, error: EvolverError) -> None:
            super().__init__()
            self.error = error

    def __init__(self, monotonic: Callable[[], float], *, plain: bool = False) -> None:
        """Args:
        monotonic: seconds that only count up.
        plain: whether to draw with ASCII alone.
        """
        super().__init__(plain=plain, id="sessions")
        self._monotonic = monotonic
        self._session: Session | None = None
        self._records: Sequence[SessionRecord] = ()
        self._rows: Sequence[SessionRecord] = ()
        self._known: dict[str, PastSession] = {}
        self._again_at: dict[str, float] = {}
        """When figures that are not final may be read again."""
        self._cursor = self._top = 0
        self._has_read = False
        self._has_failed = False
        self._is_stale = False
        self._rest_until = 0.0
        self._wanted = asyncio.Event()
        self._marked = ""
        self.is_deleting: set[str] = set()
        """The ids of sessions that are being deleted."""
        self.set_title("Sessions")

    def attach(self, session: Session) -> None:
        """Read the sessions of a session's database."""
        self._session = session
        self.look_again()

    def on_mount(self) -> None:
        """Read whenever something is wanted."""
        self.run_worker(self._read(), name="history", exit_on_error=False)

    def mark(self, session_id: str) -> None:
        """Show which one others are seen beside; none for an empty id."""
        if session_id != self._marked:
            self._marked = session_id
            self.refresh()

    # --- what is shown

    @property
    def selected(self) -> SessionRecord | None:
        """The session under the cursor."""
        return self._rows[self._cursor] if self._rows else None

    @property
    def selected_past(self) -> PastSession | None:
        """The same with its figures; None while they are read."""
        return self._known.get(self._rows[self._cursor].id) if self._rows else None

    def look_again(self) -> None:
        """Read again what may have changed."""
        self._is_stale = True
        self._wanted.set()

    def look_now_and_then(self) -> None:
        """Read again what may have changed, unless that takes a twentieth of the time already."""
        if self._monotonic() >= self._rest_until:
            self.look_again()

    def search_changed(self) -> None:
        """Show the sessions that match."""
        self._choose_rows()
        self._wanted.set()

    def _choose_rows(self) -> None:
        here = self.selected
        words = self.search.casefold().split()
        self._rows = [each for each in self._records if all(word in self._words_of(each) for word in words)]
        ids = [each.id for each in self._rows]
        if here is not None and here.id in ids:
            self._cursor = ids.index(here.id)
        else:
            self._cursor = max(0, min(self._cursor, len(self._rows) - 1))
        self._keep_in_view()
        self._show_counts()
        self.refresh()
        self.post_message(self.Moved())

    def _words_of(self, record: SessionRecord) -> str:
        known = self._known.get(record.id)
        standing = known.standing.value if known is not None else "ended" if record.ended_at is not None else ""
        return f"{record.id} {day_and_time(record.started_at)} {safe_text(record.host)} {standing}".casefold()

    def _show_counts(self) -> None:
        number = len(self._rows)
        self.set_subtitle(f"{number:,} match" if self.search else f"{number:,}" if self._has_read else "")

    # --- reading

    async def _read(self) -> None:
        """Read what is wanted, one session after another, as long as the pane lives."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            if self._session is None:
                continue
            try:
                if self._is_stale:
                    self._is_stale = False
                    await self._read_records(self._session)
                for record in list(self._missing()):
                    await self._read_figures(self._session, record)
                    if self._wanted.is_set():
                        break
            except EvolverError as error:
                if not self._has_failed:
                    self.post_message(self.Failed(error))
                self._has_failed = True
            else:
                self._has_failed = False

    async def _read_records(self, session: Session) -> None:
        began = self._monotonic()
        records = await session.past.records()
        self._has_read = True
        ended = self._monotonic()
        self._rest_until = ended + _SHARE * (ended - began)
        if records != self._records:
            changed = {each.id for each in self._records} - {each.id for each in records}
            changed |= {each.id for each, old in zip(records, self._records, strict=False) if each != old}
            for session_id in changed:
                self._again_at.pop(session_id, None)
            self._records = records
            self._choose_rows()

    def _missing(self) -> Iterator[SessionRecord]:
        """The rows in sight whose figures are not known, or may be others by now."""
        now = self._monotonic()
        for record in self._rows[max(0, self._top - _AHEAD) : self._top + self.list_height + _AHEAD]:
            known = self._known.get(record.id)
            if known is None or (record != known.record) or self._again_at.get(record.id, now + 1) <= now:
                yield record

    async def _read_figures(self, session: Session, record: SessionRecord) -> None:
        began = self._monotonic()
        past = await session.past.of(record)
        self._known[record.id] = past
        if record.ended_at is None and past.standing.may_go_on:
            took = self._monotonic() - began
            self._again_at[record.id] = self._monotonic() + max(1.0, _SHARE * took)
        else:
            self._again_at.pop(record.id, None)
        self.refresh()
        if self.selected is not None and self.selected.id == record.id:
            self.post_message(self.Moved())

    # --- moving

    def move_by(self, rows: int) -> None:
        """Some rows down, or up below 0."""
        self._move_to(self._cursor + rows)

    def move_top(self) -> None:
        """To the newest session."""
        self._move_to(0)

    def move_bottom(self) -> None:
        """To the oldest session."""
        self._move_to(len(self._rows) - 1)

    @property
    def page_height(self) -> int:
        """Rows in sight."""
        return max(1, self.list_height - 1)

    def _move_to(self, index: int) -> None:
        self._cursor = max(0, min(index, len(self._rows) - 1))
        self._keep_in_view()
        self.refresh()
        self._wanted.set()
        self.post_message(self.Moved())

    def _keep_in_view(self) -> None:
        height = self.page_height
        self._top = max(min(self._top, self._cursor), self._cursor - height + 1, 0)
        self._top = min(self._top, max(0, len(self._rows) - height))

    def on_resize(self) -> None:
        """Keep the cursor in view, and read what came into sight."""
        self._keep_in_view()
        self._wanted.set()

    def on_click(self, event: events.Click) -> None:
        """Put the cursor on the row under the pointer."""
        offset = event.get_content_offset(self)
        if offset is not None and offset.y > 0 and self._top + offset.y - 1 < len(self._rows):
            self._move_to(self._top + offset.y - 1)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Three rows down."""
        event.stop()
        self.move_by(3)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Three rows up."""
        event.stop()
        self.move_by(-3)

    # --- drawing

    def line(self, y: int, width: int) -> tuple[Line, Style | None]:
        """The head, a row, or nothing."""
        columns = [column for column in _COLUMNS if width >= column.least]
        if y == 0:
            return [("   ", "dim"), *((fill(column.head, column.width), "dim") for column in columns)], None
        index = self._top + y - 1
        if index >= len(self._rows):
            return [(self._empty_words(y), "dim")], None
        record = self._rows[index]
        over = None
        if index == self._cursor:
            over = self.theme_styles["selected" if self.has_focus else "selected.blurred"]
        sign = standing_sign(record, self._known.get(record.id), self.symbols)
        mark = self.symbols.on if record.id == self._marked else " "
        cells = self._cells(record)
        return [(mark, "key"), sign, (" ", "text"), *((fill(cells[c.head], c.width), "text") for c in columns)], over

    def _cells(self, record: SessionRecord) -> dict[str, str]:
        cells = dict.fromkeys((column.head for column in _COLUMNS), "")
        cells["BEGAN"] = day_and_time(record.started_at)
        past = self._known.get(record.id)
        if record.id in self.is_deleting:
            return {**cells, "LENGTH": "is being", "TASKS": "deleted"}
        if past is None:
            return {**cells, "LENGTH": "…"}
        figures = past.figures
        decided = figures.approved + figures.rejected
        return {
            **cells,
            "LENGTH": age(past.seconds),
            "TASKS": f"{figures.tasks:,}",
            "APPROVED": f"{figures.approved:,}/{decided:,} {percent_words(figures)}" if decided else "-",
            "WAITED": age(figures.waited) if figures.answers else "-",
            "TOKENS": fit(token_words(figures), 10),
            "COST": fit(cost_words(figures), 12),
        }

    def _empty_words(self, y: int) -> str:
        if y != 1 or self._rows:
            return ""
        if self.search:
            return f" nothing contains “{safe_text(self.search, 60)}”"
        return " no sessions" if self._has_read else " reading the sessions…"


def standing_sign(record: SessionRecord, past: PastSession | None, symbols: Symbols) -> Fragment:
    """How a session stands: a sign and its style."""
    if past is None:
        return (symbols.done if record.ended_at is not None else " "), "dim"
    return {
        "ended": (symbols.done, "dim"),
        "open": (symbols.running, "run"),
        "cut off": (symbols.rejected, "warn"),
    }.get(past.standing.value, (symbols.asks, "warn"))
