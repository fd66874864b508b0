"""What a worker does with a job: take it under a lease, journal its steps, let it wait for a person, end it.

Each write names the job's fence, the number that grows with every claim. A writer whose job was taken over meanwhile
holds an older number: its write matches no row and is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Row, select, update

from evolver_tui.adapters.database import encoding, ranks, sqlite
from evolver_tui.adapters.database.models import jobs, journal, questions
from evolver_tui.adapters.database.ranks import Section
from evolver_tui.adapters.database.transaction import Transaction, standing
from evolver_tui.adapters.process_identity import is_gone
from evolver_tui.core.errors import StaleLease
from evolver_tui.core.job import JobState, Outcome
from evolver_tui.core.question import Question
from evolver_tui.core.signal import Signal
from evolver_tui.core.task import Task
from evolver_tui.engine.ports import Claim

_RUNNING: Final = standing(JobState.RUNNING)
_PENDING: Final = standing(JobState.PENDING)
_NO_LEASE: Final = {"lease_owner": None, "lease_expires": None}

_IN_QUEUE = select(jobs.c.seq, jobs.c.rank, jobs.c.state, jobs.c.lease_owner, jobs.c.lease_expires).order_by(
    jobs.c.rank, jobs.c.seq
)
_RUNNING_JOBS: Final = _IN_QUEUE.where(jobs.c.rank >= Section.RUNNING.first, jobs.c.rank < Section.RUNNING.end)
_NEXT_PENDING: Final = _IN_QUEUE.where(
    jobs.c.rank >= Section.PENDING.first, jobs.c.rank < Section.PENDING.end
).limit(1)  # fmt: skip

_JOURNALED = sqlite.insert(journal)
_WRITE_JOURNAL: Final = _JOURNALED.on_conflict_do_update(
    index_elements=[journal.c.job, journal.c.name],
    set_={column: _JOURNALED.excluded[column] for column in ("value_json", "fence", "at")},
)


def claim(transaction: Transaction, owner: str, lease_seconds: float) -> Claim | None:
    """Take the first job that waits for a worker; one that its worker left behind comes before all others."""
    found = _abandoned(transaction) or transaction.connection.execute(_NEXT_PENDING).first()
    if found is None:
        return None
    job = int(found.seq)
    taken = transaction.connection.execute(
        update(jobs)
        .where(jobs.c.seq == job)
        .values(
            state=JobState.RUNNING,
            rank=ranks.running_rank(job),
            since=transaction.now,
            fence=jobs.c.fence + 1,
            lease_owner=encoding.plain(owner),
            lease_expires=transaction.now + lease_seconds,
        )
        .returning(jobs.c.fence, jobs.c.attempt, jobs.c.raw_json)
    ).one()
    transaction.moved((found.state, ""), _RUNNING)
    return Claim(job, taken.fence, Task.from_json(taken.raw_json), taken.attempt, read_journal(transaction, job))


def _abandoned(transaction: Transaction) -> Row[*tuple[Any, ...]] | None:
    for running in transaction.connection.execute(_RUNNING_JOBS):
        expires, owner = running.lease_expires, running.lease_owner
        if expires is None or expires <= transaction.now or owner is None or is_gone(owner):
            return running
    return None


def read_journal(transaction: Transaction, job: int) -> Mapping[str, Any]:
    """Name to value of what a job has done."""
    rows = transaction.connection.execute(select(journal.c.name, journal.c.value_json).where(journal.c.job == job))
    return {name: encoding.from_json(value) for name, value in rows}


def _write_held(transaction: Transaction, job: int, fence: int, /, **values: Any) -> None:
    """Change a job that this worker holds. Raises StaleLease."""
    held = (jobs.c.seq == job) & (jobs.c.fence == fence) & (jobs.c.state == JobState.RUNNING.value)
    if transaction.connection.execute(update(jobs).where(held).values(**values)).rowcount != 1:
        raise StaleLease(f"Job {job} is held by another worker or is over.", "What came later was not written.")


def renew(transaction: Transaction, job: int, fence: int, lease_seconds: float) -> None:
    """Let the lease end later."""
    _write_held(transaction, job, fence, lease_expires=transaction.now + lease_seconds)


def record_step(
    transaction: Transaction,
    job: int,
    fence: int,
    name: str,
    value_json: str,
    session_id: str,
    signals: Sequence[Signal],
) -> None:
    """Journal a result; under a name that was used before it takes the other's place."""
    _write_held(transaction, job, fence, fence=fence)
    write_journal(transaction, job, fence, name, value_json)
    transaction.log(session_id, signals)


