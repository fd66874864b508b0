"""The first screenful of the queue by the standard library alone, long before SQLModel is imported.

Also the one place that knows how a row of the job table becomes a line of the queue: the database adapter uses it too.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from evolver_tui.core.job import JobState, Outcome, QueueCounts, QueueRow

LAYOUT: Final = 8
"""The layout of the database that is read here."""
APPLICATION_ID: Final = 0x45564F4C
"""What a SQLite file of this program's says that it is, from its first page on: EVOL."""

ROW_COLUMNS: Final = (
    "seq", "rank", "task_id", "task_name", "task_type", "priority", "state", "outcome", "asks", "since", "node",
)  # fmt: skip
"""The job table's columns that make a line of the queue."""


def queue_row(values: Sequence[Any]) -> QueueRow:
    """A line of the queue from the values of `ROW_COLUMNS`."""
    job, rank, task_id, task_name, task_type, priority, state, outcome, asks, since, node = values
    return QueueRow(
        job, rank, task_id, task_name, task_type, priority, JobState(state), Outcome(outcome) if outcome else None,
        asks or None, since, node,
    )  # fmt: skip


def queue_counts(tally: Iterable[Sequence[Any]]) -> QueueCounts:
    """The counts from rows of the tally: state, outcome ("" for none), number of jobs."""
    counted = dict.fromkeys(_FIELDS.values(), 0)
    for state, outcome, jobs in tally:
        name = _FIELDS.get((state, outcome)) or _FIELDS.get((state, ""))
        if name is not None:
            counted[name] += jobs
    return QueueCounts(**counted)


_FIELDS: Final = {
    (JobState.PENDING.value, ""): "waiting",
    (JobState.RUNNING.value, ""): "running",
    (JobState.PAUSED.value, ""): "needs_you",
    (JobState.COMPLETED.value, Outcome.APPROVED.value): "approved",
    (JobState.COMPLETED.value, Outcome.REJECTED.value): "rejected",
    (JobState.COMPLETED.value, Outcome.SKIPPED.value): "skipped",
    (JobState.COMPLETED.value, Outcome.STORED.value): "stored",
    (JobState.COMPLETED.value, Outcome.DONE.value): "done",
    (JobState.COMPLETED.value, ""): "stored",
    (JobState.FAILED.value, ""): "failed",
    (JobState.CANCELLED.value, ""): "cancelled",
    (JobState.EXPORTED.value, ""): "exported",
}
"""A state and an outcome to the field that counts them. A job that completed without an outcome was only kept."""


def peek(path: Path, limit: int = 60) -> tuple[list[QueueRow], QueueCounts | None]:
    """The queue's first rows and its counts, read only.

    Returns nothing, and None for the counts, where there is no database, it is not ours, it is of another layout, or
    somebody keeps it locked. Never raises and never waits.
    """
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=0, isolation_level=None)
    except (sqlite3.Error, OSError, ValueError):
        return [], None
    try:
        connection.execute("BEGIN")
        if connection.execute("SELECT max(number) FROM migration").fetchone()[0] != LAYOUT:
            return [], None
        rows = connection.execute(f"SELECT {', '.join(ROW_COLUMNS)} FROM job ORDER BY rank, seq LIMIT ?", (limit,))
        tally = connection.execute("SELECT state, outcome, jobs FROM tally")
        return [queue_row(row) for row in rows], queue_counts(tally)
    except (sqlite3.Error, ValueError, TypeError):
        return [], None
    finally:
        connection.close()
