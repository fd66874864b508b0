"""Tasks that a hub sends again under the same id with another content: kept beside the job, until somebody decides."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final, TypeVar

from sqlalchemy import select

from evolver_tui.adapters.database import encoding, sqlite
from evolver_tui.adapters.database.models import jobs, resent_tasks
from evolver_tui.adapters.database.restore import Ended
from evolver_tui.adapters.database.transaction import Transaction, standing
from evolver_tui.core import ranks
from evolver_tui.core.errors import NotWaiting
from evolver_tui.core.job import JobState
from evolver_tui.core.signal import Signal
from evolver_tui.core.task import Task, content_of

T = TypeVar("T")

_IDS_PER_QUERY: Final = 500
_KEPT = sqlite.insert(resent_tasks).values(dict.fromkeys(("task_id", "raw_json", "at", "session_id")))
_KEEP: Final = sqlite.compiled(
    _KEPT.on_conflict_do_update(
        index_elements=[resent_tasks.c.task_id],
        set_={column: _KEPT.excluded[column] for column in ("raw_json", "at", "session_id")},
    )
)
_FORGET: Final = "DELETE FROM resent_task WHERE task_id = ?"


def keep(transaction: Transaction, duplicates: Sequence[Task], session_id: str) -> frozenset[int]:
    """Keep the content of those that are another one than their job has; returns their places."""
    known: dict[str, str] = {}
    for some in chunks({task.id for task in duplicates}, _IDS_PER_QUERY):
        rows = transaction.connection.execute(select(jobs.c.task_id, jobs.c.raw_json).where(jobs.c.task_id.in_(some)))
        known.update((task_id, raw_json) for task_id, raw_json in rows)
    resent: dict[int, tuple[Any, ...]] = {}
    for place, task in enumerate(duplicates):
        if task.id not in known or task.is_completed:
            continue
        raw_json = encoding.to_task_json(task.raw)
        if raw_json != known[task.id] and content_of(json.loads(raw_json)) != content_of(json.loads(known[task.id])):
            resent[place] = (task.id, raw_json, transaction.now, encoding.plain(session_id))
    transaction.execute_many(_KEEP, [*{row[0]: row for row in resent.values()}.values()])
    return frozenset(resent)


def take(transaction: Transaction, job: int, session_id: str, signals: Sequence[Signal]) -> None:
    """Begin a job anew with the other content. What was saved stays, and what was decided before still counts.

    Raises:
        NotWaiting: the hub sent no other content, or the job was moved away.
    """
    ended = Ended.of(transaction, job)
    if ended.state == JobState.EXPORTED.value:
        raise NotWaiting(f"Job {job} was moved away.", "Nothing was changed.")
    task = _resent(transaction, job)
    begin_anew = {
        "task_name": task.name, "task_type": task.type, "priority": task.priority, "state": JobState.PENDING,
        "outcome": None, "asks": None, "pause_reason": "", "rank": ranks.new_rank(job, task.priority),
        "since": transaction.now, "node": "", "error": "", "attempt": 1, "fence": ended.fence + 1, "takeovers": 0,
        "lease_owner": None, "lease_expires": None, "deferred_json": "", "shared_json": "",
        "raw_json": encoding.to_task_json(task.raw),
    }  # fmt: skip
    _set_apart(transaction, job)
    transaction.update("job", begin_anew, "seq = ?", (job,))
    transaction.execute(_FORGET, (task.id,))
    transaction.moved((ended.state, ended.outcome or ""), standing(JobState.PENDING))
    transaction.log(session_id, signals)


def drop(transaction: Transaction, job: int, session_id: str, signals: Sequence[Signal]) -> None:
    """Let the other content go. Raises NotWaiting where there is none."""
    Ended.of(transaction, job)
    transaction.execute(_FORGET, (_resent(transaction, job).id,))
    transaction.is_touched = True
    transaction.log(session_id, signals)


def _resent(transaction: Transaction, job: int) -> Task:
    found = transaction.rows(
        "SELECT r.raw_json FROM resent_task AS r JOIN job AS j ON r.task_id = j.task_id WHERE j.seq = ?", (job,)
    )
    if not found:
        raise NotWaiting(f"The hub sent no other content for job {job}.", "Nothing was changed.")
    return Task.from_json(found[0][0])


def _set_apart(transaction: Transaction, job: int) -> None:
    """Let what was asked and answered stay as it was decided, under names that no routine uses; nothing is open."""
    transaction.execute("DELETE FROM journal WHERE job = ?", (job,))
    asked = transaction.rows("SELECT id, name, answered_at FROM question WHERE job = ?", (job,))
    for number, name, answered_at in asked:
        apart: dict[str, Any] = {"name": f"(earlier {number}) {name}"[:1_000]}
        if answered_at is None:  # it counts as no decision, and its number is nobody else's
            gone = {"kind": "question", "answered_at": transaction.now, "answer_json": '{"action":"cancel"}'}
            apart |= {**gone, "answered_by": ""}
        transaction.update("question", apart, "id = ?", (number,))
    transaction.update("decision", {"question": None}, "job = ?", (job,))


def chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """The items in lists of at most `size`."""
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk
