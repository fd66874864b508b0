"""What is read of jobs, for the screen, for the command line and for an export."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from evolver_tui.core.job import JobDetail, QueueCounts, QueueKey, QueueRow
from evolver_tui.core.question import OpenQuestion
from evolver_tui.core.routine_state import AskedQuestion, Pause, SharedState


class QueueReader(Protocol):
    """The queue as a list of any length.

    Raises (every method): StoreError when the database cannot be used, with the way out.
    """

    async def rows_after(self, key: QueueKey | None, limit: int, search: str = "") -> Sequence[QueueRow]:
        """Rows that follow `key` in the queue's order (None: from the top)."""

    async def rows_before(self, key: QueueKey | None, limit: int, search: str = "") -> Sequence[QueueRow]:
        """Rows that precede `key` (None: from the end), still in the queue's order."""

    async def rank_of(self, key: QueueKey, search: str = "") -> int:
        """How many rows precede `key`."""

    async def row(self, job: int) -> QueueRow | None:
        """One row."""

    async def counts(self) -> QueueCounts:
        """How many jobs stand where."""


class JobReader(Protocol):
    """Single jobs in full, and what waits for a person.

    Raises (every method): StoreError when the database cannot be used, with the way out.
    """

    async def job(self, job: int) -> JobDetail | None:
        """One job in full."""

    async def job_of_task(self, task_id: str) -> int | None:
        """The number of the job that works on a task, or None."""

    async def journal(self, job: int) -> Mapping[str, Any]:
        """Name to value of what is journaled for a job."""

    async def shared_of(self, job: int) -> SharedState:
        """A job's shared data and log."""

    async def pauses_of(self, job: int) -> Sequence[Pause]:
        """Every question that a job asked, with its answer, oldest first."""

    async def asked_by(self, job: int) -> Sequence[AskedQuestion]:
        """Every question that a job asked, whole, oldest first."""

    async def journal_times(self, job: int) -> Mapping[str, float]:
        """Name to time, in seconds since 1970, of what is journaled for a job."""

    async def open_questions(self, limit: int = 200) -> Sequence[OpenQuestion]:
        """What waits for a person, oldest first."""

    async def question(self, question_id: int) -> OpenQuestion | None:
        """One open question, or None when it is answered or unknown."""

    async def open_question_of(self, job: int) -> OpenQuestion | None:
        """What this job waits for, or None."""
