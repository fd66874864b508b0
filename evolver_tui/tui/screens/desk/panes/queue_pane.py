"""The queue: every job, whatever their number, with a cursor that stays on its job."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from rich.style import Style
from textual import events
from textual.message import Message

from evolver_tui.core.errors import EvolverError
from evolver_tui.core.job import JobState
from evolver_tui.core.safe_text import safe_text
from evolver_tui.tui.drawing.filterable import Filterable
from evolver_tui.tui.drawing.styles import Fragment, Line
from evolver_tui.tui.screens.desk.marks import Marks, can_be_marked
from evolver_tui.tui.screens.desk.panes.queue_window import NEAR_EDGE, Goal, Order, RowWindow, read_window

if TYPE_CHECKING:
    from evolver_tui.core.job import QueueCounts, QueueRow
    from evolver_tui.engine.readers import QueueReader

SHORTEST_REST, LONGEST_REST = 0.1, 1.0
"""Seconds between two readings that nobody asked for."""


class QueuePane(Filterable):
    """A window of rows around the cursor; moving inside it needs no reading."""

    DEFAULT_CLASSES = "framed"
    pane_name = "queue"
    can_focus = True

    class Selected(Message):
        """The cursor is on another job, or its job changed."""

        def __init__(self, row: QueueRow | None) -> None:
            super().__init__()
            self.row = row

    class Failed(Message):
        """The queue could not be read."""

        def __init__(self, error: EvolverError) -> None:
            super().__init__()
            self.error = error

    class MarksLost(Message):
        """Marked jobs were settled by somebody else."""

        def __init__(self, task_ids: Sequence[str]) -> None:
            super().__init__()
            self.task_ids = task_ids

    class MarksChanged(Message):
        """Other jobs are marked than before."""

    def __init__(
        self,
        now: Callable[[], float],
        monotonic: Callable[[], float],
        receipt_of: Callable[[int], str] = lambda job: "",
        *,
        plain: bool = False,
    ) -> None:
        """Args:
        now: seconds since 1970.
        monotonic: seconds that only count up.
        receipt_of: what a person did about a job just now, in a few words.
        plain: whether to draw with ASCII alone.
        """
        super().__init__(plain=plain, id="queue")
        self._receipt_of = receipt_of
        self._now = now
        self._monotonic = monotonic
        self._store: QueueReader | None = None
        self._window = RowWindow()
        self._separator: int | None = None
        self._cursor = 0
        self._top = 0
        self._counts: QueueCounts | None = None
        self._has_read = False
        self.is_chosen = False
        """Whether a person put the cursor where it is; before that it stands on what came first."""
        self._goal: Goal = "around"
        self._wanted = asyncio.Event()
        self._rest_until = 0.0
        self._is_stale = False
        self._unsaved: set[int] = set()
        self._states: dict[int, Fragment] = {}
        """Line on the screen to how its job was last said to stand."""
        self._second = 0
        self.marks = Marks()
        self._range_start: QueueRow | None = None
        """Where a range of marks begins; None while there is none."""
        self._order: Order | None = None
        """What puts those that need a person into another order than the queue's."""
        self.set_title("Queue")

    # --- what is shown

    @property
    def selected(self) -> QueueRow | None:
        """The row under the cursor."""
        rows = self._window.rows
        return rows[self._cursor] if rows else None

    @property
    def counts(self) -> QueueCounts | None:
        """How many jobs stand where, as last read; None before anything was."""
        return self._counts

    def show_first(self, rows: Sequence[QueueRow], counts: QueueCounts) -> None:
        """Show rows that were read before the store was open."""
        self._counts = counts
        self._apply(RowWindow(tuple(rows), False, counts.total > len(rows)))

    def attach(self, store: QueueReader) -> None:
        """Read from `store` from here on."""
        self._store = store
        self.run_worker(self._read(), name="queue", exit_on_error=False)
        self._want("around" if self.selected is not None else "top")

    def rows_changed(self) -> None:
        """Something may be different: read again soon."""
        self._is_stale = True

    def tick(self) -> None:
        """Read again what is stale, unless reading takes a tenth of the time already; once a second let ages move."""
        if self._is_stale and self._monotonic() >= self._rest_until:
            self._want("around")
        second = int(self._now())
        if second != self._second:
            self._second = second
            self.draw_what_reads_differently()

    def mark_unsaved(self, job: int) -> None:
        """What was approved of this job could not be saved: its row says so as long as it is failed."""
        self._unsaved.add(job)
        self.draw_what_reads_differently()

    def draw_what_reads_differently(self) -> None:
        """Draw the rows again whose jobs stand otherwise than they say."""
        lines = range(self.list_height)
        changed = [y for y in lines if (row := self._row_at(y)) and self._state_of(row) != self._states.get(y)]
        if changed:
            self.refresh_rows(changed)

    def _state_of(self, row: QueueRow) -> Fragment:
        from evolver_tui.tui.screens.desk.panes.queue_row import state_words

        receipt = self._receipt_of(row.job)
        if receipt:
            return receipt, "ok"
        return state_words(row, self._now(), row.job in self._unsaved)

    # --- moving

    def select(self, row: QueueRow) -> None:
        """Put the cursor on a job, wherever it stands."""
        self.is_chosen = True
        index = self._window.index_of(row.job)
        if index is not None:
            self._move_to(index)
            return
        self._window = RowWindow((row,), True, True)
        self._cursor = self._top = 0
        self._separator = None
        self._tell()
        self._want("around")

    def move_by(self, rows: int) -> None:
        """Some rows down, or up below 0."""
        self._move_to(self._cursor + rows)

    def move_top(self) -> None:
        """To the first row of the queue."""
        if self._window.has_before:
            self.is_chosen = True
            self._want("top")
        else:
            self._top = 0
            self._move_to(0)

    def move_bottom(self) -> None:
        """To the last row of the queue."""
        if self._window.has_after:
            self.is_chosen = True
            self._want("bottom")
        else:
            self._move_to(len(self._window.rows) - 1)

    def _move_to(self, index: int) -> None:
        self.is_chosen = True
        rows = self._window.rows
        index = max(0, min(index, len(rows) - 1))
        moved = index != self._cursor
        old_line, old_top = self._line_of(self._cursor), self._top
        self._cursor = index
        self._keep_cursor_in_view()
        if self._top != old_top or self._range_start is not None:
            self.refresh()
        elif moved:
            self.refresh_rows([old_line - self._top, self._line_of(index) - self._top])
        if moved:
            self._tell()
        if self._range_start is not None:
            self._show_counts()
        window = self._window
        if (window.has_before and index < NEAR_EDGE) or (window.has_after and index >= len(rows) - NEAR_EDGE):
            self._want("around")

    def _keep_cursor_in_view(self) -> None:
        line, height = self._line_of(self._cursor), max(1, self.list_height)
        if line == 1 and self._separator == 0:
            line = 0
        self._top = max(min(self._top, line), self._line_of(self._cursor) - height + 1)
        lines = len(self._window.rows) + (self._separator is not None)
        if not self._window.has_after:
            self._top = min(self._top, max(0, lines - height))

    def _tell(self) -> None:
        self.post_message(self.Selected(self.selected))

    def _line_of(self, index: int) -> int:
        return index + (self._separator is not None and index >= self._separator)

    # --- another order

    @property
    def is_ordered(self) -> bool:
        """Whether what needs a person stands in another order than the queue's."""
        return self._order is not None

    def set_order(self, order: Order | None) -> None:
        """Show what needs a person in another order, or in the queue's again; the cursor stays on its job."""
        self._order = order
        self._show_counts()
        self._want("around")

    def next_in_order(self, after: QueueRow | None) -> QueueRow | None:
        """What needs a person next in the order that is shown, from its top again after the last; None without one."""
        if self._order is None:
            return None
        rows = [row for row in self._window.rows if row.state is JobState.PAUSED]
        place = next((index for index, row in enumerate(rows) if after and row.job == after.job), -1)
        return next((row for row in [*rows[place + 1 :], *rows[:place]] if after is None or row.job != after.job), None)

    # --- marking

    def toggle_mark(self) -> str:
        """Mark the job under the cursor or take its mark away, and go one down; returns why not, or nothing."""
        row = self.selected
        reason = self.marks.toggle(row) if row is not None else ""
        if not reason:
            self._marks_changed()
            self.move_by(1)
        return reason

    def toggle_range(self) -> str:
        """Begin a range of marks at the cursor, or mark what lies in the one that was begun; returns why not."""
        if self._range_start is None:
            self._range_start, reason = self.selected, ""
        else:
            rows = self._range_rows
            self._range_start = None
            reason = self.marks.add(rows)
        self._marks_changed()
        return reason

    @property
    def is_in_range(self) -> bool:
        """Whether a range of marks was begun."""
        return self._range_start is not None

    def leave_marks(self) -> bool:
        """Give up the range that was begun, or else every mark; False where there is neither."""
        if self._range_start is not None:
            self._range_start = None
        elif self.marks:
            self.marks.clear()
        else:
            return False
        self._marks_changed()
        return True

    def drop_marks(self, jobs: Iterable[int]) -> None:
        """Take the marks of some jobs away."""
        self.marks.drop(jobs)
        self._marks_changed()

    def add_marks(self, rows: Iterable[QueueRow]) -> str:
        """Mark jobs; returns why not all of them could be, or nothing."""
        reason = self.marks.add(rows)
        self._marks_changed()
        return reason

    @property
    def _range_rows(self) -> Sequence[QueueRow]:
        """The rows from where a range began to the cursor, in their order."""
        start = self._range_start
        if start is None:
            return ()
        found = self._window.index_of(start.job)
        first = found if found is not None else self._window.nearest(start.key)
        return self._window.rows[min(first, self._cursor) : max(first, self._cursor) + 1]

    def _marks_changed(self) -> None:
        self._show_counts()
        self.refresh()
        self.post_message(self.MarksChanged())

    async def _settle_marks(self, store: QueueReader, window: RowWindow) -> None:
        """Let marks fall away whose jobs do not wait any longer as they did, wherever they stand."""
        rows: dict[int, QueueRow | None] = {row.job: row for row in window.rows}
        looked_for = self.marks.jobs
        for job in looked_for:
            if job not in rows:
                rows[job] = await store.row(job)
        gone = self.marks.settle(rows.get, looked_for)
        if gone:
            self._marks_changed()
            elsewhere = [task_id for job, task_id in gone if not self._receipt_of(job)]
            if elsewhere:
                self.post_message(self.MarksLost(elsewhere))

    # --- reading

    def _want(self, goal: Goal) -> None:
        if self._store is not None and not (self._wanted.is_set() and goal == "around"):
            self._goal = goal
            self._wanted.set()

    async def _read(self) -> None:
        """Read whenever something is wanted, one reading at a time, as long as the pane lives."""
        assert self._store is not None
        failed = False
        while True:
            await self._wanted.wait()
            goal, self._goal = self._goal, "around"
            self._wanted.clear()
            self._is_stale = False
            search, anchor = self.search, self.selected
            started = self._monotonic()
            try:
                counts = await self._store.counts()
                window = await read_window(self._store, goal, anchor, search, self._order)
                await self._settle_marks(self._store, window)
            except EvolverError as error:
                if not failed:
                    self.post_message(self.Failed(error))
                failed = True
                continue
            failed = False
            ended = self._monotonic()
            self._rest_until = ended + min(max(SHORTEST_REST, 9 * (ended - started)), LONGEST_REST)
            now_on = self.selected
            if goal == "around" and now_on and now_on is not anchor and window.index_of(now_on.job) is None:
                self._want("around")  # the cursor left while this was read
            elif search == self.search:
                has_moved, self._counts = counts != self._counts, counts
                self._has_read = True
                self._apply(window, goal)
                if has_moved and self._separator is not None:
                    self.refresh_rows([self._separator - self._top])

    def search_changed(self) -> None:
        """Show the first of the rows that match, or with no search the rows around the cursor's job again."""
        self._want("top" if self.search else "around")
        self.refresh()

    def _apply(self, window: RowWindow, goal: Goal = "around") -> None:
        """Take a window over; the cursor stays on its job, and its line where it is on the screen."""
        before = self.selected
        screen_y = self._line_of(self._cursor) - self._top
        was_at_top = self._top == 0 and not self._window.has_before
        changed = window != self._window
        self._window, self._separator = window, window.separator
        if goal == "top" or before is None:
            self._cursor = self._top = 0
        elif goal == "bottom":
            self._cursor = len(window.rows) - 1
        else:
            found = window.index_of(before.job)
            near = min(self._cursor, len(window.rows) - 1) if self._order else window.nearest(before.key)
            self._cursor = found if found is not None else near
            is_pinned = was_at_top and not window.has_before
            self._top = 0 if is_pinned else max(0, self._line_of(self._cursor) - screen_y)
        self._cursor = max(0, self._cursor)
        self._keep_cursor_in_view()
        self._show_counts()
        if changed:
            self.refresh()
        if self.selected != before:
            self._tell()

    def _show_counts(self) -> None:
        counts = self._counts
        if counts is None:
            return
        dot = f" {self.symbols.dot} "
        marked = self._marked_words
        if self.search:
            more = "+" if self._window.has_after or self._window.has_before else ""
            words = [*marked, f"{len(self._window.rows):,}{more} match"]
        else:
            needs = counts.needs_you
            needing = [f"{needs:,} {'needs' if needs == 1 else 'need'} you"] if needs else []
            special = [*marked, *(["by estimate"] if self.is_ordered else [])]
            words = [*(special or [f"{counts.waiting:,} waiting"]), *needing]
        self.set_subtitle(dot.join(words))

    @property
    def _marked_words(self) -> Sequence[str]:
        """How many are marked, and how many would be by the range, before what else the border says."""
        in_range = [f"range of {len(self._range_rows):,}"] if self._range_start is not None else []
        return [*in_range, f"{len(self.marks):,} marked"] if self.marks else in_range

    # --- drawing

    def on_resize(self, event: events.Resize) -> None:
        """Keep the cursor in view."""
        self._keep_cursor_in_view()
        self.refresh()

    def on_focus(self) -> None:
        """Show that the cursor is where the keys go."""
        self.refresh_rows([self._line_of(self._cursor) - self._top])

    def on_blur(self) -> None:
        """Show that the keys go elsewhere."""
        self.refresh_rows([self._line_of(self._cursor) - self._top])

    def on_click(self, event: events.Click) -> None:
        """Put the cursor on the row under the pointer."""
        offset = event.get_content_offset(self)
        if offset is not None and (index := self._index_at(offset.y)) is not None:
            self._move_to(index)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Three rows down."""
        event.stop()
        self._move_to(self._cursor + 3)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Three rows up."""
        event.stop()
        self._move_to(self._cursor - 3)

    def line(self, y: int, width: int) -> tuple[Line, Style | None]:
        """A row, the line above what is decided, or nothing."""
        if self._separator is not None and y + self._top == self._separator:
            from evolver_tui.tui.screens.desk.panes.queue_row import decided_line

            return decided_line(None if self.search else self._counts, width, self.symbols), None
        index = self._index_at(y)
        if index is None:
            return [(self._empty_words(y), "dim")], None
        from evolver_tui.tui.screens.desk.panes.queue_row import row_line

        is_selected = index == self._cursor
        row = self._window.rows[index]
        over = self.theme_styles["selected" if self.has_focus else "selected.blurred"] if is_selected else None
        self._states[y] = self._state_of(row)
        is_marked = row.job in self.marks or self._is_in_range(index)
        return row_line(row, width, is_selected, self._states[y], self.symbols, is_marked=is_marked), over

    def _is_in_range(self, index: int) -> bool:
        """Whether a row lies in the range that was begun, and would be marked by it."""
        if self._range_start is None:
            return False
        row = self._window.rows[index]
        return can_be_marked(row) and any(each.job == row.job for each in self._range_rows)

    def _empty_words(self, y: int) -> str:
        if y != 0 or self._window.rows:
            return ""
        if self.search:
            return f" nothing contains “{safe_text(self.search, 60)}”"
        return " nothing here yet" if self._has_read else " opening the queue…"

    def _index_at(self, y: int) -> int | None:
        line = y + self._top
        separator = self._separator
        if separator is not None and line >= separator:
            line -= 1
            if line < separator:
                return None
        return line if 0 <= line < len(self._window.rows) else None

    def _row_at(self, y: int) -> QueueRow | None:
        index = self._index_at(y)
        return None if index is None else self._window.rows[index]
