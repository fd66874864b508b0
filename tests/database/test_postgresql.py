"""What PostgreSQL alone can do to the store: refuse, go away, lose an acknowledgement, choose a victim, run full."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest

from evolver_tui.adapters.database.database import Database
from evolver_tui.core.bundle import Bundle
from evolver_tui.core.errors import AlreadyAnswered, BundleError, StoreError
from evolver_tui.core.job import JobState, Outcome, QueueCounts
from evolver_tui.core.question import Question
from evolver_tui.core.routine_state import DeferredEvent, Progress
from evolver_tui.core.signal import Signal
from tests.support.database_process import Companion
from tests.support.databases import (
    LEASE,
    add,
    check_whole,
    claim,
    fill_up,
    ids,
    names,
    opened,
    other_program,
    pause,
    place_of,
    silent,
    sql,
    task,
    tasks,
)
from tests.support.servers import Cutter, PostgreSQLServer, free_port

PATIENCE_SECONDS = 30
WAITING = (
    "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    " AND application_name = 'evolver-tui'"
)
"""Sessions of the store that wait for somebody's lock."""


async def until(condition: Callable[[], object]) -> None:
    """Wait for something that shows in the database alone."""
    with anyio.fail_after(PATIENCE_SECONDS):
        while not await asyncio.to_thread(condition):  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(0.01)


# --- what keeps a person out ---


@pytest.fixture(scope="module")
def guarded(postgresql: PostgreSQLServer) -> Iterator[str]:
    """An empty database whose user `guarded` needs the password hunter2 and may do nothing."""
    url = postgresql.new_database()
    postgresql.execute("CREATE ROLE guarded LOGIN PASSWORD 'hunter2'")
    yield url.replace("evolver@", "guarded:hunter2@")
    postgresql.execute("DROP ROLE guarded")


REFUSALS = {
    "wrong password": (("hunter2", "hunter3"), "refused the password. Set PGPASSWORD, or a line in ~/.pgpass."),
    "no password": ((":hunter2", ""), "refused the password. Set PGPASSWORD, or a line in ~/.pgpass."),
    "unknown user": (("guarded:", "nobody-here:"), "refused this user. Check the user in the URL"),
    "unknown database": (("/test_", "/nosuch_"), "does not exist. Check its name. Create it with createdb"),
    "no rights": (("", ""), "does not allow this user to do that. Grant the rights"),
    "unknown host": (("@127.0.0.1", "@nosuch.invalid"), "cannot be reached"),
    "nonsense": (("test_", "?nonsense=hunter2&dbname=test_"), "could not be used (invalid connection option"),
}


@pytest.mark.anyio
@pytest.mark.parametrize("case", REFUSALS)
async def test_refusal_is_a_sentence_without_the_password(guarded: str, case: str) -> None:
    (old, new), sentence = REFUSALS[case]
    url = guarded.replace(old, new, 1)
    with pytest.raises(StoreError) as caught:
        await Database(url).open()
    said = str(caught.value)
    assert said.startswith("The database ")
    assert sentence in said
    assert "hunter" not in said
    assert "127.0.0.1" in said or "nosuch.invalid" in said


@pytest.mark.anyio
async def test_server_that_takes_no_further_connection_says_so(postgresql: PostgreSQLServer, guarded: str) -> None:
    postgresql.execute("ALTER ROLE guarded CONNECTION LIMIT 0")
    with pytest.raises(StoreError) as caught:
        await Database(guarded).open()
    postgresql.execute("ALTER ROLE guarded CONNECTION LIMIT -1")
    place, way_out = place_of(guarded), "Raise max_connections on the server, or end some programs."
    assert str(caught.value) == f"The database {place} takes no further connection. {way_out}"


@pytest.mark.anyio
async def test_server_that_is_not_there_says_so() -> None:
    with pytest.raises(StoreError, match=r"x on 127.0.0.1:\d+ cannot be reached \(Connection refused\)\. Check the"):
        await Database(f"postgresql://me:hunter2@127.0.0.1:{free_port()}/x").open()


@pytest.mark.anyio
async def test_read_only_server_says_so(postgresql: PostgreSQLServer) -> None:
    url = postgresql.new_database()
    sql(url, f"ALTER DATABASE {url.rpartition('/')[2]} SET default_transaction_read_only = on")
    with pytest.raises(StoreError, match=r"cannot be written: the server is read-only\. Name the primary server"):
        await Database(url).open()


