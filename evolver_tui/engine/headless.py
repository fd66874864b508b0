"""`connect`: a session without a screen, which tells spec 000's events and returns its result."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal as process_signal
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evolver_tui.core import signal_catalogue as signals
from evolver_tui.core.errors import StoreBroken, StoreError
from evolver_tui.core.question_kinds import KINDS
from evolver_tui.core.signal import PayloadT, Signal, SignalType
from evolver_tui.core.times import utc_text
from evolver_tui.engine.garbage_collection import spare_what_stays
from evolver_tui.engine.intake import HubMessage
from evolver_tui.engine.session import Session
from evolver_tui.settings.connect_config import ConnectConfig

SECONDS_FOR_THE_DATABASE = 3.0
"""How long a run that was asked to end waits for a database that is away; what is held is then given back."""
_LOOK_SECONDS = 0.2

Emit = Callable[[Mapping[str, Any]], None]
"""Takes one event, a JSON object; called from the loop's thread and from the link's, one at a time."""


@dataclass(frozen=True, slots=True)
class HeadlessResult:
    """The result object, and whether the queue was left unfinished because somebody was in a hurry."""

    value: dict[str, Any]
    was_interrupted: bool


async def run_headless(session: Session, config: ConnectConfig, emit: Emit, warning: str = "") -> HeadlessResult:
    """Run `connect` in this process: SIGINT and SIGTERM end it in order, a second one soon.

    Args:
        warning: what whoever starts it has to know; told with each connection.

    Raises:
        EvolverError: it could not begin (the URL cannot be a hub's, the database cannot be used).
    """
    headless = Headless(session, config, emit, warning)
    loop = asyncio.get_running_loop()
    for number in (process_signal.SIGINT, process_signal.SIGTERM):
        loop.add_signal_handler(number, headless.shut_down)
    try:
        return await headless.run()
    finally:
        for number in (process_signal.SIGINT, process_signal.SIGTERM):
            loop.remove_signal_handler(number)


class Headless:
    """Runs one session from a `connect` config to its result."""

    def __init__(self, session: Session, config: ConnectConfig, emit: Emit, warning: str = "") -> None:
        self._session = session
        self._config = config
        self._emit = emit
        self._warning = warning
        self._seq = 0
        self._messages: list[object] = []
        self._tasks: list[object] = []
        self._was_connected = False
        self._was_interrupted = False
        self._reason = ""
        """Why there is no connection, as the link said it last."""
        self._has_ended = False
        """Whether the link has given up for good."""
        self._errors: list[str] = []
        self._stop = asyncio.Event()
        self._asked_to_end = asyncio.Event()
        self._trouble = ""
        """Why the database did not take what was left, where this run no longer waited for it."""
        self._is_open = False
        self._writing = threading.Lock()
        """Signals come from the loop's thread and from the link's."""
        self._events: dict[str, Callable[[Any, Signal], None]] = {}
        self._on(signals.HUB_CONNECTED, self._connected)
        self._on(signals.HUB_RETRY_SCHEDULED, self._retry_scheduled)
        self._on(signals.HUB_ENDED, self._ended)
        self._on(signals.HUB_MESSAGE_REJECTED, self._message_rejected)
        self._on(signals.TASK_QUEUED, self._task_queued)
        self._on(signals.TASK_SKIPPED, self._not_queued)
        self._on(signals.TASK_STORED, self._not_queued)
        self._on(signals.TASK_DUPLICATE, self._not_queued)
        self._on(signals.TASK_STARTED, self._processing)
        self._on(signals.JOB_RESUMED, self._processing)
        self._on(signals.NODE_WRITTEN, self._generated)
        self._on(signals.NODE_SAVED, self._saved)
        for kind in KINDS.values():
            self._on(kind.asked, self._waiting)
        self._on(signals.TASK_COMPLETED, self._completed)
        self._on(signals.TASK_FAILED, self._failed)
        self._on(signals.INTAKE_ERROR, self._queue_error)
        self._on(signals.WORKER_ERROR, self._queue_error)
        self._remaining = 0

    def shut_down(self) -> None:
        """Ask for the end: intake stops, the queue is worked off. A second call leaves the rest in the queue."""
        if self._asked_to_end.is_set():
            self._was_interrupted = True
            if self._is_open:
                self._session.interrupt()
        else:
            self._asked_to_end.set()
            self._event("shutdown_requested")
        self._stop.set()

    async def _wait_no_longer_for_the_database(self) -> None:
        """Once somebody wants the end: leave what a database that is away for seconds does not take."""
        session, waited = self._session, 0.0
        await self._asked_to_end.wait()
        while waited < SECONDS_FOR_THE_DATABASE:
            await asyncio.sleep(_LOOK_SECONDS)
            waited = waited + _LOOK_SECONDS if self._is_open and session.trouble else 0.0
        self._trouble = session.trouble
        session.interrupt()

    async def run(self) -> HeadlessResult:
        """Run until the duration is over, the hub says no for good, the database is broken, or `shut_down`."""
        session = self._session
        session.bus.registry.register_all(self._hear)
        session.on_broken = self._stop.set
        watching = asyncio.create_task(self._wait_no_longer_for_the_database())
        try:
            await session.open(on_message=self._message_received)
            self._is_open = True
            spare_what_stays()
            if self._was_interrupted:
                session.interrupt()
            try:
                await self._take_and_drain()
            finally:
                await self._close()
        finally:
            watching.cancel()
            session.bus.registry.unregister(self._hear)
        return HeadlessResult(self._result(), self._was_interrupted)

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
        self._event("disconnected", hub_url=str(config.hub_url), total_messages=len(self._messages))
        if config.auto_generate_workflows:
            await session.workers.drained()

    def _result(self) -> dict[str, Any]:
        config = self._config
        problem = ""
        if not self._was_connected:
            problem = self._reason if self._has_ended else self._never_reached()
            self._keep_error(self._reason or problem)
        if self._session.broken is not None or self._trouble:
            problem = str(self._session.broken or self._trouble)
            self._keep_error(problem)
        if config.output_file and self._messages:
            problem = self._write_messages(Path(config.output_file)) or problem
        return {
            "success": not problem,
            **({"error": problem} if problem else {}),
            "hub_url": str(config.hub_url),
            "hub_name": config.hub_name,
            "total_messages": len(self._messages),
            "tasks_received": len(self._tasks),
            "errors": self._errors,
            "tasks": self._tasks,
        }

    def _never_reached(self) -> str:
        return f"The hub was never reached. {self._reason or 'It had not answered when this run ended.'}"

    def _write_messages(self, path: Path) -> str:
        """Write what was received; returns what went wrong."""
        unfinished = path.with_name(f".{path.name[:200]}.{os.getpid()}.unfinished")
        try:
            unfinished.write_text(json.dumps(self._messages, indent=2), encoding="utf-8")
            os.replace(unfinished, path)
        except OSError as error:
            with contextlib.suppress(OSError):
                unfinished.unlink()
            problem = f"{path} cannot be written: {error.strerror}."
            self._keep_error(problem)
            self._event("error", error=problem)
            return problem
        return ""

    def _keep_error(self, error: str) -> None:
        """Once each: a hub that is away for hours says the same at every attempt."""
        if error not in self._errors:
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
        self._messages.append(data)
        self._tasks.extend(task.raw for task in message.received.tasks)
        self._event("message_received", message_number=message.number, data=data)

    def _connected(self, payload: signals.LinkChanged, _: Signal) -> None:
        self._was_connected = True
        attempt = payload["retries"] + 1
        warning = {"warning": self._warning} if self._warning else {}
        self._event(
            "connected", hub_url=payload["hub_url"], status="listening", library="signalrcore", attempt=attempt,
            **warning,
        )  # fmt: skip

    def _retry_scheduled(self, payload: signals.LinkChanged, _: Signal) -> None:
        self._reason = payload.get("reason", "")
        self._keep_error(self._reason)
        self._event(
            "connection_failed",
            attempt=payload["retries"], error=self._reason, retry_in=payload.get("retry_in", 0),
        )  # fmt: skip

    def _ended(self, payload: signals.LinkChanged, _: Signal) -> None:
        self._reason = payload.get("reason", "")
        self._has_ended = True
        self._keep_error(self._reason)
        attempts = max(1, payload["retries"])  # spec 000 says 10 after ten retries
        self._event("connection_failed_permanently", total_attempts=attempts, error=self._reason)
        self._stop.set()

    def _message_rejected(self, payload: signals.MessageRejected, _: Signal) -> None:
        error, message = payload["error"], payload.get("message")
        self._errors.append(error)
        if message is None:
            self._event("message_handler_error", error=error)
        else:
            self._event("callback_error", error=error, message=message)

    def _task_queued(self, payload: signals.TaskQueued, signal: Signal) -> None:
        self._remaining = payload["queue_size"]
        self._event("task_queued", task_id=_task_id(signal), queue_size=self._remaining)

    def _not_queued(self, payload: signals.TaskStatus | signals.Nothing, signal: Signal) -> None:
        """Beyond spec 000, which has no words for a task that is kept and not worked on."""
        self._event(signal.name.replace(".", "_"), task_id=_task_id(signal), **payload)

    def _processing(self, payload: signals.WorkBegan, signal: Signal) -> None:
        self._remaining = payload["queue_size"]
        self._event("processing_task", task_id=_task_id(signal), queue_size=self._remaining)

    def _generated(self, payload: signals.NodeWritten, signal: Signal) -> None:
        self._event(
            "workflow_generated",
            task_id=_task_id(signal), workflow_name=payload["workflow_name"], node_id=payload["node_id"],
        )  # fmt: skip

    def _saved(self, payload: signals.NodeSaved, signal: Signal) -> None:
        self._event("workflow_saved", node_id=payload["node_id"], task_id=_task_id(signal))

    def _waiting(self, payload: signals.Asked, signal: Signal) -> None:
        waits_for = next(kind.wanted for kind in KINDS.values() if kind.asked.name == signal.name)
        self._event("task_waiting", task_id=_task_id(signal), waits_for=waits_for, message=payload["message"])

    def _completed(self, _: signals.TaskCompleted | signals.TaskFailed, signal: Signal) -> None:
        self._event("task_completed", task_id=_task_id(signal), remaining_queue=self._remaining)

    def _failed(self, payload: signals.TaskFailed, signal: Signal) -> None:
        error = payload["error"]
        self._errors.append(error)
        task = payload.get("task", {"id": _task_id(signal)})
        self._event("workflow_processing_failed", task=task, error=error)
        self._completed(payload, signal)

    def _queue_error(self, payload: signals.Failure | signals.IntakeFailed, _: Signal) -> None:
        error = payload["error"]
        self._errors.append(error)
        self._event("queue_processor_error", error=error)


def _task_id(signal: Signal) -> str:
    """The id that the hub gave, or "unknown" in place of one that was made for a task without."""
    task_id = str(signal.context.get("task_id", "unknown"))
    return "unknown" if re.fullmatch(r"unknown-[0-9a-f]{12}", task_id) else task_id
