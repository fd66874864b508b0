"""A kill at each statement of each write: it is done or it is not, and the job goes on elsewhere, once."""

from __future__ import annotations

import json
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from itertools import count
from typing import Any

import anyio
import pytest

from evolver_tui.adapters.database.database import Database
from evolver_tui.core.claim import Claim
from evolver_tui.core.job import JobState, Outcome
from evolver_tui.core.question import Question
from evolver_tui.core.routine_state import DeferredEvent, Progress
from evolver_tui.core.signal import Signal
from tests.support.database_process import OPERATIONS, Companion
from tests.support.databases import LEASE, add, check_whole, claim, is_sqlite, opened, snapshot, task

Facts = Mapping[str, Any]
"""What an operation is told: the job's number, its fence, its question."""

TABLES = {
    "job": "SELECT * FROM job ORDER BY seq",
    "journal": "SELECT * FROM journal ORDER BY job, name",
    "question": "SELECT * FROM question ORDER BY id",
    "signal": "SELECT * FROM signal ORDER BY seq",
    "tally": "SELECT state, outcome, sum(jobs) FROM tally GROUP BY 1, 2 HAVING sum(jobs) <> 0 ORDER BY 1, 2",
}

KILLS = {True: 110, False: 90}
"""On SQLite and on PostgreSQL: 200 together. SQLite has more statements to be killed at."""


# --- a job in the state in which an operation finds it ---


async def unknown(database: Database, task_id: str) -> Facts:
    return {}


async def pending(database: Database, task_id: str) -> Facts:
    await add(database, task(task_id))
    return {}


def held_facts(held: Claim) -> Facts:
    return {"job": held.job, "fence": held.fence}


async def held(database: Database, task_id: str) -> Facts:
    await pending(database, task_id)
    return held_facts(await claim(database))


async def paused(database: Database, task_id: str) -> Facts:
    facts = await held(database, task_id)
    later = Progress(deferred=[DeferredEvent("later", {}, 1.0)])
    question = await database.pause(facts["job"], facts["fence"], Question("language", "?"), "s", progress=later)
    return {**facts, "question": question}


async def resumed(database: Database, task_id: str) -> Facts:
    facts = await paused(database, task_id)
    await database.answer(facts["question"], {}, "me", "s")
    return held_facts(await claim(database))


async def failed(database: Database, task_id: str) -> Facts:
    facts = await held(database, task_id)
    await database.finish(facts["job"], facts["fence"], JobState.FAILED, "s")
    return facts


async def arriving(database: Database, task_id: str) -> Facts:
    """The bundle of a job that is not here: one that left from here, under another id."""
    facts = await paused(database, f"{task_id}-double")
    bundle = await database.export_job(facts["job"], "me", "there", f"{task_id}-double-bundle", "s")
    state = {**bundle.job_state, "task": dict(task(task_id).raw)}
    return {"bundle": replace(bundle, id=f"{task_id}-bundle", job_state=state).to_json()}


PREPARATIONS: dict[str, Callable[[Database, str], Awaitable[Facts]]] = {
    "add_tasks": unknown,
    "claim": pending,
    "release": held,
    "record_step": held,
    "pause": held,
    "answer": paused,
    "emit_deferred": resumed,
    "finish": held,
    "retry": failed,
    "cancel": paused,
    "export": paused,
    "import": arriving,
}


# --- what becomes of it afterwards ---


async def go_on_elsewhere(database: Database, task_id: str, facts: Facts) -> JobState:
    """Bring a job to its end on another host, whatever the killed process left of it."""
    rows = [row for row in await database.rows_after(None, 1000) if row.task_id == task_id]
    if not rows:  # the killed one was to bring it in
        await pending(database, task_id)
        rows = [row for row in await database.rows_after(None, 1000) if row.task_id == task_id]
    (row,) = rows
    job = row.job
    if row.state is JobState.EXPORTED:
        bundle = await database.export_job(job, "me", "there", "another id", "s")
        assert bundle.id == f"{task_id}-bundle"
        assert await database.import_job(bundle, "s") == job
    if row.state is JobState.FAILED:
        await database.retry(job, "s")
    if question := await database.open_question_of(job):
        await database.answer(question.id, {}, "somebody else", "s")
    if row.state is JobState.CANCELLED:
        return row.state
    with anyio.fail_after(20):  # a server may take a moment to see that who held the row is gone
        while (taken := await database.claim("third-host:1:1", LEASE)) is None:
            pass
    assert taken.job == job, "nothing else waits"
    ended = [Signal("ended", {"task_id": task_id})]
    await database.finish(job, taken.fence, JobState.COMPLETED, "s", outcome=Outcome.APPROVED, signals=ended)
    return JobState.COMPLETED


def changed(before: list[list[Any]], after: list[list[Any]]) -> set[str]:
    """The tables in which anything is different."""
    return {table for table, old, new in zip(TABLES, before, after, strict=True) if old != new}


@pytest.mark.anyio
async def test_kill_at_each_statement_of_each_write_loses_nothing_and_doubles_nothing(
    url: str, companion: Companion
) -> None:
    assert PREPARATIONS.keys() == OPERATIONS.keys()
    kills: Counter[str] = Counter()
    ends: Counter[JobState] = Counter()
    async with opened(url) as database, opened(url, clock_shift=LEASE + 1) as later:
        for operation, prepare in PREPARATIONS.items():
            made = []
            for point in count(1):
                task_id = f"{operation}-{point}"
                facts = {"task_id": task_id, **await prepare(database, task_id)}
                before = snapshot(url, *TABLES.values())
                companion.play("strike", url, operation, facts, point, signal.SIGKILL)
                is_over = [line[0] for line in companion.until_ended()] == ["said"]
                assert is_over or companion.status == signal.SIGKILL
                made.append(changed(before, snapshot(url, *TABLES.values())))
                ends[await go_on_elsewhere(later, task_id, facts)] += 1
                if is_over:
                    break
                kills[operation] += 1
            all_of_it = made.pop()
            *_, after_the_commit = made
            assert all_of_it >= {"job", "tally"} or operation in ("record_step", "emit_deferred")
            assert all_of_it >= {"signal"} or operation in ("claim", "release")
            assert after_the_commit == all_of_it, operation
            is_made = [tables == all_of_it for tables in made]
            assert all(tables in (set(), all_of_it) for tables in made), (operation, made)
            assert is_made == sorted(is_made), (operation, made)
        told = [json.loads(row[4]) for row in snapshot(url, TABLES["signal"])[0] if row[2] == "ended"]
        assert len({each["task_id"] for each in told}) == len(told) == ends[JobState.COMPLETED]
        counts = await database.counts()
        assert (counts.live, counts.failed) == (0, 0)
    check_whole(url)
    assert sum(kills.values()) >= KILLS[is_sqlite(url)], kills
