"""Two processes at one database: answers, leases, clocks, a stopped host, and that each hears of the other."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
import pytest

from evolver_tui.adapters.database.database import Database
from evolver_tui.core.bundle import Bundle
from evolver_tui.core.claim import Claim
from evolver_tui.core.errors import NotWaiting
from evolver_tui.core.job import JobState, Outcome, QueueCounts
from tests.support.database_process import Companion
from tests.support.databases import add, check_whole, claim, is_sqlite, names, opened, pause, sql, task, tasks

PATIENCE_SECONDS = 30
DAY = 86_400.0

NOW = {
    True: "(julianday('now') - 2440587.5) * 86400.0",
    False: "extract(epoch FROM clock_timestamp())::float8",
}
"""The database's clock, on SQLite and on PostgreSQL."""


# --- one answer ---


@pytest.mark.anyio
async def test_of_two_hosts_that_answer_at_once_one_wins_and_the_other_is_told_who_and_when(
    url: str, companions: tuple[Companion, Companion]
) -> None:
    async with opened(url) as database:
        await add(database, *tasks(*(f"t-{n}" for n in range(30))))
        questions = [(await pause(database))[1] for _ in range(30)]
    people = ("Ann", "Bob")
    for companion, person in zip(companions, people, strict=True):
        companion.play("answer_all", url, questions, person)
    for companion in companions:
        companion.until("ready")
    for companion in companions:
        companion.tell("go")
    said = {person: companion.until_ended() for companion, person in zip(companions, people, strict=True)}
    won = {person: {int(line[1]) for line in lines if line[0] == "won"} for person, lines in said.items()}
    assert won["Ann"] | won["Bob"] == set(questions)
    assert not won["Ann"] & won["Bob"]
    rows = sql(url, "SELECT id, answered_by, answer_json FROM question")
    assert all(answer == f'{{"by":"{by}"}}' and number in won[by] for number, by, answer in rows)
    winner_of = {number: by for number, by, _ in rows}
    lost = [line for lines in said.values() for line in lines if line[0] == "lost"]
    assert len(lost) == 30
    assert all(winner_of[int(number)] == by and at.endswith("Z") for _, number, by, at in lost)
    async with opened(url) as database:
        assert await database.counts() == QueueCounts(waiting=30)
        assert (await names(database)) == ["answered"] * 30
    check_whole(url)


Deed = Callable[[Database, int, int], Awaitable[object]]
DEEDS: dict[str, Deed] = {
    "answer": lambda database, job, question: database.answer(question, {"n": 1}, "Ann", "s"),
    "cancel": lambda database, job, question: database.cancel(job, "s"),
    "export": lambda database, job, question: database.export_job(job, "Bob", "there", f"bundle-{job}", "s"),
}


@pytest.mark.anyio
@pytest.mark.parametrize("pair", [("answer", "cancel"), ("answer", "export"), ("cancel", "export")], ids="-".join)
async def test_of_two_deeds_at_once_each_finds_the_other_done_or_not_begun(url: str, pair: tuple[str, str]) -> None:
    async with opened(url) as here, opened(url) as there:
        await add(here, *tasks(*(f"t-{n}" for n in range(12))))
        for number in range(12):
            held, question = await pause(here)
            order = pair if number % 2 else pair[::-1]
            deeds = (DEEDS[name](store, held.job, question) for name, store in zip(order, (here, there), strict=True))
            results = dict(zip(order, await asyncio.gather(*deeds, return_exceptions=True), strict=True))
            refused = {name for name, result in results.items() if isinstance(result, NotWaiting)}
            done = {name for name, result in results.items() if not isinstance(result, Exception)}
            assert done | refused == set(pair)
            row = await here.row(held.job)
            assert row is not None
            if pair == ("cancel", "export"):
                assert len(done) == 1
            else:  # what was answered waits for a worker, and can still be cancelled or moved
                assert pair[1] in done
            assert row.state is (JobState.EXPORTED if "export" in done else JobState.CANCELLED)
            assert ("language" in await here.journal(held.job)) == ("answer" in done)
            if isinstance(bundle := results.get("export"), Bundle):
                names_in_bundle = [entry["name"] for entry in bundle.job_state["journal"]]
                assert names_in_bundle == (["language"] if "answer" in done else [])
                assert bundle.job_state["status"] == ("pending" if "answer" in done else "paused")
    check_whole(url)


