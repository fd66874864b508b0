"""Files that are damaged or not ours: a sentence and an end, no traceback and no wait, nothing touched."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import anyio
import pytest

from evolver_tui.adapters.database.database import Database
from evolver_tui.adapters.database.queue_peek import APPLICATION_ID
from evolver_tui.core.added_tasks import AddedTasks
from evolver_tui.core.errors import StoreBroken, StoreError
from tests.support.databases import add, ids, opened, task, tasks

PAGE = 4_096


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "evolver.db"


async def fill(path: Path) -> None:
    async with opened(path) as database:
        await add(database, *tasks(*(f"t-{n}" for n in range(500))))


# --- at the start ---


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2 // PAGE * PAGE + 100)


def zero_the_index(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        (root,) = database.execute("SELECT rootpage FROM sqlite_master WHERE name = 'job_queue'").fetchone()
    with path.open("r+b") as file:
        file.seek((root - 1) * PAGE)
        file.write(bytes(PAGE))


def overwrite(path: Path) -> None:
    path.write_bytes(random.Random(1).randbytes(5 * PAGE))


def lead_nowhere(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.with_name("nowhere") / "evolver.db")


def put_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def is_there(path: Path) -> bool:
    return path.exists()


def content_of(path: Path) -> bytes:
    return path.read_bytes()


def put_garbage(path: Path, pages: int) -> None:
    """Over the beginning of a file, or as one."""
    with open(path, "r+b" if path.exists() else "wb") as file:
        file.write(random.Random(2).randbytes(pages * PAGE))


DAMAGE = [truncate, zero_the_index, overwrite, lead_nowhere, put_a_folder]


@pytest.mark.anyio
@pytest.mark.parametrize("harm", DAMAGE)
async def test_each_command_says_so_and_ends(path: Path, harm: Callable[[Path], None]) -> None:
    await fill(path)
    harm(path)
    environ = {**os.environ, "EVOLVER_HOME": str(path.parent)}
    for arguments, stdin in (
        (["jobs", "list"], ""),
        (["connect"], '{"hub_url": "http://127.0.0.1:1/hub", "duration_seconds": 1}'),
    ):
        ran = await asyncio.to_thread(
            subprocess.run, [sys.executable, "-m", "evolver_tui", *arguments, "--database", str(path)],
            input=stdin, capture_output=True, text=True, timeout=60, env=environ, cwd=path.parent, check=False,
        )  # fmt: skip
        said = ran.stdout + ran.stderr
        assert (ran.returncode, "Traceback" in said) == (1, False), said
        assert f"The database {path} " in said
    assert is_there(path) == (harm is not lead_nowhere), "what is not there is not made"


@pytest.mark.anyio
async def test_empty_file_is_a_place_for_a_database(path: Path) -> None:
    put_garbage(path, 0)
    async with opened(path) as database:
        await add(database, task("a"))
        assert await ids(database) == ["a"]


@pytest.mark.anyio
async def test_garbage_in_the_place_of_a_log_is_left_out(path: Path) -> None:
    await fill(path)
    put_garbage(path.with_name("evolver.db-wal"), 3)
    async with opened(path) as database:
        assert len(await ids(database)) == 500


# --- while it is open ---


@pytest.mark.anyio
async def test_idle_console_hears_that_its_file_was_replaced(path: Path) -> None:
    async with opened(path) as database:
        await add(database, task("a"))
        heard = anyio.Event()
        told: list[StoreBroken] = []
        database.watch_broken(told.append)
        database.watch_broken(lambda error: heard.set())
        backup = path.with_name("backup.db")
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(backup)) as target:
            source.backup(target)
        backup.replace(path)
        with anyio.fail_after(20):
            await heard.wait()
        with pytest.raises(StoreBroken):
            await add(database, task("b"))
    assert [str(error) for error in told] == [
        f"The database {path} was replaced or restored while it was open."
        " Nothing more is written. Start again to work with the file that is there then."
    ]


@pytest.mark.anyio
async def test_damage_that_only_a_reader_meets_ends_the_writing(path: Path) -> None:
    await fill(path)
    zero_the_index(path)
    database = Database(path)
    await database.open()
    heard = anyio.Event()
    database.watch_broken(lambda error: heard.set())
    with pytest.raises(StoreBroken, match="is damaged"):
        await database.rows_after(None, 1000)
    with anyio.fail_after(20):
        await heard.wait()
    with pytest.raises(StoreBroken, match="is damaged"):
        await database.add_tasks([], "s", generate=True, signals_of=lambda added: ())
    await database.close()


@pytest.mark.anyio
async def test_garbage_in_an_open_log_mixes_nothing(path: Path) -> None:
    database = Database(path)
    await database.open()
    await add(database, *tasks("a", "b"))
    put_garbage(path.with_name("evolver.db-wal"), 30)
    with anyio.fail_after(60):
        heard = await asyncio.gather(*(add(database, task(f"later {n}")) for n in range(3)), return_exceptions=True)
        with contextlib.suppress(StoreError):  # how many signals are missing
            await database.close()
    assert {type(error) for error in heard} <= {AddedTasks, StoreBroken}


# --- another program's ---


@pytest.mark.anyio
@pytest.mark.parametrize("script", [
    "CREATE TABLE migration (id INTEGER PRIMARY KEY, applied TEXT); CREATE TABLE job (id INTEGER, state TEXT)",
    "CREATE TABLE migration (number INTEGER PRIMARY KEY, name TEXT, at REAL); INSERT INTO migration VALUES (1, 'x', 0)",
    "CREATE TABLE migration (number INTEGER, name TEXT, at REAL); CREATE TABLE signal (id INTEGER);"
    "CREATE TABLE job (seq INTEGER, state TEXT); CREATE TABLE journal (x TEXT); CREATE TABLE session (id TEXT)",
    "CREATE TABLE migration (number INTEGER)",
    "PRAGMA journal_mode = WAL; CREATE TABLE job (id INTEGER)",
    "PRAGMA application_id = 1196444487; CREATE TABLE t (x)",
    "PRAGMA application_id = 1196444487",
])  # fmt: skip
async def test_other_program_s_file_is_refused_and_stays_byte_for_byte(path: Path, script: str) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.executescript(script)
    before = content_of(path)
    with pytest.raises(StoreError, match=r"belongs to another program\. Nothing was changed"):
        await Database(path).open()
    assert content_of(path) == before
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.anyio
async def test_own_file_says_whose_it_is_also_when_it_did_not_before(path: Path) -> None:
    await fill(path)
    for _ in range(2):
        async with opened(path):
            pass
        with closing(sqlite3.connect(path)) as other:
            assert other.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
            other.execute("PRAGMA application_id = 0")
