"""What a person does: look at what a job asks, answer it, and have a failed one tried again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import select, update

from evolver_tui.adapters.database import decisions, encoding
from evolver_tui.adapters.database.answer_rule_queries import REMEMBERED
from evolver_tui.adapters.database.models import jobs, questions
from evolver_tui.adapters.database.transaction import Transaction, standing
from evolver_tui.adapters.database.work import over, pending_again, write_journal
from evolver_tui.core import ranks
from evolver_tui.core.errors import AlreadyAnswered, EvolverError, NotAllWaiting, NotWaiting
from evolver_tui.core.job import JobState
from evolver_tui.core.made_decision import DecidedKind, kind_of_answer
from evolver_tui.core.signal import Signal
from evolver_tui.core.times import utc_text

_LAST_RESUMED: Final = (
    f"SELECT max(rank) FROM job WHERE rank >= {ranks.Section.PENDING.first} AND rank < {ranks.FIRST_TURN}"
)


def seen(transaction: Transaction, question_id: int) -> None:
    """Note when a question first lay before a person; nothing where that is known, or it is answered."""
    is_first = "id = ? AND seen_at IS NULL AND answered_at IS NULL"
    transaction.update("question", {"seen_at": transaction.now}, is_first, (question_id,))


def answer(
    transaction: Transaction,
    question_id: int,
    value_json: str,
    by: str,
    session_id: str,
    signals: Sequence[Signal],
    host: str = "",
    *,
    rule: int = 0,
) -> None:
    """Write the one answer, into the journal as well, and let the job wait for a worker.

    Args:
        rule: the remembered answer that gives it; 0 for a person.

    Raises:
        AlreadyAnswered: somebody was faster.
        NotWaiting: there is no such question, or its job waits for nothing.
    """
    answered = transaction.update_row(
        "question",
        {"answered_at": transaction.now, "answered_by": encoding.plain(by), "answer_json": value_json},
        "id = ? AND answered_at IS NULL",
        (question_id,),
        "job, name",
    )
    if answered is None:
        raise _refusal(transaction, question_id)
    job, name = answered
    before: dict[str, Any] = {REMEMBERED: rule} if rule else {}
    before |= _before(transaction, job, name)
    again = {**pending_again(transaction.now), "rank": _behind_the_answered(transaction), "takeovers": 0}
    waits = (job, JobState.PAUSED.value)
    resumed = transaction.update_row("job", again, "seq = ? AND state = ?", waits, "fence")
    if resumed is None:
        raise NotWaiting(f"Job {job} does not wait for an answer.", "Nothing was changed.")
    write_journal(transaction, job, resumed[0], name, value_json)
    kind = kind_of_answer(encoding.from_json(value_json))
    decisions.record(transaction, job, kind, by, host, session_id, question_id, before)
    transaction.moved(standing(JobState.PAUSED), standing(JobState.PENDING))
    transaction.log(session_id, signals)


class EncodedAnswer(NamedTuple):
    """One answer of several, as it is kept."""

    question_id: int
    value_json: str
    session_id: str
    signals: Sequence[Signal]


def answer_all(transaction: Transaction, given: Sequence[EncodedAnswer], by: str, host: str = "") -> None:
    """Write all of these answers, or none.

    In the order of the questions' numbers, so that of two who answer the same ones neither waits for the other in turn.

    Raises:
        NotAllWaiting: somebody was faster with some, or their jobs wait for nothing. What was written for the others
            has to be taken back, as a savepoint does.
    """
    refused: dict[int, EvolverError] = {}
    for each in sorted(given, key=lambda each: each.question_id):
        try:
            answer(transaction, each.question_id, each.value_json, by, each.session_id, each.signals, host)
        except (AlreadyAnswered, NotWaiting) as error:
            refused[each.question_id] = error
    if refused:
        raise NotAllWaiting(refused)


def _before(transaction: Transaction, job: int, question: str) -> dict[str, str]:
    """What has to be known of a job to take the answer to this question back."""
    rows = transaction.rows("SELECT pause_reason, shared_json FROM job WHERE seq = ?", (job,))
    return {"question": question, **({"reason": rows[0][0], "shared": rows[0][1]} if rows else {})}


def _behind_the_answered(transaction: Transaction) -> int:
    """The rank of a job that is answered now: two answers may come within one tick of the database's clock."""
    ((last,),) = transaction.rows(_LAST_RESUMED)
    return max(ranks.resumed_rank(transaction.now), (last or 0) + 1)


def _refusal(transaction: Transaction, question_id: int) -> AlreadyAnswered | NotWaiting:
    query = select(questions.c.answered_by, questions.c.answered_at).where(questions.c.id == question_id)
    before = transaction.connection.execute(query).first()
    if before is None:
        return NotWaiting(f"There is no question {question_id}.", "Nothing was changed.")
    return AlreadyAnswered(before.answered_by, utc_text(before.answered_at, "seconds"))


def cancel(
    transaction: Transaction, job: int, session_id: str, signals: Sequence[Signal], by: str = "", host: str = ""
) -> None:
    """End a job. Its fence grows, so that a worker that holds it is refused from here on.

    Why it waited and what it deferred stay in its row, so that it can be restored; so does who worked on it.

    Raises:
        NotWaiting: it is over, or there is none.
    """
    columns = (jobs.c.state, jobs.c.fence, jobs.c.pause_reason, jobs.c.lease_owner)
    before = transaction.connection.execute(select(*columns).where(jobs.c.seq == job).with_for_update()).first()
    if before is None:
        raise NotWaiting(f"There is no job {job}.", "Nothing was changed.")
    state = JobState(before.state)
    if state.is_over:
        raise NotWaiting(f"Job {job} is over: {state.value}.", "Nothing was changed.")
    ended = {**over(transaction), "state": JobState.CANCELLED, "fence": before.fence + 1}
    ended |= {"pause_reason": before.pause_reason, "lease_owner": before.lease_owner}
    transaction.connection.execute(update(jobs).where(jobs.c.seq == job).values(**ended))
    transaction.moved(standing(state), standing(JobState.CANCELLED))
    decisions.record(transaction, job, DecidedKind.CANCEL, by, host, session_id)
    transaction.log(session_id, signals)


def retry(transaction: Transaction, job: int, session_id: str, signals: Sequence[Signal]) -> None:
    """Let a failed job wait for a worker again; its journal stays.

    Raises:
        NotWaiting: it has not failed.
    """
    failed = (jobs.c.seq == job) & (jobs.c.state == JobState.FAILED.value)
    before = transaction.connection.execute(select(jobs.c.outcome).where(failed).with_for_update()).first()
    if before is None:
        raise NotWaiting(f"Job {job} has not failed.", "Only a failed job can be retried.")
    again = {
        **pending_again(transaction.now),
        "outcome": None,
        "error": "",
        "attempt": jobs.c.attempt + 1,
        "takeovers": 0,
    }
    transaction.connection.execute(update(jobs).where(failed).values(**again))
    transaction.moved(standing(JobState.FAILED, before.outcome), standing(JobState.PENDING))
    transaction.log(session_id, signals)
