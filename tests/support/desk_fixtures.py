"""The console under Pilot on a real session, and a queue of any length without a database."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from textual.app import App, ComposeResult
from textual.pilot import Pilot

from evolver_tui.core.job import JobState, QueueCounts, QueueKey, QueueRow
from evolver_tui.core.node_run import NodeRun
from evolver_tui.engine.node_runs import LiveTerms, NodeRuns, Trial
from evolver_tui.engine.session import Session
from evolver_tui.engine.store import Store
from evolver_tui.settings.workspace import Workspace
from evolver_tui.tui.app import EvolverApp
from evolver_tui.tui.decision_keys import SECONDS_AFTER_A_WORD, SECONDS_TO_CONFIRM
from evolver_tui.tui.desk_settings import DeskSettings
from evolver_tui.tui.drawing.pane import Pane
from evolver_tui.tui.modals import Modal
from evolver_tui.tui.screens.desk.panes.queue_pane import QueuePane
from evolver_tui.tui.screens.desk.screen import Desk
from evolver_tui.tui.themes import variable_defaults
from evolver_tui.tui.views import VIEWS, View
from evolver_tui.wiring import make_runner, make_session
from tests.support.boxes import SteadySandbox
from tests.support.sessions import PATIENCE_SECONDS, send, workspace_in

WIDE, SMALL = (120, 40), (80, 24)

MOST_LOOKS = 1_500
"""Only a hang takes so many."""

A_LOOK = 1.0
"""Seconds for which a person looks at what came. Dialogs take keys by then, and a draft that was asked for can be
decided about; one that came by itself cannot."""

SECONDS_OF_ONE_KEY = 1.2 * SECONDS_TO_CONFIRM
"""Longer than any key has to be alone."""


class HandClock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


class SteadyRuns:
    """Runs drafts in a box, and says of each that it took as much as of any other.

    So that a screen looks the same on every machine.
    """

    def __init__(self, runs: NodeRuns) -> None:
        self._runs = runs

    async def try_out(self, trial: Trial) -> NodeRun:
        """Run code once."""
        run = await self._runs.try_out(trial)
        calls = tuple(replace(call, seconds=0.01) for call in run.tool_calls)
        return replace(run, seconds=0.06, cpu_seconds=0.04, memory_mb=14.0, tool_calls=calls)

    def live_terms(self, tools: Collection[str]) -> LiveTerms:
        """What they would be."""
        return self._runs.live_terms(tools)


def steady_session(place: Workspace) -> Session:
    """A session whose author writes at once and whose runs look the same everywhere."""
    sandbox = SteadySandbox()
    return make_session(place, pace=0.0, sandbox=sandbox, runs=SteadyRuns(make_runner(place, sandbox)))


@dataclass
class Console:
    """A running console and the hands on it."""

    app: EvolverApp
    pilot: Pilot[int]
    clock: HandClock
    place: Workspace

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

    async def answer(self, *keys: str) -> None:
        """Type into a dialog and send it with enter, after which nothing is pressed until it is taken."""
        await self.press(*keys, "enter")
        await self.let_it_be_alone()

    async def let_it_be_alone(self) -> None:
        """No other key is pressed until what the latest one decides is done."""
        if self.app.decision_keys.is_holding:
            self.clock.seconds += SECONDS_OF_ONE_KEY
            await self.until(lambda: not self.app.decision_keys.is_holding, "What a key decided")
        await self.pilot.pause()

    async def until(self, is_so: Callable[[], object], what: str = "") -> None:
        """Wait until something is so. The clock of keys, drafts, dialogs and receipts stands meanwhile."""
        for _ in range(MOST_LOOKS):
            if is_so():
                return
            await self.pilot.pause(0.01)
        raise AssertionError(f"{what or 'It'} did not come true:\n{self.text()}\n{self.notices}")

    async def until_open(self, kind: type[Modal[Any]]) -> None:
        """Wait until a dialog is in front, and look at it."""
        await self.until(
            lambda: isinstance(self.app.screen, kind) and self.app.screen._painted_at is not None, kind.__name__
        )
        self.clock.seconds += A_LOOK

    async def look_at_draft(self, seconds: float = A_LOOK) -> None:
        """Wait until enough of the draft on the card is drawn, and look at it; one that came by itself takes longer."""
        await self.until(lambda: self.desk.card.guard.seconds_drawn >= 0, "A draft")
        self.clock.seconds += seconds

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

    def text_of(self, pane: Pane) -> str:
        """What stands in a pane."""
        region = pane.region
        strips = self.app.screen._compositor.render_strips()[region.y : region.bottom]
        return "\n".join(strip.crop(region.x, region.right).text for strip in strips)


@asynccontextmanager
async def console(
    folder: Path,
    *,
    size: tuple[int, int] = WIDE,
    make: Callable[[], Session] | None = None,
    session_in: Callable[[Workspace], Session] = steady_session,
    first: tuple[Sequence[QueueRow], QueueCounts | None] = ((), None),
    views: Sequence[View] = VIEWS,
    **settings: Any,
) -> AsyncIterator[Console]:
    """The console on a home under `folder`, with the connect dialog closed once its session is open.

    Args:
        make: makes a session of which nothing is expected; then no dialog is closed.
        session_in: makes its session otherwise.
    """
    place, clock = workspace_in(folder), HandClock()
    chosen = DeskSettings(monotonic=clock, **settings)
    app = EvolverApp(make or (lambda: session_in(place)), lambda: first, chosen, views)
    async with app.run_test(size=size) as pilot:
        running = Console(app, pilot, clock, place)
        vars(app)["NOTIFICATION_TIMEOUT"] = PATIENCE_SECONDS  # what was said stands there until it was looked for
        app.desk.queue._monotonic = time.monotonic  # how often it reads is a matter of the machine's load
        if make is None:
            await running.until(lambda: app.screen is not app.desk, "the connect dialog")
            await running.until_open(Modal)
            await running.press("escape")
            await running.until(lambda: app.screen is app.desk, "the desk")
            clock.seconds += A_LOOK
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


class QueueApp(App[None]):
    """One queue pane and nothing else."""

    def __init__(self, store: LongQueue, clock: HandClock) -> None:
        super().__init__()
        self._store = store
        self.queue = QueuePane(clock, clock)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Values for the console's own theme variables."""
        return variable_defaults()

    def compose(self) -> ComposeResult:
        """The queue."""
        yield self.queue

    def on_mount(self) -> None:
        """Read from the long queue."""
        self.queue.attach(cast(Store, self._store))
