"""How a job comes back to where it was before something was decided about it: its rows say where that is."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from sqlalchemy import select

from evolver_tui.adapters.database.models import jobs
from evolver_tui.adapters.database.transaction import Transaction
from evolver_tui.adapters.database.work import pending_again
from evolver_tui.core import ranks
from evolver_tui.core.errors import NotWaiting
from evolver_tui.core.job import JobState
from evolver_tui.core.question_kinds import kind_of

_ASKED: Final = "SELECT id, name, kind, asked_at FROM question WHERE job = ?"
_LATEST_ANSWERED: Final = f"{_ASKED} AND answered_at IS NOT NULL ORDER BY answered_at DESC, id DESC LIMIT 1"
_STILL_OPEN: Final = f"{_ASKED} AND answered_at IS NULL ORDER BY asked_at DESC, id DESC LIMIT 1"
_OTHERS_OPEN: Final = "SELECT id FROM question WHERE job = ? AND answered_at IS NULL AND id <> ?"
_COPIED: Final = "kind, message, form_json, subject_json, asked_at, seen_at"
_COPY: Final = (
    f"INSERT INTO question (job, name, {_COPIED}) SELECT job, ?, {_COPIED} FROM question WHERE id = ? RETURNING id"
)
_WRITTEN: Final = "SELECT fence, at FROM journal WHERE job = ? AND name = ?"
_FORGET_ANSWER: Final = "DELETE FROM journal WHERE job = ? AND name = ?"
_FORGET_LATER: Final = (
    "DELETE FROM journal WHERE job = ? AND (fence > ? OR (fence = ? AND at > ?))"
    " AND substr(name, 1, 5) <> 'kept ' AND substr(name, 1, 8) <> '(began) '"
)
"""What was kept stays: each took the place of one before, and there is no other. So does the beginning of a step that
is not to be repeated: a person is asked before it is done again."""


class Ended(NamedTuple):
    """What has to be known of a job before it comes back."""

    state: str
    outcome: str | None
    fence: int
    pause_reason: str
    priority: str
    node: str

    @classmethod
    def of(cls, transaction: Transaction, job: int) -> Ended:
        """A job, whose row nobody else changes until the transaction ends. Raises NotWaiting where there is none."""
        columns = (getattr(jobs.c, name) for name in cls._fields)
        found = transaction.connection.execute(select(*columns).where(jobs.c.seq == job).with_for_update()).first()
        if found is None:
            raise NotWaiting(f"There is no job {job}.", "Nothing was changed.")
        return cls(*found)


class Asked(NamedTuple):
    """A question that a job waited at."""

    id: int
    name: str
    kind: str
    asked_at: float


class Reopened(NamedTuple):
    """A question that waits for its answer again."""

    question: Asked
    was_taken_up: bool
    """Whether a worker had its answer."""


def question_of(transaction: Transaction, job: int, question: int | None = None) -> Asked | None:
    """A question that a job asked and that was answered: this one, or without a number the latest."""
    if question is None:
        found = transaction.rows(_LATEST_ANSWERED, (job,))
    else:
        found = transaction.rows(f"{_ASKED} AND id = ? AND answered_at IS NOT NULL", (job, question))
    return Asked(*found[0]) if found else None


def reopen(transaction: Transaction, job: int, asked: Asked) -> Reopened:
    """Open a question again; its answer and all that followed from it go out of the journal, and questions with it.

    Where questions go, it gets a number that none had before: of a card that shows one that is gone, no answer is
    taken for another's.
    """
    was_taken_up = False
    ((job_fence,),) = transaction.rows("SELECT fence FROM job WHERE seq = ?", (job,))
    for fence, at in transaction.rows(_WRITTEN, (job, asked.name)):
        was_taken_up = job_fence > fence
        transaction.execute(_FORGET_LATER, (job, fence, fence, at))
    transaction.execute(_FORGET_ANSWER, (job, asked.name))
    unanswered = {"answered_at": None, "answered_by": None, "answer_json": None}
    transaction.update("question", unanswered, "id = ?", (asked.id,))
    others = transaction.rows(_OTHERS_OPEN, (job, asked.id))
    if not others:
        return Reopened(asked, was_taken_up)
    transaction.update("question", {"name": f"(gone) {asked.id}"}, "id = ?", (asked.id,))
    ((number,),) = transaction.rows(_COPY, (asked.name, asked.id))
    for (gone,) in [*others, (asked.id,)]:
        transaction.execute("DELETE FROM question WHERE id = ?", (gone,))
    transaction.update("decision", {"question": number}, "question = ?", (asked.id,))
    return Reopened(asked._replace(id=int(number)), was_taken_up)


def back_at(transaction: Transaction, ended: Ended, asked: Asked, reason: str = "") -> dict[str, Any]:
    """The columns of a job that waits for an answer again."""
    return {
        "state": JobState.PAUSED,
        "asks": asked.kind,
        "pause_reason": reason or ended.pause_reason or kind_of(asked.kind).reason,
        "since": transaction.now,
        "rank": ranks.paused_rank(asked.asked_at),
        **_begun_anew(ended),
    }


def back_from_cancelled(transaction: Transaction, job: int, ended: Ended) -> dict[str, Any]:
    """The columns of a cancelled job that waits again: for a person where it asked something, else for a worker.

    Raises:
        NotWaiting: it is not cancelled.
    """
    if ended.state != JobState.CANCELLED.value:
        raise NotWaiting(f"Job {job} is not cancelled any more: it is {ended.outcome or ended.state}.", "It goes on.")
    found = transaction.rows(_STILL_OPEN, (job,))
    if found:
        return back_at(transaction, ended, Asked(*found[0]))
    again = pending_again(transaction.now)
    was_begun = bool(transaction.rows("SELECT 1 FROM journal WHERE job = ? LIMIT 1", (job,)))
    rank = again["rank"] if was_begun else ranks.new_rank(job, ended.priority)
    return {**again, "rank": rank, **_begun_anew(ended)}


def _begun_anew(ended: Ended) -> dict[str, Any]:
    """Its fence grows, so that whoever worked on it is refused still."""
    over = {"outcome": None, "error": "", "node": "", "lease_owner": None, "lease_expires": None}
    return {**over, "fence": ended.fence + 1, "takeovers": 0}
