"""What is read of jobs, for the screen, for the command line and for an export."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol

from evolver_tui.core.job import JobDetail, QueueCounts, QueueKey, QueueRow
from evolver_tui.core.made_decision import MadeDecision, PendingWithdrawal
from evolver_tui.core.question import OpenQuestion
from evolver_tui.core.routine_state import AskedQuestion, Pause, SharedState
from evolver_tui.core.spending import Total
from evolver_tui.core.statistics import DecidedQuestion
from evolver_tui.core.training_data.decided_review import DecidedReview, DecisionKey

DecidedPlace = tuple[DecisionKey | None, int]
"""Reviews come first in the order of their decisions, then all other questions by their number."""
SpendingGroup = Literal["", "session", "model", "task", "type", "routine"]


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

    async def alike(self, question_id: int) -> Sequence[OpenQuestion]:
        """Other open questions that ask the same: of the same routine, with the same message, form and subject."""

    async def latest_answer(self, question_id: int) -> Mapping[str, Any] | None:
        """What a question that asks the same was answered with last, as `Answer` or a decision has it as JSON."""


class DecisionReader(Protocol):
    """What persons decided about drafts.

    Raises (every method): StoreError when the database cannot be used, with the way out.
    """

    async def decided_reviews(
        self, after: DecisionKey | None, limit: int, session_id: str = "", *, job: int = 0, unreviewed: bool = False
    ) -> Sequence[DecidedReview]:
        """Decisions that follow `after` (None: from the first), in their order.

        Args:
            session_id: only those about tasks that came in with this session; empty for all.
            job: only those about this job; 0 for all.
            unreviewed: with what rules approved. That looks through every journal for each page.
        """

    async def latest_decision(self, job: int) -> MadeDecision | None:
        """What was decided last about a job and was not taken back; None for nothing."""

    async def latest_decision_by(self, by: str) -> MadeDecision | None:
        """What somebody decided last and nobody took back, in any session; None for nothing."""

    async def pending_withdrawals(self) -> Sequence[PendingWithdrawal]:
        """Approvals that were taken back and may lie in a library still. That looks through every decision."""

    async def count_decided(self, until: DecisionKey) -> int:
        """How many decisions there are up to this one and with it, apart from what rules approved."""

    async def learned(self, name: str) -> Any:
        """What was kept of decisions under this name (`LearningStore`); None where nothing is."""

    async def journal(self, job: int) -> Mapping[str, Any]:
        """Name to value of what is journaled for a job."""


class DecidedReader(Protocol):
    """Every question that was answered, as far as figures are made of it."""

    async def decided_questions(
        self, after: DecidedPlace, limit: int, *, since: float, until: float
    ) -> tuple[Sequence[DecidedQuestion], DecidedPlace]:
        """Some that follow `after`, and where they end; where none do, there is nothing more. Raises StoreError.

        Args:
            since: seconds since 1970 by the database's clock of the decision, as `until`, which is not within.
        """


class SpendingReader(Protocol):
    """What generations took.

    Raises (every method): StoreError when the database cannot be used, with the way out.
    """

    async def spending(
        self,
        by: SpendingGroup = "",
        *,
        since: float = 0.0,
        until: float = math.inf,
        session_id: str = "",
        job: int = 0,
        limit: int = 1000,
    ) -> Sequence[tuple[str, Total]]:
        """What was spent, added up by something; the latest that spent first.

        Args:
            by: empty for all together, which is one total.
            since: seconds since 1970 by the database's clock, as `until`, which is not within.
            session_id: only what this session spent; empty for all.
            job: only what was spent on this job; 0 for all.
            limit: groups at most.
        """