@pytest.mark.anyio
async def test_who_answers_what_was_cancelled_or_has_left_is_told_so(url: str) -> None:
    async with opened(url) as here, opened(url) as there:
        await add(here, *tasks("a", "b"))
        for end in ("cancel", "export"):
            held, question = await pause(here)
            await DEEDS[end](there, held.job, question)
            with pytest.raises(NotWaiting, match=f"Job {held.job} does not wait for an answer"):
                await DEEDS["answer"](here, held.job, question)
            assert await here.journal(held.job) == {}
            assert await here.question(question) is None
    check_whole(url)


# --- leases ---


@pytest.mark.anyio
async def test_stopped_host_finds_its_job_taken_over_and_writes_nothing(url: str, companion: Companion) -> None:
    async with opened(url) as database:
        await add(database, task("a"))
        pid = companion.play("write_late", url, "stopped-host:1:1", 0.2)
        companion.until("claimed")
        os.kill(pid, signal.SIGSTOP)
        companion.until("stopped")
        taken = await claim_when_free(database)
        await database.record_step(taken.job, taken.fence, "done", 1, "s")
        companion.tell("go")
        os.kill(pid, signal.SIGCONT)
        assert companion.until_ended() == [["refused", "StaleLease"]] * 5
        assert await database.journal(taken.job) == {"done": 1}
        await database.finish(taken.job, taken.fence, JobState.COMPLETED, "s", outcome=Outcome.APPROVED)
        assert await database.counts() == QueueCounts(approved=1)
        assert await names(database) == []
    check_whole(url)


async def claim_when_free(database: Database) -> Claim:
    with anyio.fail_after(PATIENCE_SECONDS):
        while (taken := await database.claim("third-host:1:1", 60)) is None:
            seconds = await database.seconds_until_claimable()
            assert seconds is not None
            await asyncio.sleep(seconds)
    return taken


@pytest.mark.anyio
async def test_job_of_a_lost_host_is_taken_over_within_a_second_of_its_lease(url: str, companion: Companion) -> None:
    async with opened(url) as database:
        await add(database, task("a"))
        held = await database.claim("lost-host:1:1", 1.0)
        assert held is not None
        ((lease_ends,),) = sql(url, "SELECT lease_expires FROM job")
        companion.play("take_over", url, "third-host:1:1")
        ((_, job, tries),) = [line for line in companion.until_ended() if line[0] == "claimed"]
        ((since, owner),) = sql(url, "SELECT since, lease_owner FROM job")
        assert (int(job), owner) == (held.job, "third-host:1:1")
        assert 0 <= since - lease_ends < 1, "by the database's own clock"
        assert int(tries) <= 4, "it waits, and does not ask all the time"


@pytest.mark.anyio
async def test_renewed_lease_is_not_taken_over(url: str, companion: Companion) -> None:
    async with opened(url) as database:
        await add(database, task("a"))
        held = await database.claim("busy-host:1:1", 0.5)
        assert held is not None
        companion.play("take_over", url, "third-host:1:1")
        companion.until("waiting")
        ((first_end,),) = sql(url, "SELECT lease_expires FROM job")
        with anyio.fail_after(PATIENCE_SECONDS):
            while sql(url, f"SELECT {NOW[is_sqlite(url)]}")[0][0] < first_end + 0.2:
                await database.renew(held.job, held.fence, 0.5)
        await database.finish(held.job, held.fence, JobState.COMPLETED, "s", outcome=Outcome.APPROVED)
        await add(database, task("b"))
        ((_, job, _),) = companion.until_ended()
        assert int(job) == held.job + 1


