"""Intake: from the hub's arguments to committed tasks.

The link calls `message` in its receive thread; there the arguments become tasks. The event loop takes what has
gathered and hands it to the store in one go. A bounded amount waits in between: beyond it the receive thread waits,
nothing more is read, and the hub's own flow control holds the rest back.
"""

from __future__ import annotations

import asyncio
import json
import reprlib
import threading
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from evolver_tui.core.added_tasks import AddedTasks
from evolver_tui.core.errors import StoreBroken, StoreError
from evolver_tui.core.signal import Signal
from evolver_tui.core.signal_catalogue.hub_signals import (
    HUB_MESSAGE_RECEIVED,
    HUB_MESSAGE_REJECTED,
    INTAKE_ERROR,
    MessageReceived,
    MessageRejected,
)
from evolver_tui.core.signal_catalogue.task_signals import (
    TASK_DUPLICATE,
    TASK_QUEUED,
    TASK_RESENT,
    TASK_SKIPPED,
    TASK_STORED,
    TASK_UNCLEAR,
)
from evolver_tui.core.task import Task
from evolver_tui.core.task_message import Received, read_message
from evolver_tui.engine.away import Away
from evolver_tui.engine.clock import Clock
from evolver_tui.engine.signals import SignalBus

MOST_WAITING_TASKS = 10_000
MOST_TASKS_A_COMMIT = 2_000
QUOTED_CHARACTERS = 200


class _ShortJson(reprlib.Repr):
    """The beginning of a value as JSON has it, whatever its size."""

    def repr_str(self, value: str, level: int) -> str:
        beginning = value[:QUOTED_CHARACTERS]
        return json.dumps(beginning, ensure_ascii=not beginning.isprintable())

    def repr_bool(self, value: bool, level: int) -> str:
        return "true" if value else "false"

    def repr_NoneType(self, value: None, level: int) -> str:  # noqa: N802 - reprlib looks for a type by its name
        return "null"


_SHORT = _ShortJson()


class HubMessage(NamedTuple):
    """One invocation: the how manyth it was, what it carried, and what that was read as."""

    number: int
    arguments: Sequence[object]
    received: Received


MessageHook = Callable[[HubMessage], None]
"""Told of each hub message before its tasks are kept, in the loop's thread."""


AddedSignals = Callable[[AddedTasks], Sequence[Signal]]
"""Says what happened, so that the words are committed together with the deed."""


class IntakeStore(Protocol):
    """Where received tasks are kept.

    Raises (every method): StoreError when the database cannot be used, with the way out.
    """

    async def add_tasks(
        self, tasks: Sequence[Task], session_id: str, *, generate: bool, signals_of: AddedSignals
    ) -> AddedTasks:
        """Keep tasks: pending where `generate` and not completed, else over at once. Duplicates by task id are left.

        A long batch comes in several transactions. `signals_of` is called, in any thread, within each of them and for
        its tasks alone, so that no deed is ever without its words; again where one has to be made again.
        """


def added_signals(bus: SignalBus, added: AddedTasks) -> Sequence[Signal]:
    """What is told of tasks that were kept."""
    stamp = bus.stamp
    before = added.waiting - len(added.queued)
    signals = [
        stamp(TASK_QUEUED({"queue_size": before + position, "priority": task.priority}), task_id=task.id)
        for position, task in enumerate(added.queued, 1)
    ]
    signals += [stamp(TASK_SKIPPED({"status": task.status}), task_id=task.id) for task in added.skipped]
    signals += [stamp(TASK_STORED({"status": task.status}), task_id=task.id) for task in added.stored]
    signals += [stamp(TASK_DUPLICATE({}), task_id=task.id) for task in added.duplicates]
    signals += [stamp(TASK_RESENT({}), task_id=task.id) for task in added.resent]
    return signals


