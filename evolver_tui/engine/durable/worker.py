"""The worker: takes jobs, holds each while its routine runs, and records how it ended."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import MappingProxyType

from evolver_tui.core.claim import Claim, LeftBehind
from evolver_tui.core.errors import EvolverError, RoutineError, StaleLease, StoreBroken, StoreError
from evolver_tui.core.job import AUTHOR_NAME, JobState, Outcome, is_built_in
from evolver_tui.core.routine_state import DeferredEvent, Progress
from evolver_tui.core.signal import Observation, Signal, SignalContext
from evolver_tui.core.signal_catalogue import (
    JOB_LEASE_LOST,
    JOB_RESUMED,
    JOB_TAKEN_OVER,
    JOB_WAITING,
    ROUTINE_SOURCE_CHANGED,
    TASK_COMPLETED,
    TASK_FAILED,
    TASK_STARTED,
    WORKER_ERROR,
    JobTakenOver,
    TaskCompleted,
)
from evolver_tui.engine.clock import Clock
from evolver_tui.engine.durable.endings import (
    LEASE_SECONDS,
    MAX_TAKEOVERS,
    RENEW_SECONDS,
    Ending,
    ending_of,
    given_up,
    in_words,
)
from evolver_tui.engine.durable.lanes import Held, Lane, Lanes
from evolver_tui.engine.durable.routine import Result, Routine, Run, is_own_name, source_hash
from evolver_tui.engine.durable.worker_store import WorkerStore
from evolver_tui.engine.signals import SignalBus

NOTHING_DEFERRED = Progress(deferred=())
LOOK_AGAIN_SECONDS = 2.0
"""How often the queue is tried while the database is away."""


class Worker:
    """Claims jobs in the queue's order and runs its routine on each, side by side where `lanes` allows it.

    While none waits it asks the database nothing: it is woken, or a lease that somebody else holds comes to its end.

    Args:
        routines: what this worker can run, by name; the empty name is the built-in author's.
        max_takeovers: how often a job is taken over from workers that left it behind; beyond that it fails.
        concurrency: how many new jobs it holds at once.
        lost: owner to how it ended, of workers whose end somebody has seen.
        on_change: called when what it holds, or its trouble, is another than before.
    """

    def __init__(
        self,
        store: WorkerStore,
        routines: Mapping[str, Routine],
        bus: SignalBus,
        clock: Clock,
        *,
        session_id: str,
        owner: str,
        max_takeovers: int = MAX_TAKEOVERS,
        concurrency: int = 1,
        lost: Mapping[str, str] = MappingProxyType({}),
        on_broken: Callable[[StoreBroken], None] = lambda error: None,
        on_change: Callable[[Worker], None] = lambda worker: None,
    ) -> None:
        self._store = store
        self._routines = routines
        self._bus = bus
        self._clock = clock
        self._session_id = session_id
        self._owner = owner
        self._max_takeovers = max_takeovers
        self._lost = lost
        self._on_broken = on_broken
        self._on_change = on_change
        self._woken = asyncio.Event()
        """Set, and replaced, by the next `wake`."""
        self._stopping = False
        self._interrupted = False
        self._has_ended = False
        self._store_is_away = False
        self._unwritten = 0
        """How many jobs have an end that the database did not take yet, though it may answer others."""
        self.trouble = ""
        """Why the database could not be used; empty once a job came to its stop, or none is left."""
        self._nothing_waits = asyncio.Event()
        self._lanes = Lanes(routines, concurrency)
        self._some_want_a_turn = False
        """Whether jobs that were given back here may still wait for their turn at the model."""

    @property
    def held(self) -> Sequence[tuple[int, int]]:
        """Job and fence of each claim that it holds."""
        return [(held.claim.job, held.claim.fence) for held in self._lanes]

    def knows(self, routine: str) -> bool:
        """Whether it can run a routine; the empty name is the built-in author's."""
        return routine in self._routines

    @property
    def _sources(self) -> dict[str, str]:
        """Name to source hash of what can be run. A plug-in's file may have been mended since the start."""
        return {name: source_hash(routine) for name, routine in self._routines.items()}

    def wake(self) -> None:
        """Look at the queue now."""
        self._nothing_waits.clear()
        self._woken.set()
        self._woken = asyncio.Event()

    def wake_for_new(self) -> None:
        """Look at the queue for new jobs, unless none could be taken now."""
        if self._lanes.can_generate:
            self.wake()

    def stop(self) -> None:
        """Take no further job; those that are held run on to their next stop."""
        self._stopping = True
        self.wake()

    def interrupt(self) -> None:
        """Stop, and give back what is held: finished steps are kept."""
        self._interrupted = True
        self.stop()
        for held in self._lanes:
            if held.routine is not None:
                held.routine.cancel()

    def drop(self, job: int) -> None:
        """Stop working on a job that was cancelled; what comes of it is not written."""
        for held in self._lanes:
            if held.claim.job == job and held.routine is not None:
                held.routine.cancel()

    async def run(self) -> None:
        """Work until `stop`."""
        try:
            async with asyncio.TaskGroup() as jobs:
                while not self._stopping:
                    woken = self._woken
                    await self._idle(woken, await self._take(jobs, woken))
        finally:
            self._has_ended = True
            self._nothing_waits.set()

    async def drained(self) -> None:
        """Wait until no job waits for a worker, or the worker stopped."""
        if not self._has_ended:
            self.wake()
            await self._nothing_waits.wait()

    async def _take(self, jobs: asyncio.TaskGroup, woken: asyncio.Event) -> float | None:
        """Take one job, if there is room and one waits, and begin on it; returns how long to wait unless woken."""
        room = self._lanes.room
        if room is None:
            return None
        try:
            claim = await self._store.claim(self._owner, LEASE_SECONDS, self._sources, room)
            self._store_is_away = self._unwritten > 0
            if room.generates and not (claim and claim.journal):  # those that want a turn come before new jobs
                self._some_want_a_turn = False
            if claim is not None:
                jobs.create_task(self._run_in_lane(self._lanes.enter(claim)))
                self._on_change(self)
                # It was the first in order: where it is a new one, nothing that could go beside it waited.
                return 0.0 if claim.is_resumed or self._lanes.can_generate else LOOK_AGAIN_SECONDS
            self._end_trouble()
            seconds = await self._store.seconds_until_claimable(self._sources, room)
            if not (woken.is_set() or self._lanes):
                self._nothing_waits.set()
            return seconds
        except StoreError as error:
            self._meet(error)
        except Exception as error:  # noqa: BLE001 - a worker that ended would leave a queue that never moves
            self._tell_away(f"evolver-tui made a mistake while it took a job: {in_words(error)}.")
        return LOOK_AGAIN_SECONDS

    async def _run_in_lane(self, held: Held) -> None:
        """Run a job to its next stop; whatever goes wrong about it, its lane is free afterwards."""
        try:
            await self._run_one(held)
        except StoreError as error:
            self._meet(error)
            await self._idle(self._woken, LOOK_AGAIN_SECONDS)
        except Exception as error:  # noqa: BLE001 - raised here, it would end every other job
            self._tell_away(f"evolver-tui made a mistake about a job: {in_words(error)}.")
        finally:
            self._lanes.leave(held)
            self._on_change(self)
            self.wake()

    async def _run_one(self, held: Held) -> None:
        """Run a job to its next stop. Raises StoreError."""
        claim = held.claim
        try:
            await self._work(held)
            self._end_trouble()
        except StaleLease as error:
            self._tell_lost(claim, error)
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever goes wrong about one job, the others are worked on
            await self._end_unfinished(claim, f"evolver-tui made a mistake about this job: {in_words(error)}.")

    async def _idle(self, woken: asyncio.Event, seconds: float | None) -> None:
        """Wait to be woken, and no longer than some seconds where that is known."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(woken.wait(), seconds)

    async def _work(self, held: Held) -> None:
        claim = held.claim
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
        begins = JOB_RESUMED if claim.journal else TASK_STARTED
        self._bus.emit(begins({"queue_size": counts.waiting, "attempt": claim.attempt}), **_context(claim))
        await self._tell_before_work(claim)
        take_turn = partial(self._take_turn, held)
        run = Run(claim, self._store, self._bus, self._clock, self._session_id, take_turn=take_turn)
        held.routine = asyncio.ensure_future(self._result(run, claim))
        heartbeat = asyncio.ensure_future(self._hold(claim, held.routine))
        try:
            await self._settle(claim, run, held.routine)
        finally:
            held.routine = None
            heartbeat.cancel()

    def _take_turn(self, held: Held) -> bool:
        """Whether a job may ask the model now: one that was answered may where nobody else does or waits to."""
        if not self._some_want_a_turn and self._lanes.move_to_generating(held):
            self.wake()  # the lane that it left has room
        return held.lane is Lane.GENERATING

    async def _takes_over(self, claim: Claim, left_behind: LeftBehind) -> bool:
        """Tell who left the job behind; False where that happened so often that it fails instead."""
        owner = left_behind.owner.text
        left_behind = replace(left_behind, how=self._lost.get(owner, ""))
        payload: JobTakenOver = {
            "worker": owner,
            "has_ended": left_behind.has_ended,
            "takeovers": left_behind.takeovers,
        }
        self._bus.emit(JOB_TAKEN_OVER(payload), **_context(claim))
        if left_behind.takeovers <= self._max_takeovers:
            return True
        steps = [name for name in claim.journal if not is_own_name(name)]
        reason = given_up(left_behind, steps[-1] if steps else None)
        await self._insist(lambda: self._end_unfinished(claim, reason))
        return False

    async def _tell_before_work(self, claim: Claim) -> None:
        """Tell what was deferred, once, and that the routine is not the one that began."""
        if claim.deferred:
            signals = self._deferred_signals(claim, claim.deferred)
            await self._insist(lambda: self._store.emit_deferred(claim.job, claim.fence, self._session_id, signals))
            self._bus.relay(signals)
        if claim.source_changed:
            routine = AUTHOR_NAME if is_built_in(claim.routine) else claim.routine
            self._bus.emit(ROUTINE_SOURCE_CHANGED({"routine": routine}), **_context(claim))

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
            await self._release(claim)
            raise
        ending, reason = ending_of(routine, run.store_error)
        match ending:
            case Ending.COMPLETED:
                await self._complete(claim, run, routine.result())
            case Ending.FAILED:
                await self._fail(claim, run, reason)
            case Ending.WAITS_FOR_MODEL:
                self._some_want_a_turn = True
                await self._insist(lambda: self._store.release(claim.job, claim.fence, to_generate=True))
                self._bus.emit(JOB_WAITING({"reason": "model"}), **_context(claim))
            case Ending.GIVEN_BACK:
                await self._give_back(claim)
                if not routine.cancelled() and run.store_error is not None:
                    raise run.store_error

    async def _end_unfinished(self, claim: Claim, reason: str) -> None:
        """End a job as failed with nothing but the reason: anything else of it may be what went wrong."""
        signal = self._bus.stamp(TASK_FAILED({"error": reason}), **_context(claim))
        await self._store.finish(
            claim.job, claim.fence, JobState.FAILED, self._session_id, error=reason, signals=(signal,)
        )
        self._bus.relay((signal,))

    async def _give_back(self, claim: Claim) -> None:
        with contextlib.suppress(StoreError):  # then the lease has to run out, or this process has to end
            await self._insist(lambda: self._release(claim))

    async def _release(self, claim: Claim) -> None:
        await self._store.release(claim.job, claim.fence, to_generate=not claim.is_resumed)

    async def _insist(self, write: Callable[[], Awaitable[None]]) -> None:
        """Make a write that ends this worker's hold on a job, however long the database is away, until `stop`."""
        tries = 0
        try:
            while True:
                woken = self._woken
                try:
                    return await write()
                except (StaleLease, StoreBroken):
                    raise
                except StoreError as error:
                    if self._stopping:
                        raise
                    self._tell_away(str(error))
                tries += 1
                self._unwritten += tries == 1
                await self._idle(woken, LOOK_AGAIN_SECONDS)
        finally:
            self._unwritten -= tries > 0

    async def _hold(self, claim: Claim, routine: asyncio.Future[Result]) -> None:
        """Renew the lease while the routine runs; without it the routine must not go on."""
        while True:
            await self._clock.sleep(RENEW_SECONDS)
            try:
                await self._store.renew(claim.job, claim.fence, LEASE_SECONDS)
            except StaleLease as error:
                if routine.cancel():
                    self._tell_lost(claim, error)
                return
            except StoreBroken as error:
                self._on_broken(error)
                return
            except StoreError:
                continue  # the database is away: the lease may still be ours when it is back

    async def _complete(self, claim: Claim, run: Run, result: Result) -> None:
        payload: TaskCompleted = {"outcome": result.outcome.value}
        if result.node:
            payload["node"] = result.node
        ended = self._bus.stamp(TASK_COMPLETED(payload), **_context(claim))
        signals = (*self._deferred_signals(claim, run.deferred), ended)
        try:
            await self._insist(
                lambda: self._store.finish(
                    claim.job, claim.fence, JobState.COMPLETED, self._session_id,
                    outcome=result.outcome, node=result.node, signals=signals, progress=_at_the_end(run),
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
        ended = self._bus.stamp(TASK_FAILED({"error": reason, "task": claim.task.raw}), **_context(claim))
        signals = (*self._deferred_signals(claim, run.deferred), ended)
        await self._insist(
            lambda: self._store.finish(
                claim.job, claim.fence, JobState.FAILED, self._session_id, error=reason, signals=signals,
                progress=NOTHING_DEFERRED,
            )
        )  # fmt: skip
        self._bus.relay(signals)

    def _tell_away(self, error: str) -> None:
        """Say why no job can be taken or ended: once, until that goes again."""
        if not self._store_is_away:
            self._store_is_away = True
            self.trouble = error
            self._on_change(self)
            self._bus.emit(WORKER_ERROR({"error": error}))

    def _meet(self, error: StoreError) -> None:
        """The database could not be used; where it never can again, this worker's session ends."""
        self._tell_away(str(error))
        if isinstance(error, StoreBroken):
            self._on_broken(error)

    def _end_trouble(self) -> None:
        if self.trouble and not self._unwritten:
            self.trouble = ""
            self._on_change(self)

    def _tell_lost(self, claim: Claim, error: StaleLease) -> None:
        self._bus.emit(JOB_LEASE_LOST({"error": str(error)}), **_context(claim))

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


def _context(claim: Claim) -> SignalContext:
    return {"task_id": claim.task.id, "job": claim.job}


def _at_the_end(run: Run) -> Progress:
    """The shared data as it came to be; nothing is deferred any longer."""
    return replace(run.take_progress(), deferred=())
