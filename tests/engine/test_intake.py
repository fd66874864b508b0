"""Intake between the link's receive thread and a real database: bounded, paused, stopped, and without its database."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from evolver_tui.adapters.database.database import Database
from evolver_tui.adapters.system_clock import SystemClock
from evolver_tui.core.signal import Signal
from evolver_tui.engine.intake import MOST_WAITING_TASKS, HubMessage, Intake
from evolver_tui.engine.signals import SignalBus, SignalRegistry
from tests.support.sessions import PATIENCE_SECONDS

pytestmark = pytest.mark.anyio

BATCH = 500


@dataclass
class Bench:
    """An intake, its database, and what it tells."""

    intake: Intake
    store: Database
    folder: Path
    heard: list[Signal]
    messages: list[HubMessage]
    news: asyncio.Event
    run: asyncio.Task[None]

    async def until(self, is_true: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not is_true():
                self.news.clear()
                await self.news.wait()

    def told(self, name: str) -> list[Signal]:
        return [signal for signal in self.heard if signal.name == name]

    def lock(self) -> sqlite3.Connection:
        """Hold the database's write lock until the connection is closed."""
        connection = sqlite3.connect(self.folder / "evolver.db", isolation_level=None)
        connection.execute("BEGIN IMMEDIATE")
        return connection

    async def stop(self) -> None:
        self.intake.stop()
        async with asyncio.timeout(PATIENCE_SECONDS):
            await asyncio.shield(self.run)

    def ids(self, name: str = "task.queued") -> list[str]:
        return [signal.context["task_id"] for signal in self.told(name)]


@asynccontextmanager
async def an_intake(folder: Path, *, generate: bool = True) -> AsyncIterator[Bench]:
    store = Database(folder / "evolver.db", busy_seconds=0.02)
    await store.open()
    registry = SignalRegistry()
    heard: list[Signal] = []
    messages: list[HubMessage] = []
    news = asyncio.Event()

    def hear(signal: Signal) -> None:
        heard.append(signal)
        news.set()

    registry.register_all(hear)
    clock = SystemClock()
    bus = SignalBus("s", clock.now, lambda signals: store.log(signals, "s"), registry)
    intake = Intake(store, bus, clock, session_id="s", generate=generate, on_message=messages.append)
    bench = Bench(intake, store, folder, heard, messages, news, asyncio.create_task(intake.run()))
    try:
        yield bench
    finally:
        intake.give_up()
        await bench.run
        await store.close()


class Hub(threading.Thread):
    """A link's receive thread that has so many batches to hand over."""

    def __init__(self, intake: Intake, batches: int) -> None:
        super().__init__(daemon=True)
        self._intake = intake
        self._batches = batches
        self.handed_over = 0

    def run(self) -> None:
        for number in range(self._batches):
            self._intake.message([{"tasks": tasks_of(number)}])
            self.handed_over += 1

    async def end(self) -> None:
        await asyncio.to_thread(self.join, PATIENCE_SECONDS)
        assert not self.is_alive()


