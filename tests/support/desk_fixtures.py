"""The console under Pilot on a real session, and a queue of any length without a database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from evolver_tui.core.job import JobState, QueueCounts, QueueKey, QueueRow
from evolver_tui.engine.session import Session
from evolver_tui.tui.app import EvolverApp
from evolver_tui.tui.decision_keys import SECONDS_AFTER_A_WORD, SECONDS_ALONE
from evolver_tui.tui.desk_settings import DeskSettings
from evolver_tui.tui.screens.desk.screen import Desk
from evolver_tui.wiring import Place, make_session
from tests.support.sessions import place_in, send

WIDE, SMALL = (120, 40), (80, 24)

MOST_LOOKS = 1_500
"""Only a hang takes so many."""


class HandClock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


@dataclass
class Console:
    """A running console and the hands on it."""

    app: EvolverApp
    pilot: Pilot[int]
    clock: HandClock
    place: Place

    @property
    def desk(self) -> Desk:
        """The main screen."""
        return self.app.desk

    @property
    def session(self) -> Session:
        """The session, once it is open."""
        assert self.app.session is not None
        return self.app.session

    @property
    def notices(self) -> list[str]:
        """What was said to the person, oldest first."""
        return [notice.message for notice in self.app._notifications]

    async def press(self, *keys: str) -> None:
        """Press keys and let the console do what they mean."""
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def decide(self, key: str) -> None:
        """Press a key alone: nothing comes before it for a while, nor after it until what it means is done."""
        self.clock.seconds += SECONDS_AFTER_A_WORD
        await self.press(key)
        await self.let_it_be_alone()

    async def let_it_be_alone(self) -> None:
        """No other key is pressed until what the latest one decides is done."""
        while self.app.decision_keys.is_holding:
            self.clock.seconds += SECONDS_ALONE / 2
            await self.pilot.pause(0.03)
        await self.pilot.pause()

    async def until(self, is_so: Callable[[], object], what: str = "") -> None:
        """Let the clock run until something is so."""
        for _ in range(MOST_LOOKS):
            if is_so():
                return
            self.clock.seconds += 0.1
            await self.pilot.pause(0.01)
        raise AssertionError(f"{what or 'It'} did not come true:\n{self.text()}\n{self.notices}")

    async def receive(self, *tasks: dict[str, Any]) -> None:
        """What the hub sends, worked on as far as it goes without a person."""
        await send(self.session, {"tasks": list(tasks)})
        await self.session.workers.drained()

    def text(self) -> str:
        """What stands on the screen."""
        width, height = self.app.size
        strips = self.app.screen._compositor.render_strips()
        assert len(strips) == height
        return "\n".join(strip.text[:width] for strip in strips)


@asynccontextmanager
async def console(
    folder: Path,
    *,
    size: tuple[int, int] = WIDE,
    make: Callable[[], Session] | None = None,
    first: tuple[Sequence[QueueRow], QueueCounts | None] = ((), None),
    **settings: Any,
) -> AsyncIterator[Console]:
    """The console on a home under `folder`, with the connect dialog closed once its session is open."""
    place, clock = place_in(folder), HandClock()
    chosen = DeskSettings(monotonic=clock, **settings)
    app = EvolverApp(make or (lambda: make_session(place, pace=0.0)), lambda: first, chosen)
    async with app.run_test(size=size) as pilot:
        running = Console(app, pilot, clock, place)
        if make is None:
            await running.until(lambda: app.screen is not app.desk, "the connect dialog")
            await running.until(lambda: getattr(app.screen, "is_armed", False), "the armed dialog")
            await running.press("escape")
            await running.until(lambda: app.screen is app.desk, "the desk")
            clock.seconds += 1
        yield running
        if app.session is not None and app.return_value is None:
            await app.session.close(finish_current=False)


class LongQueue:
    """The store's reads for a queue of any length; nothing of it is kept."""

    def __init__(self, length: int) -> None:
        self.length = length
        self.first = 1
        """The number of the first job; lower ones come in above it."""
        self.most_rows = 0
        """The most rows that were read at once."""

    def _rows(self, start: int, stop: int) -> list[QueueRow]:
        start, stop = max(self.first, start), min(self.first + self.length, stop)
        self.most_rows = max(self.most_rows, stop - start)
        return [self._row(number) for number in range(start, stop)]

    def _row(self, number: int) -> QueueRow:
        return QueueRow(
            number, number, f"task-{number}", f"Name {number}", "summarize", "medium", JobState.PENDING,
            None, None, 0.0, "",
        )  # fmt: skip

    async def rows_after(self, key: QueueKey | None, limit: int, search: str = "") -> Sequence[QueueRow]:
        """Rows that follow `key`."""
        start = self.first if key is None else key.rank + 1
        return self._rows(start, start + limit)

    async def rows_before(self, key: QueueKey | None, limit: int, search: str = "") -> Sequence[QueueRow]:
        """Rows that precede `key`."""
        stop = self.first + self.length if key is None else key.rank
        return self._rows(stop - limit, stop)

    async def row(self, job: int) -> QueueRow | None:
        """One row."""
        return self._row(job)

    async def counts(self) -> QueueCounts:
        """All of them wait."""
        return QueueCounts(waiting=self.length)
