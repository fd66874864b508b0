"""Databases of older layouts, which today's program opens, and what it makes of an empty one."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Inspector, create_engine, inspect

from evolver_tui.adapters.database import migrations
from evolver_tui.adapters.database.database import Database
from evolver_tui.adapters.database.migrations import STEPS, LayoutStep
from evolver_tui.adapters.system_clock import SystemClock
from evolver_tui.core.errors import StoreError
from evolver_tui.core.job import JobState, Outcome, QueueCounts
from evolver_tui.core.question import QuestionKind
from evolver_tui.engine.durable.routine import Run
from evolver_tui.engine.signals import SignalBus, SignalRegistry
from tests.support.database_process import Companion
from tests.support.databases import (
    add,
    check_whole,
    claim,
    ids,
    is_sqlite,
    names,
    opened,
    other_program,
    snapshot,
    sql,
    task,
    tasks,
)
from tests.support.servers import PostgreSQLServer

FOLDER = Path(__file__).parent / "layouts"
LAYOUTS = sorted(int(path.stem.split("_")[1]) for path in FOLDER.glob("layout_*_sqlite.sql"))
"""Every layout before today's."""


@pytest.fixture(params=["sqlite", "postgresql"])
def bare(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], str]:
    """Makes a database without any table."""
    if request.param == "sqlite":
        folder = tmp_path / "bare"
        folder.mkdir()
        return lambda: f"sqlite:///{folder}/{len(list(folder.glob('*.db')))}.db"
    server: PostgreSQLServer = request.getfixturevalue("postgresql")
    return server.new_database


@pytest.fixture(params=LAYOUTS)
def older(request: pytest.FixtureRequest, bare: Callable[[], str]) -> str:
    """A database as an older program left it."""
    url = bare()
    kind = "sqlite" if is_sqlite(url) else "postgresql"
    text = (FOLDER / f"layout_{request.param}_{kind}.sql").read_text()
    with other_program(url) as connection:
        (connection.executescript if is_sqlite(url) else connection.execute)(text)
    return url


def test_every_layout_before_this_one_is_kept_for_both_databases() -> None:
    assert list(range(1, STEPS[-1].number)) == LAYOUTS
    assert [step.number for step in STEPS] == list(range(1, len(STEPS) + 1))
    assert len(list(FOLDER.iterdir())) == 2 * len(LAYOUTS)


ROWS = "SELECT seq, task_id, state, outcome, asks, rank, since, node, error, attempt, fence FROM job ORDER BY rank, seq"
COUNTS = QueueCounts(
    waiting=5, running=1, needs_you=2, approved=1, rejected=1, failed=1, skipped=1, stored=1, cancelled=1
)


@pytest.mark.anyio
async def test_every_job_is_still_there_in_its_state_and_place(older: str) -> None:
    before = sql(older, ROWS)
    async with opened(older) as database:
        assert sql(older, ROWS) == before
        rows = await database.rows_after(None, 100)
        assert [(row.job, row.state, row.outcome, row.rank) for row in rows] == [
            (number, state, outcome, rank) for number, _, state, outcome, _, rank, *_ in before
        ]
        assert await database.counts() == COUNTS
        assert {row.state for row in rows} == set(JobState) - {JobState.EXPORTED}
        assert len(await names(database)) == 15
        (session,) = await database.sessions()
        assert (session.id, session.ended_at) == ("s", None)
    check_whole(older)


@pytest.mark.anyio
async def test_what_was_begun_goes_on(older: str) -> None:
    async with opened(older) as database:
        asked, review = await database.open_questions()
        assert (asked.task_id, asked.reason, asked.question.kind) == ("question", "user_input", QuestionKind.QUESTION)
        assert (review.task_id, review.reason, review.question.subject) == ("review", "review", {"code": "print('a')"})
        await database.answer(asked.id, {"content": {"to": "de"}}, "me", "s")
        begun = {"running": {"route"}, "question": {"route", "language"}, "answered": {"route", "language"}}
        order = ["running", "answered", "retried", "question", "high", "été 'quoted' \\ % 🏴", "low"]
        for task_id in order:
            held = await claim(database)
            assert held.task.id == task_id
            assert held.journal.keys() == begun.get(task_id, set())
            assert (held.attempt, held.routine, held.source_changed) == (2 if task_id == "retried" else 1, "", False)
            await database.finish(held.job, held.fence, JobState.COMPLETED, "s", outcome=Outcome.APPROVED)
        assert await database.claim("third-host:1:1", 60) is None
        (failed,) = [row for row in await database.rows_after(None, 100) if row.state is JobState.FAILED]
        await database.retry(failed.job, "s")
        bundle = await database.export_job(review.job, "me", "here", "id", "s")
        assert bundle.job_state["pause_reason"] == "review"
        assert len((await add(database, *tasks("question", "one more"))).queued) == 1
        assert "one more" in await ids(database)
    check_whole(older)


@pytest.mark.anyio
async def test_what_a_step_was_given_is_not_known_of_an_older_layout_and_so_not_said_to_have_changed(
    older: str,
) -> None:
    heard: list[str] = []
    bus = SignalBus("s", lambda: 0.0, lambda told: heard.extend(signal.name for signal in told), SignalRegistry())

    async def work(argument: str) -> dict[str, str]:
        raise AssertionError("it was done already")

    async with opened(older) as database:
        held = await claim(database)
        assert (held.task.id, held.digests) == ("running", {})
        run = Run(held, database, bus, SystemClock(), "s")
        assert await run.step("route", work, "an argument") == {"node": "c_node"}
    assert heard == []


