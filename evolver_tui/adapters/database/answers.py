"""What a person does: answer what a job asks, and have a failed one tried again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import select, update

from evolver_tui.adapters.database import encoding
from evolver_tui.adapters.database.models import jobs, questions
from evolver_tui.adapters.database.transaction import Transaction, standing
from evolver_tui.adapters.database.work import pending_again, write_journal
from evolver_tui.core.errors import AlreadyAnswered, NotWaiting
from evolver_tui.core.job import JobState
from evolver_tui.core.signal import Signal


def answer(
    transaction: Transaction, question_id: int, value_json: str, by: str, session_id: str, signals: Sequence[Signal]
) -> None:
    """Write the one answer, into the journal as well, and let the job wait for a worker.

    Raises:
        AlreadyAnswered: somebody was faster.
        NotWaiting: there is no such question, or its job waits for nothing.
    """
    connection = transaction.connection
    first = (questions.c.id == question_id) & questions.c.answered_at.is_(None)
    answered = connection.execute(
        update(questions)
        .where(first)
        .values(answered_at=transaction.now, answered_by=encoding.plain(by), answer_json=value_json)
        .returning(questions.c.job, questions.c.name)
    ).first()
    if answered is None:
        raise _refusal(transaction, question_id)
    waiting = (jobs.c.seq == answered.job) & (jobs.c.state == JobState.PAUSED.value)
    resumed = connection.execute(
        update(jobs).where(waiting).values(**pending_again(answered.job, transaction.now)).returning(jobs.c.fence)
    ).first()
    if resumed is None:
        raise NotWaiting(f"Job {answered.job} does not wait for an answer.", "Nothing was changed.")
    write_journal(transaction, answered.job, resumed.fence, answered.name, value_json)
    transaction.moved(standing(JobState.PAUSED), standing(JobState.PENDING))
    transaction.log(session_id, signals)


def _refusal(transaction: Transaction, question_id: int) -> AlreadyAnswered | NotWaiting:
    query = select(questions.c.answered_by, questions.c.answered_at).where(questions.c.id == question_id)
    before = transaction.connection.execute(query).first()
    if before is None:
        return NotWaiting(f"There is no question {question_id}.", "Nothing was changed.")
    at = datetime.fromtimestamp(before.answered_at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return AlreadyAnswered(before.answered_by, at)


def retry(transaction: Transaction, job: int, session_id: str, signals: Sequence[Signal]) -> None:
    """Let a failed job wait for a worker again; its journal stays.

    Raises:
        NotWaiting: it has not failed.
    """
    failed = (jobs.c.seq == job) & (jobs.c.state == JobState.FAILED.value)
    before = transaction.connection.execute(select(jobs.c.outcome).where(failed)).first()
    if before is None:
        raise NotWaiting(f"Job {job} has not failed.", "Only a failed job can be retried.")
    again = {**pending_again(job, transaction.now), "outcome": None, "error": "", "attempt": jobs.c.attempt + 1}
    transaction.connection.execute(update(jobs).where(failed).values(**again))
    transaction.moved(standing(JobState.FAILED, before.outcome), standing(JobState.PENDING))
    transaction.log(session_id, signals)
