"""The workers of one session, as if they were one: the one in this process, and those that it keeps in others."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection, Iterable, Sequence
from typing import Protocol

from evolver_tui.core.errors import StoreError
from evolver_tui.core.job import JobState
from evolver_tui.core.outage import Outage
from evolver_tui.engine.readers import QueueReader


class AnyWorker(Protocol):
    """Something that takes jobs from the queue and works on them, from `run` to `stop`."""

    @property
    def held(self) -> Collection[tuple[int, int]]:
        """Job and fence of each claim that it holds."""

    @property
    def outages(self) -> Sequence[Outage]:
        """What jobs share and does not work at this moment; those that need it wait."""

    def try_now(self) -> None:
        """Try at once what does not work, by one job."""

    def knows(self, routine: str) -> bool:
        """Whether it can run a routine."""

    def wake(self) -> None:
        """Look at the queue now."""

    def wake_for_new(self) -> None:
        """Look at the queue for new jobs, unless none could be taken now."""

    def stop(self) -> None:
        """Take no further job; those that are held run on to their next stop."""

    def interrupt(self) -> None:
        """Stop, and give back what is held: finished steps are kept."""

    def drop(self, job: int) -> None:
        """Stop working on a job that was cancelled; what comes of it is not written."""

    def freeze(self, frozen: bool) -> None:
        """Stop the process that works for this one, if there is one, or let it go on."""

    async def drained(self) -> None:
        """Wait until no job waits that it could work on, or it stopped."""

    async def run(self) -> None:
        """Work until `stop`."""


class Workers:
    """Any number of workers, none included: then jobs wait for those of other processes."""

    def __init__(self, workers: Iterable[AnyWorker] = ()) -> None:
        self._workers: Sequence[AnyWorker] = tuple(workers)
        self._running: set[asyncio.Task[None]] = set()

    def __bool__(self) -> bool:
        return bool(self._workers)

    def open(self) -> None:
        """Begin to work."""
        self._running = {asyncio.create_task(worker.run()) for worker in self._workers}

    async def close(self) -> None:
        """Wait until all that were stopped are done."""
        if self._running:
            await asyncio.wait(self._running)

    @property
    def is_working(self) -> bool:
        """Whether a job is held."""
        return any(worker.held for worker in self._workers)

    @property
    def outages(self) -> Sequence[Outage]:
        """What jobs share and does not work for one of them, what was met first before all."""
        return sorted((each for worker in self._workers for each in worker.outages), key=lambda each: each.since)

    def try_now(self) -> None:
        """Try at once what does not work, by one job each."""
        for worker in self._workers:
            worker.try_now()

    def knows(self, routine: str) -> bool:
        """Whether one of them can run a routine."""
        return any(worker.knows(routine) for worker in self._workers)

    def wake(self) -> None:
        """Look at the queue now."""
        for worker in self._workers:
            worker.wake()

    def wake_for_new(self) -> None:
        """Look at the queue for new jobs."""
        for worker in self._workers:
            worker.wake_for_new()

    def stop(self) -> None:
        """Take no further job; those that are held run on to their next stop."""
        for worker in self._workers:
            worker.stop()

    def interrupt(self) -> None:
        """Stop, and give back what is held: finished steps are kept."""
        for worker in self._workers:
            worker.interrupt()

    def drop(self, job: int) -> None:
        """Stop working on a job that was cancelled."""
        for worker in self._workers:
            worker.drop(job)

    def freeze(self, frozen: bool) -> None:
        """Stop the processes that work for this one while it is stopped, or let them go on."""
        for worker in self._workers:
            worker.freeze(frozen)

    async def drop_cancelled(self, queue: QueueReader) -> None:
        """Stop working on each job that is held and was cancelled by somebody else."""
        for worker in self._workers:
            for job, _ in tuple(worker.held):
                with contextlib.suppress(StoreError):  # the next change asks again
                    row = await queue.row(job)
                    if row is not None and row.state is JobState.CANCELLED:
                        worker.drop(job)

    async def drained(self) -> None:
        """Wait until no job waits that one of them could work on."""
        for worker in self._workers:
            await worker.drained()
