"""What the store survives on every database: kills, dead workers, locks, a request that fails."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import anyio
import pytest

from evolver_tui.adapters.database.database import Database
from evolver_tui.adapters.process_identity import is_gone, this_process
from evolver_tui.core.claim import Claim
from evolver_tui.core.errors import StoreError
from evolver_tui.core.job import QueueCounts
from evolver_tui.core.signal import Signal
from tests.support.database_process import Companion
from tests.support.databases import (
    add,
    check_whole,
    claim,
    ids,
    is_sqlite,
    locked,
    names,
    opened,
    pause,
    place_of,
    silent,
    snapshot,
    task,
    tasks,
)  # fmt: skip

# --- kills and dead workers ---


FACTS = {
    "added": "SELECT task_id FROM job",
    "step": "SELECT job FROM journal WHERE name = 'route'",
    "asked": "SELECT id FROM question",
    "answered": "SELECT id FROM question WHERE answered_at IS NOT NULL",
    "finished": "SELECT seq FROM job WHERE state = 'completed'",
    "unanswered": "SELECT job FROM question WHERE answered_at IS NULL",
    "paused": "SELECT seq FROM job WHERE state = 'paused'",
    "answers": "SELECT job FROM question WHERE answered_at IS NOT NULL",
    "journaled answers": "SELECT job FROM journal WHERE name = 'language'",
    "told": "SELECT payload_json FROM signal",
}


def check_after_kill(url: str, said: dict[str, set[str]]) -> None:
    """Everything that was said to be done is there, and nothing is half done."""
    rows = dict(zip(FACTS, snapshot(url, *FACTS.values()), strict=True))
    facts = {name: {str(value) for (value,) in found} for name, found in rows.items()}
    for word, what in said.items():
        assert what <= facts[word]
    assert facts["unanswered"] == facts["paused"]
    assert facts["answers"] == facts["journaled answers"]
    assert {json.loads(payload)["task_id"] for payload in facts["told"]} == facts["added"]
    check_whole(url)


@pytest.mark.anyio
async def test_nothing_acknowledged_is_lost_and_nothing_is_half_done_after_25_kills(
    url: str, companion: Companion
) -> None:
    when = random.Random(25)
    said: dict[str, set[str]] = {}
    for _ in range(25):
        pid = companion.play("write_for_ever", url)
        lines = [companion.line() for _ in range(when.randrange(1, 40))]
        os.kill(pid, signal.SIGKILL)
        for word, what in lines + companion.until_ended():
            said.setdefault(word, set()).add(what)
        check_after_kill(url, said)
    async with opened(url) as database:
        assert (await database.counts()).running <= 1, "a killed worker's job is taken over by the next"
        while await database.claim(this_process(), 60):
            pass
        assert (await database.counts()).waiting == 0


@pytest.mark.anyio
async def test_job_of_a_dead_process_is_taken_over_at_once(url: str, companion: Companion) -> None:
    async with opened(url) as database:
        await add(database, *tasks("a", "b"))
        pid = companion.play("claim_and_wait", url)
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
    url: str, companions: tuple[Companion, Companion]
) -> None:
    async with opened(url) as database:
        await add(database, *tasks(*(f"t-{n}" for n in range(200))))
    for companion in companions:
        companion.play("claim_all", url)
    claimed = [[int(job) for _, job in companion.until_ended()] for companion in companions]
    assert sorted(claimed[0] + claimed[1]) == list(range(1, 201))
    assert all(claimed), "both had a share"
    async with opened(url) as database:
        assert await database.counts() == QueueCounts(approved=200)


# --- a database that is locked ---


@pytest.mark.anyio
async def test_lock_held_for_too_long_is_an_error_in_words_and_passes(url: str) -> None:
    async with opened(url, busy_seconds=0.05) as database:
        await add(database, task("a"))
        with locked(url):
            results = await asyncio.gather(
                add(database, task("b")), database.claim(this_process(), 60), return_exceptions=True
            )
            for error in results:
                place, way_out = place_of(url), "Close that program or wait, then try again."
                assert str(error) == f"The database {place} is locked by another program. {way_out}"
            assert await ids(database) == ["a"], "reading goes on"
        await add(database, task("b"))
        assert await ids(database) == ["a", "b"]
        if is_sqlite(url):  # to open it, SQLite needs the one lock there is
            with locked(url), pytest.raises(StoreError, match="locked"):
                await Database(url, busy_seconds=0.05).open()


@pytest.mark.anyio
async def test_lock_of_5_seconds_is_waited_for_or_refused_in_words(tmp_path: Path, postgresql_url: str) -> None:
    async def check(url: str) -> None:
        async with opened(url, busy_seconds=60.0) as patient, opened(url, busy_seconds=0.5) as other:
            await add(patient, *tasks("a", "b"))
            held, question = await pause(patient)
            with locked(url):
                writes = [
                    asyncio.ensure_future(write)
                    for write in (
                        patient.answer(question, {}, "me", "s", [Signal("answered")]),
                        patient.claim("another-host:1:1", 60),
                        add(patient, task("c")),
                    )
                ]
                await asyncio.sleep(0)
                patient.log([Signal("logged")], "s")
                with pytest.raises(StoreError, match="is locked by another program"):
                    await add(other, task("d"))
                await asyncio.sleep(5)
                assert not any(write.done() for write in writes)
            _, claimed, _ = await asyncio.gather(*writes)
            assert isinstance(claimed, Claim)
            assert claimed.job == held.job
            assert await ids(patient) == ["a", "b", "c"]
            assert await names(patient) == ["answered", "logged"]
        check_whole(url)

    await asyncio.gather(check(f"sqlite:///{tmp_path}/evolver.db"), check(postgresql_url))


@pytest.mark.anyio
async def test_log_is_kept_while_the_file_is_locked_and_a_loss_is_said(url: str) -> None:
    problems: list[StoreError] = []
    heard = anyio.Event()

    def on_problem(problem: StoreError) -> None:
        problems.append(problem)
        heard.set()

    async with opened(url, busy_seconds=0.01, log_limit=10, on_problem=on_problem) as database:
        with locked(url):
            database.log([Signal("0")], "s")
            with anyio.fail_after(20):
                await heard.wait()
            assert "locked" in database.log_trouble
            for number in range(1, 15):
                database.log([Signal(str(number))], "s")
        await add(database)
        assert database.log_trouble == ""
        assert (await names(database))[:10] == [str(number) for number in range(10)]
        database.log([Signal("after")], "s")
        await add(database)
        lost, after = (await database.signals("s"))[10:]
        assert (lost.signal.name, lost.signal.payload) == ("log.signals_lost", {"signals": 5})
        assert after.signal.name == "after"
    assert "locked" in str(problems[0])
    assert str(problems[1]) == f"5 signals are missing from the log: the database {place_of(url)} could not be written."
    assert len(problems) == 2


@pytest.mark.anyio
async def test_close_while_the_file_is_locked_ends_and_says_what_is_lost(url: str) -> None:
    database = Database(url, busy_seconds=0.05)
    await database.open()
    with locked(url):
        adding = asyncio.ensure_future(add(database, task("a")))
        await asyncio.sleep(0)
        database.log([Signal("x"), Signal("y")], "s")
        with anyio.fail_after(20), pytest.raises(StoreError, match="2 signals are missing"):
            await database.close()
        with pytest.raises(StoreError, match="locked"):
            await adding
    async with opened(url) as again:
        assert await ids(again) == []


@pytest.mark.anyio
async def test_one_request_that_fails_takes_no_other_with_it(url: str) -> None:
    async with opened(url) as database:
        await add(database, *tasks("a", "b"))
        held, question = await pause(database)
        with locked(url):  # so that all of them come into one transaction
            requests = [
                asyncio.ensure_future(request)
                for request in (
                    add(database, task("c")),
                    database.renew(held.job, held.fence, 60),
                    database.answer(question, {"n": 1}, "me", "s"),
                    database.answer(question, {"n": 2}, "you", "s"),
                    database.add_tasks(tasks("d"), "s", generate=True, signals_of=silent),
                )
            ]
            await asyncio.sleep(0)
        results = await asyncio.gather(*requests, return_exceptions=True)
        assert [type(result).__name__ for result in results] == [
            "AddedTasks", "StaleLease", "NoneType", "AlreadyAnswered", "AddedTasks",
        ]  # fmt: skip
        assert await ids(database) == ["a", "b", "c", "d"]
        assert await database.counts() == QueueCounts(waiting=4)