class Intake:
    """Takes a hub's messages and keeps their tasks."""

    def __init__(
        self,
        store: IntakeStore,
        bus: SignalBus,
        clock: Clock,
        *,
        session_id: str,
        generate: bool = True,
        on_message: MessageHook = lambda message: None,
        on_queued: Callable[[], None] = lambda: None,
        on_broken: Callable[[StoreBroken], None] = lambda error: None,
        away: Away | None = None,
    ) -> None:
        self._store = store
        self._bus = bus
        self._clock = clock
        self._session_id = session_id
        self._generate = generate
        self._on_message = on_message
        self._on_queued = on_queued
        self._on_broken = on_broken
        self._loop = asyncio.get_running_loop()
        self._arrived = asyncio.Event()
        self._room = threading.Condition()
        self._messages: list[HubMessage] = []
        self._waiting_tasks = 0
        self._held_back = 0
        self._number = 0
        self._armed = False
        self._paused = False
        self._stopped = False
        self._gives_up = False
        self._signals: Sequence[Signal] = ()
        self._away = away or Away(clock, bus)

    # --- called in the link's receive thread

    def message(self, arguments: Sequence[object]) -> None:
        """Take one invocation; waits while intake is paused or too much is uncommitted."""
        received = read_message(*arguments)
        with self._room:
            if self._stopped:
                return
            self._held_back += 1
            while not self._stopped and (self._paused or self._waiting_tasks >= MOST_WAITING_TASKS):
                self._room.wait()
            self._held_back -= 1
            self._number += 1
            self._messages.append(HubMessage(self._number, arguments, received))
            self._waiting_tasks += len(received.tasks)
            must_wake = not self._armed
            self._armed = True
        if must_wake:
            self._loop.call_soon_threadsafe(self._arrived.set)

    # --- called in the loop's thread

    @property
    def messages_received(self) -> int:
        """Hub messages taken so far."""
        return self._number

    @property
    def is_paused(self) -> bool:
        """Whether messages are held back."""
        return self._paused

    @property
    def is_holding_back(self) -> bool:
        """Whether the receive thread stands at the door with a message at this moment."""
        return self._held_back > 0

    def pause(self, paused: bool) -> None:
        """Hold messages back, or let them come again."""
        with self._room:
            self._paused = paused
            self._room.notify_all()

    def stop(self) -> None:
        """Take nothing more; what was read from the hub is still committed by `run`, which then ends."""
        with self._room:
            self._stopped = True
            self._room.notify_all()
        self._arrived.set()

    def give_up(self) -> None:
        """Stop, and wait no longer for a database that cannot be used: what it refuses is lost, and told of."""
        self._gives_up = True
        self.stop()
        self._away.try_now()

    async def run(self) -> None:
        """Commit what arrives until `stop`."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            with self._room:
                messages, self._messages = self._messages, []
                self._armed = False
                is_last = self._stopped and not self._held_back
            if messages:
                await self._keep(messages)
            if is_last:
                return

    async def _keep(self, messages: Sequence[HubMessage]) -> None:
        for message in messages:
            self._on_message(message)
        tasks = [task for message in messages for task in message.received.tasks]
        number = messages[-1].number
        gathered: MessageReceived = {"message_number": number, "messages": len(messages), "tasks": len(tasks)}
        self._bus.emit(HUB_MESSAGE_RECEIVED(gathered))
        for start in range(0, len(tasks), MOST_TASKS_A_COMMIT):
            await self._commit(tasks[start : start + MOST_TASKS_A_COMMIT])
        for message in messages:
            for problem in message.received.problems:
                self._tell_problem(message, problem)
            for task, remark in message.received.remarks:
                self._bus.emit(TASK_UNCLEAR({"notice": remark}), task_id=task.id)

    async def _commit(self, tasks: Sequence[Task]) -> None:
        """Keep these tasks, however long the database is away: the hub does not send them again."""
        added = await self._add(tasks)
        with self._room:
            self._waiting_tasks -= len(tasks)
            self._room.notify_all()
        if added is not None:
            self._bus.relay(self._signals)
            if added.queued:
                self._on_queued()

    async def _add(self, tasks: Sequence[Task]) -> AddedTasks | None:
        """Try until the tasks are committed; None when this was given up."""
        told = False
        while True:
            try:
                added = await self._store.add_tasks(
                    tasks, self._session_id, generate=self._generate, signals_of=self._signals_of
                )
                self._away.settled(self)
                return added
            except StoreError as error:
                if isinstance(error, StoreBroken):
                    self.give_up()
                    self._on_broken(error)
                if self._gives_up:
                    self._away.settled(self)
                    lost = f"{len(tasks):,} received tasks are lost." if len(tasks) > 1 else "1 received task is lost."
                    lost = f"{lost} {error}"
                    self._bus.emit(INTAKE_ERROR({"error": lost, "tasks": len(tasks)}))
                    return None
                if not told:
                    self._bus.emit(INTAKE_ERROR({"error": str(error), "tasks": len(tasks)}))
                told = True
                self._away.failed(self, error)
                await self._away.wait()

    def _signals_of(self, added: AddedTasks) -> Sequence[Signal]:
        """The words for one commit; called in the store's thread, inside the transaction."""
        signals = added_signals(self._bus, added)
        self._signals = signals
        return signals

    def _tell_problem(self, message: HubMessage, problem: str) -> None:
        quoted = _SHORT.repr(list(message.arguments))[:QUOTED_CHARACTERS]
        payload: MessageRejected = {"error": problem, "message": quoted, "message_number": message.number}
        self._bus.emit(HUB_MESSAGE_REJECTED(payload))
