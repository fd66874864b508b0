"""What the inbox needs of the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from evolver_tui.core.bundle import Bundle
from evolver_tui.core.job import JobDetail
from evolver_tui.core.job_marks import MarkChange
from evolver_tui.core.made_decision import MadeDecision, PendingWithdrawal
from evolver_tui.core.question import OpenQuestion
from evolver_tui.core.signal import Signal


class GivenAnswer(NamedTuple):
    """An answer to one question, and what is told of it in whose log."""

    question_id: int
    value: Mapping[str, Any]
    session_id: str
    signals: Sequence[Signal] = ()


class InboxStore(Protocol):
    """What a person changes. Every write returns after its commit.

    `signals` are written in the same transaction as the fact they tell of.

    Raises (every method): StoreError when the database cannot be used, with the way out.
    """

    async def question(self, question_id: int) -> OpenQuestion | None:
        """One open question, or None when it is answered or unknown."""

    async def alike(self, question_id: int) -> Sequence[OpenQuestion]:
        """Other open questions that ask the same: of the same routine, with the same message, form and subject."""

    async def job(self, job: int) -> JobDetail | None:
        """One job in full."""

    async def answer(
        self,
        question_id: int,
        value: Mapping[str, Any],
        by: str,
        session_id: str,
        signals: Sequence[Signal] = (),
        *,
        host: str = "",
    ) -> None:
        """Commit the one answer and make its job pending again; it is a decision. Raises AlreadyAnswered, NotWaiting.

        Args:
            host: where it is given.
        """

    async def answer_by_rule(
        self, rule: int, given: GivenAnswer, by: str, change: MarkChange, marked: Sequence[Signal], *, host: str = ""
    ) -> None:
        """Commit a rule's answer to a form, with a note on its job and `marked`, which tells of that.

        Raises:
            NotWaiting: the rule is revoked or too old; the question is no form, or a person took an answer to it back;
                or its job waits for nothing.
            AlreadyAnswered: somebody was faster.
            QuestionError: the rule answered too many questions of this job.
        """

    async def seen(self, question_id: int) -> None:
        """Keep when an open question first lay before a person; nothing where that is known."""

    async def answer_all(self, given: Sequence[GivenAnswer], by: str, *, host: str = "") -> None:
        """Commit all of these answers at once, or none; each is a decision of its own.

        Raises:
            NotAllWaiting: one of them came too late.
        """

    async def retry(self, job: int, session_id: str, signals: Sequence[Signal] = ()) -> None:
        """Queue a failed job again; its journal stays. Raises NotWaiting when it has not failed."""

    async def failed_jobs(self, holding: str = "") -> Sequence[int]:
        """Every failed job whose error holds this text in any case, as they arrived."""

    async def cancel(
        self, job: int, session_id: str, signals: Sequence[Signal] = (), *, by: str = "", host: str = ""
    ) -> None:
        """End a job, whether it waits or runs: its worker's next write is refused. That is a decision.

        Raises:
            NotWaiting: it is over or unknown.
        """

    async def restore(self, job: int, session_id: str, signals: Sequence[Signal] = (), *, by: str = "") -> None:
        """Put a rejected or cancelled job back where it was: paused at the question or review at which it ended, with
        that answer and what followed from it taken back, or else pending. Its fence grows, and the decision that ended
        it counts no longer.

        Raises:
            NotWaiting: it is neither rejected nor cancelled, no person's answer rejected it, or it is unknown.
        """

    async def latest_decision(self, job: int) -> MadeDecision | None:
        """What was decided last about a job and was not taken back; None for nothing."""

    async def latest_decision_by(self, by: str) -> MadeDecision | None:
        """What somebody decided last and nobody took back, in any session; None for nothing."""

    async def undo(self, decision: int, by: str, session_id: str, signals: Sequence[Signal] = ()) -> None:
        """Take back a decision: its job is where it was before, with what followed from it forgotten. Its fence grows.

        Of an approval, what may lie in a library is left to do, see `pending_withdrawals`.

        Raises:
            NotWaiting: it was taken back, it is not the last one about its job, or what was done with it cannot be
                forgotten.
        """

    async def take_resent(self, job: int, session_id: str, signals: Sequence[Signal] = ()) -> None:
        """Begin a job anew with the other content that the hub sent under its task's id. Its fence grows.

        Raises:
            NotWaiting: the hub sent none, or the job was moved away.
        """

    async def drop_resent(self, job: int, session_id: str, signals: Sequence[Signal] = ()) -> None:
        """Let that content go. Raises NotWaiting where there is none."""

    async def pending_withdrawals(self) -> Sequence[PendingWithdrawal]:
        """Approvals that were taken back and may lie in a library still."""

    async def settle_withdrawal(self, decision: int) -> None:
        """Write that nothing of an approval that was taken back is left in a library."""

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