@pytest.mark.anyio
@pytest.mark.parametrize("shift", [DAY, -DAY], ids=["a day ahead", "a day behind"])
async def test_host_whose_clock_is_wrong_by_a_day_neither_keeps_nor_takes_what_it_should_not(
    url: str, companion: Companion, shift: float
) -> None:
    async with opened(url) as database:
        await add(database, *tasks("a", "b"))
        companion.play("live_in_another_day", url, shift)
        _, job, fence = companion.line()
        ((expires, now),) = sql(url, f"SELECT lease_expires, {NOW[is_sqlite(url)]} FROM job WHERE seq = {job}")
        if not is_sqlite(url):
            assert 0 < expires - now <= 60, "the host's clock counts for nothing"
            assert (await claim(database, "third-host:1:1")).job != int(job)
        elif shift < 0:  # its processes share a host, so this one's clock was put right meanwhile
            taken = await claim(database, "third-host:1:1")
            assert (taken.job, taken.fence) == (int(job), int(fence) + 1), "such a lease is over"
        else:
            assert (await claim(database, "third-host:1:1")).job != int(job), "its worker may live"
            ((expires, now),) = sql(url, f"SELECT lease_expires, {NOW[True]} FROM job WHERE seq = {job}")
            assert 0 < expires - now <= 60, "such a lease holds nobody up for a day"
        companion.tell("go")
        is_lost = is_sqlite(url) and shift < 0
        assert companion.until_ended() == [["refused", "StaleLease"] if is_lost else ["renewed"]]
    check_whole(url)


@pytest.mark.anyio
async def test_lease_that_a_wrong_clock_made_too_long_is_cut_and_then_ends(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/evolver.db"
    async with opened(url, clock_shift=DAY) as another_day:
        await add(another_day, task("a"))
        held = await claim(another_day)
    async with opened(url) as database:
        assert await database.claim("third-host:1:1", 0.2) is None
        taken = await claim_when_free(database)
        assert (taken.job, taken.fence) == (held.job, held.fence + 1)


# --- news ---


@pytest.mark.anyio
async def test_each_hears_soon_of_what_the_other_process_changes(url: str, companion: Companion) -> None:
    async with opened(url) as database:
        await add(database, task("a"))
        held, question = await pause(database)
        heard: asyncio.Queue[bool] = asyncio.Queue()
        database.watch(heard.put_nowait)
        companion.play("take_over", url, "third-host:1:1")
        companion.until("waiting")
        # ours, heard there
        await database.answer(question, {}, "me", "s")
        assert companion.until_ended()[0][:2] == ["claimed", str(held.job)]
        # theirs, heard here
        with anyio.fail_after(PATIENCE_SECONDS):
            while (await database.counts()).running == 0:
                await heard.get()
        while not heard.empty():
            heard.get_nowait()
        taken = await database.row(held.job)
        assert taken is not None
        companion.play("answer_all", url, [await ask(database)], "Bob")
        companion.until("ready")
        companion.tell("go")
        with anyio.fail_after(PATIENCE_SECONDS):
            while not await heard.get() or (await database.counts()).waiting == 0:
                pass
        companion.until_ended()


async def ask(database: Database) -> int:
    await add(database, task("b"))
    _, question = await pause(database)
    return question


@pytest.mark.anyio
async def test_question_of_a_process_that_was_killed_as_it_asked_is_heard_of(url: str, companion: Companion) -> None:
    heard: asyncio.Queue[bool] = asyncio.Queue()
    async with opened(url) as database:
        await add(database, task("a"))
        held = await claim(database)
        database.watch(heard.put_nowait)
        facts = {"task_id": "a", "job": held.job, "fence": held.fence}
        companion.play("strike", url, "pause", facts, 0, signal.SIGKILL)
        with anyio.fail_after(PATIENCE_SECONDS):
            while not await database.open_questions():
                await heard.get()
        assert companion.until_ended() == []
        assert companion.status == signal.SIGKILL


@pytest.mark.anyio
async def test_what_was_changed_before_the_first_write_here_is_heard_of(url: str) -> None:
    heard = asyncio.Event()
    async with opened(url) as here, opened(url) as there:
        here.watch(lambda has_work: heard.set())
        await add(there, task("a"))
        with anyio.fail_after(PATIENCE_SECONDS):
            await heard.wait()


@pytest.mark.anyio
async def test_own_changes_are_not_news(url: str) -> None:
    async with opened(url) as here, opened(url) as there:
        heard: asyncio.Queue[bool] = asyncio.Queue()
        await add(here, task("a"))
        there_heard = asyncio.Event()
        there.watch(lambda has_work: there_heard.set())
        with anyio.fail_after(PATIENCE_SECONDS):
            await settle(here, there)
            here.watch(heard.put_nowait)
            there_heard.clear()
            held, _ = await pause(here)
            await there_heard.wait()
            assert heard.empty()
            await there.cancel(held.job, "s")
            await heard.get()


async def settle(*databases: Database) -> None:
    """Until each has heard of what the others did before."""
    for database in databases:
        await add(database)
