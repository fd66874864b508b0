"""The worker: takes jobs, holds each while its routine runs, and records how it ended."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import MappingProxyType

from evolver_tui.core.claim import Claim, LeftBehind
from evolver_tui.core.errors import (
    MODEL,
    EvolverError,
    RoutineError,
    StaleLease,
    StoreBroken,
    StoreError,
)
from evolver_tui.core.job import AUTHOR_NAME, Outcome, is_built_in
from evolver_tui.core.journal import is_own_name
from evolver_tui.core.outage import Outage
from evolver_tui.core.signal_catalogue.routine_signals import ROUTINE_SOURCE_CHANGED
from evolver_tui.core.signal_catalogue.session_signals import WORKER_PAUSED
from evolver_tui.core.signal_catalogue.task_signals import (
    JOB_RESUMED,
    JOB_TAKEN_OVER,
    TASK_STARTED,
    JobTakenOver,
)
from evolver_tui.engine.away import Away
from evolver_tui.engine.clock import Clock
from evolver_tui.engine.durable.budget import Budget
from evolver_tui.engine.durable.endings import (
    LEASE_SECONDS,
    MAX_TAKEOVERS,
    RENEW_SECONDS,
    Ending,
    ending_of,
    given_up,
    in_words,
    unproven,
)
from evolver_tui.engine.durable.job_writes import JobWrites, context_of
from evolver_tui.engine.durable.lanes import MOST, Held, Lane, Lanes
from evolver_tui.engine.durable.outages import HeldProbing, Outages
from evolver_tui.engine.durable.routine import Result, Routine, Run, source_hash
from evolver_tui.engine.durable.worker_store import WorkerStore
from evolver_tui.engine.signals import SignalBus

LOOK_AGAIN_SECONDS = 2.0
"""When the queue is looked at again, though nothing told of a change."""
QUEUE = "queue"
"""What is paused by a mistake of our own."""


class Worker:
    """Claims jobs in the queue's order and runs its routine on each, side by side where `lanes` allows it.

    While none waits it asks the database nothing: it is woken, or a lease that somebody else holds comes to its end.

    Args:
        routines: what this worker can run, by name; the empty name is the built-in author's.
        max_takeovers: how often a job is taken over from workers that left it behind; beyond that it fails.
        concurrency: how many new jobs it holds at once.
        answered: how many jobs that somebody answered ask the model beside those.
        lost: owner to how it ended, of workers whose end somebody has seen.
        on_change: called when what it holds, or what does not work, is another than before.
        away: how the database stands, for all of this session.
        budget: what may be spent on a model, by all of this session; None bounds nothing.
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
        answered: int = MOST[Lane.ANSWERED],
        lost: Mapping[str, str] = MappingProxyType({}),
        on_broken: Callable[[StoreBroken], None] = lambda error: None,
        on_change: Callable[[Worker], None] = lambda worker: None,
        away: Away | None = None,
        budget: Budget | None = None,
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
        self._away = away or Away(clock, bus)
        self._budget = budget
        self._writes = JobWrites(store, bus, self._away, session_id, lambda: self._stopping)
        self._away.watch(self.wake)
        self._nothing_waits = asyncio.Event()
        self._lanes = Lanes(routines, concurrency, answered)
        self._outages = Outages(clock, bus, self.wake, lambda: on_change(self))
        self._some_want_a_turn = False
        """Whether jobs that were given back here may still wait for their turn at the model."""

    @property
    def held(self) -> Sequence[tuple[int, int]]:
        """Job and fence of each claim that it holds."""
        return [(held.claim.job, held.claim.fence) for held in self._lanes]

    @property
    def outages(self) -> Sequence[Outage]:
        """What jobs share and does not work at this moment, the database left out."""
        return list(self._outages)

    def try_now(self) -> None:
        """Try at once what does not work, by one job."""
        self._outages.try_now()
        self._on_change(self)

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
        if self._lanes.can_generate and not self._outages:
            self.wake()

    def stop(self) -> None:
        """Take no further job; those that are held run on to their next stop."""
        self._stopping = True
        self._away.try_now()
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

    def freeze(self, frozen: bool) -> None:
        """It has no process of its own: it is stopped with this one."""

    async def run(self) -> None:
        """Work until `stop`."""
        try:
            async with asyncio.TaskGroup() as jobs:
                while not self._stopping:
                    woken = self._woken
                    await self._idle(woken, await self._take(jobs, woken))
        finally:
            self._outages.close()
            self._has_ended = True
            self._nothing_waits.set()

    async def drained(self) -> None:
        """Wait until no job waits for a worker, or the worker stopped."""
        if not self._has_ended:
            self.wake()
            await self._nothing_waits.wait()

    async def _take(self, jobs: asyncio.TaskGroup, woken: asyncio.Event) -> float | None:
        """Take one job, if there is room and one waits, and begin on it; returns how long to wait unless woken."""
        if (room := self._lanes.room) is None:
            self._away.settled(self)
            return None
        if self._away.must_wait(self):
            return None
        sources, room = self._outages.narrow(self._sources, room)
        try:
            if self._budget is not None and (room.generates or room.turns):
                room = await self._budget.narrow(room)
            claim = await self._store.claim(self._owner, LEASE_SECONDS, sources, room)
            self._away.settled(self)
            # Those that want a turn come before new jobs.
            if (room.generates or room.turns) and not (claim and claim.journal):
                self._some_want_a_turn = False
            if claim is not None:
                held = self._lanes.enter(claim)
                self._outages.begin(held)
                jobs.create_task(self._run_in_lane(held))
                self._on_change(self)
                # It was the first in order: where it is a new one, nothing that could go beside it waited.
                may_go_on = claim.is_resumed or claim.journal or self._lanes.can_generate
                return 0.0 if may_go_on else LOOK_AGAIN_SECONDS
            if self._outages.forgive():
                return 0.0
            seconds = await self._store.seconds_until_claimable(sources, room)
            if not (woken.is_set() or self._lanes):
                self._nothing_waits.set()
            return seconds
        except StoreError as error:
            self._meet(error)
        except Exception as error:  # noqa: BLE001 - a worker that ended would leave a queue that never moves
            mistake = f"evolver-tui made a mistake while it took a job: {in_words(error)}."
            self._away.failed(self, EvolverError(mistake, shared=QUEUE))
        return LOOK_AGAIN_SECONDS

    async def _run_in_lane(self, held: Held) -> None:
        """Run a job to its next stop; whatever goes wrong about it, its lane is free afterwards."""
        try:
            await self._run_one(held)
        except StoreError as error:
            self._meet(error)
            await self._idle(self._woken, LOOK_AGAIN_SECONDS)
        except Exception as error:  # noqa: BLE001 - raised here, it would end every other job
            mistake = f"evolver-tui made a mistake about a job: {in_words(error)}."
            self._away.failed(self, EvolverError(mistake, shared=QUEUE))
        finally:
            self._lanes.leave(held)
            self._outages.leave(held)
            self._on_change(self)
            self.wake()

    async def _run_one(self, held: Held) -> None:
        """Run a job to its next stop. Raises StoreError."""
        claim = held.claim
        try:
            await self._work(held)
        except StaleLease as error:
            self._writes.tell_lost(claim, error)
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever goes wrong about one job, the others are worked on
            await self._writes.end_unfinished(claim, f"evolver-tui made a mistake about this job: {in_words(error)}.")

    async def _idle(self, woken: asyncio.Event, seconds: float | None) -> None:
        """Wait to be woken, and no longer than some seconds where that is known."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(woken.wait(), seconds)

    async def _work(self, held: Held) -> None:
        claim = held.claim
        try:
            counts = await self._store.counts()
        except StoreError:
            await self._writes.give_back(claim)
            raise
        if self._interrupted:
            await self._writes.give_back(claim)
            return
        if claim.left_behind is not None and not await self._takes_over(claim, claim.left_behind):
            return
        begins = JOB_RESUMED if claim.journal else TASK_STARTED
        self._bus.emit(begins({"queue_size": counts.waiting, "attempt": claim.attempt}), **context_of(claim))
        await self._tell_before_work(claim)
        run = Run(
            claim, self._store, self._bus, self._clock, self._session_id,
            probing=HeldProbing(
                self._outages, held, partial(self._take_turn, held), partial(self._step_aside, held), self._budget
            ),
            insist=self._writes.insist,
        )  # fmt: skip
        held.routine = asyncio.ensure_future(self._result(run, claim))
        heartbeat = asyncio.ensure_future(self._hold(claim, held.routine))
        try:
            await self._settle(held, run, held.routine)
        finally:
            held.routine = None
            heartbeat.cancel()

    def _take_turn(self, held: Held) -> bool:
        """Whether it is a job's turn at the model: one that was answered may where nobody else asks it or waits to."""
        if held.lane in (Lane.GENERATING, Lane.ANSWERED):
            return True
        has_turn = not self._some_want_a_turn and self._lanes.move_to_generating(held)
        if has_turn:
            self.wake()  # the lane that it left has room
        return has_turn

    def _step_aside(self, held: Held) -> None:
        """A job does what takes a while: what was decided after it goes on beside it."""
        if self._lanes.step_aside(held):
            self.wake()  # as above

    async def _takes_over(self, claim: Claim, left_behind: LeftBehind) -> bool:
        """Tell who left the job behind; False where that happened so often that it fails instead."""
        owner = left_behind.owner.text
        left_behind = replace(left_behind, how=self._lost.get(owner, ""))
        payload: JobTakenOver = {
            "worker": owner,
            "has_ended": left_behind.has_ended,
            "takeovers": left_behind.takeovers,
        }
        self._bus.emit(JOB_TAKEN_OVER(payload), **context_of(claim))
        if left_behind.takeovers <= self._max_takeovers:
            return True
        steps = [name for name in claim.journal if not is_own_name(name)]
        reason = given_up(left_behind, steps[-1] if steps else None)
        await self._writes.insist(lambda: self._writes.end_unfinished(claim, reason))
        return False

    async def _tell_before_work(self, claim: Claim) -> None:
        """Tell what was deferred, once, and that the routine is not the one that began."""
        if claim.deferred:
            await self._writes.tell_deferred(claim, claim.deferred)
        if claim.source_changed:
            routine = AUTHOR_NAME if is_built_in(claim.routine) else claim.routine
            self._bus.emit(ROUTINE_SOURCE_CHANGED({"routine": routine}), **context_of(claim))

    async def _result(self, run: Run, claim: Claim) -> Result:
        result = await self._routines[claim.routine](run, claim.task)
        if isinstance(result, Result):
            if not (isinstance(result.outcome, Outcome) and isinstance(result.node, str)):
                raise RoutineError("The routine's Result holds no Outcome.", "Return one, or a JSON value.")
            return result
        await run.record_result(result)
        return Result(Outcome.DONE)

    async def _settle(self, held: Held, run: Run, routine: asyncio.Task[Result]) -> None:
        """Wait for the routine and record how it ended; given back as it is when it or this worker is cancelled."""
        claim = held.claim
        try:
            await asyncio.wait({routine})
        except asyncio.CancelledError:
            routine.cancel()
            await asyncio.wait({routine})
            await self._writes.release(claim)
            raise
        ending, reason = ending_of(routine, run.store_error)
        fault = routine.exception() if ending is Ending.PAUSED else None
        if isinstance(fault, EvolverError) and self._outages.is_own_fault(claim.job, fault.shared):
            ending = Ending.FAILED
        if ending in (Ending.COMPLETED, Ending.FAILED, Ending.ASKS, Ending.PAUSED):
            self._outages.got_through(held, but_for=unproven(routine))
        match ending:
            case Ending.COMPLETED:
                await self._writes.complete(claim, run, routine.result())
            case Ending.FAILED:
                await self._writes.fail(claim, run, reason)
            case Ending.WAITS_FOR_TURN:
                self._some_want_a_turn |= reason == MODEL
                await self._writes.put_back(claim, reason)
            case Ending.PAUSED if isinstance(fault, EvolverError):
                await self._pause(held, fault)
            case Ending.GIVEN_BACK:
                await self._writes.give_back(claim)
                if not routine.cancelled() and run.store_error is not None:
                    raise run.store_error

    async def _pause(self, held: Held, fault: EvolverError) -> None:
        """Wait for something that does not work: the job that met it is given back, in its place."""
        outage = self._outages.meet(held, fault)
        await self._writes.put_back(held.claim, fault.shared)
        if outage is not None:
            self._bus.emit(WORKER_PAUSED(outage.told()), **context_of(held.claim))

    async def _hold(self, claim: Claim, routine: asyncio.Future[Result]) -> None:
        """Renew the lease while the routine runs; without it the routine must not go on."""
        while True:
            await self._clock.sleep(RENEW_SECONDS)
            try:
                await self._store.renew(claim.job, claim.fence, LEASE_SECONDS)
            except StaleLease as error:
                if routine.cancel():
                    self._writes.tell_lost(claim, error)
                return
            except StoreBroken as error:
                self._on_broken(error)
                return
            except StoreError:
                continue  # the database is away: the lease may still be ours when it is back

    def _meet(self, error: StoreError) -> None:
        """The database could not be used; where it never can again, this worker's session ends."""
        if isinstance(error, StoreBroken):
            self._on_broken(error)
        else:
            self._away.failed(self, error)
