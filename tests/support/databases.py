"""What the tests of the store share: tasks, an opened database, and the usual ways to ask it."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import psycopg

from evolver_tui.adapters.database.database import Database
from evolver_tui.core.added_tasks import AddedTasks
from evolver_tui.core.claim import Claim
from evolver_tui.core.question import Question
from evolver_tui.core.signal import Signal
from evolver_tui.core.task import Task
from evolver_tui.engine.store import Store

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
async def opened(place: str | Path, **options: Any) -> AsyncIterator[Database]:
    database = Database(place, **options)
    await database.open()
    try:
        yield database
    finally:
        await database.close()


async def add(store: Store, *some: Task, generate: bool = True) -> AddedTasks:
    return await store.add_tasks(some, "s", generate=generate, signals_of=silent)


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


# --- the database from outside ---


def is_sqlite(url: str) -> bool:
    return url.startswith("sqlite:")


def file_of(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


def place_of(url: str) -> str:
    """What the store's sentences call a database."""
    if is_sqlite(url):
        return str(file_of(url))
    host, _, name = url.rpartition("@")[2].partition("/")
    return f"{name} on {host}"


@contextmanager
def other_program(url: str) -> Iterator[Any]:
    """Another program's connection. Its `execute` takes no values and commits by itself, unless after a BEGIN."""
    if is_sqlite(url):
        connection: Any = sqlite3.connect(file_of(url), isolation_level=None)
    else:
        connection = psycopg.connect(url.replace("+psycopg", ""), autocommit=True)
    try:
        yield connection
    finally:
        connection.close()


def sql(url: str, statement: str) -> list[tuple[Any, ...]]:
    """Run one statement as another program; returns its rows."""
    with other_program(url) as connection:
        cursor = connection.execute(statement)
        rows: list[tuple[Any, ...]] = cursor.fetchall() if cursor.description else []
        return rows


def snapshot(url: str, *queries: str) -> list[list[tuple[Any, ...]]]:
    """The rows of several queries, all at one moment."""
    with other_program(url) as connection:
        connection.execute("BEGIN" if is_sqlite(url) else "BEGIN ISOLATION LEVEL REPEATABLE READ")
        return [connection.execute(query).fetchall() for query in queries]


@contextmanager
def locked(url: str) -> Iterator[None]:
    """Another program that has begun to write and does not come to an end."""
    with other_program(url) as connection:
        if is_sqlite(url):
            connection.execute("BEGIN IMMEDIATE")
        else:
            connection.execute("BEGIN")
            connection.execute("LOCK TABLE job, question, signal, tally IN EXCLUSIVE MODE")
        yield


_RECOUNTED = (
    "SELECT state, coalesce(outcome, ''), count(*) FROM job GROUP BY 1, 2 ORDER BY 1, 2",
    "SELECT state, outcome, sum(jobs) FROM tally GROUP BY 1, 2 HAVING sum(jobs) <> 0 ORDER BY 1, 2",
)


def check_whole(url: str) -> None:
    """The file is sound, and the tally is what a recount of the rows says."""
    if is_sqlite(url):
        assert sql(url, "PRAGMA integrity_check") == [("ok",)]
    counted, kept = snapshot(url, *_RECOUNTED)
    assert counted == kept


def fill_up(ballast: Path) -> None:
    """Write a file until nothing more fits on its disk."""
    size = 65_536
    with ballast.open("wb", buffering=0) as file:
        while size:
            try:
                file.write(b"x" * size)
            except OSError:
                size //= 2
