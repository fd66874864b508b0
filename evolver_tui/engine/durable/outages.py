"""What jobs share and does not work: who waits for it, who tries it again, and when.

An error that names something shared is no fault of the job that met it. That job is given back as it was, and jobs that
need the same wait, until one of them, the probe, gets through: the first in the queue's order once a wait is over.
Waits grow from try to try. Others go on.

What looks shared may be one job's own doing: a prompt that a provider's filter answers with 403, or that ends a server.
So a probe that failed lets another job go before it, and a job that meets the same again and again, right after others
got through, fails by itself after all. One that is alone is told so: where it can be seen by other means that the thing
works, that counts as if another job had got through; where it cannot, the person is told whom to suspect.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from evolver_tui.core.claim import Room
from evolver_tui.core.errors import LIBRARY, MODEL, EvolverError, StoreError
from evolver_tui.core.outage import Outage
from evolver_tui.core.safe_text import safe_text
from evolver_tui.core.signal_catalogue.session_signals import WORKER_RESUMED
from evolver_tui.engine.clock import Clock
from evolver_tui.engine.durable.budget import Budget
from evolver_tui.engine.durable.lanes import Held
from evolver_tui.engine.durable.probing import Probing
from evolver_tui.engine.signals import SignalBus

LONGEST_WAIT_SECONDS: Final = 300.0
"""Between two tries, unless who was asked wants a longer pause."""
MOST_APART: Final = 32
"""How many jobs come to wait for the library before no other is begun."""
SUSPECT: Final = "Only {task} met it of late: where that is its own doing, cancel it."
MOST_STRIKES: Final = 2
"""How often others get through before a job that does not is taken to be at fault itself."""


@dataclass(slots=True)
class _Stop:
    """An outage, and who waits for its end."""

    outage: Outage
    routines: set[str] = field(default_factory=set)
    waiting: set[int] = field(default_factory=set)
    """Jobs that were seen to need it."""
    is_due: bool = False
    """Whether the wait is over."""
    probe: int | None = None
    """The job that tries it now."""
    failed: int | None = None
    """The job that met it last."""
    after_others: int | None = None
    """The probe that failed last: any other job tries it before."""
    is_alone: bool = False
    """Whether no other job was there to try before that one."""
    timer: asyncio.Task[None] | None = None

    @property
    def is_open(self) -> bool:
        """Whether a job may try it."""
        return self.is_due and self.probe is None


class Outages:
    """What does not work for one worker, by what it is.

    Args:
        retry: called when a job may try again.
        on_change: called when something is found to work again.
    """

    def __init__(self, clock: Clock, bus: SignalBus, retry: Callable[[], None], on_change: Callable[[], None]) -> None:
        self._clock = clock
        self._bus = bus
        self._retry = retry
        self._on_change = on_change
        self._stops: dict[str, _Stop] = {}
        self._passed: dict[str, int] = {}
        """How often a job got through, by what it needed."""
        self._strikes: dict[int, tuple[int, int]] = {}
        """Of jobs that met an outage: `_passed` at that time, and how often others got through in between."""

    def __bool__(self) -> bool:
        return bool(self._stops)

    def __iter__(self) -> Iterator[Outage]:
        for stop in tuple(self._stops.values()):
            yield replace(stop.outage, is_trying=stop.probe is not None)

    # --- what may be taken

    def narrow(self, routines: Mapping[str, str], room: Room) -> tuple[Mapping[str, str], Room]:
        """Leave out what would only come to wait: of what a worker can run, and of what it has room for."""
        apart: set[int] = set()
        closed: set[str] = set()
        generates, turns = room.generates, room.turns
        for shared, stop in self._stops.items():
            if stop.is_open:
                apart |= set() if stop.after_others is None else {stop.after_others}
            elif shared == MODEL:
                generates = turns = False
            elif shared == LIBRARY and len(stop.waiting) < MOST_APART:
                apart |= stop.waiting
            else:
                closed |= stop.routines
        left = {name: source for name, source in routines.items() if name not in closed}
        resumed = tuple(name for name in room.resumed_of(routines) if name in left)
        return left, replace(room, resumed=resumed, generates=generates, turns=turns, apart=tuple(apart))

    def begin(self, held: Held) -> None:
        """A job was taken: it may be a probe."""
        claim = held.claim
        for shared, stop in self._stops.items():
            if not stop.is_open:
                continue
            if shared == MODEL:  # whether it comes to ask the model is seen then
                stop.probe = None if claim.is_resumed else claim.job
            elif claim.job in stop.waiting or (shared != LIBRARY and claim.routine in stop.routines):
                stop.probe = claim.job
                held.needs.add(shared)

    def forgive(self) -> bool:
        """No other job was there to try: whether one may that was put behind others."""
        put_behind = [stop for stop in self._stops.values() if stop.is_open and stop.after_others is not None]
        for stop in put_behind:
            stop.after_others = None
            stop.is_alone = True
        return bool(put_behind)

    # --- what a job does

    def lets_through(self, held: Held, shared: str) -> bool:
        """Whether a job that is about to use something may; otherwise it waits with the others."""
        stop = self._stops.get(shared)
        if stop is not None and stop.probe != held.claim.job:
            if not stop.is_open:
                stop.waiting.add(held.claim.job)
                return False
            stop.probe = held.claim.job
        held.needs.add(shared)
        return True

    def is_probe(self, held: Held) -> bool:
        """Whether others wait to hear what becomes of this job."""
        return any(stop.probe == held.claim.job for stop in self._stops.values())

    def is_alone(self, held: Held) -> bool:
        """Whether it is the probe once more because no other job could be."""
        return any(stop.is_alone and stop.probe == stop.failed == held.claim.job for stop in self._stops.values())

    def is_own_fault(self, job: int, shared: str) -> bool:
        """Whether a job that meets an outage again is to fail: others got through meanwhile, more than once."""
        passed = self._passed.get(shared, 0)
        before, strikes = self._strikes.get(job, (passed, 0))
        strikes += passed > before
        self._strikes[job] = passed, strikes
        if strikes < MOST_STRIKES:
            return False
        del self._strikes[job]
        return True

    def meet(self, held: Held, error: EvolverError) -> Outage | None:
        """A job met an outage: returns it, or None where that was known and nobody had tried again."""
        claim, shared = held.claim, error.shared
        stop = self._stops.get(shared)
        if stop is not None and stop.probe != claim.job:  # it was under way when another job met the same
            stop.routines.add(claim.routine)
            stop.waiting.add(claim.job)
            return None
        before = stop.outage if stop is not None else None
        outage = Outage.after(before, error, self._clock.now(), LONGEST_WAIT_SECONDS, shared)
        if stop is None:
            stop = self._stops[shared] = _Stop(outage)
        else:
            stop.after_others = claim.job
            stop.is_alone = stop.is_alone and stop.failed == claim.job
        if stop.is_alone:
            outage = replace(
                outage, error=f"{error} {SUSPECT.format(task=safe_text(claim.task.id, 60))}", is_one_job=True
            )
        stop.outage, stop.is_due, stop.probe, stop.failed = outage, False, None, claim.job
        stop.routines.add(claim.routine)
        stop.waiting.add(claim.job)
        stop.timer = asyncio.create_task(self._wait(stop, outage.wait))
        return outage

    def got_through(self, held: Held, but_for: str = "") -> None:
        """A job came to its stop: what it needed works, but for one thing."""
        if not but_for:
            self._strikes.pop(held.claim.job, None)
        for shared in held.needs - {but_for}:
            self.works(held, shared)

    def works(self, held: Held, shared: str) -> None:
        """A job saw that something works; where it was the probe, the outage is over."""
        self._passed[shared] = self._passed.get(shared, 0) + 1
        stop = self._stops.get(shared)
        if stop is None or stop.probe != held.claim.job:
            return
        del self._stops[shared]
        self._on_change()
        seconds = round(max(0.0, self._clock.now() - stop.outage.since), 3)
        self._bus.emit(WORKER_RESUMED({"shared": shared, "seconds": seconds}))
        self._retry()

    def leave(self, held: Held) -> None:
        """A job is not held any longer; where it came to no try, the next one does."""
        for stop in self._stops.values():
            if stop.probe == held.claim.job:
                stop.probe = None

    # --- time

    async def _wait(self, stop: _Stop, seconds: float) -> None:
        await self._clock.sleep(seconds)
        stop.is_due = True
        self._retry()

    def try_now(self) -> None:
        """Wait no longer; one job tries."""
        for stop in self._stops.values():
            if stop.probe is None:
                if stop.timer is not None:
                    stop.timer.cancel()
                stop.is_due = True
                stop.outage = replace(stop.outage, next_try=self._clock.now())
        self._retry()

    def close(self) -> None:
        """Wait for nothing any longer."""
        for stop in self._stops.values():
            if stop.timer is not None:
                stop.timer.cancel()


class HeldProbing(Probing):
    """How a job that is held stands to what does not work.

    Args:
        take_turn: whether it is its turn at the model.
        step_aside: lets others go on beside it.
        budget: what may be spent on a model; None bounds nothing.
    """

    def __init__(
        self,
        outages: Outages,
        held: Held,
        take_turn: Callable[[], bool],
        step_aside: Callable[[], None],
        budget: Budget | None,
    ) -> None:
        self._outages, self._held, self._take_turn, self._step_aside = outages, held, take_turn, step_aside
        self._budget = budget

    def may_use(self, shared: str) -> bool:
        if shared == MODEL and self._budget is not None and not self._budget.may_spend:
            return False
        return self._outages.lets_through(self._held, shared) and (shared != MODEL or self._take_turn())

    @property
    def is_probe(self) -> bool:
        return self._outages.is_probe(self._held)

    @property
    def is_alone(self) -> bool:
        return self._outages.is_alone(self._held)

    def step_aside(self) -> None:
        self._step_aside()

    def works(self, shared: str) -> None:
        self._outages.works(self._held, shared)

    async def has_spent(self) -> None:
        if self._budget is not None:
            with contextlib.suppress(StoreError):  # the next claim looks again
                await self._budget.look()
