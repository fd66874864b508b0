"""What rules or people put on a job: its marks, and its place among those that nobody has begun."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import select

from evolver_tui.adapters.database import encoding
from evolver_tui.adapters.database.models import jobs
from evolver_tui.adapters.database.transaction import Transaction
from evolver_tui.core import ranks
from evolver_tui.core.errors import NotWaiting
from evolver_tui.core.job import JobState
from evolver_tui.core.job_marks import MarkChange
from evolver_tui.core.signal import Signal

_COLUMNS: Final = (jobs.c.state, jobs.c.rank, jobs.c.priority, jobs.c.marks_json)


def mark(transaction: Transaction, job: int, change: MarkChange, session_id: str, signals: Sequence[Signal]) -> bool:
    """Change a job's marks; False where that changes nothing.

    Raises:
        NotWaiting: it was moved away, or there is none.
    """
    found = transaction.connection.execute(select(*_COLUMNS).where(jobs.c.seq == job).with_for_update()).first()
    if found is None:
        raise NotWaiting(f"There is no job {job}.", "Nothing was changed.")
    if found.state == JobState.EXPORTED.value:
        raise NotWaiting(f"Job {job} was moved away.", "Nothing was changed.")
    before = encoding.to_marks(found.marks_json)
    after = change.of(before, found.priority)
    if after == before:
        return False
    changed: dict[str, Any] = {"marks_json": encoding.from_marks(after), "priority": after.priority or found.priority}
    if ranks.is_new(found.rank):
        changed["rank"] = ranks.new_rank(job, changed["priority"])
    transaction.update("job", changed, "seq = ?", (job,))
    transaction.is_touched = True
    transaction.log(session_id, signals)
    return True