@pytest.mark.anyio
async def test_database_of_another_program_is_left_alone(postgresql: PostgreSQLServer) -> None:
    url = postgresql.new_database()
    sql(url, "CREATE TABLE job (id INTEGER PRIMARY KEY)")
    with pytest.raises(StoreError, match="belongs to another program"):
        await Database(url).open()
    assert sql(url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'") == [("job",)]


@pytest.mark.anyio
async def test_socket_in_the_file_system_reaches_the_server_too(
    postgresql: PostgreSQLServer, postgresql_url: str
) -> None:
    name = postgresql_url.rpartition("/")[2]
    by_socket = f"postgresql://evolver@/{name}?host={postgresql.folder}&port={postgresql.port}"
    async with opened(by_socket) as here, opened(postgresql_url) as there:
        await add(here, task("a"))
        assert await ids(there) == ["a"]
    with pytest.raises(StoreError, match=r"The database x on this host cannot be reached"):
        await Database(f"postgresql://evolver@/x?host={postgresql.folder}&port={free_port()}").open()


# --- a server that goes away ---


@pytest.fixture(scope="module")
def _mortal_server() -> Iterator[PostgreSQLServer]:
    server = PostgreSQLServer()
    yield server
    server.close()


@pytest.fixture
def own_server(_mortal_server: PostgreSQLServer) -> PostgreSQLServer:
    """A server that a test may end and start."""
    _mortal_server.start()
    return _mortal_server


async def refused(write: Awaitable[object]) -> str:
    with pytest.raises(StoreError) as caught:
        await write
    return str(caught.value)


async def insist(write: Callable[[], Awaitable[object]]) -> None:
    """Until it works."""
    with anyio.fail_after(PATIENCE_SECONDS):
        while True:
            try:
                await write()
            except StoreError:
                await asyncio.sleep(0.01)
            else:
                return


@pytest.mark.anyio
@pytest.mark.parametrize(("end", "seconds"), [("kill", 10.0), ("stop", 0.0)], ids=["killed for 10 s", "restarted"])
async def test_server_is_gone_and_back_and_nothing_acknowledged_is_lost(
    own_server: PostgreSQLServer, end: str, seconds: float
) -> None:
    url = own_server.new_database()
    problems: list[StoreError] = []
    heard: asyncio.Queue[bool] = asyncio.Queue()
    async with opened(url, on_problem=problems.append) as database:
        database.watch(heard.put_nowait)
        await add(database, *tasks("a", "b"))
        held = await claim(database)
        await database.record_step(held.job, held.fence, "before", 1, "s")
        (own_server.kill if end == "kill" else own_server.stop)()
        back_at = time.monotonic() + seconds
        acknowledged = ["a", "b"]
        number = 0
        while not number or time.monotonic() < back_at:
            database.log([Signal(f"meanwhile {number}")], "s")
            sentence = f"The database {place_of(url)} cannot be reached (Connection refused). "
            for request in (add(database, task(f"refused {number}")), database.counts()):
                said = await refused(request)
                assert said.startswith(sentence)
                assert said.endswith("A running console goes on by itself; nothing that was acknowledged is lost.")
            number += 1
            await asyncio.sleep(0.2)
        while not heard.empty():
            heard.get_nowait()
        own_server.start()
        with anyio.fail_after(PATIENCE_SECONDS):
            assert await heard.get(), "the connection that listens is there again, and a change is assumed"
        await insist(lambda: database.record_step(held.job, held.fence, "after", 2, "s", [Signal("after")]))
        await insist(lambda: add(database, task("c")))
        acknowledged.append("c")
        assert await names(database) == [*(f"meanwhile {n}" for n in range(number)), "after"]
        assert await database.journal(held.job) == {"before": 1, "after": 2}
        assert sorted(await ids(database)) == acknowledged
        assert len(problems) == 1
        with anyio.fail_after(PATIENCE_SECONDS):
            async with opened(url) as other:
                await add(other, task("d"))
                assert await heard.get()
    check_whole(url)


LISTENING = (
    "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"
    " AND pid <> pg_backend_pid()"
)


@pytest.mark.anyio
async def test_worker_that_hears_of_nothing_is_told_to_look_by_itself(own_server: PostgreSQLServer) -> None:
    url = own_server.new_database()
    name = url.rpartition("/")[2]
    heard: asyncio.Queue[bool] = asyncio.Queue()
    async with opened(url) as database:
        database.watch(heard.put_nowait)
        with anyio.fail_after(PATIENCE_SECONDS):
            assert await heard.get(), "it listens, and a change is assumed"
            assert await database.claim("worker:1:1", LEASE) is None
            assert await database.seconds_until_claimable() is None
            ((listener,),) = sql(url, LISTENING)
            own_server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            own_server.execute(f"SELECT pg_terminate_backend({listener})")
            assert await heard.get()
            assert await database.seconds_until_claimable() == 2.0
            own_server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
            assert await heard.get()
            assert await database.seconds_until_claimable() is None


@pytest.mark.anyio
async def test_server_that_restarts_between_two_writes_is_not_noticed(own_server: PostgreSQLServer) -> None:
    url = own_server.new_database()
    async with opened(url) as database:
        await add(database, task("a"))
        assert (await database.counts()).waiting == 1
        own_server.stop()
        own_server.start()
        assert (await database.counts()).waiting == 1
        assert (await claim(database)).task.id == "a"


# --- a connection that breaks ---

Step = Callable[[Database], Awaitable[object]]


@pytest.mark.anyio
@pytest.mark.parametrize("is_made", [True, False], ids=["made", "not made"])
async def test_write_whose_acknowledgement_was_lost_can_be_repeated_and_counts_once(
    postgresql_url: str, postgresql: PostgreSQLServer, monkeypatch: pytest.MonkeyPatch, is_made: bool
) -> None:
    monkeypatch.setattr("evolver_tui.adapters.database.writer._ANNOUNCE_SECONDS", 3600.0)  # no commit but ours
    async with Cutter(postgresql.port) as cutter:
        cut_url = postgresql_url.replace(f":{postgresql.port}/", f":{cutter.port}/")
        async with opened(cut_url) as database:

            async def twice(step: Step, refusal: type[Exception] | None = None) -> Any:
                """Make a write whose commit's answer is lost, then make it again."""
                cutter.cut_at(b"COMMIT\0", lets_pass=is_made)
                assert "cannot be reached" in await refused(step(database))
                assert cutter.has_cut
                if refusal is None or not is_made:
                    return await step(database)
                with pytest.raises(refusal):
                    await step(database)
                return None

            await work_through_a_job(database, twice)
            told = await names(database)
            assert sorted(told) == sorted({*told}), "each signal once"
            assert await database.counts() == QueueCounts(approved=1, exported=1, cancelled=1)
    check_whole(postgresql_url)


async def work_through_a_job(database: Database, twice: Callable[..., Awaitable[Any]]) -> None:
    later = Progress(deferred=[DeferredEvent("later", {}, 1.0)])

    async def answer(store: Database) -> None:
        (question,) = await database.open_questions()
        await store.answer(question.id, {}, "me", "s", [Signal("answered")])

    await twice(lambda store: store.add_tasks(tasks("a"), "s", generate=True, signals_of=silent))
    assert await ids(database) == ["a"]
    held = await claim(database)
    for _ in range(2):  # an earlier write under the same name is replaced, also by an equal one
        await twice(lambda store: store.record_step(held.job, held.fence, "step", [1], "s", [Signal("step")]))
    first = await twice(
        lambda store: store.pause(held.job, held.fence, Question("q", "?"), "s", [Signal("asked")], progress=later)
    )
    (question,) = await database.open_questions()
    assert question.id == first
    await twice(lambda store: store.answer(first, {}, "me", "s", [Signal("answered")]), AlreadyAnswered)
    again = await claim(database)
    assert [event.name for event in again.deferred] == ["later"]
    await twice(lambda store: store.emit_deferred(again.job, again.fence, "s", [Signal("later")]))
    await twice(
        lambda store: store.finish(
            again.job, again.fence, JobState.COMPLETED, "s", outcome=Outcome.APPROVED, signals=[Signal("finished")]
        )
    )
    await add(database, task("b"))
    moving, _ = await pause(database)
    bundle = await twice(lambda store: store.export_job(moving.job, "me", "here", "id", "s", [Signal("exported")]))
    assert isinstance(bundle, Bundle)
    other = replace(bundle, id="other", job_state={**bundle.job_state, "task": dict(task("c").raw)})
    await twice(lambda store: store.import_job(other, "s", [Signal("imported")]), BundleError)
    (row,) = [row for row in await database.rows_after(None, 9) if row.task_id == "c"]
    await twice(lambda store: store.cancel(row.job, "s", [Signal("cancelled")]), StoreError)


@pytest.mark.anyio
async def test_connection_that_breaks_before_the_commit_is_not_noticed(
    postgresql_url: str, postgresql: PostgreSQLServer
) -> None:
    async with Cutter(postgresql.port) as cutter:
        cut_url = postgresql_url.replace(f":{postgresql.port}/", f":{cutter.port}/")
        async with opened(cut_url) as database:
            await add(database, task("a"))
            held = await claim(database)
            cutter.cut_at(b"the-step", lets_pass=True)
            await database.record_step(held.job, held.fence, "the-step", 1, "s", [Signal("step")])
            assert cutter.has_cut
            assert await database.journal(held.job) == {"the-step": 1}
            cutter.cut_at(b"the-batch", lets_pass=True)
            await asyncio.gather(
                database.record_step(held.job, held.fence, "first", 1, "s", [Signal("first")]),
                database.record_step(held.job, held.fence, "the-batch", 1, "s", [Signal("second")]),
            )
            assert cutter.has_cut
            assert await names(database) == ["step", "first", "second"]


# --- two that stand in each other's way ---


@pytest.mark.anyio
async def test_two_that_bring_the_same_tasks_in_opposite_order_both_succeed(postgresql: PostgreSQLServer) -> None:
    url = postgresql.new_database()
    name = url.rpartition("/")[2]
    sql(url, f"ALTER DATABASE {name} SET deadlock_timeout = '20ms'")
    rounds = 0
    async with opened(url) as here, opened(url) as there:
        with anyio.fail_after(PATIENCE_SECONDS):
            while deadlocks(url) < 2:
                batch = tasks(*(f"{rounds}-{n}" for n in range(200)))
                added = await asyncio.gather(add(here, *batch), add(there, *reversed(batch)))
                rounds += 1
                assert sum(len(result.queued) for result in added) == 200
                assert sum(len(result.duplicates) for result in added) == 200
        assert await here.counts() == QueueCounts(waiting=200 * rounds)
    check_whole(url)


def deadlocks(url: str) -> int:
    ((number,),) = sql(url, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    return int(number)


@pytest.mark.anyio
async def test_claims_of_many_workers_are_all_different(postgresql_url: str) -> None:
    async with opened(postgresql_url) as here, opened(postgresql_url) as there:
        await add(here, *tasks(*(f"t-{n}" for n in range(100))))
        claims = await asyncio.gather(*(claim(store) for _ in range(50) for store in (here, there)))
        assert {held.job for held in claims} == set(range(1, 101))
        assert await here.claim("third-host:1:1", LEASE) is None
    check_whole(postgresql_url)


@pytest.mark.anyio
async def test_bundle_that_comes_in_twice_at_once_comes_in_once(postgresql_url: str) -> None:
    async with opened(postgresql_url) as here, opened(postgresql_url) as there:
        for number in range(5):
            await add(here, task("a"))
            held, _ = await pause(here)
            bundle = await here.export_job(held.job, "me", "here", f"bundle-{number}", "s")
            fresh = replace(bundle, job_state={**bundle.job_state, "task": dict(task(f"new-{number}").raw)})
            results = await asyncio.gather(
                *(store.import_job(fresh, "s") for store in (here, there)), return_exceptions=True
            )
            (refusal,) = [result for result in results if isinstance(result, Exception)]
            assert "This bundle was imported already, as job" in str(refusal)
            await here.import_job(bundle, "s")
            await here.cancel(held.job, "s")
            sql(postgresql_url, "UPDATE job SET task_id = task_id || seq WHERE task_id = 'a'")
    check_whole(postgresql_url)


# --- a host that stops in the middle ---


@pytest.mark.anyio
@pytest.mark.parametrize("is_cancelled", [True, False], ids=["cancelled meanwhile", "nothing else happened"])
async def test_host_that_stops_within_a_transaction_does_not_keep_its_rows(
    postgresql_url: str, companion: Companion, is_cancelled: bool
) -> None:
    async with opened(postgresql_url, busy_seconds=0.05) as database:
        await add(database, *tasks("a", "b"))
        held = await claim(database, "stopping-host:1:1")
        facts = {"task_id": "a", "job": held.job, "fence": held.fence, "busy_seconds": 0.4}
        pid = companion.play("strike", postgresql_url, "record_step", facts, 4, signal.SIGSTOP)
        companion.until("stopped")
        assert "is locked by another program" in await refused(database.cancel(held.job, "s"))
        other = await claim(database)
        assert other.task.id == "b", "who looks for work is not held up"
        if is_cancelled:
            await insist(lambda: database.cancel(held.job, "s"))
        else:
            await insist(lambda: database.renew(held.job, held.fence, LEASE))
        os.kill(pid, signal.SIGCONT)
        ((word, *_),) = companion.until_ended()
        assert word == ("refused" if is_cancelled else "said")
        assert await database.journal(held.job) == ({} if is_cancelled else {"struck": {"n": 1}})
        assert await names(database) == ([] if is_cancelled else ["struck"])
    check_whole(postgresql_url)


# --- reading ---


@pytest.mark.anyio
async def test_read_that_is_given_up_is_broken_off_on_the_server(postgresql_url: str) -> None:
    async with opened(postgresql_url, busy_seconds=PATIENCE_SECONDS) as database:
        with other_program(postgresql_url) as other:
            other.execute("BEGIN; LOCK TABLE job IN ACCESS EXCLUSIVE MODE")
            reading = asyncio.ensure_future(database.row(1))
            await until(lambda: sql(postgresql_url, WAITING))
            reading.cancel()
            with anyio.fail_after(PATIENCE_SECONDS / 2):
                assert await database.sessions() == []
        assert (await database.counts()).total == 0


# --- a disk that is full ---


@pytest.fixture
def small_disk_url(postgresql: PostgreSQLServer) -> Iterator[tuple[str, Path]]:
    """A database on a disk of its own of some megabytes, and that disk."""
    if sys.platform != "linux" or os.geteuid():
        pytest.skip("only root may mount a small disk for PostgreSQL")
    disk = postgresql.folder / "disk"
    disk.mkdir()
    options = "size=24m,mode=0777"
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", disk], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("mounting a small disk is not allowed here")
    place = postgresql.own_folder(disk / "place")
    postgresql.execute(f"CREATE TABLESPACE small LOCATION '{place}'")
    url = postgresql.new_database("TABLESPACE small")
    yield url, disk
    postgresql.execute(f"DROP DATABASE {url.rpartition('/')[2]} WITH (FORCE)")
    postgresql.execute("DROP TABLESPACE small")
    subprocess.run(["umount", disk], check=True)


@pytest.mark.anyio
async def test_full_disk_is_an_error_in_words_and_passes(small_disk_url: tuple[str, Path]) -> None:
    url, disk = small_disk_url
    problems: list[StoreError] = []
    async with opened(url, on_problem=problems.append) as database:
        await add(database, task("before"))
        held = await claim(database)
        ballast = disk / "ballast"
        fill_up(ballast)
        sentence = f"The database {place_of(url)} cannot grow: the server's disk is full. Free some space there."
        big = os.urandom(300_000).hex()
        for write in (
            database.record_step(held.job, held.fence, "big", big, "s"),
            database.pause(held.job, held.fence, Question("q", big), "s"),
        ):
            assert (await refused(write)).startswith(sentence)
        database.log([Signal("kept", {"big": big})], "s")
        assert (await refused(database.record_step(held.job, held.fence, "small", 1, "s"))).startswith(sentence)
        assert await database.counts() == QueueCounts(running=1), "reading goes on"
        ballast.unlink()
        await insist(lambda: database.record_step(held.job, held.fence, "route", 1, "s", [Signal("later")]))
        assert await database.journal(held.job) == {"route": 1}
        assert await names(database) == ["kept", "later"]
    assert [str(problem)[: len(sentence)] for problem in problems] == [sentence]
    check_whole(url)
