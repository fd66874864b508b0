"""What becomes of the jobs that a worker holds, written to the database and told."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from evolver_tui.core.claim import Claim
from evolver_tui.core.errors import LIBRARY, MODEL, EvolverError, StaleLease, StoreBroken, StoreError
from evolver_tui.core.job import JobState
from evolver_tui.core.routine_state import DeferredEvent, Progress
from evolver_tui.core.signal import Observation, Signal, SignalContext
from evolver_tui.core.signal_catalogue.task_signals import (
    JOB_LEASE_LOST,
    JOB_WAITING,
    TASK_COMPLETED,
    TASK_FAILED,
    TaskCompleted,
)
from evolver_tui.engine.away import Away
from evolver_tui.engine.durable.routine import Result, Run
from evolver_tui.engine.durable.worker_store import WorkerStore
from evolver_tui.engine.signals import SignalBus

_NOTHING_DEFERRED = Progress(deferred=())


class JobWrites:
    """Writes each under the fence of its claim."""

    def __init__(
        self, store: WorkerStore, bus: SignalBus, away: Away, session_id: str, is_stopping: Callable[[], bool]
    ) -> None:
        """Args:
        is_stopping: whether nobody waits any longer for a database that is away.
        """
        self._store = store
        self._bus = bus
        self._away = away
        self._session_id = session_id
        self._is_stopping = is_stopping

    async def insist(self, write: Callable[[], Awaitable[object]]) -> None:
        """Make a write of a job that is held, however long the database is away, until the worker stops.

        Raises:
            StoreError: the job is somebody else's by now, or the database is away at the end, or for good.
        """
        try:
            while True:
                try:
                    await write()
                    return
                except (StaleLease, StoreBroken):
                    raise
                except StoreError as error:
                    if self._is_stopping():
                        raise
                    self._away.failed(write, error)
                await self._away.wait()
        finally:
            self._away.settled(write)

    async def put_back(self, claim: Claim, shared: str) -> None:
        """Let a job wait for something that others need as well: in its place, among those that need the same."""
        to_generate = {MODEL: True, LIBRARY: False}.get(shared, not claim.is_resumed)
        place = claim.place if to_generate is not claim.is_resumed else None
        await self.insist(lambda: self._store.release(claim.job, claim.fence, to_generate=to_generate, place=place))
        self._bus.emit(JOB_WAITING({"reason": shared}), **context_of(claim))

    async def give_back(self, claim: Claim) -> None:
        """Let another worker have the job, however long the database is away."""
        with contextlib.suppress(StoreError):  # then the lease has to run out, or this process has to end
            await self.insist(lambda: self.release(claim))

    async def release(self, claim: Claim) -> None:
        """Let another worker have the job as it is, at once. Raises StoreError."""
        await self._store.release(claim.job, claim.fence, to_generate=not claim.is_resumed)

    async def complete(self, claim: Claim, run: Run, result: Result) -> None:
        """End a job whose routine came to its end; as failed where what it shares cannot be kept."""
        payload: TaskCompleted = {"outcome": result.outcome.value}
        if result.node:
            payload["node"] = result.node
        ended = self._bus.stamp(TASK_COMPLETED(payload), **context_of(claim))
        signals = (*self._deferred_signals(claim, run.deferred), ended)
        try:
            await self.insist(
                lambda: self._store.finish(
                    claim.job, claim.fence, JobState.COMPLETED, self._session_id,
                    outcome=result.outcome, node=result.node, signals=signals, progress=_at_the_end(run),
                )
            )  # fmt: skip
        except StoreError:
            raise
        except EvolverError as error:  # what it shares is not JSON
            await self.fail(claim, run, str(error))
            return
        self._bus.relay(signals)

    async def fail(self, claim: Claim, run: Run, reason: str) -> None:
        """End a job that cannot go on. What it shared stays as it was committed last: it may be what is wrong."""
        ended = self._bus.stamp(TASK_FAILED({"error": reason, "task": claim.task.raw}), **context_of(claim))
        signals = (*self._deferred_signals(claim, run.deferred), ended)
        await self.insist(
            lambda: self._store.finish(
                claim.job, claim.fence, JobState.FAILED, self._session_id, error=reason, signals=signals,
                progress=_NOTHING_DEFERRED,
            )
        )  # fmt: skip
        self._bus.relay(signals)

    async def end_unfinished(self, claim: Claim, reason: str) -> None:
        """End a job as failed with nothing but the reason: anything else of it may be what went wrong."""
        signal = self._bus.stamp(TASK_FAILED({"error": reason}), **context_of(claim))
        await self._store.finish(
            claim.job, claim.fence, JobState.FAILED, self._session_id, error=reason, signals=(signal,)
        )
        self._bus.relay((signal,))

    def tell_lost(self, claim: Claim, error: StaleLease) -> None:
        """Tell that the job is another's by now: nothing is written of it."""
        self._bus.emit(JOB_LEASE_LOST({"error": str(error)}), **context_of(claim))

    async def tell_deferred(self, claim: Claim, events: Sequence[DeferredEvent]) -> None:
        """Tell what was deferred until the job is taken up again, once."""
        signals = self._deferred_signals(claim, events)
        await self.insist(lambda: self._store.emit_deferred(claim.job, claim.fence, self._session_id, signals))
        self._bus.relay(signals)

    def _deferred_signals(self, claim: Claim, events: Sequence[DeferredEvent]) -> tuple[Signal, ...]:
        return tuple(
            self._bus.stamp(
                Observation(event.name, event.payload, "info"),
                deferred_at=event.timestamp,
                task_id=claim.task.id,
                job=claim.job,
            )
            for event in events
        )


def context_of(claim: Claim) -> SignalContext:
    """What signals about a job that is held are told with."""
    return {"task_id": claim.task.id, "job": claim.job}


def _at_the_end(run: Run) -> Progress:
    """The shared data as it came to be; nothing is deferred any longer."""
    return replace(run.take_progress(), deferred=())
