"""What `evolver-tui jobs list` and `show` read. Nothing is imported that only an answer or a decision needs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from evolver_tui.cli.jobs import views
from evolver_tui.cli.jobs.views import JobView
from evolver_tui.cli.output import Result, table
from evolver_tui.core.errors import NotWaiting, UsageError
from evolver_tui.core.job import JobDetail, JobState, QueueKey, QueueRow
from evolver_tui.core.safe_text import safe_text
from evolver_tui.core.spending import NOTHING

if TYPE_CHECKING:
    from evolver_tui.engine.store import ReadStore

_PAGE = 1_000

T = TypeVar("T")


def with_open(store: ReadStore, work: Callable[[], Awaitable[T]]) -> T:
    """Do this while the store is open."""

    async def do() -> T:
        await store.open()
        try:
            return await work()
        finally:
            await store.close()

    return asyncio.run(do())


# --- finding ---------------------------------------------------------------------------------------------------------


async def find_job(store: ReadStore, name: str) -> JobDetail:
    """The job of this number or task id; `job:` or `task:` before it says which of both is meant.

    Raises:
        NotWaiting: there is none.
        UsageError: one job has this number and another this task id.
    """
    kind, separator, rest = name.partition(":")
    is_kind_given = bool(separator) and kind in ("job", "task")
    wanted = rest if is_kind_given else name
    by_number = await _by_number(store, wanted) if not is_kind_given or kind == "job" else None
    by_task = await job_of_task(store, wanted) if not is_kind_given or kind == "task" else None
    if by_number is not None and by_task is not None and by_number.row.job != by_task.row.job:
        shown = safe_text(wanted, 40)
        raise UsageError(
            f"{shown} is the number of job {by_number.row.job} and the task id of job {by_task.row.job}.",
            f"Write job:{shown} or task:{shown}.",
        )
    found = by_number or by_task
    if found is None:
        raise NotWaiting(f"There is no job {safe_text(name, 100)}.", "See `evolver-tui jobs list`.")
    return found


async def _by_number(store: ReadStore, text: str) -> JobDetail | None:
    return await store.job(int(text)) if text.isascii() and text.isdecimal() and len(text) < 20 else None


async def job_of_task(store: ReadStore, task_id: str) -> JobDetail | None:
    """The job of this task, or None."""
    job = await store.job_of_task(task_id) if task_id else None
    return None if job is None else await store.job(job)


def job_label(row: QueueRow) -> str:
    """A job as a sentence begins with it."""
    return f"Job {row.job} ({safe_text(row.task_id, 100)})"


# --- reading ---------------------------------------------------------------------------------------------------------


async def list_jobs(store: ReadStore, states: Collection[JobState], limit: int, now: float) -> Result:
    """Jobs in the queue's order.

    Args:
        states: only jobs in these; empty for all.
        limit: at most so many.
        now: seconds since 1970.
    """
    rows: list[QueueRow] = []
    key: QueueKey | None = None
    there = await _count(store, states)
    while len(rows) < min(limit, there) and (page := await store.rows_after(key, _PAGE)):
        rows += [row for row in page if not states or row.state in states]
        key = page[-1].key
    del rows[limit:]
    cells = [("JOB", "STATE", "AGE", "TASK", "NAME"), *(views.row_cells(row, now) for row in rows)]
    kind = f" {' or '.join(sorted(states))}" if states else ""
    return _listing([views.row_value(row) for row in rows], there, cells, f"There is no{kind} job.")


async def _count(store: ReadStore, states: Collection[JobState]) -> int:
    counts = await store.counts()
    of_state = {
        JobState.PENDING: counts.waiting,
        JobState.RUNNING: counts.running,
        JobState.PAUSED: counts.needs_you,
        JobState.COMPLETED: counts.approved + counts.rejected + counts.skipped + counts.stored + counts.done,
        JobState.FAILED: counts.failed,
        JobState.CANCELLED: counts.cancelled,
        JobState.EXPORTED: counts.exported,
    }
    return sum(of_state[state] for state in states or JobState)


async def list_questions(store: ReadStore, limit: int, now: float) -> Result:
    """What needs a person, asked longest ago first."""
    questions = await store.open_questions(limit)
    there = max(len(questions), (await store.counts()).needs_you)
    cells = [("JOB", "FOR", "AGE", "TASK", "QUESTION"), *(views.open_cells(question, now) for question in questions)]
    return _listing([views.open_value(question) for question in questions], there, cells, "Nothing needs you.")


def _listing(jobs: Sequence[Mapping[str, Any]], there: int, cells: Sequence[Sequence[str]], if_none: str) -> Result:
    """Jobs of which so many are there, and their table with its head."""
    value = {"jobs": jobs, "total": there}
    if not jobs:
        return Result(value, message=if_none, is_answer=True)
    cut = f"{len(jobs):,} of {there:,} are shown; --limit shows more." if len(jobs) < there else ""
    return Result(value, table(cells), cut)


async def show_job(store: ReadStore, name: str, now: float) -> Result:
    """One job with everything that is known about it."""
    detail = await find_job(store, name)
    job = detail.row.job
    view = JobView(
        detail,
        await store.open_question_of(job),
        await store.pauses_of(job),
        await store.journal(job),
        await store.shared_of(job),
        next((total for _, total in await store.spending(job=job)), NOTHING),
    )
    return Result(view.to_json_value(), "\n".join(view.lines(now)))
