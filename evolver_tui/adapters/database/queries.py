"""What the console and the headless run read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Column, ColumnElement, Connection, Row, func, literal, or_, select, tuple_

from evolver_tui.adapters.database import encoding
from evolver_tui.adapters.database.models import jobs, journal, questions, tallies
from evolver_tui.adapters.database.queue_peek import ROW_COLUMNS, queue_counts, queue_row
from evolver_tui.adapters.database.ranks import Section
from evolver_tui.core.job import JobDetail, JobState, QueueCounts, QueueKey, QueueRow
from evolver_tui.core.question import OpenQuestion, Question
from evolver_tui.core.question_kinds import kind_of
from evolver_tui.core.routine_state import Pause, SharedState
from evolver_tui.core.task import Task, kept_id
from evolver_tui.core.worker_identity import WorkerIdentity

_row_place = tuple_(jobs.c.rank, jobs.c.seq)
_ROWS: Final = select(*(jobs.c[name] for name in ROW_COLUMNS))
_OPEN: Final = (
    select(questions, jobs.c.task_id, jobs.c.task_name, jobs.c.task_type, jobs.c.pause_reason)
    .join(jobs, questions.c.job == jobs.c.seq)
    .where(
        jobs.c.rank >= Section.PAUSED.first,
        jobs.c.rank < Section.PAUSED.end,
        questions.c.answered_at.is_(None),
    )
    .order_by(jobs.c.rank, jobs.c.seq)
)
_DETAILS: Final = (
    jobs.c.raw_json, jobs.c.received_at, jobs.c.error, jobs.c.attempt, jobs.c.routine, jobs.c.pause_reason,
    jobs.c.lease_owner, jobs.c.bundle, jobs.c.deferred_json, jobs.c.session_id,
)  # fmt: skip
_LONGEST_SEARCH: Final = 1_000


def _place(key: QueueKey) -> ColumnElement[Any]:
    return tuple_(literal(key.rank), literal(key.job))


def _matches(connection: Connection, search: str) -> ColumnElement[bool]:
    """Whether id or name hold a text, whatever the case.

    SQLite's LIKE folds ASCII alone, PostgreSQL's ILIKE what the database's locale says; so other text is tried as it
    was written, in small and in capital letters.
    """
    text = encoding.plain(search[:_LONGEST_SEARCH])
    spellings = {text} if text.isascii() else {text, text.lower(), text.upper()}
    holds = Column.contains if connection.dialect.name == "sqlite" else Column.icontains
    columns = (jobs.c.task_id, jobs.c.task_name)
    return or_(*(holds(column, text, autoescape=True) for column in columns for text in sorted(spellings)))


def rows_after(connection: Connection, key: QueueKey | None, limit: int, search: str) -> Sequence[QueueRow]:
    """Rows that follow `key`, in the queue's order."""
    query = _ROWS.order_by(jobs.c.rank, jobs.c.seq).limit(limit)
    if key is not None:
        query = query.where(_row_place > _place(key))
    if search:
        query = query.where(_matches(connection, search))
    return [queue_row(row) for row in connection.execute(query)]


def rows_before(connection: Connection, key: QueueKey | None, limit: int, search: str) -> Sequence[QueueRow]:
    """Rows that precede `key`, in the queue's order."""
    query = _ROWS.order_by(jobs.c.rank.desc(), jobs.c.seq.desc()).limit(limit)
    if key is not None:
        query = query.where(_row_place < _place(key))
    if search:
        query = query.where(_matches(connection, search))
    return [queue_row(row) for row in connection.execute(query)][::-1]


def rank_of(connection: Connection, key: QueueKey, search: str) -> int:
    """How many rows precede `key`: whole sections by the tally, the rest of its own by the index."""
    count = select(func.count()).select_from(jobs)
    if search:
        return connection.scalar(count.where(_row_place < _place(key), _matches(connection, search))) or 0
    section = Section.holding(key.rank)
    before = sum(jobs_there for state, _, jobs_there in _tally(connection) if Section.of(JobState(state)) < section)
    # Two plain ranges: comparing pairs takes twice the time a row.
    before += connection.scalar(count.where(jobs.c.rank >= section.first, jobs.c.rank < key.rank)) or 0
    return before + (connection.scalar(count.where(jobs.c.rank == key.rank, jobs.c.seq < key.job)) or 0)


