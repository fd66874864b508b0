"""What jobs share and does not work: nobody's job fails by it, one tries it again, and all go on when it works."""

from __future__ import annotations

import asyncio
import errno
import math
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from evolver_tui.adapters.database.transaction import Transaction
from evolver_tui.adapters.nodes.library import NodeFiles
from evolver_tui.adapters.nodes.safe_folder import SafeFolder
from evolver_tui.core.decision import DecisionKind
from evolver_tui.core.errors import DATABASE, LIBRARY, MODEL, EvolverError, SharedFault, StoreError
from evolver_tui.core.job import JobState, Outcome
from evolver_tui.core.outage import Outage
from evolver_tui.core.question import Question
from evolver_tui.core.signal import Observation
from evolver_tui.core.task import Task
from evolver_tui.engine.author.author import Author
from evolver_tui.engine.durable.outages import LONGEST_WAIT_SECONDS, MOST_APART
from evolver_tui.engine.durable.routine import Result, Run
from evolver_tui.tools.definitions import BUILT_IN_TOOLS
from evolver_tui.wiring import NO_WORK
from tests.support.processes import TRIED, Model, whole_answer
from tests.support.provider_asking import backend_at
from tests.support.provider_server import status
from tests.support.sessions import approval, review_of, row_of, running, send, workspace_in
from tests.support.worker_bench import Bench, Clock, at_work, drained

pytestmark = pytest.mark.anyio

DONE = Result(Outcome.APPROVED)


class Moody(Model):
    """A model that says no to whom it likes, as long as it likes."""

    def __init__(self, *refusals: bytes, to: Callable[[str], bool] = lambda task_id: True) -> None:
        super().__init__(self._answer)
        self.refusals = refusals
        """Said in turn, the last one again and again; empty while it works."""
        self._refuses = to
        self._refused = 0

    def _answer(self, task_id: str) -> Iterator[bytes]:
        if self.refusals and self._refuses(task_id):
            refusal = self.refusals[min(self._refused, len(self.refusals) - 1)]
            self._refused += 1
            yield refusal
        else:
            yield from whole_answer(task_id)


def author(model: Model, folder: Path) -> Author:
    """The built-in routine, which waits for nothing by itself; what has no flags is approved."""
    clock = Clock(passes_at_once=True)
    library = NodeFiles(folder / "nodes", clock.now)
    return Author(backend_at(model.url), library, clock, BUILT_IN_TOOLS, auto_review=lambda report: True)


async def paused(bench: Bench, times: int) -> Mapping[str, object]:
    """What was told when the worker had paused so often."""
    return (await bench.heard.until("worker.paused", times)).payload


async def states(bench: Bench) -> Mapping[str, str]:
    return {row.task_id: row.state.value for row in await bench.store.rows_after(None, 1_000)}


FIVE = ("one", "two", "three", "four", "five")


async def test_a_key_that_is_refused_fails_nothing_and_is_tried_by_one_job_ever_more_seldom(tmp_path: Path) -> None:
    with Moody(status(401)) as model:
        async with at_work(tmp_path, author(model, tmp_path), *FIVE) as bench:
            for times, wait in enumerate((2.0, 4.0, 8.0, 16.0), 1):
                told = await paused(bench, times)
                assert (told["shared"], told["retry_in"], told["tries"]) == (MODEL, wait, times)
                assert "refused the key (401)" in str(told["error"])
                await drained(bench.worker)  # nothing can be done now
                assert len(model.asked) == times
                assert set((await states(bench)).values()) == {"pending"}
                assert [row.task_id for row in await bench.store.rows_after(None, 10)] == [*FIVE]
                bench.clock.advance(wait - 0.1)
                await drained(bench.worker)
                assert len(model.asked) == times
                if times == 4:
                    model.refusals = ()  # mended
                bench.clock.advance(0.1)
            resumed = await bench.heard.until("worker.resumed")
            assert resumed.payload == {"shared": MODEL, "seconds": 30.0}
            await bench.heard.until("task.completed", 5)
            assert bench.heard.of("task.failed") == []
            assert not bench.worker.outages
            for task_id in FIVE:
                detail = await bench.store.job((await bench.row(task_id)).job)
                assert detail is not None
                assert (detail.row.state, detail.attempt) == (JobState.COMPLETED, 1)
            assert len(model.asked) == 9


