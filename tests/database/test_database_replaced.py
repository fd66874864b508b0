"""A database that is damaged, replaced, restored or deleted while it is open: writing stops, and it is said."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import anyio
import pytest

from evolver_tui.adapters.database.database import Database
from evolver_tui.adapters.database.same_file import SameFile
from evolver_tui.core.errors import StoreBroken, StoreError
from evolver_tui.core.signal import Signal
from tests.support.databases import add, check_whole, ids, opened, task, tasks

pytestmark = pytest.mark.anyio


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "evolver.db"


def copy_of(path: Path) -> Path:
    """A whole copy, as a backup program makes it."""
    backup = path.with_name("backup.db")
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(backup)) as target:
        source.backup(target)
    return backup


def put_over(path: Path, backup: Path) -> None:
    os.replace(backup, path)


def restore_in_place(path: Path, backup: Path) -> None:
    with closing(sqlite3.connect(backup)) as source, closing(sqlite3.connect(path)) as target:
        source.backup(target)


def copy_over(path: Path, backup: Path) -> None:
    shutil.copyfile(backup, path)


async def tasks_found_by_another_process(path: Path) -> str:
    """The ids of all tasks, after the file was found to be whole."""
    look = (
        "import sqlite3, sys; connection = sqlite3.connect(sys.argv[1]);"
        "assert connection.execute('PRAGMA integrity_check').fetchall() == [('ok',)];"
        "print(*(row[0] for row in connection.execute('SELECT task_id FROM job ORDER BY seq')))"
    )
    command = [sys.executable, "-c", look, str(path)]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def move_the_log(path: Path, backup: Path) -> None:
    shutil.move(f"{path}-wal", f"{path}-wal.away")


@pytest.mark.parametrize("replace", [put_over, copy_over, restore_in_place, move_the_log])
async def test_replaced_file_is_not_written_to(path: Path, replace: Callable[[Path, Path], None]) -> None:
    database = Database(path)
    await database.open()
    await add(database, *tasks("a", "b"))
    database.log([Signal("logged before")], "s")
    await add(database)
    backup = copy_of(path)
    database.log([Signal("logged after")], "s")
    await add(database, task("c"))
    replace(path, backup)
    for _ in range(2):  # and it stays so
        with pytest.raises(StoreBroken) as caught:
            await add(database, task("d"))
        assert str(caught.value) == (
            f"The database {path} was replaced or restored while it was open."
            " Nothing more is written. Start again to work with the file that is there then."
        )
    await database.close()
    if replace is not move_the_log:
        assert await tasks_found_by_another_process(path) == "a b"


async def test_log_of_who_opened_the_replacement_stays_when_the_first_one_leaves(path: Path) -> None:
    first = Database(path)
    await first.open()
    await add(first, task("a"))
    backup = copy_of(path)
    for beside in ("-wal", "-shm"):
        os.unlink(f"{path}{beside}")
    os.replace(backup, path)
    async with opened(path) as second:
        await add(second, task("b"))
        with pytest.raises(StoreBroken):
            await add(first, task("c"))
        await first.close()
        await add(second, task("d"))
        assert await ids(second) == ["a", "b", "d"]
    check_whole(f"sqlite:///{path}")
    async with opened(path) as again:
        assert await ids(again) == ["a", "b", "d"]


async def test_backup_that_is_copied_over_the_file_of_an_idle_console_stays_as_it_is(path: Path) -> None:
    database = Database(path)
    await database.open()
    await add(database, *tasks(*(f"t-{n}" for n in range(600))))
    backup = copy_of(path)
    saved = backup.read_bytes()
    await add(database, *tasks(*(f"u-{n}" for n in range(600))))
    copy_over(path, backup)
    with pytest.raises(StoreBroken, match="was replaced or restored"):
        await database.counts()
    with pytest.raises(StoreBroken):
        await add(database, task("late"))
    await database.close()
    assert await asyncio.to_thread(path.read_bytes) == saved
    assert len((await tasks_found_by_another_process(path)).split()) == 600


async def test_checkpoints_of_others_are_no_foreign_writing(path: Path) -> None:
    # SQLite before 3.51.3 can lose a commit that begins the log anew beside two checkpoints (sqlite.org, "WAL-reset
    # bug"), so this one keeps writers out for its time.
    loop = (
        "import sqlite3, sys; open = lambda: sqlite3.connect(sys.argv[1], isolation_level=None, timeout=60);"
        "lock, connection = open(), open();"
        "print('ready', flush=True);"
        "[(lock.execute('BEGIN IMMEDIATE'), connection.execute('PRAGMA wal_checkpoint(PASSIVE)').fetchall(),"
        " lock.execute('COMMIT')) for _ in iter(int, 1)]"
    )
    async with opened(path) as one, opened(path) as two:
        await add(one, task("a"))
        other = await asyncio.create_subprocess_exec(sys.executable, "-c", loop, str(path), stdout=subprocess.PIPE)
        try:
            assert other.stdout is not None
            assert await other.stdout.readline() == b"ready\n"
            for number in range(60):
                batches = (tasks(*(f"{name} {number} {n}" for n in range(200))) for name in ("one", "two"))
                await asyncio.gather(*(add(each, *batch) for each, batch in zip((one, two), batches, strict=True)))
                await asyncio.gather(one.counts(), two.counts())
        finally:
            other.kill()
            await other.wait()
        assert (await one.counts()).waiting == 24_001
    check_whole(f"sqlite:///{path}")


async def test_deleted_file_is_not_made_again(path: Path) -> None:
    async with opened(path) as database:
        await add(database, task("a"))
        os.unlink(path)
        with pytest.raises(StoreError, match=r"was moved or deleted while it was open\. Put it back"):
            await add(database, task("b"))
        assert not os.path.exists(path)  # noqa: ASYNC240 - a moment


def test_file_that_stays_away_does_not_come_back(path: Path) -> None:
    seconds = iter([0.0, 4.9, 5.0])
    path.touch()
    file = SameFile(path, lambda: next(seconds))
    file.remember()
    path.unlink()
    for kind in (StoreError, StoreError, StoreBroken):
        with pytest.raises(StoreError) as caught:
            file.check()
        assert type(caught.value) is kind


async def test_two_consoles_write_on_without_taking_each_other_for_a_restore(path: Path) -> None:
    async with opened(path) as one, opened(path) as two:
        for number in range(20):
            for database in (one, two):
                database.log([Signal("x")], "s")
            await asyncio.gather(add(one, task(f"one {number}")), add(two, task(f"two {number}")))
        assert len(await ids(one)) == 40


def damage(path: Path, start: int) -> None:
    with path.open("r+b") as file:
        file.seek(start)
        file.write(random.Random(start).randbytes(path.stat().st_size - start))


async def use(database: Database) -> None:
    await database.open()
    await add(database, task("new"))


@pytest.mark.parametrize("at", [0, 4096])
async def test_damage_ends_the_writing(path: Path, at: int) -> None:
    async with opened(path) as database:
        await add(database, *tasks(*(f"t-{n}" for n in range(2_000))))
    damage(path, at)
    database = Database(path)
    with anyio.fail_after(20), pytest.raises(StoreError) as caught:
        await use(database)
    await database.close()
    assert isinstance(caught.value, StoreBroken)
    assert "name another" not in str(caught.value) or at == 0


async def test_lost_tables_end_the_writing(path: Path) -> None:
    async with opened(path) as database:
        await add(database, task("a"))
        with closing(sqlite3.connect(path)) as other:
            other.execute("DROP TABLE journal")
            other.execute("DROP TABLE question")
            other.execute("DROP TABLE job")
            other.commit()
        with pytest.raises(StoreBroken, match="has lost its tables"):
            await add(database, task("b"))
