"""The first screenful of the queue, read without SQLModel."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from evolver_tui.adapters.database import migrations, queue_peek
from evolver_tui.adapters.database.database import Database
from evolver_tui.adapters.database.queue_peek import peek
from evolver_tui.core.task import Task


async def fill(path: Path) -> Database:
    database = Database(path)
    await database.open()
    tasks = [Task.from_raw({"id": f"t-{n}", "taskName": f"Task {n}", "llmTaskType": "generate"}) for n in range(100)]
    await database.add_tasks(tasks, "s", generate=True, signals_of=lambda added: ())
    return database


@pytest.mark.anyio
async def test_peek_shows_what_the_database_shows(tmp_path: Path) -> None:
    path = tmp_path / "evolver.db"
    database = await fill(path)
    whole_queue, whole_counts = await database.rows_after(None, 60), await database.counts()
    assert peek(path) == (whole_queue, whole_counts)
    assert peek(path, 5) == (whole_queue[:5], whole_counts)
    await database.close()
    assert peek(path) == (whole_queue, whole_counts), "also after the database was closed in order"


def test_peek_knows_the_layout_that_the_database_writes() -> None:
    assert migrations.STEPS[-1].number == queue_peek.LAYOUT


def test_peek_of_nothing_is_empty_and_makes_no_file(tmp_path: Path) -> None:
    assert peek(tmp_path / "missing.db") == ([], None)
    assert peek(tmp_path / "no folder" / "missing.db") == ([], None)
    assert peek(tmp_path) == ([], None)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", [b"", b"not a database, but long enough to look at" * 100])
def test_peek_of_another_file_is_empty(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.db"
    path.write_bytes(content)
    assert peek(path) == ([], None)
    assert path.read_bytes() == content


def test_peek_of_another_programs_database_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE job (seq INTEGER PRIMARY KEY, rank TEXT)")
    connection.close()
    assert peek(path) == ([], None)


@pytest.mark.anyio
async def test_peek_of_a_newer_layout_or_strange_rows_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "evolver.db"
    await (await fill(path)).close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE job SET state = 'dreaming'")
    connection.close()
    assert peek(path) == ([], None)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE job SET state = 'pending'")
        assert len(peek(path)[0]) == 0, "the change is not committed"
        connection.commit()
        assert len(peek(path)[0]) == 60
        connection.execute("INSERT INTO migration VALUES (99, 'from the future', 0)")
    connection.close()
    assert peek(path) == ([], None)


@pytest.mark.anyio
async def test_peek_does_not_wait_for_whoever_locks_the_file(tmp_path: Path) -> None:
    path = tmp_path / "evolver.db"
    await (await fill(path)).close()
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    connection.execute("BEGIN EXCLUSIVE")
    assert peek(path) == ([], None)
    connection.close()


def test_peek_loads_the_standard_library_only() -> None:
    code = (
        "import sys, evolver_tui.adapters.database.queue_peek\n"
        "assert not {'sqlmodel', 'sqlalchemy', 'pydantic', 'textual'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