async def test_a_wait_is_as_long_as_the_provider_says_and_else_bounded(tmp_path: Path) -> None:
    with Moody(status(429, {"retry-after": "90"}), status(402)) as model:
        async with at_work(tmp_path, author(model, tmp_path), "one") as bench:
            assert (await paused(bench, 1))["retry_in"] == 90.0
            (outage,) = bench.worker.outages
            assert outage.when(bench.clock.now()) == "next try in 90 s"
            bench.clock.advance(89)
            await drained(bench.worker)
            assert len(model.asked) == 1
            bench.clock.advance(1)
            for times, wait in enumerate((4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 300.0, 300.0), 2):
                assert (await paused(bench, times))["retry_in"] == wait
                bench.clock.advance(wait)
            assert LONGEST_WAIT_SECONDS == 300.0


async def test_who_tried_has_waited_as_long_as_before(tmp_path: Path) -> None:
    with Moody(status(401)) as model:
        async with at_work(tmp_path, author(model, tmp_path), *FIVE) as bench:
            for times in (1, 2):
                await paused(bench, times)
                await drained(bench.worker)
                bench.worker.try_now()
            await paused(bench, 3)
            await drained(bench.worker)
            assert len({row.since for row in await bench.store.rows_after(None, 10)}) == 1  # they came together


async def test_by_a_key_it_is_tried_at_once_by_one_job(tmp_path: Path) -> None:
    with Moody(status(429, {"retry-after": "3600"})) as model:
        async with at_work(tmp_path, author(model, tmp_path), *FIVE) as bench:
            for times in range(1, 5):
                await paused(bench, times)
                await drained(bench.worker)
                assert len(model.asked) == times
                bench.worker.try_now()
                bench.worker.try_now()
            await paused(bench, 5)
            model.refusals = ()
            bench.worker.try_now()
            await bench.heard.until("task.completed", 5)
            assert len(model.asked) == 10


async def test_an_overload_pauses_the_worker_only_when_it_lasts(tmp_path: Path) -> None:
    with Moody(status(503)) as model:
        async with at_work(tmp_path, author(model, tmp_path), "one", "two") as bench:
            await paused(bench, 1)
            assert model.asked == ["one"] * 4
            bench.clock.advance(2)
            await paused(bench, 2)
            assert model.asked == ["one"] * 5  # a probe is one request
            bench.clock.advance(4)
            await paused(bench, 3)
            assert model.asked == [*["one"] * 5, "two"]  # and another job comes before the one that failed
            model.refusals = ()
            bench.clock.advance(8)
            await bench.heard.until("task.completed", 2)


@pytest.mark.parametrize(
    "own", [status(413), status(400, body={"error": {"message": "Too many tokens."}}), status(422)]
)
async def test_what_one_task_is_to_blame_for_fails_it_alone(tmp_path: Path, own: bytes) -> None:
    with Moody(own, to=lambda task_id: task_id == "two") as model:
        async with at_work(tmp_path, author(model, tmp_path), "one", "two", "three") as bench:
            await bench.heard.until("task.failed")
            await bench.heard.until("task.completed", 2)
            assert (await bench.row("two")).state is JobState.FAILED
            assert bench.heard.of("worker.paused") == []


async def test_what_one_task_is_to_blame_for_ends_an_outage_all_the_same(tmp_path: Path) -> None:
    """The provider read the request, so it is there."""
    with Moody(status(401), status(413), to=lambda task_id: task_id == "one") as model:
        async with at_work(tmp_path, author(model, tmp_path), "one", "two") as bench:
            await paused(bench, 1)
            bench.clock.advance(2)
            await bench.heard.until("task.failed")
            await bench.heard.until("worker.resumed")
            await bench.heard.until("task.completed")


