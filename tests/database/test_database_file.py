"""The store's file: limits, full disks, and files that are not what they should be."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from evolver_tui.adapters.database.database import Database
from evolver_tui.core.errors import StoreError
from evolver_tui.core.job import QueueCounts
from evolver_tui.core.question import Question
from evolver_tui.core.signal import Signal
from tests.support.database_process import Companion
from tests.support.databases import add, check_whole, claim, fill_up, ids, names, opened, task, tasks


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "evolver.db"


# --- a disk that is full ---


@pytest.mark.anyio
async def test_limit_on_the_size_of_files_is_an_error_in_words_and_passes(path: Path, companion: Companion) -> None:
    companion.play("fill_the_disk", f"sqlite:///{path}")
    *added, refused, waiting = companion.until_ended()
    assert added
    assert " ".join(refused).startswith(f"refused The database {path} cannot ")
    assert waiting == ["waiting", str(20 * len(added) + 1)]
    async with opened(path) as database:
        assert (await names(database))[-2:] == ["kept", "task.queued"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("mounting a small disk is not allowed here")
    yield disk
    subprocess.run(["umount", disk], check=True)


@pytest.mark.anyio
@pytest.mark.skipif(sys.platform != "linux", reason="mounts a tmpfs")
async def test_full_disk_is_an_error_in_words_and_passes(small_disk: Path) -> None:
    path = small_disk / "evolver.db"
    problems: list[StoreError] = []
    async with opened(path, on_problem=problems.append) as database:
        await add(database, task("before"))
        held = await claim(database)
        ballast = small_disk / "ballast"
        fill_up(ballast)
        database.log([Signal("kept")], "s")
        refused = await asyncio.gather(
            add(database, *tasks(*(f"t-{n}" for n in range(500)))),
            database.record_step(held.job, held.fence, "big", "x" * 100_000, "s"),
            database.pause(held.job, held.fence, Question("q", "x" * 100_000), "s"),
            return_exceptions=True,
        )
        for error in refused:
            assert str(error).startswith(f"The database {path} cannot grow: the disk is full. Free some space")
        assert await database.counts() == QueueCounts(running=1), "reading goes on"
        ballast.unlink()
        await database.record_step(held.job, held.fence, "route", 1, "s", [Signal("later")])
        assert await database.journal(held.job) == {"route": 1}
        assert await names(database) == ["kept", "later"]
    assert len(problems) <= 1


# --- a folder that goes away ---


@pytest.mark.anyio
async def test_folder_that_is_moved_away_and_back_loses_nothing_acknowledged(tmp_path: Path) -> None:
    path, away = tmp_path / "data" / "evolver.db", tmp_path / "away"
    acknowledged = ["before"]
    async with opened(path) as database:
        await add(database, task("before"))
        path.parent.rename(away)
        for number in range(3):
            with contextlib.suppress(StoreError):
                await add(database, task(f"meanwhile {number}"))
                acknowledged.append(f"meanwhile {number}")
        with pytest.raises(StoreError, match="was moved or deleted"):
            await database.counts()  # its connection was not made yet
        away.rename(path.parent)
        assert (await database.counts()).waiting == len(acknowledged)
        await add(database, task("after"))
    check_whole(f"sqlite:///{path}")
    async with opened(path) as database:
        assert await ids(database) == [*acknowledged, "after"]


# --- files that are not what they should be ---

DIARY = b"my diary " * 1000


@pytest.fixture
def diary(path: Path) -> Path:
    path.write_bytes(DIARY)
    return path


def content_of(path: Path) -> bytes:
    return path.read_bytes()


def damage(path: Path) -> None:
    """Overwrite all but the first two pages."""
    content = bytearray(path.read_bytes())
    content[8_192:] = random.Random(1).randbytes(len(content) - 8_192)
    path.write_bytes(content)


@contextmanager
def read_only(path: Path) -> Iterator[None]:
    path.chmod(0o400)
    path.parent.chmod(0o500)
    try:
        yield
    finally:
        path.parent.chmod(0o700)


@pytest.mark.anyio
async def test_file_that_is_no_database_is_named_and_left_alone(diary: Path) -> None:
    with pytest.raises(StoreError) as caught:
        await Database(diary).open()
    assert str(caught.value) == (
        f"The database {diary} is not a database."
        " Restore a backup where it was one; otherwise start again, with another file after --database."
    )
    assert content_of(diary) == DIARY


@pytest.mark.anyio
async def test_database_of_another_program_is_left_alone(path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE job (id INTEGER PRIMARY KEY)")
    with pytest.raises(StoreError, match="belongs to another program"):
        await Database(path).open()
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("SELECT name FROM sqlite_master").fetchall() == [("job",)]


@pytest.mark.anyio
async def test_damaged_file_is_an_error_in_words(path: Path) -> None:
    async with opened(path) as database:
        await add(database, *tasks(*(f"t-{n}" for n in range(2_000))))
    damage(path)
    database = Database(path)
    with pytest.raises(StoreError, match=r"is damaged\. Nothing more is written"):
        await use_up(database)
    await database.close()


async def use_up(database: Database) -> None:
    await database.open()
    await add(database, task("new"))
    await database.rows_after(None, 1000)


@pytest.mark.anyio
@pytest.mark.parametrize("place", ["a file/evolver.db", "a folder"])
async def test_place_where_no_file_can_be_is_an_error_in_words(tmp_path: Path, place: str) -> None:
    (tmp_path / "a file").touch()
    (tmp_path / "a folder").mkdir()
    with pytest.raises(StoreError, match="--database"):
        await Database(tmp_path / place).open()


@pytest.mark.anyio
async def test_file_that_may_not_be_written_is_an_error_in_words(path: Path) -> None:
    async with opened(path) as database:
        await add(database, task("a"))
    with read_only(path):
        if os.access(path, os.W_OK):
            pytest.skip("this user may write anything")
        with pytest.raises(StoreError, match="cannot be"):
            await Database(path).open()
        with pytest.raises(StoreError, match="cannot be made: Permission denied"):
            await Database(path.parent / "other.db").open()


@pytest.mark.anyio
async def test_database_that_could_not_be_opened_can_be_opened_later(diary: Path) -> None:
    database = Database(diary)
    with pytest.raises(StoreError):
        await database.open()
    await database.close()
    os.remove(diary)
    await database.open()
    await add(database, task("a"))
    await database.close()


# --- the write-ahead log ---


@pytest.mark.anyio
async def test_log_is_copied_while_nobody_else_may_write(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A commit that begins the log anew beside a checkpoint is what SQLite before 3.51.3 can lose commits by."""
    answers = []

    def look(statement: str) -> None:
        if "wal_checkpoint" in statement:
            with closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as other:
                try:
                    other.execute("BEGIN IMMEDIATE")
                    answers.append("may write")
                except sqlite3.OperationalError as error:
                    answers.append(str(error))

    connect, opened_here = sqlite3.connect, []

    def traced(*arguments: object, **named: object) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*arguments, **named)  # type: ignore[call-overload]
        if named.get("uri"):
            connection.set_trace_callback(look)
            opened_here.append(connection)
        return connection

    monkeypatch.setattr(sqlite3, "connect", traced)
    async with opened(path) as one, opened(path) as two:
        for number in range(20):
            await add(one, *tasks(*(f"{number}-{n}" for n in range(500))))
            await add(two, *tasks(*(f"{number}+{n}" for n in range(500))))
        assert answers
        assert set(answers) == {"database is locked"}
        assert Path(f"{path}-wal").stat().st_size < 4_000 * 4_096, "it began anew"  # noqa: ASYNC240 - a moment
    assert len(opened_here) > 4
    assert not Path(f"{path}-wal").exists(), "the last one to leave put all into the file"  # noqa: ASYNC240 - as above


