"""Where the queue's cursor and its top stay when rows come in above."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from textual.pilot import Pilot

from evolver_tui.core.job import JobState, QueueRow
from evolver_tui.tui.screens.desk.panes.queue_pane import QueuePane
from evolver_tui.tui.screens.desk.panes.queue_window import MARGIN, read_window
from tests.support.desk_fixtures import MOST_LOOKS, HandClock, LongQueue, QueueApp

pytestmark = pytest.mark.anyio

SIZE = (60, 20)


class Watched:
    """A queue of 5,000 jobs from number 1,000 on, and what is seen of it."""

    def __init__(self) -> None:
        self.store, self.clock = LongQueue(5_000), HandClock()
        self.store.first = 1_000
        self.app = QueueApp(self.store, self.clock)
        self.pilot: Pilot[None]

    @property
    def queue(self) -> QueuePane:
        """The pane."""
        return self.app.queue

    @property
    def rows(self) -> list[str]:
        """What its lines show, from the first one."""
        return [self.queue.render_line(y).text for y in range(self.queue.size.height)]

    def line_of(self, number: int) -> int | None:
        """In which line a job stands, from 0; None where it is not in sight."""
        return next((y for y, row in enumerate(self.rows) if f" task-{number} " in row), None)

    async def until_read(self) -> None:
        """Wait until the pane knows as many jobs as there are."""
        for _ in range(MOST_LOOKS):
            if self.queue.counts is not None and self.queue.counts.waiting == self.store.length:
                return await self.pilot.pause()
            await self.pilot.pause(0.005)
        raise AssertionError("\n".join(self.rows))

    async def put_above(self, number: int) -> None:
        """Let jobs come in above all others, and wait until that was read."""
        self.store.first -= number
        self.store.length += number
        self.queue.rows_changed()
        self.clock.seconds += 1
        self.queue.tick()
        await self.until_read()


@asynccontextmanager
async def watched(cursor: int, came_up: int = 0) -> AsyncIterator[Watched]:
    """The queue with its cursor on this row, to which it came from further down."""
    queue = Watched()
    async with queue.app.run_test(size=SIZE) as queue.pilot:
        await queue.until_read()
        for _ in range(cursor + came_up):
            queue.queue.move_down()
        for _ in range(came_up):
            queue.queue.move_up()
        await queue.pilot.pause()
        yield queue


@pytest.mark.parametrize("cursor", [0, 5])
async def test_at_the_top_of_the_queue_what_newly_needs_a_person_is_in_sight(cursor: int) -> None:
    async with watched(cursor) as queue:
        line = queue.line_of(1_000)
        await queue.put_above(1)
        assert queue.line_of(999) == line
        assert queue.queue.selected is not None
        assert queue.queue.selected.job == 1_000 + cursor


async def test_the_cursor_stays_in_sight_whatever_comes_in_above() -> None:
    async with watched(5) as queue:
        last = queue.queue.list_height
        await queue.put_above(last)
        assert queue.line_of(1_005) is not None
        assert queue.line_of(1_000 - last) is None


@pytest.mark.parametrize(
    ("cursor", "came_up", "number"), [(5, 0, 2 * MARGIN), (30, 9, 1)], ids=["more than is read", "further down"]
)
async def test_where_the_top_is_out_of_sight_the_cursor_keeps_its_line(cursor: int, came_up: int, number: int) -> None:
    async with watched(cursor, came_up) as queue:
        line = queue.line_of(1_000 + cursor)
        assert line is not None
        await queue.put_above(number)
        assert queue.line_of(1_000 + cursor) == line


async def test_an_order_of_ones_own_stands_above_the_rest_of_a_queue_of_any_length() -> None:
    class Waiting(LongQueue):
        """The first 300 of them need a person."""

        def _row(self, number: int) -> QueueRow:
            return super()._row(number)._replace(state=JobState.PAUSED if number <= 300 else JobState.PENDING)

    async def reversed_rows(rows: Sequence[QueueRow]) -> Sequence[QueueRow]:
        return rows[::-1]

    store = Waiting(5_000)
    top = await read_window(store, "top", None, "", reversed_rows)  # type: ignore[arg-type]
    assert [row.job for row in top.rows] == [*range(300, 0, -1), *range(301, 301 + 2 * MARGIN)]
    assert (top.has_before, top.has_after) == (False, True)
    for job in (1, 300):  # the last and the first of those that stand in that order
        around = await read_window(store, "around", store._row(job), "", reversed_rows)  # type: ignore[arg-type]
        assert around == top
    near = await read_window(store, "around", store._row(400), "", reversed_rows)  # type: ignore[arg-type]
    assert [row.job for row in near.rows] == [*range(300, 0, -1), *range(301, 401 + MARGIN)]
    far = await read_window(store, "around", store._row(3_000), "", reversed_rows)  # type: ignore[arg-type]
    assert far == await read_window(store, "around", store._row(3_000), "")  # type: ignore[arg-type]
    assert (await read_window(store, "bottom", None, "", reversed_rows)).has_before  # type: ignore[arg-type]
    found = await read_window(store, "top", None, "x", reversed_rows)  # type: ignore[arg-type]
    assert [row.job for row in found.rows[:2]] == [1, 2]