async def test_a_task_that_looks_like_an_outage_fails_alone_after_others_got_through(tmp_path: Path) -> None:
    """A filter that answers 403, a prompt that ends the server: the queue does not stand still for it."""
    with Moody(status(403), to=lambda task_id: task_id == "one") as model:
        async with at_work(tmp_path, author(model, tmp_path), *FIVE) as bench:
            for times in range(1, 5):
                await paused(bench, times)
                await drained(bench.worker)
                bench.clock.advance(300)
            await bench.heard.until("task.failed")
            await bench.heard.until("task.completed", 4)
            assert "403" in await bench.error_of("one")
            assert set((await states(bench)).values()) == {"completed", "failed"}


async def test_a_lone_task_that_looks_like_an_outage_fails_where_the_model_answers_a_word(
    tmp_path: Path,
) -> None:
    """Nobody else tries, so the model is asked for one word."""
    with Moody(status(403), to=lambda task_id: task_id == "one") as model:
        async with at_work(tmp_path, author(model, tmp_path), "one") as bench:
            for times in range(1, 5):
                await paused(bench, times)
                await drained(bench.worker)
                bench.clock.advance(300)
            await bench.heard.until("task.failed")
            assert model.asked == ["one", "one", TRIED, "one", "one", TRIED, "one"]
            assert not bench.worker.outages


async def test_a_lone_task_waits_for_a_model_that_answers_nothing(tmp_path: Path) -> None:
    with Moody(status(401)) as model:
        async with at_work(tmp_path, author(model, tmp_path), "one") as bench:
            for times in range(1, 7):
                await paused(bench, times)
                await drained(bench.worker)
                assert len(model.asked) == times
                bench.clock.advance(300)
            model.refusals = ()
            bench.clock.advance(300)
            await bench.heard.until("task.completed")
            assert model.asked[:4] == ["one", "one", TRIED, TRIED]
            assert model.asked[-2:] == [TRIED, "one"]


async def test_of_jobs_that_are_generated_side_by_side_one_probes(tmp_path: Path) -> None:
    with Moody(status(401)) as model:
        async with at_work(tmp_path, author(model, tmp_path), *FIVE, concurrency=4) as bench:
            await paused(bench, 1)
            await drained(bench.worker)
            under_way = len(model.asked)
            assert under_way <= 4
            for times in (1, 2, 3):
                bench.clock.advance(300)
                await paused(bench, times + 1)
                await drained(bench.worker)
                assert len(model.asked) == under_way + times
            assert set((await states(bench)).values()) == {"pending"}


async def test_ending_does_not_wait_for_an_outage(tmp_path: Path) -> None:
    with Moody(status(401)) as model:
        async with at_work(tmp_path, author(model, tmp_path), "one") as bench:
            await paused(bench, 1)
            bench.worker.stop()
            await drained(bench.worker)
        async with at_work(tmp_path, author(model, tmp_path)) as bench:  # another start tries at once
            await paused(bench, 1)
            assert len(model.asked) == 2


# --- what was answered, and the library ----------------------------------------------------------------------------


class Disk:
    problem = 0


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    """The library's disk, which a test may fill."""
    disk = Disk()
    write = SafeFolder.write

    def written(folder: SafeFolder, name: str, content: bytes) -> None:
        if disk.problem:
            raise OSError(disk.problem, os.strerror(disk.problem))
        write(folder, name, content)

    monkeypatch.setattr(SafeFolder, "write", written)
    return disk


@pytest.mark.parametrize("problem", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EDQUOT, errno.EIO])
async def test_an_approved_draft_waits_for_a_disk_and_is_saved(tmp_path: Path, disk: Disk, problem: int) -> None:
    async with running(workspace_in(tmp_path)) as (session, watch):
        await send(session, {"id": "a", "taskName": "A", "llmTaskType": "summarize"})
        question, subject = await review_of(session, watch, "a")
        disk.problem = problem
        await session.inbox.decide(question.id, approval(subject))
        told = await watch.until("worker.paused")
        assert told.payload["shared"] == LIBRARY
        row = await row_of(session, "a")
        journal = await session.store.journal(row.job)
        assert (row.state, journal["review 1"]["kind"]) == (JobState.PENDING, DecisionKind.APPROVE.value)
        # What does not save goes on, and what comes to save waits without trying.
        await send(session, {"id": "b", "taskName": "B", "llmTaskType": "generate"})
        other, draft = await review_of(session, watch, "b")
        await session.inbox.decide(other.id, approval(draft))
        await watch.until("job.waiting", task_id="b", reason=LIBRARY)
        assert [outage.shared for outage in session.outages] == [LIBRARY]
        disk.problem = 0
        session.workers.try_now()
        await watch.until("task.completed", 2)
        assert {(await row_of(session, task_id)).node.rpartition(" ")[2] for task_id in "ab"} == {"v1"}
        assert watch.names().count("task.failed") == 0
        assert len(await session.store.pauses_of(row.job)) == 1  # asked once