def write_journal(transaction: Transaction, job: int, fence: int, name: str, value_json: str) -> None:
    """Put a JSON value into a job's journal."""
    row = {"job": job, "name": name, "value_json": value_json, "fence": fence, "at": transaction.now}
    transaction.connection.execute(_WRITE_JOURNAL, row)


def pause(
    transaction: Transaction,
    job: int,
    fence: int,
    question: Question,
    subject_json: str,
    form_json: str,
    session_id: str,
    signals: Sequence[Signal],
) -> int:
    """Write the question and let the job wait for its answer. Returns the question's id.

    A question of this name that the job asked before keeps its id and its place. If it was answered meanwhile, the
    job waits for a worker instead.
    """
    texts = {
        "kind": question.kind.value,
        "message": encoding.plain(question.message),
        "form_json": form_json,
        "subject_json": subject_json,
    }
    name = encoding.plain(question.name)
    same = select(questions.c.id, questions.c.asked_at, questions.c.answered_at)
    before = transaction.connection.execute(same.where(questions.c.job == job, questions.c.name == name)).first()
    if before is not None and before.answered_at is not None:
        _write_held(transaction, job, fence, **pending_again(job, transaction.now))
        transaction.moved(_RUNNING, _PENDING)
        transaction.log(session_id, signals)
        return int(before.id)
    asked_at = transaction.now if before is None else float(before.asked_at)
    _write_held(
        transaction, job, fence, state=JobState.PAUSED, asks=question.kind.value, since=transaction.now,
        rank=ranks.paused_rank(asked_at), **_NO_LEASE,
    )  # fmt: skip
    if before is None:
        insert = sqlite.insert(questions).values(job=job, name=name, asked_at=asked_at, **texts)
        question_id = int(transaction.connection.execute(insert.returning(questions.c.id)).scalar_one())
    else:
        question_id = int(before.id)
        transaction.connection.execute(update(questions).where(questions.c.id == question_id).values(**texts))
    transaction.moved(_RUNNING, standing(JobState.PAUSED))
    transaction.log(session_id, signals)
    return question_id


def pending_again(job: int, now: float) -> dict[str, Any]:
    """The columns of a job that was begun and waits for a worker again."""
    return {"state": JobState.PENDING, "asks": None, "rank": ranks.resumed_rank(job), "since": now, **_NO_LEASE}


def finish(
    transaction: Transaction,
    job: int,
    fence: int,
    state: JobState,
    session_id: str,
    outcome: Outcome | None,
    error: str,
    node: str,
    signals: Sequence[Signal],
) -> None:
    """End a job."""
    _write_held(
        transaction, job, fence, state=state, outcome=outcome, error=encoding.plain(error), node=encoding.plain(node),
        since=transaction.now, rank=ranks.over_rank(transaction.now), **_NO_LEASE,
    )  # fmt: skip
    transaction.moved(_RUNNING, standing(state, outcome))
    transaction.log(session_id, signals)


def release(transaction: Transaction, job: int, fence: int) -> None:
    """Give a job back; with a stale fence nothing happens."""
    try:
        _write_held(transaction, job, fence, **pending_again(job, transaction.now))
    except StaleLease:
        return
    transaction.moved(_RUNNING, _PENDING)
