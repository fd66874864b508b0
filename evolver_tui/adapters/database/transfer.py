"""How one job leaves for another machine, and how it comes in."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Row, delete, insert, select, update

from evolver_tui.adapters.database import encoding, sqlite
from evolver_tui.adapters.database.models import decisions, jobs, journal, questions
from evolver_tui.adapters.database.transaction import Transaction, standing
from evolver_tui.adapters.database.work import over
from evolver_tui.core import ranks
from evolver_tui.core.bundle import Bundle
from evolver_tui.core.errors import BundleError, NotWaiting
from evolver_tui.core.job import JobState
from evolver_tui.core.job_marks import JobMarks
from evolver_tui.core.routine_state import DeferredEvent, SharedState
from evolver_tui.core.signal import Signal
from evolver_tui.core.task import Task

_WAITING: Final = (JobState.PENDING, JobState.PAUSED)
_JOB_COLUMNS: Final = tuple(jobs.c.keys())
_INSERT_JOB: Final = sqlite.compiled(
    sqlite.insert(jobs).values(dict.fromkeys(_JOB_COLUMNS)).on_conflict_do_nothing(index_elements=[jobs.c.task_id])
)
_QUESTION_TEXTS: Final = ("name", "kind", "message", "answered_by")
_QUESTION_TIMES: Final = ("asked_at", "answered_at")
_QUESTION_JSON: Final = {"requested_schema": "form_json", "subject": "subject_json", "answer": "answer_json"}


def export_job(
    transaction: Transaction,
    job: int,
    by: str,
    host: str,
    bundle_id: str,
    session_id: str,
    signals: Sequence[Signal],
) -> Bundle:
    """Let a waiting job leave. What it was stays in its row, so that the bundle can be written again.

    Raises:
        NotWaiting: it runs, is over, or is unknown.
    """
    row = transaction.connection.execute(select(jobs).where(jobs.c.seq == job).with_for_update()).first()
    if row is None:
        raise NotWaiting(f"There is no job {job}.", "Nothing was changed.")
    state = JobState(row.state)
    if state is JobState.EXPORTED:
        return _bundle(transaction, row, row.bundle, row.fence, row.since, by, host)
    if state is JobState.RUNNING:
        raise NotWaiting(f"Job {job} is being worked on.", "Wait until it asks something, or stop its worker.")
    if state not in _WAITING:
        raise NotWaiting(f"Job {job} is over: {state.value}.", "Only a job that waits can move.")
    bundle = _bundle(transaction, row, bundle_id, row.fence + 1, transaction.now, by, host)
    left = {**over(transaction), "asks": row.asks, "pause_reason": row.pause_reason}
    transaction.connection.execute(
        update(jobs)
        .where(jobs.c.seq == job)
        .values(state=JobState.EXPORTED, fence=row.fence + 1, bundle=bundle_id, **left)
    )
    transaction.moved(standing(state), standing(JobState.EXPORTED))
    transaction.log(session_id, signals)
    return bundle


def _bundle(
    transaction: Transaction, row: Row[*tuple[Any, ...]], bundle_id: str, fence: int, at: float, by: str, host: str
) -> Bundle:
    shared = encoding.to_shared(row.shared_json)
    status = JobState.PAUSED if row.asks else JobState.PENDING
    job_state = {
        "job_id": bundle_id,
        "fence": fence,
        "status": status.value,
        "pause_reason": row.pause_reason,
        "attempt": row.attempt,
        "created_at": row.received_at,
        "updated_at": row.since,
        "task": encoding.from_json(row.raw_json),
        "journal": _journal_entries(transaction, row.seq),
        "pause_points": _pause_points(transaction, row.seq),
        "deferred_events": [event.to_json_value() for event in encoding.to_deferred(row.deferred_json)],
        **shared.to_json_value(),
        **({"marks": encoding.from_json(row.marks_json)} if row.marks_json else {}),
    }
    flow = {"flow_id": row.routine, "source_hash": row.source_hash}
    return Bundle(bundle_id, at, by, host, flow, job_state)


def _journal_entries(transaction: Transaction, job: int) -> list[dict[str, Any]]:
    of_job = select(journal).where(journal.c.job == job).order_by(journal.c.fence, journal.c.at, journal.c.name)
    return [
        {
            "name": row.name,
            "value": encoding.from_json(row.value_json),
            "at": row.at,
            **({"digest": row.digest} if row.digest else {}),
        }
        for row in transaction.connection.execute(of_job)
    ]


def _pause_points(transaction: Transaction, job: int) -> list[dict[str, Any]]:
    of_job = select(questions).where(questions.c.job == job).order_by(questions.c.asked_at, questions.c.id)
    points = []
    for row in transaction.connection.execute(of_job):
        plain = {name: getattr(row, name) for name in (*_QUESTION_TEXTS, *_QUESTION_TIMES)}
        values = {name: getattr(row, column) for name, column in _QUESTION_JSON.items()}
        points.append({**plain, **{name: encoding.from_json(text) if text else None for name, text in values.items()}})
    return points


def import_job(transaction: Transaction, bundle: Bundle, session_id: str, signals: Sequence[Signal]) -> int:
    """Let a job come in, in the state in which it left. Returns its number.

    Raises:
        BundleError: it came in before, its task is here in another state, or the bundle lacks a part.
    """
    try:
        task = Task.from_raw(dict(bundle.job_state["task"]))
        before = _row_of_task(transaction, task, bundle)
        job = int(before.seq) if before is not None else transaction.reserve_jobs(1)[0]
        points = [_question_row(job, point) for point in bundle.job_state["pause_points"]]
        entries = _journal_rows(job, bundle)
        columns = _job_row(transaction, job, bundle, task, points, session_id)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise BundleError("The bundle lacks a part.", "Export the job again where it came from.") from None
    connection = transaction.connection
    if before is None:
        columns["seq"] = job
        inserted = transaction.execute(_INSERT_JOB, [columns[name] for name in _JOB_COLUMNS])
        if not inserted.rowcount:  # it came in through another process at this moment
            return import_job(transaction, bundle, session_id, signals)
    else:
        connection.execute(delete(journal).where(journal.c.job == job))
        connection.execute(delete(questions).where(questions.c.job == job))
        connection.execute(update(decisions).where(decisions.c.job == job).values(question=None))
        connection.execute(update(jobs).where(jobs.c.seq == job).values(**columns))
    if entries:
        connection.execute(insert(journal), entries)
    if points:
        connection.execute(insert(questions), points)
    source = None if before is None else standing(JobState.EXPORTED)
    transaction.moved(source, standing(JobState(columns["state"])))
    transaction.log(session_id, signals)
    return job


def _row_of_task(transaction: Transaction, task: Task, bundle: Bundle) -> Row[*tuple[Any, ...]] | None:
    """The row that this job has here from an earlier stay. Raises BundleError where it must not come in."""
    same = jobs.c.task_id == task.id
    columns = (jobs.c.seq, jobs.c.state, jobs.c.fence, jobs.c.bundle)
    row = transaction.connection.execute(select(*columns).where(same).with_for_update()).first()
    if row is None:
        return None
    if row.bundle == bundle.id and row.state != JobState.EXPORTED.value:
        raise BundleError(f"This bundle was imported already, as job {row.seq}.", "Nothing was changed.")
    if row.state != JobState.EXPORTED.value:
        raise BundleError(f"Task {task.id!a} is here already, as job {row.seq} ({row.state}).", "Nothing was changed.")
    if bundle.job_state["fence"] < row.fence:
        raise BundleError(
            f"Job {row.seq} left from here once more after this bundle was written.", "Import the later bundle."
        )
    return row


def _job_row(
    transaction: Transaction,
    job: int,
    bundle: Bundle,
    task: Task,
    points: Sequence[Mapping[str, Any]],
    session_id: str,
) -> dict[str, Any]:
    came = bundle.job_state
    open_points = [point for point in points if point["answered_at"] is None]
    is_paused = JobState(came["status"]) is JobState.PAUSED
    marks = JobMarks.from_json_value(came.get("marks", {}))
    priority = marks.priority or task.priority
    if is_paused:
        state, rank, asks = JobState.PAUSED, ranks.paused_rank(open_points[-1]["asked_at"]), open_points[-1]["kind"]
    else:
        rank = ranks.resumed_rank(transaction.now) if came["journal"] else ranks.new_rank(job, priority)
        state, asks = JobState.PENDING, None
    deferred = [DeferredEvent.from_json_value(event) for event in came["deferred_events"]]
    return {
        "task_id": task.id, "task_name": task.name, "task_type": task.type, "priority": priority,
        "state": state.value, "outcome": None, "asks": asks, "rank": rank, "since": transaction.now,
        "node": "", "error": "", "attempt": int(came["attempt"]), "fence": int(came["fence"]) + 1,
        "lease_owner": None, "lease_expires": None, "takeovers": 0, "received_at": float(came["created_at"]),
        "session_id": session_id,
        "routine": str(bundle.flow["flow_id"]), "source_hash": str(bundle.flow["source_hash"]),
        "pause_reason": str(came["pause_reason"]), "deferred_json": encoding.from_deferred(deferred),
        "shared_json": encoding.from_shared(SharedState.from_json_value(came)),
        "bundle": bundle.id, "marks_json": encoding.from_marks(marks), "raw_json": encoding.to_task_json(task.raw),
    }  # fmt: skip


def _journal_rows(job: int, bundle: Bundle) -> list[dict[str, Any]]:
    """The journal's rows, which keep the bundle's order: by fence, and by time, for which several clocks may stand."""
    rows = [_journal_row(job, entry) for entry in bundle.job_state["journal"]]
    fence, later = int(bundle.job_state["fence"]), math.inf
    for row in reversed(rows):
        fence -= row["at"] >= later
        row["fence"], later = fence, row["at"]
    return rows


def _journal_row(job: int, entry: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "job": job,
        "name": encoding.plain(entry["name"]),
        "value_json": encoding.to_json(entry["value"], "A step of the bundle"),
        "digest": str(entry.get("digest", "")),
        "at": float(entry["at"]),
    }


def _question_row(job: int, point: Mapping[str, Any]) -> dict[str, Any]:
    texts = {name: None if point[name] is None else encoding.plain(point[name]) for name in _QUESTION_TEXTS}
    times = {name: None if point[name] is None else float(point[name]) for name in _QUESTION_TIMES}
    values = {
        column: None if point[name] is None else encoding.to_json(point[name], "A question of the bundle")
        for name, column in _QUESTION_JSON.items()
    }
    return {"job": job, **texts, **times, **values}