def _tally(connection: Connection) -> Sequence[tuple[str, str, int]]:
    rows = connection.execute(select(tallies.c.state, tallies.c.outcome, tallies.c.jobs))
    return [(state, outcome, number) for state, outcome, number in rows]


def counts(connection: Connection) -> QueueCounts:
    """How many jobs stand where."""
    return queue_counts(_tally(connection))


def row(connection: Connection, job: int) -> QueueRow | None:
    """One row."""
    found = connection.execute(_ROWS.where(jobs.c.seq == job)).first()
    return None if found is None else queue_row(found)


def job_detail(connection: Connection, job: int) -> JobDetail | None:
    """One job in full."""
    line = row(connection, job)
    if line is None:
        return None
    found = connection.execute(select(*_DETAILS).where(jobs.c.seq == job)).one()
    was_cancelled = line.state is JobState.CANCELLED  # its row keeps what it needs to be restored
    return JobDetail(
        line, Task.from_json(found.raw_json), found.received_at, found.error, found.attempt, found.routine,
        "" if was_cancelled else found.pause_reason, WorkerIdentity(found.lease_owner or ""), found.bundle,
        0 if was_cancelled else len(encoding.to_deferred(found.deferred_json)), found.session_id,
    )  # fmt: skip


def job_of_task(connection: Connection, task_id: str) -> int | None:
    """The number of the job that works on a task."""
    of_task = jobs.c.task_id == kept_id(encoding.plain(task_id))
    return connection.scalar(select(jobs.c.seq).where(of_task))


def shared_of(connection: Connection, job: int) -> SharedState:
    """A job's shared data and log."""
    return encoding.to_shared(connection.scalar(select(jobs.c.shared_json).where(jobs.c.seq == job)) or "")


def pauses_of(connection: Connection, job: int) -> Sequence[Pause]:
    """Every question that a job asked, oldest first."""
    of_job = select(questions).where(questions.c.job == job).order_by(questions.c.asked_at, questions.c.id)
    return [
        Pause(
            found.name, found.kind, found.message, found.asked_at, found.answered_at,
            found.answered_by or "", encoding.from_json(found.answer_json) if found.answer_json else None,
        )
        for found in connection.execute(of_job)
    ]  # fmt: skip


def journal_of(connection: Connection, job: int) -> Mapping[str, Any]:
    """Name to value of what a job has done, in the order in which it was done."""
    of_job = select(journal.c.name, journal.c.value_json).where(journal.c.job == job)
    rows = connection.execute(of_job.order_by(journal.c.at, journal.c.name))
    return {name: encoding.from_json(value) for name, value in rows}


def open_questions(connection: Connection, limit: int) -> Sequence[OpenQuestion]:
    """What waits for a person, oldest first."""
    return [_open_question(found) for found in connection.execute(_OPEN.limit(limit))]


def open_question(connection: Connection, question_id: int) -> OpenQuestion | None:
    """One open question, or None."""
    found = connection.execute(_OPEN.where(questions.c.id == question_id)).first()
    return None if found is None else _open_question(found)


def open_question_of(connection: Connection, job: int) -> OpenQuestion | None:
    """What a job waits for, or None."""
    found = connection.execute(_OPEN.where(questions.c.job == job)).first()
    return None if found is None else _open_question(found)


def _open_question(found: Row[*tuple[Any, ...]]) -> OpenQuestion:
    question = Question(
        name=found.name,
        message=found.message,
        requested_schema=encoding.from_json(found.form_json),
        kind=found.kind,
        subject=encoding.from_json(found.subject_json),
    )
    return OpenQuestion(
        found.id, found.job, found.task_id, found.task_name, found.task_type, question, found.asked_at,
        found.pause_reason, kind_of(question.kind).read_subject(question.subject),
    )  # fmt: skip
