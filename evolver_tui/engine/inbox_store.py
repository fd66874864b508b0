"""What the inbox needs of the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from evolver_tui.core.bundle import Bundle
from evolver_tui.core.job import JobDetail
from evolver_tui.core.job_marks import MarkChange
from evolver_tui.core.question import OpenQuestion
from evolver_tui.core.signal import Signal


class InboxStore(Protocol):
    """What a person changes. Every write returns after its commit.

    `signals` are written in the same transaction as the fact they tell of.

    Raises (every method): StoreError when the database cannot be used, with the way out.
    """

    async def question(self, question_id: int) -> OpenQuestion | None:
        """One open question, or None when it is answered or unknown."""

    async def job(self, job: int) -> JobDetail | None:
        """One job in full."""

    async def answer(
        self, question_id: int, value: Mapping[str, Any], by: str, session_id: str, signals: Sequence[Signal] = ()
    ) -> None:
        """Commit the one answer and make its job pending again. Raises AlreadyAnswered, NotWaiting."""

    async def retry(self, job: int, session_id: str, signals: Sequence[Signal] = ()) -> None:
        """Queue a failed job again; its journal stays. Raises NotWaiting when it has not failed."""

    async def failed_jobs(self, holding: str = "") -> Sequence[int]:
        """Every failed job whose error holds this text in any case, as they arrived."""

    async def cancel(self, job: int, session_id: str, signals: Sequence[Signal] = ()) -> None:
        """End a job for good, whether it waits or runs: its worker's next write is refused.

        Raises:
            NotWaiting: it is over or unknown.
        """

    async def restore(self, job: int, session_id: str, signals: Sequence[Signal] = ()) -> None:
        """Put a rejected or cancelled job back where it was: paused at the question or review at which it ended, with
        that answer and what followed from it taken back, or else pending. Its fence grows.

        Raises:
            NotWaiting: it is neither rejected nor cancelled, no person's answer rejected it, or it is unknown.
        """

    async def mark(self, job: int, change: MarkChange, session_id: str, signals: Sequence[Signal] = ()) -> bool:
        """Change a job's marks, and its place in the queue with its priority; False, and no signal, where that changes
        nothing. Raises NotWaiting for a job that is unknown or moved away.
        """

    async def export_job(
        self, job: int, by: str, host: str, bundle_id: str, session_id: str, signals: Sequence[Signal] = ()
    ) -> Bundle:
        """Let a waiting job leave: it becomes `exported` here, and the bundle holds all of it.

        A job that left already gives the same bundle again, with the id of the first time.

        Raises:
            NotWaiting: it runs, is over, or is unknown.
        """

    async def import_job(self, bundle: Bundle, session_id: str, signals: Sequence[Signal] = ()) -> int:
        """Let a job come in, in the state in which it left; returns its number here.

        A job that left from here comes back under its old number.

        Raises:
            BundleError: this bundle came in before, or its task is here in another state; or it cannot be read.
        """
