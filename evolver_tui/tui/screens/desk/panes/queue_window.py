"""The part of the queue that is held in memory: some hundred rows around the cursor, read by key, never by offset."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

from evolver_tui.core.job import JobState

if TYPE_CHECKING:
    from evolver_tui.core.job import QueueKey, QueueRow
    from evolver_tui.engine.readers import QueueReader

MARGIN = 200
"""Rows that are read on each side of the cursor."""

NEAR_EDGE = 100
"""Fewer rows than this on one side, and more are read before they are needed."""

MOST_ORDERED = 1_000
"""Rows, the oldest of what waits for a person, that are put into another order."""

Order = Callable[[Sequence["QueueRow"]], Awaitable[Sequence["QueueRow"]]]
"""Puts rows into another order."""

Goal = Literal["around", "top", "bottom"]


class RowWindow(NamedTuple):
    """Rows of the queue in its order, without a gap."""

    rows: tuple[QueueRow, ...] = ()
    has_before: bool = False
    has_after: bool = False

    @property
    def separator(self) -> int | None:
        """The index of the first row that is over, where the line above it is to be drawn; None without one."""
        for index, row in enumerate(self.rows):
            if row.state.is_over:
                return index if index or not self.has_before else None
        return None

    def index_of(self, job: int) -> int | None:
        """Where a job stands."""
        return next((index for index, row in enumerate(self.rows) if row.job == job), None)

    def nearest(self, key: QueueKey) -> int:
        """The first row that does not precede `key`, or the last row."""
        for index, row in enumerate(self.rows):
            if (row.rank, row.job) >= (key.rank, key.job):
                return index
        return max(0, len(self.rows) - 1)


async def read_window(
    store: QueueReader, goal: Goal, anchor: QueueRow | None, search: str, order: Order | None = None
) -> RowWindow:
    """Read the rows around `anchor` as it stands now, or at one end of the queue.

    Args:
        order: puts what waits for a person into another order than the queue's; a search leaves that aside.

    Raises:
        StoreError: the database cannot be read.
    """
    if order is not None and not search:
        return await _read_ordered(store, goal, anchor, order)
    if goal == "around" and anchor is not None:
        return await _read_around(store, anchor, search)
    if goal == "bottom":
        last = await store.rows_before(None, 2 * MARGIN, search)
        return RowWindow(tuple(last), len(last) == 2 * MARGIN, False)
    first = await store.rows_after(None, 2 * MARGIN, search)
    return RowWindow(tuple(first), False, len(first) == 2 * MARGIN)


async def _read_ordered(store: QueueReader, goal: Goal, anchor: QueueRow | None, order: Order) -> RowWindow:
    """The same with what waits for a person, the oldest of it, in an order of its own at the queue's top."""
    first = await store.rows_after(None, MOST_ORDERED)
    waiting = [row for row in first if row.state is JobState.PAUSED]
    head = await order(waiting)
    jobs = {row.job for row in head}
    end = (waiting[-1].rank, waiting[-1].job) if waiting else (-1, -1)
    is_in_head = goal == "top" or (goal == "around" and (anchor is None or anchor.job in jobs))
    if is_in_head:
        tail = await store.rows_after(waiting[-1].key if waiting else None, 2 * MARGIN)
        window = RowWindow(tuple(tail), True, len(tail) == 2 * MARGIN)
    else:
        window = await read_window(store, goal, anchor, "")
    rest = [row for row in window.rows if (row.rank, row.job) > end and row.job not in jobs]
    if window.has_before and len(rest) == len(window.rows) and not is_in_head:
        return window
    return RowWindow(_each_once([*head, *rest]), False, window.has_after)


async def _read_around(store: QueueReader, anchor: QueueRow, search: str) -> RowWindow:
    now = await store.row(anchor.job)
    key = now.key if now is not None else anchor.key
    before = await store.rows_before(key, MARGIN, search)
    after = await store.rows_after(key, MARGIN, search)
    middle: Sequence[QueueRow] = (now,) if now is not None else ()
    return RowWindow(_each_once([*before, *middle, *after]), len(before) == MARGIN, len(after) == MARGIN)


def _each_once(rows: Iterable[QueueRow]) -> tuple[QueueRow, ...]:
    """Rows without repeats: a job may move between two reads."""
    seen: dict[int, QueueRow] = {}
    for row in rows:
        seen.setdefault(row.job, row)
    return tuple(seen.values())
