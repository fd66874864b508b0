"""Keeps a worker for other people's routines in a process of its own, which is started when a job first needs it.

Whatever a routine does there (end the process, crash it, keep it busy, fill its memory) costs its job an attempt and
this process nothing. While the worker's own loop is held up, its leases are renewed from here.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any, Final

from evolver_tui.adapters.worker_process.channel import signal_of
from evolver_tui.adapters.worker_process.child import Child, Held
from evolver_tui.core.errors import EvolverError, StaleLease, StoreBroken, StoreError
from evolver_tui.core.outage import Outage
from evolver_tui.core.signal_catalogue.session_signals import WORKER_ENDED, WorkerEnded
from evolver_tui.engine.away import Away
from evolver_tui.engine.clock import Clock
from evolver_tui.engine.durable.endings import LEASE_SECONDS, RENEW_SECONDS
from evolver_tui.engine.durable.worker_store import WorkerStore
from evolver_tui.engine.signals import SignalBus

IDLE_SECONDS: Final = 60.0
"""After which a process that holds no job is ended: it keeps what its routines imported in memory."""
GRACE_SECONDS: Final = 5.0
"""How long a process has to let go of a job, or to end, before it is killed."""
LONGEST_WAIT_SECONDS: Final = 60.0
"""Between two starts that failed."""
PROCESS: Final = "routine process"
"""What is paused while no process can be started."""


class WorkerProcess:
    """A worker, as far as its session can tell, whose routines run elsewhere.

    Args:
        routines: the names of what it runs.
        begin: what the process needs to know at its start, as JSON.
        environ: the process's environment.
        away: how the database stands, for all of this session.
    """

    def __init__(
        self,
        store: WorkerStore,
        bus: SignalBus,
        clock: Clock,
        routines: Collection[str],
        begin: Mapping[str, Any],
        environ: Mapping[str, str],
        away: Away,
        *,
        on_broken: Callable[[StoreBroken], None] = lambda error: None,
    ) -> None:
        self._store = store
        self._bus = bus
        self._clock = clock
        self._routines = routines
        self._begin = begin
        self._environ = environ
        self._on_broken = on_broken
        self._child: Child | None = None
        self._lost: dict[str, str] = {}
        """Owner to how it ended, of each process that left a job behind."""
        self._change = asyncio.Event()
        """Set, and replaced, whenever anything here is another than before."""
        self._woken = asyncio.Event()
        self._has_nothing = False
        """Whether no job waits, as far as was looked since the last `wake`."""
        self._away = away
        self._starting = Away(clock, bus, LONGEST_WAIT_SECONDS)
        """Whether a process can be started."""
        for each in (self._away, self._starting):
            each.watch(self._woken.set)
        self._drains = 0
        self._drained = -1
        self._stopping = asyncio.Event()
        self._is_interrupted = self._has_ended = False
        self._watching: set[asyncio.Task[None]] = set()

    # --- what its session asks

    @property
    def held(self) -> Collection[Held]:
        """Job and fence of each claim that the process holds."""
        return self._child.held if self._child is not None else ()

    @property
    def outages(self) -> Sequence[Outage]:
        """What the process's jobs share and does not work."""
        if self._child is not None and self._child.owner:
            return self._child.outages
        return () if self._starting.outage is None else (self._starting.outage,)

    def try_now(self) -> None:
        """Try at once what does not work, by one job."""
        self._starting.try_now()
        self._tell("try")

    def knows(self, routine: str) -> bool:
        """Whether it can run a routine."""
        return routine in self._routines

    def wake(self) -> None:
        """Look at the queue now."""
        self._has_nothing = False
        self._woken.set()
        self._tell("wake")

    def wake_for_new(self) -> None:
        """Look at the queue for new jobs. A process that runs hears of them by itself, and not at each commit."""
        if self._child is None:
            self.wake()

    def stop(self) -> None:
        """Take no further job; those that are held run on to their next stop."""
        self._stopping.set()
        self._tell("stop")
        self._woken.set()

    def interrupt(self) -> None:
        """Stop, and give back what is held; a process that does not is killed."""
        self._is_interrupted = True
        self._stopping.set()
        self._tell("interrupt")
        self._woken.set()
        if self._child is not None:
            self._watch(self._kill_later(self._child, lambda: True, "the console was closed"))

    def drop(self, job: int) -> None:
        """Stop working on a job that was cancelled; a process that does not is killed."""
        if self._child is not None:
            for held in [held for held in self._child.held if held[0] == job]:
                self._take_back(self._child, held, "it did not let go of a cancelled job")

    def freeze(self, frozen: bool) -> None:
        """Stop the process, or let it go on; a lease that ended meanwhile is lost, and it says so."""
        if self._child is not None:
            self._child.freeze(frozen)

    async def drained(self) -> None:
        """Wait until no job waits for it, or it stopped."""
        self.wake()
        self._drains += 1
        wanted = self._drains
        asked: Child | None = None
        while not (self._has_ended or self._has_nothing or self._drained >= wanted):
            change = self._change
            if self._child is not None and self._child is not asked and self._child.owner:
                asked = self._child
                asked.send("drain", number=wanted)
            await change.wait()

    async def run(self) -> None:
        """Keep a process while jobs wait for it, until `stop`."""
        try:
            while not self._stopping.is_set():
                self._woken.clear()
                seconds = await self._seconds_to_wait()
                if seconds == 0.0:
                    await self._supervise()
                    continue
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._woken.wait(), seconds)
        finally:
            self._has_ended = True
            self._starting.close()
            self._changed()
            for task in self._watching:
                task.cancel()

    # --- the process's life

    async def _seconds_to_wait(self) -> float | None:
        """How long to wait before a process is needed, unless woken: 0.0 where one is needed now."""
        if self._away.must_wait(self) or self._starting.must_wait(self):
            return None
        try:
            if await self._store.waits(self._routines):
                self._away.settled(self)
                return 0.0
            seconds = await self._store.seconds_until_claimable(dict.fromkeys(self._routines, ""))
            self._away.settled(self)
            self._starting.settled(self)
            self._has_nothing = not self._woken.is_set()
            self._changed()
            return seconds
        except StoreBroken as error:
            self._on_broken(error)
        except StoreError as error:
            self._away.failed(self, error)
        return None

    async def _supervise(self) -> None:
        """Start a process and stay with it to its end."""
        try:
            child = await Child.start(self._environ)
        except OSError as error:
            self._tell_failure(f"No process could be started for routines: {error.strerror}.")
            return
        self._child = child
        child.send("begin", lost=self._lost, **self._begin)
        if self._is_interrupted:  # while it was started
            self.interrupt()
        elif self._stopping.is_set():
            self.stop()
        beside = [asyncio.create_task(work) for work in (self._renew_leases(child), self._end_when_idle(child))]
        failed = ""
        try:
            async for message in child.messages():
                failed = message.get("failed", failed)
                self._hear(child, message)
            self._watch(self._kill_later(child, lambda: True, "it no longer answered"))
            how = await child.ended()
        except BaseException:
            child.kill("its supervisor ended")
            raise
        finally:
            for task in beside:
                task.cancel()
            self._child = None
        self._take_leave(child, how)
        if not (child.owner or self._stopping.is_set()):
            last = child.last_words[-1:] or (how,)
            self._tell_failure(failed or f"The process for routines could not begin: {last[0]}")
        self._changed()

    def _hear(self, child: Child, message: dict[str, Any]) -> None:
        match message:
            case {"signal": value}:
                self._bus.relay((signal_of(value),))
            case {"held": held}:
                child.held = frozenset((job, fence) for job, fence in held)
            case {"outages": outages}:
                child.outages = tuple(Outage.from_json_value(outage) for outage in outages)
            case {"ready": owner}:
                child.owner = owner
                self._starting.settled(self)
            case {"drained": number}:
                self._drained = max(self._drained, number)
        self._changed()

    def _take_leave(self, child: Child, how: str) -> None:
        """Tell of an end that nobody asked for, and remember it for whoever takes over."""
        if not child.held:
            return
        self._lost[child.owner] = how
        payload: WorkerEnded = {"pid": child.pid, "how": how, "jobs": sorted(job for job, _ in child.held)}
        if child.last_words:
            payload["last_words"] = "\n".join(child.last_words)
        self._bus.emit(WORKER_ENDED(payload))

    def _tell_failure(self, problem: str) -> None:
        self._starting.failed(self, EvolverError(problem, shared=PROCESS))
        self._changed()

    async def _renew_leases(self, child: Child) -> None:
        """Hold what the process holds, however busy it is; it lets go of what somebody else has taken over."""
        while True:
            await self._clock.sleep(RENEW_SECONDS)
            for held in child.held:
                try:
                    await self._store.renew(*held, LEASE_SECONDS)
                except StaleLease:
                    self._take_back(child, held, "it did not let go of a job that it no longer held")
                except StoreBroken as error:
                    self._on_broken(error)
                except StoreError:
                    continue  # the database is away: the lease may still be ours when it is back

    async def _end_when_idle(self, child: Child) -> None:
        while True:
            change = self._change
            if child.owner and not (child.held or child.outages):
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(change.wait(), IDLE_SECONDS)
                    continue
                child.send("stop")
            await self._change.wait()

    def _take_back(self, child: Child, held: Held, reason: str) -> None:
        child.send("drop", job=held[0])
        self._watch(self._kill_later(child, lambda: held in child.held, reason))

    async def _kill_later(self, child: Child, is_due: Callable[[], bool], reason: str) -> None:
        await self._clock.sleep(GRACE_SECONDS)
        if is_due():
            child.kill(reason)

    # --- small things

    def _watch(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._watching.add(task)
        task.add_done_callback(self._watching.discard)

    def _tell(self, do: str) -> None:
        if self._child is not None:
            self._child.send(do)

    def _changed(self) -> None:
        self._change.set()
        self._change = asyncio.Event()
