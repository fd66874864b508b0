"""What a worker needs of the database."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

from evolver_tui.core.claim import ALL_ROOM, BUILT_IN_ROUTINES, Claim, Place, Room
from evolver_tui.core.job import JobState, Outcome, QueueCounts, QueueRow
from evolver_tui.core.question import Question
from evolver_tui.core.routine_state import NO_PROGRESS, Progress
from evolver_tui.core.signal import Signal
from evolver_tui.core.spending import Spent


class WorkerStore(Protocol):
    """Jobs to be claimed, held, written to and ended. Every write returns after its commit.

    `signals` are written in the same transaction as the fact they tell of.

    Raises (every method): StoreError when the database cannot be used, with the way out.
    """

    async def claim(
        self,
        owner: str,
        lease_seconds: float,
        routines: Mapping[str, str] = BUILT_IN_ROUTINES,
        room: Room = ALL_ROOM,
    ) -> Claim | None:
        """Take the first job in order that waits for a worker.

        The order: resumed ones as they were answered, those that wait for their turn at the model, then new ones by
        priority and arrival.

        A claim whose caller was cancelled meanwhile is given back.

        A running job whose lease ended, or whose owner was a process of this host and is proven to have ended, waits
        as well, and its takings-over are counted.

        Args:
            routines: name to source hash of what this worker can run; other jobs are left to others. A hash is kept
                with the job; an empty one is not compared.
            room: what this worker takes at this moment.
        """

    async def seconds_until_claimable(
        self, routines: Mapping[str, str] = BUILT_IN_ROUTINES, room: Room = ALL_ROOM
    ) -> float | None:
        """When `claim` may find something that `watch` does not tell of, as a lease ends. None while nobody has one."""

    async def waits(self, routines: Collection[str]) -> bool:
        """Whether a worker that can run these routines could claim a job now."""

    async def renew(self, job: int, fence: int, lease_seconds: float) -> None:
        """Hold on to a job. Raises StaleLease."""

    async def record_step(
        self,
        job: int,
        fence: int,
        name: str,
        value: Any,
        session_id: str,
        signals: Sequence[Signal] = (),
        *,
        digest: str = "",
        progress: Progress = NO_PROGRESS,
    ) -> None:
        """Journal a step's JSON result under its name, with the digest of its arguments. Raises StaleLease."""

    async def record_spending(self, job: int, fence: int, nth: int, session_id: str, model: str, spent: Spent) -> None:
        """Keep what one generation took; the same one again is kept once. A worker that lost the job may do it as well.

        Args:
            nth: which generation of this claim it is.
        """

    async def pause(
        self,
        job: int,
        fence: int,
        question: Question,
        session_id: str,
        signals: Sequence[Signal] = (),
        *,
        reason: str = "",
        progress: Progress = NO_PROGRESS,
    ) -> int:
        """Commit the question, the waiting state and the end of the lease in one. Returns the question's id.

        Args:
            reason: why the job waits; empty takes `review` or `user_input`, after the question's kind.
        """

    async def emit_deferred(self, job: int, fence: int, session_id: str, signals: Sequence[Signal]) -> None:
        """Write the signals of a job's deferred events, and forget those events, in one. Raises StaleLease."""

    async def finish(
        self,
        job: int,
        fence: int,
        state: JobState,
        session_id: str,
        *,
        outcome: Outcome | None = None,
        error: str = "",
        node: str = "",
        signals: Sequence[Signal] = (),
        progress: Progress = NO_PROGRESS,
    ) -> None:
        """End a job (completed, failed). Raises StaleLease."""

    async def release(self, job: int, fence: int, *, to_generate: bool = False, place: Place | None = None) -> None:
        """Give a claimed job back as it is: the next claim goes on with it. A stale fence is ignored.

        Args:
            to_generate: it waits for its turn at the model.
            place: where in the queue it waits and since when, as its claim named it.
        """

    async def row(self, job: int) -> QueueRow | None:
        """One row."""

    async def counts(self) -> QueueCounts:
        """How many jobs stand where."""
