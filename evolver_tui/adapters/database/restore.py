"""How a job that a person rejected or cancelled comes back to where it was. No column keeps that: its rows say it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import select

from evolver_tui.adapters.database.models import jobs
from evolver_tui.adapters.database.transaction import Transaction, standing
from evolver_tui.adapters.database.work import pending_again
from evolver_tui.core import ranks
from evolver_tui.core.errors import NotWaiting
from evolver_tui.core.job import JobState, Outcome
from evolver_tui.core.question_kinds import kind_of
from evolver_tui.core.signal import Signal

_UNCHANGED: Final = "Nothing was changed."
_ENDED: Final = (jobs.c.state, jobs.c.outcome, jobs.c.fence, jobs.c.pause_reason, jobs.c.priority)
_LATEST_ANSWERED: Final = (
    "SELECT id, name, kind, asked_at FROM question WHERE job = ? AND answered_at IS NOT NULL"
    " ORDER BY answered_at DESC, id DESC LIMIT 1"
)
_STILL_OPEN: Final = (
    "SELECT id, name, kind, asked_at FROM question WHERE job = ? AND answered_at IS NULL"
    " ORDER BY asked_at DESC, id DESC LIMIT 1"
)
_WRITTEN: Final = "SELECT fence, at FROM journal WHERE job = ? AND name = ?"
_FORGET_ANSWER: Final = "DELETE FROM journal WHERE job = ? AND name = ?"
_FORGET_LATER: Final = (
    "DELETE FROM journal WHERE job = ? AND (fence > ? OR (fence = ? AND at > ?))"
    " AND substr(name, 1, 5) <> 'kept ' AND substr(name, 1, 8) <> '(began) '"
)
"""What was kept stays: each took the place of one before, and there is no other. So does the beginning of a step that
is not to be repeated: a person is asked before it is done again."""


class _Ended(NamedTuple):
    """What has to be known of a job that is over."""

    state: str
    outcome: str | None
    fence: int
    pause_reason: str
    priority: str


class _Asked(NamedTuple):
    """A question that a job waited at."""

    id: int
    name: str
    kind: str
    asked_at: float


def restore(transaction: Transaction, job: int, session_id: str, signals: Sequence[Signal]) -> None:
    """Put a rejected or cancelled job back: to the question or review at which it ended, else into the queue.

    What was journaled after the decision that ended it goes with that decision, so that the routine asks again. The
    fence grows, so that whoever worked on the job when it was cancelled is refused still.

    Raises:
        NotWaiting: it is neither rejected nor cancelled, nobody's answer rejected it, or there is none.
    """
    found = transaction.connection.execute(select(*_ENDED).where(jobs.c.seq == job).with_for_update()).first()
    if found is None:
        raise NotWaiting(f"There is no job {job}.", _UNCHANGED)
    ended = _Ended(*found)
    before = (ended.state, ended.outcome or "")
    if before == standing(JobState.CANCELLED):
        asked = _question(transaction, _STILL_OPEN, job)
    elif before == standing(JobState.COMPLETED, Outcome.REJECTED):
        asked = _question(transaction, _LATEST_ANSWERED, job)
        if asked is None:
            raise NotWaiting(f"Job {job} was rejected by its routine, not by a person.", _UNCHANGED)
        _forget_answer(transaction, job, asked)
    else:
        raise NotWaiting(
            f"Job {job} is neither rejected nor cancelled: it is {ended.outcome or ended.state}.", _UNCHANGED
        )
    target = _again(transaction, job, ended, asked)
    whole = {**target, "outcome": None, "error": "", "node": "", "fence": ended.fence + 1, "takeovers": 0}
    transaction.update("job", whole, "seq = ?", (job,))
    transaction.moved(before, standing(target["state"]))
    transaction.log(session_id, signals)


def _question(transaction: Transaction, query: str, job: int) -> _Asked | None:
    found = transaction.rows(query, (job,))
    return _Asked(*found[0]) if found else None


def _forget_answer(transaction: Transaction, job: int, asked: _Asked) -> None:
    """Open a question again, and take its answer and all that followed from it out of the journal."""
    for fence, at in transaction.rows(_WRITTEN, (job, asked.name)):
        transaction.execute(_FORGET_LATER, (job, fence, fence, at))
    transaction.execute(_FORGET_ANSWER, (job, asked.name))
    unanswered = {"answered_at": None, "answered_by": None, "answer_json": None}
    transaction.update("question", unanswered, "id = ?", (asked.id,))


def _again(transaction: Transaction, job: int, ended: _Ended, asked: _Asked | None) -> dict[str, Any]:
    """The columns of a job that waits again: for a person where it asked something, else for a worker."""
    if asked is not None:
        return {
            "state": JobState.PAUSED,
            "asks": asked.kind,
            "pause_reason": ended.pause_reason or kind_of(asked.kind).reason,
            "since": transaction.now,
            "rank": ranks.paused_rank(asked.asked_at),
        }
    again = pending_again(transaction.now)
    was_begun = bool(transaction.rows("SELECT 1 FROM journal WHERE job = ? LIMIT 1", (job,)))
    rank = again["rank"] if was_begun else ranks.new_rank(job, ended.priority)
    return {**again, "rank": rank}
