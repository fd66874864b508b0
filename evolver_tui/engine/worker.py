"""The worker: takes one job at a time, holds it while its routine runs, and records how it ended."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from evolver_tui.core.errors import EvolverError, RoutineError, StaleLease, StoreError
from evolver_tui.core.job import JobState, Outcome
from evolver_tui.core.routine_state import DeferredEvent
from evolver_tui.core.signal import Signal
from evolver_tui.engine.ports import Claim, Clock, Kept, LeftBehind, Store
from evolver_tui.engine.routine import LEASE_SECONDS, Result, Routine, Run, Suspended, is_own_name, source_hash
from evolver_tui.engine.signals import SignalBus

NOTHING_DEFERRED = Kept(deferred=())
MAX_TAKEOVERS = 3
LOOK_AGAIN_SECONDS = 2.0
"""How often the queue is tried while the database is away."""


class Worker:
    """Claims jobs in the queue's order and runs its routine on each, one at a time.

    While none waits it asks the database nothing: it is woken, or a lease that somebody else holds comes to its end.

    Args:
        routines: what this worker can run, by name; the empty name is the built-in author's.
        max_takeovers: how often a job is taken over from workers that left it behind; beyond that it fails.
    """

    def __init__(
        self,
        store: Store,
        routines: Mapping[str, Routine],
        bus: SignalBus,
        clock: Clock,
        *,
        session_id: str,
        owner: str,
        max_takeovers: int = MAX_TAKEOVERS,
    ) -> None:
        self._store = store
        self._routines = routines
        self._bus = bus
        self._clock = clock
        self._session_id = session_id
        self._owner = owner
        self._max_takeovers = max_takeovers
        self._wake = asyncio.Event()
        self._stopping = False
        self._interrupted = False
        self._has_ended = False
        self._store_is_away = False
        self.trouble = ""
        """Why the database could not be used; empty once a job came to its stop, or none is left."""
        self._nothing_waits = asyncio.Event()
        self._current: asyncio.Task[Result] | None = None
        self._current_job = 0
        self.is_working = False
        """Whether a job is held by this worker."""

    @property
    def _sources(self) -> dict[str, str]:
        """Name to source hash of what can be run. A plug-in's file may have been mended since the start."""
        return {name: source_hash(routine) for name, routine in self._routines.items()}

    def wake(self) -> None:
        """Look at the queue now."""
        self._nothing_waits.clear()
        self._wake.set()

    def stop(self) -> None:
        """Take no further job; the current one runs on to its next stop."""
        self._stopping = True
        self.wake()

    def interrupt(self) -> None:
        """Stop, and give the current job back: its finished steps are kept."""
        self._interrupted = True
        self.stop()
        if self._current is not None:
            self._current.cancel()

    async def look_at_current(self) -> None:
        """Drop the current job where somebody else cancelled it."""
        job = self._current_job
        if self._current is not None:
            with contextlib.suppress(StoreError):
                row = await self._store.row(job)
                if row is not None and row.state is not JobState.RUNNING:
                    self.drop(job)

    def drop(self, job: int) -> None:
        """Stop working on a job that was cancelled; what comes of it is not written."""
        if self._current is not None and self._current_job == job:
            self._current.cancel()

    async def run(self) -> None:
        """Work until `stop`."""
        try:
            while not self._stopping:
                self._wake.clear()
                seconds: float | None = LOOK_AGAIN_SECONDS
                try:
                    if await self._run_one():
                        continue
                    seconds = await self._store.seconds_to_look_again(self._sources)
                    if not self._wake.is_set():
                        self._nothing_waits.set()
                except StoreError as error:
                    self._tell_away(str(error))
                except Exception as error:  # noqa: BLE001 - a worker that ended would leave a queue that never moves
                    self._tell_away(f"evolver-tui made a mistake while it took a job: {_words(error)}.")
                await self._idle(seconds)
        finally:
            self._has_ended = True
            self._nothing_waits.set()

    async def drained(self) -> None:
        """Wait until no job waits for a worker, or the worker stopped."""
        if not self._has_ended:
            self.wake()
            await self._nothing_waits.wait()

    async def _run_one(self) -> bool:
        """Take one job and run it to its next stop; False where none waits. Raises StoreError."""
        claim = await self._store.claim(self._owner, LEASE_SECONDS, self._sources)
        self._store_is_away = False
        if claim is None:
            self.trouble = ""
            return False
        self.is_working = True
        try:
            await self._work(claim)
            self.trouble = ""
        except StaleLease as error:
            self._tell_lost(claim, error)
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever goes wrong about one job, the others are worked on
            await self._end_unfinished(claim, f"evolver-tui made a mistake about this job: {_words(error)}.")
        finally:
            self.is_working = False
        return True

    async def _idle(self, seconds: float | None) -> None:
        """Wait to be woken, and no longer than some seconds where that is known."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), seconds)

    async def _work(self, claim: Claim) -> None:
        try:
            counts = await self._store.counts()
        except StoreError:
            await self._give_back(claim)
            raise
        if self._interrupted:
            await self._give_back(claim)
            return
        if claim.left_behind is not None and not await self._takes_over(claim, claim.left_behind):
            return
        name = "job.resumed" if claim.journal else "task.started"
        self._bus.emit(name, {"queue_size": counts.waiting, "attempt": claim.attempt}, **_context(claim))
        await self._tell_before_work(claim)
        run = Run(claim, self._store, self._bus, self._clock, self._session_id)
        self._current_job = claim.job
        self._current = asyncio.ensure_future(self._result(run, claim))
        heartbeat = asyncio.ensure_future(self._hold(claim, self._current))
        try:
            await self._settle(claim, run, self._current)
        finally:
            self._current = None
            heartbeat.cancel()

    async def _takes_over(self, claim: Claim, left_behind: LeftBehind) -> bool:
        """Tell who left the job behind; False where that happened so often that it fails instead."""
        payload = {"worker": left_behind.owner, "has_ended": left_behind.has_ended, "takeovers": left_behind.takeovers}
        self._bus.emit("job.taken_over", payload, level="warning", **_context(claim))
        if left_behind.takeovers <= self._max_takeovers:
            return True
        reason = _given_up(claim, left_behind)
        await self._insist(lambda: self._end_unfinished(claim, reason))
        return False

    async def _tell_before_work(self, claim: Claim) -> None:
        """Tell what was deferred, once, and that the routine is not the one that began."""
        if claim.deferred:
            signals = self._deferred_signals(claim, claim.deferred)
            await self._insist(lambda: self._store.tell_deferred(claim.job, claim.fence, self._session_id, signals))
            self._bus.relay(signals)
        if claim.source_changed:
            payload = {"routine": claim.routine or "author"}
            self._bus.emit("routine.source_changed", payload, level="warning", **_context(claim))

    async def _result(self, run: Run, claim: Claim) -> Result:
        result = await self._routines[claim.routine](run, claim.task)
        if isinstance(result, Result):
            if not (isinstance(result.outcome, Outcome) and isinstance(result.node, str)):
                raise RoutineError("The routine's Result holds no Outcome.", "Return one, or a JSON value.")
            return result
        await run.record_result(result)
        return Result(Outcome.DONE)

    async def _settle(self, claim: Claim, run: Run, routine: asyncio.Task[Result]) -> None:
        """Wait for the routine and record how it ended; given back as it is when it or this worker is cancelled."""
        try:
            await asyncio.wait({routine})
        except asyncio.CancelledError:
            routine.cancel()
            await asyncio.wait({routine})
            await self._store.release(claim.job, claim.fence)
            raise
        if routine.cancelled():
            if routine.cancelling():
                await self._give_back(claim)
            else:  # nobody asked for it: given back, it would come again at once
                await self._fail(claim, run, "The routine cancelled itself.")
            return
        match routine.exception():
            case None:
                await self._complete(claim, run, routine.result())
            case Suspended():
                pass
            case StoreError() as error if error is run.store_error:
                await self._give_back(claim)
                raise error
            case EvolverError() as error:
                await self._fail(claim, run, str(error))
            case error:  # a plug-in's or our own mistake ends one job, not the worker
                await self._fail(claim, run, f"The routine itself failed: {_words(error)}.")

    async def _end_unfinished(self, claim: Claim, reason: str) -> None:
        """End a job as failed with nothing but the reason: anything else of it may be what went wrong."""
        signal = self._bus.stamp("task.failed", {"error": reason}, level="error", **_context(claim))
        await self._store.finish(
            claim.job, claim.fence, JobState.FAILED, self._session_id, error=reason, signals=(signal,)
        )
        self._bus.relay((signal,))

    async def _give_back(self, claim: Claim) -> None:
        with contextlib.suppress(StoreError):  # then the lease has to run out, or this process has to end
            await self._insist(lambda: self._store.release(claim.job, claim.fence))

    async def _insist(self, write: Callable[[], Awaitable[None]]) -> None:
        """Make a write that ends this worker's hold on a job, however long the database is away, until `stop`."""
        while True:
            self._wake.clear()
            try:
                return await write()
            except StaleLease:
                raise
            except StoreError as error:
                if self._stopping:
                    raise
                self._tell_away(str(error))
            await self._idle(LOOK_AGAIN_SECONDS)

    async def _hold(self, claim: Claim, routine: asyncio.Future[Result]) -> None:
        """Renew the lease while the routine runs; without it the routine must not go on."""
        while True:
            await self._clock.sleep(LEASE_SECONDS / 3)
            try:
                await self._store.renew(claim.job, claim.fence, LEASE_SECONDS)
            except StaleLease as error:
                if routine.cancel():
                    self._tell_lost(claim, error)
                return
            except StoreError:
                continue  # the database is away: the lease may still be ours when it is back

    async def _complete(self, claim: Claim, run: Run, result: Result) -> None:
        payload = {"outcome": result.outcome.value, **({"node": result.node} if result.node else {})}
        ended = self._stamp("task.completed", payload, claim, "info")
        signals = (*self._deferred_signals(claim, run.deferred), ended)
        try:
            await self._insist(
                lambda: self._store.finish(
                    claim.job, claim.fence, JobState.COMPLETED, self._session_id,
                    outcome=result.outcome, node=result.node, signals=signals, kept=_at_the_end(run),
                )
            )  # fmt: skip
        except StoreError:
            raise
        except EvolverError as error:  # what it shares is not JSON
            await self._fail(claim, run, str(error))
            return
        self._bus.relay(signals)

    async def _fail(self, claim: Claim, run: Run, reason: str) -> None:
        """End a job that cannot go on. What it shared stays as it was committed last: it may be what is wrong."""
        ended = self._stamp("task.failed", {"error": reason, "task": claim.task.raw}, claim, "error")
        signals = (*self._deferred_signals(claim, run.deferred), ended)
        await self._insist(
            lambda: self._store.finish(
                claim.job, claim.fence, JobState.FAILED, self._session_id, error=reason, signals=signals,
                kept=NOTHING_DEFERRED,
            )
        )  # fmt: skip
        self._bus.relay(signals)

    def _tell_away(self, error: str) -> None:
        """Say why no job can be taken or ended: once, until that goes again."""
        if not self._store_is_away:
            self._store_is_away = True
            self.trouble = error
            self._bus.emit("worker.error", {"error": error}, level="error")

    def _tell_lost(self, claim: Claim, error: StaleLease) -> None:
        self._bus.emit("job.lease_lost", {"error": str(error)}, level="warning", **_context(claim))

    def _deferred_signals(self, claim: Claim, events: Sequence[DeferredEvent]) -> tuple[Signal, ...]:
        return tuple(
            self._bus.stamp(event.name, event.payload, level="info", deferred_at=event.timestamp, **_context(claim))
            for event in events
        )

    def _stamp(self, name: str, payload: Mapping[str, object], claim: Claim, level: str) -> Signal:
        return self._bus.stamp(name, payload, level=level, **_context(claim))


def _words(error: BaseException | None) -> str:
    """A stranger's exception in words, whatever its own text does."""
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:  # noqa: BLE001 - whatever its text does
        return type(error).__name__


def _given_up(claim: Claim, left_behind: LeftBehind) -> str:
    """Why a job fails that workers die over."""
    steps = [name for name in claim.journal if not is_own_name(name)]
    where = f"after the step {steps[-1]!a}" if steps else "before its first step was done"
    times = "once" if left_behind.takeovers == 1 else f"{left_behind.takeovers} times"
    return (
        f"Its worker was lost over it {times}, {where}: the last one, {left_behind}. A crash, a lack of memory, a kill,"
        " or a routine that ends its process does that. Look for the cause, then retry it; finished steps are kept."
    )


def _context(claim: Claim) -> dict[str, Any]:
    return {"task_id": claim.task.id, "job": claim.job}


def _at_the_end(run: Run) -> Kept:
    """The shared data as it came to be; nothing is deferred any longer."""
    return replace(run.take_kept(), deferred=())
