"""A worker on a database of its own, and what tests of it hold in their hands."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from evolver_tui.adapters.database.database import Database
from evolver_tui.core.job import QueueRow
from evolver_tui.core.signal import Signal
from evolver_tui.core.task import Task
from evolver_tui.engine.away import Away
from evolver_tui.engine.durable.routine import Routine
from evolver_tui.engine.durable.worker import Worker
from evolver_tui.engine.signals import SignalBus, SignalRegistry
from tests.support.sessions import PATIENCE_SECONDS


class Clock:
    """Time that passes only when a test says so, or at once where nobody has to wait."""

    def __init__(self, *, passes_at_once: bool = False) -> None:
        self.slept: list[float] = []
        self._passes_at_once = passes_at_once
        self._seconds = 1_800_000_000.0
        self._passed = asyncio.Event()
        self._fell_asleep = asyncio.Event()

    def now(self) -> float:
        return self._seconds

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self._fell_asleep.set()
        if self._passes_at_once:
            self._seconds += seconds
            return
        until = self._seconds + seconds
        while self._seconds < until:
            await self._passed.wait()

    async def until_asleep(self, count: int) -> None:
        """Wait until somebody has gone to sleep so many times."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(self.slept) < count:
                self._fell_asleep.clear()
                await self._fell_asleep.wait()

    def advance(self, seconds: float) -> None:
        self._seconds += seconds
        self._passed.set()
        self._passed = asyncio.Event()


class Heard(list[Signal]):
    """What was told, in order."""

    def __init__(self, registry: SignalRegistry) -> None:
        super().__init__()
        self._news = asyncio.Event()
        registry.register_all(self._hear)

    def _hear(self, signal: Signal) -> None:
        self.append(signal)
        self._news.set()

    def of(self, name: str) -> list[Signal]:
        return [signal for signal in self if signal.name == name]

    async def until(self, name: str, count: int = 1) -> Signal:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(self.of(name)) < count:
                self._news.clear()
                await self._news.wait()
        return self.of(name)[count - 1]


@dataclass
class Bench:
    """A worker at work, its database, and what it tells."""

    worker: Worker
    store: Database
    heard: Heard
    clock: Clock
    away: Away

    async def row(self, task_id: str) -> QueueRow:
        return next(row for row in await self.store.rows_after(None, 100) if row.task_id == task_id)

    async def error_of(self, task_id: str) -> str:
        detail = await self.store.job((await self.row(task_id)).job)
        assert detail is not None
        return detail.error


@asynccontextmanager
async def at_work(
    folder: Path,
    routine: Routine,
    *task_ids: str,
    make_store: Callable[[Path], Database] = Database,
    others: Mapping[str, Routine] = MappingProxyType({}),
    concurrency: int = 1,
) -> AsyncIterator[Bench]:
    """A worker that runs this routine on these tasks.

    Args:
        others: routines by name; the task `name/id` asks for one.
    """
    store = make_store(folder / "evolver.db")
    await store.open()
    registry = SignalRegistry()
    clock = Clock()
    bus = SignalBus("s", clock.now, lambda signals: store.log(signals, "s"), registry)
    heard = Heard(registry)
    tasks = [Task.from_raw(_raw(task_id)) for task_id in task_ids]
    await store.add_tasks(tasks, "s", generate=True, signals_of=lambda added: ())
    routines = {"": routine, **others}
    away = Away(clock, bus)
    worker = Worker(store, routines, bus, clock, session_id="s", owner="here", concurrency=concurrency, away=away)
    work = asyncio.create_task(worker.run())
    try:
        yield Bench(worker, store, heard, clock, away)
    finally:
        worker.interrupt()
        async with asyncio.timeout(PATIENCE_SECONDS):
            await work
        await store.close()


def _raw(task_id: str) -> dict[str, str]:
    routine = task_id.rpartition("/")[0]
    return {"id": task_id, "llmTaskType": "summarize", **({"routine": routine} if routine else {})}


async def drained(worker: Worker) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        await worker.drained()
