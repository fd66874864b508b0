"""`connect`: a session without a screen, which tells spec 000's events and returns its result."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import gettempdir
from typing import Any

from evolver_tui.core.errors import StoreBroken, StoreError
from evolver_tui.core.question_kinds import KINDS
from evolver_tui.core.signal import PayloadT, Signal, SignalType
from evolver_tui.core.signal_catalogue import (
    author_signals,
    common_payloads,
    hub_signals,
    inbox_signals,
    session_signals,
    task_signals,
)
from evolver_tui.core.times import utc_text
from evolver_tui.engine.garbage_collection import spare_what_stays
from evolver_tui.engine.intake import HubMessage
from evolver_tui.engine.process_end import LastResort, told_by_signals
from evolver_tui.engine.received import MessageFile, Spool
from evolver_tui.engine.session import Session
from evolver_tui.settings.connect_config import ConnectConfig

Emit = Callable[[Mapping[str, Any]], None]
"""Takes one event, a JSON object; called from the loop's thread and from the link's, one at a time."""


@dataclass(frozen=True, slots=True)
class HeadlessResult:
    """The result object, and whether work was left to the next start because somebody was in a hurry."""

    value: dict[str, Any]
    """All but what may be long."""
    errors: Spool
    tasks: Spool
    was_interrupted: bool

    def pieces(self) -> Iterator[str]:
        """The whole object as JSON, in pieces. To be read once."""
        yield f"{json.dumps(self.value)[:-1]}, "
        yield '"errors": '
        yield from self.errors.pieces()
        yield ', "tasks": '
        yield from self.tasks.pieces()
        yield "}"


def _keep_waiting(result: HeadlessResult) -> None:
    """Where nobody ends a process that is held up, it takes the time that it takes."""


async def run_headless(
    session: Session,
    config: ConnectConfig,
    emit: Emit,
    warning: str = "",
    cut_off: Callable[[HeadlessResult], object] = _keep_waiting,
) -> HeadlessResult:
    """Run `connect` in this process: SIGINT ends it in order, a second one or SIGTERM soon.

    Args:
        warning: what whoever starts it has to know; told with each connection.
        cut_off: ends the process with this result where the end is held up for too long; called in another thread.

    Raises:
        EvolverError: it could not begin (the URL cannot be a hub's, the database cannot be used).
    """
    headless = Headless(session, config, emit, warning, cut_off)
    with told_by_signals(headless.shut_down, headless.end_soon, headless.last_resort):
        return await headless.run()


class Headless:
    """Runs one session from a `connect` config to its result."""

    def __init__(
        self,
        session: Session,
        config: ConnectConfig,
        emit: Emit,
        warning: str = "",
        cut_off: Callable[[HeadlessResult], object] = _keep_waiting,
    ) -> None:
        self._session = session
        self._config = config
        self._emit = emit
        self._warning = warning
        self._seq = 0
        self._messages_received = self._tasks_received = 0
        self._tasks = Spool()
        self._file = MessageFile(Path(config.output_file), session.id) if config.output_file else None
        self._messages_rejected = self._tasks_failed = self._tasks_unfailed = 0
        """How many were no tasks; how many tasks ended by failing, and how many otherwise or came to a question."""
        self._last_failure = ""
        self._was_connected = self._is_connected = False
        self._was_interrupted = self._is_hurried = False
        self._reason = ""
        """Why there is no connection, as the link said it last."""
        self._has_ended = False
        """Whether the link has given up for good."""
        self._errors = Spool()
        self._errors_told: set[str] = set()
        self._stop = asyncio.Event()
        self._asked_to_end = asyncio.Event()
        self._trouble = ""
        """What held the end up, where it was cut off."""
        self._left = ""
        """Why the queue was not worked off, where something that its tasks need did not work."""
        self._queue_trouble = ""
        """What the queue's last error was, whether or not that is over."""
        self._opened = asyncio.Event()
        self.last_resort = LastResort(lambda: cut_off(self._cut_off_result()))
        self._writing = threading.Lock()
        """Signals come from the loop's thread and from the link's."""
        self._events: dict[str, Callable[[Any, Signal], None]] = {}
        self._on(hub_signals.HUB_CONNECTED, self._connected)
        self._on(hub_signals.HUB_RETRY_SCHEDULED, self._retry_scheduled)
        self._on(hub_signals.HUB_ENDED, self._ended)
        self._on(hub_signals.HUB_METHOD_UNHEARD, self._method_unheard)
        self._on(hub_signals.HUB_MESSAGE_REJECTED, self._message_rejected)
        self._on(task_signals.TASK_QUEUED, self._task_queued)
        self._on(task_signals.TASK_SKIPPED, self._not_queued)
        self._on(task_signals.TASK_STORED, self._not_queued)
        self._on(task_signals.TASK_DUPLICATE, self._not_queued)
        self._on(task_signals.TASK_UNCLEAR, self._unclear)
        self._on(task_signals.TASK_STARTED, self._processing)
        self._on(task_signals.JOB_RESUMED, self._processing)
        self._on(author_signals.NODE_WRITTEN, self._generated)
        self._on(author_signals.NODE_SAVED, self._saved)
        for kind in KINDS.values():
            self._on(kind.asked, self._waiting)
        self._on(task_signals.TASK_COMPLETED, self._completed)
        self._on(task_signals.TASK_FAILED, self._failed)
        self._on(hub_signals.INTAKE_ERROR, self._queue_error)
        self._on(session_signals.SANDBOX_STANDING, self._box_found)
        self._on(session_signals.LOG_ERROR, lambda payload, _: self._event("log_error", error=payload["error"]))
        self._on(session_signals.WORKER_PAUSED, self._worker_paused)
        self._on(session_signals.WORKER_RESUMED, self._worker_resumed)
        self._on(session_signals.BUDGET_NEAR, lambda payload, _: self._event("budget_near", **payload))
        self._remaining = 0
        """How many tasks waited when it was told last."""

    def shut_down(self) -> None:
        """Ask for the end: intake stops, the queue is worked off. A second call leaves the rest in the queue."""
        if self._asked_to_end.is_set():
            self._hurry(leaves_work=True)
        self._ask_to_end()

    def end_soon(self) -> None:
        """Ask for the end without a queue that is worked off: what is held is given back, the rest stays queued."""
        self._hurry(leaves_work=self._remaining > 0 or self._session.workers.is_working)
        self._ask_to_end()

    def _ask_to_end(self) -> None:
        if not self._asked_to_end.is_set():
            self._asked_to_end.set()
            self._event("shutdown_requested")
        self._stop.set()

    def _hurry(self, *, leaves_work: bool) -> None:
        self._was_interrupted = self._was_interrupted or leaves_work
        self._is_hurried = True
        if self._opened.is_set():
            self._session.interrupt()
        self.last_resort.arm()

    async def _wait_no_longer_for_the_database(self) -> None:
        """Once somebody wants the end: leave what a database that is away for seconds does not take."""
        await self._asked_to_end.wait()
        await self._opened.wait()
        await self._session.interrupt_when_away()
        self._hurry(leaves_work=False)

    async def run(self) -> HeadlessResult:
        """Run until the duration is over, the hub says no for good, the database is broken, or `shut_down`."""
        session = self._session
        session.bus.registry.register_all(self._hear, stays=True)
        session.on_broken = self._stop.set
        session.show_notices(lambda how, text: self._event("notice", text=text))
        watching = asyncio.create_task(self._wait_no_longer_for_the_database())
        try:
            await session.open(on_message=self._message_received)
            self._opened.set()
            spare_what_stays()
            if self._is_hurried:
                session.interrupt()
            try:
                await self._take_and_drain()
            finally:
                await self._close()
        finally:
            watching.cancel()
            session.bus.registry.unregister(self._hear)
        return self._result()

    async def _close(self) -> None:
        try:
            await self._session.close(finish_current=False)
        except StoreError as error:  # what was done is done, and the result tells it
            self._keep_error(str(error))
            self._event("error", error=str(error))
            if isinstance(error, StoreBroken) and self._session.broken is None:
                self._session.broken = error

    async def _take_and_drain(self) -> None:
        session, config = self._session, self._config
        await session.connect(config.hub_url)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), config.duration_seconds)
        await session.hub.close()
        self._event("disconnected", hub_url=str(config.hub_url), total_messages=self._messages_received)
        if config.auto_generate_workflows:
            await session.workers.drained()
            with contextlib.suppress(StoreError):  # that it cannot be read is told elsewhere
                self._left = await _left_in_queue(session)

    def _cut_off_result(self) -> HeadlessResult:
        """What is known while the end is held up."""
        held_up = "Its end took too long and was cut off."
        self._trouble = self._session.trouble or self._queue_trouble or held_up
        return self._result()

    def _result(self) -> HeadlessResult:
        config = self._config
        if self._file is not None and not self._file.finish():
            self._event("error", error=self._file.problem)
        if self._session.hub.unheard_calls:
            self._keep_error(self._session.hub.unheard_calls)
        problem = self._problem()
        value = {
            "success": not problem,
            **({"error": problem} if problem else {}),
            "hub_url": str(config.hub_url),
            "hub_name": config.hub_name,
            "total_messages": self._messages_received,
            "tasks_received": self._tasks_received,
        }
        return HeadlessResult(value, self._errors, self._tasks, self._was_interrupted)

    def _problem(self) -> str:
        """Why this run is no success, which its errors then tell as well; empty where it is one."""
        problem = self._own_problem()
        if problem:
            self._keep_error(problem)
        if not self._is_connected:
            why = self._why_not_connected()
            self._keep_error(self._reason or why)
            return problem or why
        if self._tasks_failed and not self._tasks_unfailed:
            return problem or f"Every task failed. {self._last_failure}"
        if self._messages_rejected and not self._tasks_received:
            return problem or f"Nothing that the hub sent was a task. {self._last_failure}"
        return problem or self._left

    def _own_problem(self) -> str:
        """What went wrong on this side of the link."""
        if self._file is not None and self._file.problem:
            return self._file.problem
        trouble = self._session.broken or self._session.gave_up_for or self._trouble
        if trouble:
            return str(trouble)
        full = self._tasks.problem or self._errors.problem
        return f"The tasks and errors of this result are not complete: {full} in {gettempdir()}." if full else ""

    def _why_not_connected(self) -> str:
        if self._has_ended:
            return self._reason
        if self._was_connected:
            return f"The link to the hub was lost and not back when this run ended. {self._reason}".rstrip()
        return self._never_reached()

    def _never_reached(self) -> str:
        return f"The hub was never reached. {self._reason or 'It had not answered when this run ended.'}"

    def _keep_error(self, error: str) -> None:
        """Once each: a hub that is away for hours says the same at every attempt."""
        if error and error not in self._errors_told:
            self._errors_told.add(error)
            self._errors.append(error)

    # --- signals become events

    def _on(self, kind: SignalType[PayloadT], tell: Callable[[PayloadT, Signal], None]) -> None:
        self._events[kind.name] = tell

    def _hear(self, signal: Signal) -> None:
        tell = self._events.get(signal.name)
        if tell is not None:
            tell(signal.payload, signal)

    def _event(self, event: str, **fields: Any) -> None:
        with self._writing:
            self._seq += 1
            self._emit({"event": event, **fields, "ts": utc_text(self._session.clock.now()), "seq": self._seq})

    def _message_received(self, message: HubMessage) -> None:
        data = message.arguments[0] if len(message.arguments) == 1 else list(message.arguments)
        self._messages_received += 1
        self._tasks_received += len(message.received.tasks)
        for task in message.received.tasks:
            self._tasks.append(task.raw)
        if self._file is not None and not self._file.append(data):
            self._event("error", error=self._file.problem)
        self._event("message_received", message_number=message.number, data=data)

    def _connected(self, payload: hub_signals.LinkChanged, _: Signal) -> None:
        self._was_connected = self._is_connected = True
        attempt = payload["retries"] + 1
        warning = {"warning": self._warning} if self._warning else {}
        transport = payload.get("transport", "WebSockets")
        detour: dict[str, str] = {}
        if transport != "WebSockets":
            detour = {"transport": transport, "reason": payload.get("reason", "")}
        self._event(
            "connected", hub_url=payload["hub_url"], status="listening", library="signalrcore", attempt=attempt,
            **detour, **warning,
        )  # fmt: skip

    def _retry_scheduled(self, payload: hub_signals.LinkChanged, _: Signal) -> None:
        self._is_connected = False
        self._reason = payload.get("reason", "")
        self._keep_error(self._reason)
        self._event(
            "connection_failed",
            attempt=payload["retries"], error=self._reason, retry_in=payload.get("retry_in", 0),
        )  # fmt: skip

    def _ended(self, payload: hub_signals.LinkChanged, _: Signal) -> None:
        self._reason = payload.get("reason", "")
        self._has_ended, self._is_connected = True, False
        self._keep_error(self._reason)
        attempts = max(1, payload["retries"])  # spec 000 says 10 after ten retries
        self._event("connection_failed_permanently", total_attempts=attempts, error=self._reason)
        self._stop.set()

    def _method_unheard(self, payload: hub_signals.MethodUnheard, _: Signal) -> None:
        self._event("method_unheard", method=payload["method"], notice=payload["notice"])

    def _message_rejected(self, payload: hub_signals.MessageRejected, _: Signal) -> None:
        error, message = payload["error"], payload.get("message")
        self._messages_rejected += 1
        self._last_failure = error
        self._errors.append(error)
        if message is None:
            self._event("message_handler_error", error=error)
        else:
            self._event("callback_error", error=error, message=message)

    def _task_queued(self, payload: task_signals.TaskQueued, signal: Signal) -> None:
        self._remaining = payload["queue_size"]
        self._event("task_queued", task_id=_task_id(signal), queue_size=self._remaining)

    def _not_queued(self, payload: task_signals.TaskStatus | common_payloads.Nothing, signal: Signal) -> None:
        """Beyond spec 000, which has no words for a task that is kept and not worked on."""
        self._event(signal.name.replace(".", "_"), task_id=_task_id(signal), **payload)

    def _unclear(self, payload: common_payloads.Notice, signal: Signal) -> None:
        self._event("task_unclear", task_id=_task_id(signal), notice=payload["notice"])

    def _processing(self, payload: task_signals.WorkBegan, signal: Signal) -> None:
        self._remaining = payload["queue_size"]
        self._event("processing_task", task_id=_task_id(signal), queue_size=self._remaining)

    def _generated(self, payload: author_signals.NodeWritten, signal: Signal) -> None:
        self._event(
            "workflow_generated",
            task_id=_task_id(signal), workflow_name=payload["workflow_name"], node_id=payload["node_id"],
        )  # fmt: skip

    def _saved(self, payload: author_signals.NodeSaved, signal: Signal) -> None:
        self._event("workflow_saved", node_id=payload["node_id"], task_id=_task_id(signal))

    def _waiting(self, payload: inbox_signals.Asked, signal: Signal) -> None:
        self._tasks_unfailed += 1
        waits_for = next(kind.wanted for kind in KINDS.values() if kind.asked.name == signal.name)
        self._event("task_waiting", task_id=_task_id(signal), waits_for=waits_for, message=payload["message"])

    def _completed(self, _: task_signals.TaskCompleted, signal: Signal) -> None:
        self._tasks_unfailed += 1
        self._over(signal)

    def _failed(self, payload: task_signals.TaskFailed, signal: Signal) -> None:
        self._tasks_failed += 1
        error = self._last_failure = payload["error"]
        self._errors.append(error)
        task = payload.get("task", {"id": _task_id(signal)})
        self._event("workflow_processing_failed", task=task, error=error)
        self._over(signal)

    def _over(self, signal: Signal) -> None:
        self._event("task_completed", task_id=_task_id(signal), remaining_queue=self._remaining)

    def _box_found(self, payload: session_signals.BoxFound, _: Signal) -> None:
        """Beyond spec 000: nodes cannot be run here."""
        if payload["tier"] == "none":
            self._event("no_box", error=payload.get("reason", ""), way_out=payload.get("way_out", ""))

    def _worker_paused(self, payload: session_signals.WorkerPaused, _: Signal) -> None:
        """Beyond spec 000, as is what follows: what its tasks need does not work, which is no task's failure."""
        self._keep_error(payload["error"])
        self._event("worker_paused", **payload)

    def _worker_resumed(self, payload: session_signals.WorkerResumed, _: Signal) -> None:
        self._event("worker_resumed", **payload)

    def _queue_error(self, payload: hub_signals.IntakeFailed, _: Signal) -> None:
        error = self._queue_trouble = payload["error"]
        self._errors.append(error)
        self._event("queue_processor_error", error=error)


async def _left_in_queue(session: Session) -> str:
    """Why tasks are left that nobody holds, where what they need does not work; empty where none are."""
    waiting, outages = (await session.store.counts()).waiting, session.outages
    if not (waiting and outages):
        return ""
    tasks = "1 task stays" if waiting == 1 else f"{waiting:,} tasks stay"
    return f"{tasks} in the queue for the next start: {outages[0].error}"


def _task_id(signal: Signal) -> str:
    """The id that the hub gave, or "unknown" in place of one that was made for a task without."""
    task_id = str(signal.context.get("task_id", "unknown"))
    return "unknown" if re.fullmatch(r"unknown-[0-9a-f]{12}", task_id) else task_id