@pytest.mark.anyio
async def test_no_connection_copies_the_log_by_itself(path: Path) -> None:
    async with opened(path) as database:
        await add(database, task("a"))
        with closing(sqlite3.connect(path)) as other:
            assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        found = await database._write(
            lambda transaction: transaction.connection.exec_driver_sql("PRAGMA wal_autocheckpoint").scalar_one()
        )
        assert found == 0
        read = await database._read(
            lambda connection: connection.exec_driver_sql("PRAGMA wal_autocheckpoint").scalar_one()
        )
        assert read == 0


@pytest.mark.anyio
async def test_what_three_processes_were_acknowledged_at_once_is_there(
    path: Path, companions: tuple[Companion, Companion]
) -> None:
    batches, size = 120, 50
    for companion in companions:
        companion.play("add_in_batches", f"sqlite:///{path}", batches, size)
    async with opened(path) as database:
        for number in range(batches):
            await add(database, *tasks(*(f"here-{number}-{n}" for n in range(size))))
        for companion in companions:
            assert companion.until_ended() == [["added", str(batches * size)]]
        assert (await database.counts()).total == 3 * batches * size
        assert Path(f"{path}-wal").stat().st_size < 8_000 * 4_096  # noqa: ASYNC240 - a moment
    check_whole(f"sqlite:///{path}")
