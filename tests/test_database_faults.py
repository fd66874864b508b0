"""What the store survives: kills, a full disk, locks, dead workers, and files that are not what they should be."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import anyio
import pytest

from evolver_tui.adapters.database import Database
from evolver_tui.adapters.process_identity import is_gone, this_process
from evolver_tui.core.errors import StoreError
from evolver_tui.core.job import QueueCounts
from evolver_tui.core.question import Question
from evolver_tui.core.signal import Signal
from tests.databases import add, claim, ids, names, opened, pause, silent, task, tasks

ROOT = Path(__file__).parent.parent


class Companion:
    """Another process at the same file (see database_process.py)."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.database_process"]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.line() == ["ready"]

    def line(self) -> list[str]:
        """The next line, in words."""
        assert self._process.stdout is not None
        return self._process.stdout.readline().split()

    def play(self, scenario: str, path: Path) -> int:
        """Start a scenario; returns its process id."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([scenario, str(path)]) + "\n")
        self._process.stdin.flush()
        started, pid = self.line()
        assert started == "started"
        return int(pid)

    def until_ended(self) -> list[list[str]]:
        """What the scenario still says."""
        lines = []
        while (line := self.line())[0] != "ended":
            lines.append(line)
        return lines

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=20)
        self._process.stdout.close()


@pytest.fixture(scope="module")
def companions() -> Iterator[tuple[Companion, Companion]]:
    both = Companion(), Companion()
    yield both
    for companion in both:
        companion.close()


@pytest.fixture
def companion(companions: tuple[Companion, Companion]) -> Companion:
    return companions[0]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "evolver.db"


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another program that has begun to write and does not come to an end."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


# --- kills and dead workers ---


def check_after_kill(path: Path, said: dict[str, set[str]]) -> None:
    """Everything that was said to be done is there, and nothing is half done."""
    with closing(sqlite3.connect(path)) as file:

        def column(query: str) -> set[str]:
            return {str(value) for (value,) in file.execute(query)}

        assert column("PRAGMA integrity_check") == {"ok"}
        assert said.get("added", set()) <= column("SELECT task_id FROM job")
        assert said.get("step", set()) <= column("SELECT job FROM journal WHERE name = 'route'")
        assert said.get("asked", set()) <= column("SELECT id FROM question")
        assert said.get("answered", set()) <= column("SELECT id FROM question WHERE answered_at IS NOT NULL")
        assert said.get("finished", set()) <= column("SELECT seq FROM job WHERE state = 'completed'")
        unanswered = column("SELECT job FROM question WHERE answered_at IS NULL")
        assert unanswered == column("SELECT seq FROM job WHERE state = 'paused'")
        answers = column("SELECT job FROM question WHERE answered_at IS NOT NULL")
        assert answers == column("SELECT job FROM journal WHERE name = 'language'")
        told = "SELECT json_extract(payload_json, '$.task_id') FROM signal"
        assert column(told) == column("SELECT task_id FROM job")
        counted = file.execute("SELECT state, coalesce(outcome, ''), count(*) FROM job GROUP BY 1, 2 ORDER BY 1, 2")
        kept = file.execute("SELECT state, outcome, jobs FROM tally WHERE jobs ORDER BY 1, 2")
        assert counted.fetchall() == kept.fetchall()


@pytest.mark.anyio
async def test_nothing_acknowledged_is_lost_and_nothing_is_half_done_after_25_kills(
    path: Path, companion: Companion
) -> None:
    when = random.Random(25)
    said: dict[str, set[str]] = {}
    for _ in range(25):
        pid = companion.play("write_for_ever", path)
        lines = [companion.line() for _ in range(when.randrange(1, 40))]
        os.kill(pid, signal.SIGKILL)
        for word, what in lines + companion.until_ended():
            said.setdefault(word, set()).add(what)
        check_after_kill(path, said)
    async with opened(path) as database:
        assert (await database.counts()).running <= 1, "a killed worker's job is taken over by the next"
        while await database.claim(this_process(), 60):
            pass
        assert (await database.counts()).waiting == 0


@pytest.mark.anyio
async def test_job_of_a_dead_process_is_taken_over_at_once(path: Path, companion: Companion) -> None:
    async with opened(path) as database:
        await add(database, *tasks("a", "b"))
        pid = companion.play("claim_and_wait", path)
        assert companion.line() == ["claimed", "1"]
        assert (await claim(database, this_process())).job == 2
        assert await database.claim(this_process(), 60) is None, "its worker lives"
        os.kill(pid, signal.SIGKILL)
        companion.until_ended()
        assert (await claim(database, this_process())).job == 1


def test_only_a_process_of_this_host_that_ended_is_gone() -> None:
    me = this_process()
    host, pid, start = me.split(":")
    assert not is_gone(me)
    assert is_gone(f"{host}:{pid}:{start}1"), "the number went to another process"
    assert not is_gone(f"elsewhere:{pid}:{start}1")
    child = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert is_gone(f"{host}:{child.pid}:{start}"), "it ended, and only waits to be asked how"
    child.wait()
    assert is_gone(f"{host}:{child.pid}:{start}")
    for nonsense in ("", host, f"{host}:", f"{host}:x:y", f"{host}:-1:5", f"{host}:{pid}:"):
        assert not is_gone(nonsense)


@pytest.mark.anyio
async def test_two_processes_share_200_jobs_and_none_is_done_twice(
    path: Path, companions: tuple[Companion, Companion]
) -> None:
    async with opened(path) as database:
        await add(database, *tasks(*(f"t-{n}" for n in range(200))))
    for companion in companions:
        companion.play("claim_all", path)
    claimed = [[int(job) for _, job in companion.until_ended()] for companion in companions]
    assert sorted(claimed[0] + claimed[1]) == list(range(1, 201))
    assert all(claimed), "both had a share"
    async with opened(path) as database:
        assert await database.counts() == QueueCounts(approved=200)


@pytest.mark.anyio
async def test_two_may_make_the_database_at_the_same_time(path: Path) -> None:
    several = [Database(path) for _ in range(4)]
    await asyncio.gather(*(database.open() for database in several))
    added = await asyncio.gather(*(add(database, task("a")) for database in several))
    assert sorted(len(result.queued) for result in added) == [0, 0, 0, 1]
    await asyncio.gather(*(database.close() for database in several))


# --- a disk that is full, a file that is locked ---


@pytest.mark.anyio
async def test_limit_on_the_size_of_files_is_an_error_in_words_and_passes(path: Path, companion: Companion) -> None:
    companion.play("fill_the_disk", path)
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


def fill_up(ballast: Path) -> None:
    size = 65_536
    with ballast.open("wb", buffering=0) as file:
        while size:
            try:
                file.write(b"x" * size)
            except OSError:
                size //= 2


@pytest.mark.anyio
async def test_lock_held_for_too_long_is_an_error_in_words_and_passes(path: Path) -> None:
    async with opened(path, busy_seconds=0.05) as database:
        await add(database, task("a"))
        with locked(path):
            results = await asyncio.gather(
                add(database, task("b")), database.claim(this_process(), 60), return_exceptions=True
            )
            for error in results:
                assert str(error) == (
                    f"The database {path} is locked by another program. Close that program or wait, then try again."
                )
            assert await ids(database) == ["a"], "reading goes on"
        await add(database, task("b"))
        assert await ids(database) == ["a", "b"]
        with locked(path), pytest.raises(StoreError, match="locked"):
            await Database(path, busy_seconds=0.05).open()


@pytest.mark.anyio
async def test_log_is_kept_while_the_file_is_locked_and_a_loss_is_said(path: Path) -> None:
    problems: list[StoreError] = []
    heard = anyio.Event()

    def on_problem(problem: StoreError) -> None:
        problems.append(problem)
        heard.set()

    async with opened(path, busy_seconds=0.01, log_limit=10, on_problem=on_problem) as database:
        with locked(path):
            database.log([Signal("0")], "s")
            with anyio.fail_after(20):
                await heard.wait()
            for number in range(1, 15):
                database.log([Signal(str(number))], "s")
        await add(database)
        assert (await names(database))[:10] == [str(number) for number in range(10)]
        database.log([Signal("after")], "s")
        await add(database)
        lost, after = (await database.signals("s"))[10:]
        assert (lost.signal.name, lost.signal.payload) == ("log.signals_lost", {"signals": 5})
        assert after.signal.name == "after"
    assert "locked" in str(problems[0])
    assert str(problems[1]) == f"5 signals are missing from the log: the database {path} could not be written."
    assert len(problems) == 2


@pytest.mark.anyio
async def test_close_while_the_file_is_locked_ends_and_says_what_is_lost(path: Path) -> None:
    database = Database(path, busy_seconds=0.05)
    await database.open()
    with locked(path):
        adding = asyncio.ensure_future(add(database, task("a")))
        await asyncio.sleep(0)
        database.log([Signal("x"), Signal("y")], "s")
        with anyio.fail_after(20), pytest.raises(StoreError, match="2 signals are missing"):
            await database.close()
        with pytest.raises(StoreError, match="locked"):
            await adding
    async with opened(path) as again:
        assert await ids(again) == []


@pytest.mark.anyio
async def test_one_request_that_fails_takes_no_other_with_it(path: Path) -> None:
    async with opened(path) as database:
        await add(database, *tasks("a", "b"))
        held, question = await pause(database)
        with locked(path):  # so that all of them come into one transaction
            requests = [
                asyncio.ensure_future(request)
                for request in (
                    add(database, task("c")),
                    database.renew(held.job, held.fence, 60),
                    database.answer(question, {"n": 1}, "me", "s"),
                    database.answer(question, {"n": 2}, "you", "s"),
                    database.add_tasks(tasks("d"), "s", generate=True, narrate=silent),
                )
            ]
            await asyncio.sleep(0)
        results = await asyncio.gather(*requests, return_exceptions=True)
        assert [type(result).__name__ for result in results] == [
            "AddedTasks", "StaleLease", "NoneType", "AlreadyAnswered", "AddedTasks",
        ]  # fmt: skip
        assert await ids(database) == ["a", "b", "c", "d"]
        assert await database.counts() == QueueCounts(waiting=4)


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
        f"The database {diary} is not a database. Move it away and start again, or name another with --database."
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
async def test_newer_layout_is_not_touched(path: Path) -> None:
    async with opened(path) as database:
        await add(database, task("a"))
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("INSERT INTO migration VALUES (99, 'from the future', 0)")
    with pytest.raises(StoreError, match=r"newer version \(layout 99, known here: 1\). Update evolver-tui"):
        await Database(path).open()


@pytest.mark.anyio
async def test_damaged_file_is_an_error_in_words(path: Path) -> None:
    async with opened(path) as database:
        await add(database, *tasks(*(f"t-{n}" for n in range(2_000))))
    damage(path)
    database = Database(path)
    with pytest.raises(StoreError, match=r"is damaged\. Move it away"):
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