Reflection = Callable[[Inspector, str], Any]
REFLECTIONS: dict[str, Reflection] = {
    "columns": lambda inspector, table: {
        column["name"]: (str(column["type"]), column["nullable"], column["default"])
        for column in inspector.get_columns(table)
    },
    "primary key": lambda inspector, table: inspector.get_pk_constraint(table),
    "unique": lambda inspector, table: inspector.get_unique_constraints(table),
    "references": lambda inspector, table: inspector.get_foreign_keys(table),
    "indexes": lambda inspector, table: [
        {**index, "dialect_options": {name: str(value) for name, value in index.get("dialect_options", {}).items()}}
        for index in inspector.get_indexes(table)
    ],
}


def layout_of(url: str) -> dict[str, dict[str, Any]]:
    """All tables, with what each reflection says of them."""
    engine = create_engine(url)
    inspector = inspect(engine)
    layout = {
        table: {name: reflect(inspector, table) for name, reflect in REFLECTIONS.items()}
        for table in inspector.get_table_names()
    }
    engine.dispose()
    return layout


@pytest.mark.anyio
async def test_migrated_layout_is_the_same_as_a_fresh_one(older: str, bare: Callable[[], str]) -> None:
    fresh = bare()
    for url in (older, fresh):
        async with opened(url):
            pass
    assert layout_of(older) == layout_of(fresh)
    taken = "SELECT number, name FROM migration ORDER BY number"
    assert sql(older, taken) == sql(fresh, taken) == [(step.number, step.name) for step in STEPS]


@pytest.mark.anyio
async def test_several_that_open_it_at_once_migrate_it_once(
    older: str, bare: Callable[[], str], companion: Companion
) -> None:
    companion.play("look", bare())  # so that its next child opens a database as fast as this process
    companion.until_ended()
    several = [Database(older) for _ in range(4)]
    companion.play("claim_and_wait", older)
    await asyncio.gather(*(database.open() for database in several))
    assert companion.line()[0] == "claimed"
    companion.kill()
    assert sql(older, "SELECT number FROM migration ORDER BY number") == [(step.number,) for step in STEPS]
    assert [(await database.counts()).total for database in several] == [COUNTS.total] * 4
    await asyncio.gather(*(database.close() for database in several))
    check_whole(older)


def test_migration_waits_for_whoever_reads_an_older_file(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as reader, ThreadPoolExecutor() as threads:
        reader.executescript((FOLDER / "layout_1_sqlite.sql").read_text())
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM job").fetchone() == (COUNTS.total,)
        opening = threads.submit(lambda: asyncio.run(open_and_close(path)))
        while not (opening.done() or _lets_nobody_begin_to_read(path)):
            time.sleep(0.01)
        reader.execute("COMMIT")
        opening.result()


async def open_and_close(path: Path) -> None:
    async with opened(path, busy_seconds=60.0):
        pass


def _lets_nobody_begin_to_read(path: Path) -> bool:
    """Whether somebody waits to commit until those who read already are done."""
    with closing(sqlite3.connect(path, timeout=0.0)) as late:
        try:
            late.execute("SELECT count(*) FROM job")
        except sqlite3.OperationalError:
            return True
    return False


@pytest.mark.anyio
async def test_several_may_make_a_database_at_the_same_time(bare: Callable[[], str]) -> None:
    url = bare()
    several = [Database(url) for _ in range(4)]
    await asyncio.gather(*(database.open() for database in several))
    added = await asyncio.gather(*(add(database, task("a")) for database in several))
    assert sorted(len(result.queued) for result in added) == [0, 0, 0, 1]
    await asyncio.gather(*(database.close() for database in several))


@pytest.mark.anyio
async def test_migration_that_fails_leaves_everything_as_it_was(older: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(connection: Connection) -> None:
        STEPS[-1].apply(connection)
        connection.exec_driver_sql("INSERT INTO no_such_table VALUES (1)")

    layout = layout_of(older)
    rows = snapshot(older, *(f"SELECT * FROM {table}" for table in layout))
    with monkeypatch.context() as patched:
        patched.setattr(migrations, "STEPS", (*STEPS[:-1], LayoutStep(STEPS[-1].number, "fails", fail)))
        with pytest.raises(StoreError) as caught:
            await Database(older).open()
    assert "no_such_table" in str(caught.value)
    assert layout_of(older) == layout
    assert snapshot(older, *(f"SELECT * FROM {table}" for table in layout)) == rows
    async with opened(older) as database:
        assert await database.counts() == COUNTS


@pytest.mark.anyio
async def test_newer_layout_is_not_touched(url: str) -> None:
    async with opened(url) as database:
        await add(database, task("a"))
    sql(url, "INSERT INTO migration VALUES (99, 'from the future', 0)")
    try:
        with pytest.raises(StoreError, match=rf"newer version \(layout 99, known here: {STEPS[-1].number}\)\. Update"):
            await Database(url).open()
    finally:
        sql(url, "DELETE FROM migration WHERE number = 99")