async def test_what_was_answered_is_saved_while_the_model_is_away(tmp_path: Path) -> None:
    with Moody() as model:
        async with running(workspace_in(tmp_path, model.config)) as (session, watch):
            await send(session, {"id": "a", "llmTaskType": "summarize"})
            question, subject = await review_of(session, watch, "a")
            model.refusals = (status(401),)
            await send(session, {"id": "b", "llmTaskType": "summarize"}, {"id": "c", "llmTaskType": "summarize"})
            await watch.until("worker.paused")
            await session.inbox.decide(question.id, approval(subject))
            await watch.until("task.completed", task_id="a")
            assert {(await row_of(session, name)).state for name in "bc"} == {JobState.PENDING}
            assert session.outages


async def test_many_that_wait_for_the_library_end_in_no_more_being_begun(tmp_path: Path, disk: Disk) -> None:
    disk.problem = errno.ENOSPC
    names = [f"t{number}" for number in range(MOST_APART + 8)]
    with Model() as model:
        async with at_work(tmp_path, author(model, tmp_path), *names) as bench:
            await paused(bench, 1)
            await drained(bench.worker)
            assert len(model.asked) == MOST_APART
            disk.problem = 0
            bench.clock.advance(300)
            await bench.heard.until("task.completed", len(names))
            assert len(model.asked) == len(names)  # what was written is not written again


# --- other people's routines ---------------------------------------------------------------------------------------


async def test_a_routine_that_says_so_is_paused_and_others_go_on(tmp_path: Path) -> None:
    works = False

    async def mail(run: Run, task: Task) -> str:
        async def send_it() -> str:
            if not works:
                raise SharedFault("The mail server is away.", "Start it.", shared="mail server", retry_after=30)
            return "sent"

        return await run.step("send", send_it)

    async def plain(run: Run, task: Task) -> Result:
        return DONE

    tasks = ("mail/1", "mail/2", "mail/3", "4", "5")
    async with at_work(tmp_path, plain, *tasks, others={"mail": mail}) as bench:
        await bench.heard.until("task.completed", 2)
        await drained(bench.worker)
        assert [each.shared for each in bench.worker.outages] == ["mail server"]
        assert len(bench.heard.of("worker.paused")) == 1
        assert (await states(bench))["mail/1"] == "pending"
        bench.clock.advance(30)
        assert (await paused(bench, 2))["retry_in"] == 30
        await drained(bench.worker)
        works = True
        bench.clock.advance(30)
        await bench.heard.until("task.completed", 5)
        assert bench.heard.of("task.failed") == []


async def test_a_job_that_asks_before_it_needs_anything_is_asked_while_it_is_the_probe(tmp_path: Path) -> None:
    with Moody(status(401)) as model:
        builtin = author(model, tmp_path)

        async def routine(run: Run, task: Task) -> Result:
            if task.id == "asks":
                await run.ask(Question("q", "Well?"))
            return await builtin(run, task)

        async with at_work(tmp_path, routine, "one", "asks") as bench:
            await paused(bench, 1)
            bench.clock.advance(2)
            await paused(bench, 2)
            bench.clock.advance(4)
            await bench.heard.until("job.paused")
            await paused(bench, 3)  # the next one tries at once
            assert model.asked == ["one", "one", TRIED]