async def held_back(intake: Intake) -> None:
    """Wait until the receive thread stands at the door; it tells nobody that it does."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not intake.is_holding_back:  # noqa: ASYNC110
            await asyncio.sleep(0.001)


def tasks_of(batch: int) -> list[dict[str, str]]:
    return [{"id": f"{batch}-{n}", "llmTaskType": "summarize"} for n in range(BATCH)]


def everything(batches: int) -> list[str]:
    return [task["id"] for number in range(batches) for task in tasks_of(number)]


async def test_the_receive_thread_is_held_while_too_much_is_uncommitted_and_goes_on_after(tmp_path: Path) -> None:
    batches = MOST_WAITING_TASKS // BATCH + 4
    async with an_intake(tmp_path) as bench:
        lock = bench.lock()
        hub = Hub(bench.intake, batches)
        hub.start()
        await held_back(bench.intake)
        await bench.until(lambda: bool(bench.told("intake.error")))
        # The database has been tried meanwhile, and it is still held at the very same message.
        assert (hub.handed_over * BATCH, hub.is_alive()) == (MOST_WAITING_TASKS, True)
        lock.close()
        await bench.until(lambda: len(bench.told("task.queued")) == batches * BATCH)
        await hub.end()
        assert bench.ids() == everything(batches)
        assert (await bench.store.counts()).waiting == batches * BATCH
        sizes = [signal.payload["queue_size"] for signal in bench.told("task.queued")]
        assert sizes == list(range(1, batches * BATCH + 1))


async def test_a_pause_holds_messages_back_and_the_end_of_it_lets_them_come(tmp_path: Path) -> None:
    async with an_intake(tmp_path) as bench:
        bench.intake.pause(True)
        hub = Hub(bench.intake, 2)
        hub.start()
        await held_back(bench.intake)
        assert (hub.handed_over, bench.messages, bench.intake.is_paused) == (0, [], True)
        bench.intake.pause(False)
        await bench.until(lambda: len(bench.told("task.queued")) == 2 * BATCH)
        await hub.end()
        assert [message.number for message in bench.messages] == [1, 2]


@pytest.mark.parametrize("is_paused", [False, True])
async def test_what_was_read_before_a_stop_is_committed_and_nothing_after(tmp_path: Path, is_paused: bool) -> None:
    async with an_intake(tmp_path) as bench:
        bench.intake.pause(is_paused)
        hub = Hub(bench.intake, 1)
        hub.start()
        if is_paused:
            await held_back(bench.intake)
        else:
            await hub.end()
        await bench.stop()
        await hub.end()
        assert bench.ids() == everything(1)
        bench.intake.message([{"tasks": tasks_of(7)}])
        assert bench.intake.messages_received == 1
        assert (await bench.store.counts()).waiting == BATCH


async def test_a_database_that_is_away_is_said_once_and_nothing_is_lost(tmp_path: Path) -> None:
    async with an_intake(tmp_path) as bench:
        lock = bench.lock()
        await asyncio.to_thread(bench.intake.message, [{"tasks": tasks_of(0)}])
        await bench.until(lambda: bool(bench.told("intake.error")))
        await asyncio.to_thread(bench.intake.message, [{"tasks": tasks_of(1)}])
        stopping = asyncio.create_task(bench.stop())
        lock.close()
        await stopping
        assert bench.ids() == everything(2)
        (error,) = bench.told("intake.error")
        assert "locked by another program" in error.payload["error"]
        assert error.payload["tasks"] == BATCH
        assert await stored_names(bench.store) >= {"intake.error", "task.queued"}


async def stored_names(store: Database) -> set[str]:
    return {stored.signal.name for stored in await store.signals("s", 0, 10_000)}


async def test_giving_up_ends_the_waiting_and_says_what_is_lost(tmp_path: Path) -> None:
    async with an_intake(tmp_path) as bench:
        lock = bench.lock()
        await asyncio.to_thread(bench.intake.message, [{"tasks": tasks_of(0)}])
        await bench.until(lambda: bool(bench.told("intake.error")))
        bench.intake.give_up()
        async with asyncio.timeout(PATIENCE_SECONDS):
            await asyncio.shield(bench.run)
        lock.close()
        assert f"{BATCH} received tasks are lost" in bench.told("intake.error")[-1].payload["error"]
        assert (await bench.store.counts()).total == 0


async def test_a_message_that_is_no_task_is_said_with_its_number_and_the_rest_of_it_is_kept(tmp_path: Path) -> None:
    async with an_intake(tmp_path) as bench:
        await asyncio.to_thread(bench.intake.message, [{"tasks": [{"id": "one"}, 17, {"id": "two"}]}])
        await asyncio.to_thread(bench.intake.message, ["x" * 100_000])
        await bench.until(lambda: len(bench.told("hub.message_rejected")) == 2)
        await bench.stop()
        assert bench.ids() == ["one", "two"]
        first, second = bench.told("hub.message_rejected")
        assert (first.payload["message_number"], second.payload["message_number"]) == (1, 2)
        assert len(second.payload["message"]) <= 200
        assert first.payload["message"] == '[{"tasks": [{"id": "one"}, 17, {"id": "two"}]}]'


async def test_the_queue_lives_on_after_messages_of_any_size_and_sort(tmp_path: Path) -> None:
    many = [{"id": f"task-{number}"} for number in range(10_000)]
    odd = [
        "[" * 1_000_000,
        {"id": "x" * 10_000_000},
        {"id": "../../x", "due": float("nan")},
        {"id": "\ud800"},
        {"id": "\0"},
    ]
    async with an_intake(tmp_path) as bench:
        for message in ({"tasks": many}, *odd, {"id": "after"}):
            await asyncio.to_thread(bench.intake.message, [[message]])
        await bench.stop()
        assert (await bench.store.counts()).total == 10_000 + 4 + 1
        assert bench.ids()[-1] == "after"
        assert len(bench.told("hub.message_rejected")) == 1


async def test_what_is_quoted_of_a_message_is_written_as_json_has_it(tmp_path: Path) -> None:
    async with an_intake(tmp_path) as bench:
        await asyncio.to_thread(bench.intake.message, [None, True, 'it\'s "ä" \u202e\ud800'])
        await bench.until(lambda: bool(bench.told("hub.message_rejected")))
        await bench.stop()
        quoted = {told.payload["message"] for told in bench.told("hub.message_rejected")}
        assert quoted == {'[null, true, "it\'s \\"\\u00e4\\" \\u202e\\ud800"]'}


async def test_tasks_come_with_what_became_of_them(tmp_path: Path) -> None:
    one, done = {"id": "one"}, {"id": "two", "status": "completed"}
    async with an_intake(tmp_path) as bench:
        await asyncio.to_thread(bench.intake.message, [[one, done, one]])
        await bench.stop()
        assert [bench.ids(f"task.{what}") for what in ("queued", "skipped", "duplicate")] == [["one"], ["two"], ["one"]]
    async with an_intake(tmp_path, generate=False) as bench:
        await asyncio.to_thread(bench.intake.message, [[one, {"id": "three"}]])
        await bench.stop()
        assert [bench.ids(f"task.{what}") for what in ("queued", "stored", "duplicate")] == [[], ["three"], ["one"]]
        assert (await bench.store.counts()).stored == 1


async def test_a_task_that_says_something_unknown_is_kept_and_told(tmp_path: Path) -> None:
    async with an_intake(tmp_path) as bench:
        await asyncio.to_thread(bench.intake.message, [{"Id": "one", "Priority": "Urgent"}])
        await asyncio.to_thread(bench.intake.message, [{"id": "two", "priority": 3}])
        await bench.stop()
        (told,) = bench.told("task.unclear")
        assert (bench.ids(), told.level, told.context["task_id"]) == (["one"], "warning", "one")
        assert 'priority "Urgent" is not known' in told.payload["notice"]
        assert "priority is 3" in bench.told("hub.message_rejected")[0].payload["error"]
