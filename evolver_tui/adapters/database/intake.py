"""How tasks come into the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import select

from evolver_tui.adapters.database import encoding, resends, sqlite
from evolver_tui.adapters.database.models import jobs
from evolver_tui.adapters.database.resends import chunks
from evolver_tui.adapters.database.transaction import Transaction, standing
from evolver_tui.core import ranks
from evolver_tui.core.added_tasks import AddedTasks
from evolver_tui.core.job import JobState, Outcome
from evolver_tui.core.task import Task
from evolver_tui.engine.intake import AddedSignals

CHUNK: Final = 2_000
"""Tasks that come into one transaction."""

_COLUMNS: Final = (
    "seq", "task_id", "task_name", "task_type", "priority", "state", "outcome", "rank", "since", "node", "error",
    "attempt", "fence", "received_at", "session_id", "routine", "raw_json",
)  # fmt: skip
_INSERT: Final = sqlite.compiled(
    sqlite.insert(jobs).values(dict.fromkeys(_COLUMNS)).on_conflict_do_nothing(index_elements=[jobs.c.task_id])
)
_IDS_PER_QUERY: Final = 500


def add_tasks(
    transaction: Transaction, tasks: Sequence[Task], session_id: str, generate: bool, signals_of: AddedSignals
) -> AddedTasks:
    """Insert what has not been seen before, and the signals that tell of it."""
    first_of_id: dict[str, Task] = {}
    for task in tasks:
        first_of_id.setdefault(task.id, task)
    numbers = transaction.reserve_jobs(len(first_of_id))
    rows = [
        _row(job, task, _end_of(task, generate), transaction.now, session_id)
        for job, task in zip(numbers, first_of_id.values(), strict=True)
    ]
    inserted = transaction.execute_many(_INSERT, rows)
    known = frozenset[str]()
    if inserted < len(rows):
        known = _known_ids(transaction, dict(zip(first_of_id, numbers, strict=True)))

    sorted_out: dict[Outcome | None, list[Task]] = {None: [], Outcome.SKIPPED: [], Outcome.STORED: []}
    duplicates = []
    for task in tasks:
        if first_of_id.pop(task.id, None) is None or task.id in known:
            duplicates.append(task)
        else:
            sorted_out[_end_of(task, generate)].append(task)
    resent = resends.keep(transaction, duplicates, session_id) if duplicates else frozenset()
    for outcome, added in sorted_out.items():
        transaction.moved(None, standing(_state_of(outcome), outcome), len(added))
    result = AddedTasks(
        queued=tuple(sorted_out[None]),
        skipped=tuple(sorted_out[Outcome.SKIPPED]),
        stored=tuple(sorted_out[Outcome.STORED]),
        duplicates=tuple(task for place, task in enumerate(duplicates) if place not in resent),
        resent=tuple(task for place, task in enumerate(duplicates) if place in resent),
        waiting=transaction.waiting,
    )
    transaction.log(session_id, signals_of(result))
    return result


def joined(parts: Sequence[AddedTasks]) -> AddedTasks:
    """What became of a batch that came in several parts."""
    if len(parts) == 1:
        return parts[0]
    return AddedTasks(
        queued=tuple(task for part in parts for task in part.queued),
        skipped=tuple(task for part in parts for task in part.skipped),
        stored=tuple(task for part in parts for task in part.stored),
        duplicates=tuple(task for part in parts for task in part.duplicates),
        resent=tuple(task for part in parts for task in part.resent),
        waiting=parts[-1].waiting,
    )


def _end_of(task: Task, generate: bool) -> Outcome | None:
    """How a task is over as it comes; None for one to work on."""
    if task.is_completed:
        return Outcome.SKIPPED
    return None if generate else Outcome.STORED


def _state_of(outcome: Outcome | None) -> JobState:
    return JobState.PENDING if outcome is None else JobState.COMPLETED


def _row(job: int, task: Task, outcome: Outcome | None, now: float, session_id: str) -> tuple[Any, ...]:
    state = _state_of(outcome).value
    rank = ranks.new_rank(job, task.priority) if outcome is None else ranks.over_rank(now)
    raw_json = encoding.to_task_json(task.raw)
    return (
        job, task.id, task.name, task.type, task.priority, state, outcome, rank, now, "", "", 1, 0, now, session_id,
        task.routine, raw_json,
    )  # fmt: skip


def _known_ids(transaction: Transaction, numbers: Mapping[str, int]) -> frozenset[str]:
    """Those task ids that stand in the database under another job number than the one they were given here."""
    known: set[str] = set()
    for some in chunks(numbers, _IDS_PER_QUERY):
        found = transaction.connection.execute(select(jobs.c.task_id, jobs.c.seq).where(jobs.c.task_id.in_(some)))
        known.update(task_id for task_id, job in found if job != numbers[task_id])
    return frozenset(known)