async def test_of_a_routine_whose_only_job_meets_it_again_and_again_that_job_is_named(
    tmp_path: Path,
) -> None:
    async def mail(run: Run, task: Task) -> str:
        raise SharedFault("The mail server is away.", "Start it.", shared="mail server")

    async with at_work(tmp_path, mail, "mail 1", "mail 2") as bench:
        for times in range(1, 8):
            await paused(bench, times)
            await drained(bench.worker)
            bench.clock.advance(300)
        assert "Only" not in bench.worker.outages[0].error  # two met it
        await bench.store.cancel((await bench.row("mail 2")).job, "s")
        for times in range(8, 12):
            await paused(bench, times)
            await drained(bench.worker)
            bench.clock.advance(300)
        told = await paused(bench, 11)
        assert str(told["error"]).endswith("Only mail 1 met it of late: where that is its own doing, cancel it.")


@pytest.mark.parametrize(
    ("wish", "wait"),
    [(30, 30.0), (1e12, 86_400.0), (math.inf, 2.0), (math.nan, 2.0), (-5, 2.0), ("60", 2.0), (None, 2.0)],
)
async def test_what_a_routine_says_of_its_service_is_taken_as_far_as_it_can_be(
    tmp_path: Path, wish: Any, wait: float
) -> None:
    async def mail(run: Run, task: Task) -> str:
        raise SharedFault("Away.", shared=cast(Any, 7), retry_after=wish)

    async with at_work(tmp_path, mail, "one") as bench:
        told = await paused(bench, 1)
        assert (told["shared"], told["retry_in"]) == ("7", wait)
        assert bench.heard.of("task.failed") == []


# --- words ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (42, "next try in 42 s"),
        (99, "next try in 99 s"),
        (150, "next try in 2:30 min"),
        (0, "next try with a task"),
    ],
)
def test_when_it_is_tried_again(left: int, words: str) -> None:
    outage = Outage(MODEL, "The key is refused. Set one.", "key refused (401)", 0.0, 1_000.0 + left, 300.0)
    assert outage.when(1_000.0) == words
    assert Outage.from_json_value(outage.to_json_value()) == outage


def test_an_error_is_brief_by_its_message() -> None:
    assert EvolverError("It is away.", "Wait.").brief == "It is away"


# --- the database, and the end --------------------------------------------------------------------------------------


async def test_what_was_received_is_kept_where_the_database_comes_back_while_a_session_ends_in_a_hurry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(workspace_in(tmp_path)) as (session, watch):
        add_tasks = session.store.add_tasks

        async def refuse(*arguments: Any, **named: Any) -> Any:
            raise StoreError("The disk is full.")

        monkeypatch.setattr(session.store, "add_tasks", refuse)
        await asyncio.to_thread(session.hub.intake.message, [{"id": "a", "taskName": "A", "llmTaskType": "summarize"}])
        assert (await watch.until("worker.paused")).payload["shared"] == DATABASE
        assert [outage.shared for outage in session.outages] == [DATABASE]
        session.interrupt()
        monkeypatch.setattr(session.store, "add_tasks", add_tasks)
        session.try_now()
        await watch.until("task.queued", task_id="a")
        assert not session.outages


async def test_a_full_disk_that_only_the_log_meets_is_told_once_a_try_and_tried_ever_more_rarely(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object) -> None:
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorcode = sqlite3.SQLITE_FULL
        raise error

    clock, waits = Clock(), [2.0, 4.0, 8.0, 10.0, 10.0]
    async with running(workspace_in(tmp_path), clock=clock, work=NO_WORK) as (session, watch):
        with monkeypatch.context() as full:
            full.setattr(Transaction, "log_rows", refuse)
            session.bus.emit(Observation("said", {}))
            for tries, wait in enumerate(waits, start=1):
                told = (await watch.until("worker.paused", tries)).payload
                assert (told["tries"], told["retry_in"]) == (tries, wait)
                assert "the disk is full" in told["error"]
                await clock.until_asleep(tries)
                if tries < len(waits):
                    clock.advance(wait)
        clock.advance(waits[-1])
        assert (await watch.until("worker.resumed")).payload["seconds"] == sum(waits)
        names = watch.names()
        assert (names.count("worker.paused"), names.count("log.error")) == (len(waits), 1)
        kept = [stored.signal.name for stored in await session.store.signals(session.id)]
        assert kept.count("said") == 1
        assert kept.count("worker.paused") == len(waits)
    assert clock.slept == waits
