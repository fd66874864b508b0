"""What the tests of the store share: tasks, an opened database, and the usual ways to ask it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from evolver_tui.adapters.database import Database
from evolver_tui.core.question import Question
from evolver_tui.core.signal import Signal
from evolver_tui.core.task import Task
from evolver_tui.engine.ports import AddedTasks, Claim, Store

ELSEWHERE = "another-host:1:1"
"""A worker of a host that this one knows nothing of."""
LEASE = 60.0


def task(task_id: str, priority: str = "medium", status: str = "pending", **more: Any) -> Task:
    name = more.pop("taskName", f"Name of {task_id}")
    raw = {"id": task_id, "taskName": name, "llmTaskType": "summarize", "priority": priority, "status": status}
    return Task.from_raw({**raw, **more})


def tasks(*ids: str) -> list[Task]:
    return [task(task_id) for task_id in ids]


def silent(added: AddedTasks) -> Sequence[Signal]:
    return ()


@asynccontextmanager
async def opened(path: Path, **options: Any) -> AsyncIterator[Database]:
    database = Database(path, **options)
    await database.open()
    try:
        yield database
    finally:
        await database.close()


async def add(store: Store, *some: Task, generate: bool = True) -> AddedTasks:
    return await store.add_tasks(some, "s", generate=generate, narrate=silent)


async def claim(store: Store, owner: str = ELSEWHERE) -> Claim:
    claimed = await store.claim(owner, LEASE)
    assert claimed is not None
    return claimed


async def pause(store: Store, name: str = "language", owner: str = ELSEWHERE) -> tuple[Claim, int]:
    claimed = await claim(store, owner)
    return claimed, await store.pause(claimed.job, claimed.fence, Question(name, "Which?"), "s")


async def ids(store: Store, search: str = "") -> list[str]:
    return [row.task_id for row in await store.rows_after(None, 1000, search)]


async def names(store: Store) -> list[str]:
    return [stored.signal.name for stored in await store.signals("s")]
