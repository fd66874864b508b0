"""The worker on a real database: leases, interruptions, routines that fail, and models that fail under it."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from evolver_tui.adapters.database.database import Database
from evolver_tui.adapters.nodes.library import NodeFiles
from evolver_tui.core.errors import StaleLease
from evolver_tui.core.job import JobState, Outcome, QueueCounts
from evolver_tui.core.question import Answer, AnswerAction
from evolver_tui.core.task import Task
from evolver_tui.engine.author.author import Author
from evolver_tui.engine.author.writer import LiveDraft
from evolver_tui.engine.durable.endings import LEASE_SECONDS
from evolver_tui.engine.durable.routine import Result, Run
from evolver_tui.engine.durable.worker import Worker
from evolver_tui.tools.definitions import BUILT_IN_TOOLS
from tests.support.processes import node_answer
from tests.support.provider_asking import backend_at
from tests.support.provider_server import (
    RESET,
    SSE_HEAD,
    ProviderServer,
    Step,
    openai_answer,
    openai_chunk,
    openai_events,
    status,
)
from tests.support.sessions import PATIENCE_SECONDS, open_question, row_of, running, send, workspace_in
from tests.support.worker_bench import Clock, at_work, drained

pytestmark = pytest.mark.anyio

DONE = Result(Outcome.APPROVED)


@asynccontextmanager
async def elsewhere(folder: Path) -> AsyncIterator[Database]:
    """Another worker's view of the same database, after this one's lease has run out."""
    store = Database(folder / "evolver.db", clock_shift=LEASE_SECONDS + 1)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


def locked(folder: Path) -> sqlite3.Connection:
    """Hold the database's write lock until the connection is closed."""
    connection = sqlite3.connect(folder / "evolver.db", isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    return connection


def end_lease(folder: Path) -> None:
    """Let the lease of the only job have ended long ago."""
    with closing(sqlite3.connect(folder / "evolver.db", isolation_level=None)) as connection:
        connection.execute("UPDATE job SET lease_expires = 0")


def lease_end(folder: Path) -> float:
    """When the lease of the only job ends, by the database's clock."""
    with closing(sqlite3.connect(folder / "evolver.db")) as connection:
        (end,) = connection.execute("SELECT lease_expires FROM job").fetchone()
        return float(end)


def impatient(path: Path) -> Database:
    return Database(path, busy_seconds=0.02)


# --- leases and interruptions --------------------------------------------------------------------------------------


async def test_a_routine_that_lost_its_lease_is_cancelled(tmp_path: Path) -> None:
    begun, cancelled = asyncio.Event(), asyncio.Event()

    async def routine(run: Run, task: Task) -> Result:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise
        return DONE

    async with at_work(tmp_path, routine, "one") as bench, elsewhere(tmp_path) as other:
        await begun.wait()
        taken = await other.claim("there", LEASE_SECONDS)
        assert taken is not None
        bench.clock.advance(LEASE_SECONDS / 3)
        lost = await bench.heard.until("job.lease_lost")
        async with asyncio.timeout(PATIENCE_SECONDS):
            await cancelled.wait()
        assert (lost.context["task_id"], lost.level) == ("one", "warning")
        await other.finish(taken.job, taken.fence, JobState.COMPLETED, "t", outcome=Outcome.APPROVED, node="theirs v1")
        await drained(bench.worker)
        assert (await bench.row("one")).node == "theirs v1"
        assert bench.heard.of("task.completed") == []


async def test_what_a_routine_writes_after_it_lost_its_lease_is_refused(tmp_path: Path) -> None:
    begun, may_write = asyncio.Event(), asyncio.Event()
    refused: list[BaseException] = []

    async def routine(run: Run, task: Task) -> Result:
        async def work() -> str:
            begun.set()
            await may_write.wait()
            return "late"

        try:
            await run.step("write", work)
        except StaleLease as error:
            refused.append(error)
            raise
        return DONE

    async with at_work(tmp_path, routine, "one") as bench, elsewhere(tmp_path) as other:
        await begun.wait()
        taken = await other.claim("there", LEASE_SECONDS)
        assert taken is not None
        await other.record_step(taken.job, taken.fence, "write", "theirs", "t")
        may_write.set()
        await bench.heard.until("job.lease_lost")
        assert len(refused) == 1
        assert await other.journal(taken.job) == {"write": "theirs"}
        assert (await bench.row("one")).state is JobState.RUNNING


async def test_a_routine_that_works_long_keeps_its_lease(tmp_path: Path) -> None:
    begun, may_end = asyncio.Event(), asyncio.Event()

    async def routine(run: Run, task: Task) -> Result:
        begun.set()
        await may_end.wait()
        return DONE

    async with at_work(tmp_path, routine, "one") as bench:
        await begun.wait()
        for renewals in range(1, 4):
            await bench.clock.until_asleep(renewals)
            end_lease(tmp_path)
            bench.clock.advance(LEASE_SECONDS / 3)
            await bench.clock.until_asleep(renewals + 1)
            assert lease_end(tmp_path) > 0
        may_end.set()
        await bench.heard.until("task.completed")


async def test_an_interrupted_job_is_given_back_with_its_finished_steps(tmp_path: Path) -> None:
    begun = asyncio.Event()
    done: list[str] = []

    async def routine(run: Run, task: Task) -> Result:
        async def first() -> int:
            done.append("first")
            return 1

        await run.step("first", first)
        if len(done) == 1 and not begun.is_set():
            begun.set()
            await asyncio.Event().wait()
        return DONE

    async with at_work(tmp_path, routine, "one", "two") as bench:
        await begun.wait()
        bench.worker.interrupt()
        await drained(bench.worker)
        assert (await bench.row("one")).state is JobState.PENDING
        assert (await bench.row("two")).state is JobState.PENDING
        assert await bench.store.journal((await bench.row("one")).job) == {"first": 1}
    async with at_work(tmp_path, routine) as bench:
        await drained(bench.worker)
        assert done == ["first", "first"]  # once for each task
        assert {row.state for row in await bench.store.rows_after(None, 10)} == {JobState.COMPLETED}


async def test_an_interruption_between_claim_and_routine_gives_the_job_back(tmp_path: Path) -> None:
    benches: list[Worker] = []

    class Interrupting(Database):
        async def counts(self) -> QueueCounts:
            if benches:
                benches[0].interrupt()
            return await super().counts()

    async def routine(run: Run, task: Task) -> Result:
        raise AssertionError("it was interrupted before")

    async with at_work(tmp_path, routine, make_store=Interrupting) as bench:
        benches.append(bench.worker)
        one = Task.from_raw({"id": "one", "llmTaskType": "summarize"})
        await bench.store.add_tasks([one], "s", generate=True, signals_of=lambda added: ())
        await drained(bench.worker)
        row = await bench.row("one")
        assert (row.state, bench.heard.of("task.started")) == (JobState.PENDING, [])


# --- what may go wrong ---------------------------------------------------------------------------------------------


async def test_a_mistake_in_a_routine_fails_its_job_with_a_sentence_and_the_next_is_taken(tmp_path: Path) -> None:
    async def routine(run: Run, task: Task) -> Result:
        if task.id == "one":
            raise KeyError("colour")
        return DONE

    async with at_work(tmp_path, routine, "one", "two") as bench:
        await bench.heard.until("task.completed")
        assert (await bench.row("one")).state is JobState.FAILED
        assert await bench.error_of("one") == "The routine itself failed: KeyError: 'colour'."
        assert bench.heard.of("task.failed")[0].payload["task"] == {"id": "one", "llmTaskType": "summarize"}
        assert (await bench.row("two")).state is JobState.COMPLETED


async def test_a_step_whose_result_is_no_json_fails_its_job_only(tmp_path: Path) -> None:
    async def routine(run: Run, task: Task) -> Result:
        async def work() -> object:
            return object()

        await run.step("write", work)
        return DONE

    async with at_work(tmp_path, routine, "one") as bench:
        await bench.heard.until("task.failed")


async def test_a_locked_database_is_said_once_and_waited_for(tmp_path: Path) -> None:
    async def routine(run: Run, task: Task) -> Result:
        return DONE

    async with at_work(tmp_path, routine, make_store=impatient) as bench:
        task = Task.from_raw({"id": "one", "llmTaskType": "summarize"})
        await bench.store.add_tasks([task], "s", generate=True, signals_of=lambda added: ())
        lock = locked(tmp_path)
        bench.worker.wake()
        draining = asyncio.create_task(drained(bench.worker))
        for times, wait in enumerate((2.0, 4.0, 8.0, 10.0), 1):
            paused = await bench.heard.until("worker.paused", times)
            assert (paused.payload["shared"], paused.payload["retry_in"]) == ("database", wait)
            assert "locked by another program" in str(paused.payload["error"])
            if times < 4:
                bench.clock.advance(wait)
        assert not draining.done()
        lock.close()
        bench.away.try_now()
        bench.away.try_now()
        await draining
        assert (await bench.row("one")).state is JobState.COMPLETED
        assert bench.heard.of("worker.resumed")[0].payload["shared"] == "database"


async def test_a_result_is_kept_when_the_database_comes_back(tmp_path: Path) -> None:
    locks: list[sqlite3.Connection] = []
    ran: list[str] = []

    async def routine(run: Run, task: Task) -> Result:
        ran.append(task.id)
        locks.append(locked(tmp_path))
        return Result(Outcome.APPROVED, "node v1")

    async with at_work(tmp_path, routine, "one", make_store=impatient) as bench:
        await bench.heard.until("worker.paused")
        locks[0].close()
        bench.away.try_now()
        await bench.heard.until("task.completed")
        assert (await bench.row("one")).node == "node v1"
        assert ran == ["one"]


async def test_a_step_is_not_done_again_for_a_database_that_is_away(tmp_path: Path) -> None:
    done: list[sqlite3.Connection] = []

    async def routine(run: Run, task: Task) -> Result:
        async def write() -> str:
            done.append(locked(tmp_path))
            return "a draft"

        assert await run.step("write", write) == "a draft"
        return Result(Outcome.APPROVED, "node v1")

    async with at_work(tmp_path, routine, "one", make_store=impatient) as bench:
        for times, wait in enumerate((2.0, 4.0), 1):
            told = await bench.heard.until("worker.paused", times)
            assert (told.payload["shared"], told.payload["retry_in"]) == ("database", wait)
            assert (await bench.row("one")).state is JobState.RUNNING
            if times == 1:
                bench.clock.advance(wait)
        done[0].close()
        bench.away.try_now()
        await bench.heard.until("task.completed")
        assert len(done) == 1


# --- models that fail ----------------------------------------------------------------------------------------------


def writing(server: ProviderServer, folder: Path, clock: Clock) -> Author:
    """The built-in routine on this model; what has no flags is approved."""
    library = NodeFiles(folder / "nodes", clock.now)
    return Author(backend_at(server.url), library, clock, BUILT_IN_TOOLS, auto_review=lambda report: True)


def half(*last: Step) -> Sequence[Step]:
    """The beginning of a stream that holds half a node, and how it goes on."""
    text = node_answer("one")
    return [SSE_HEAD + openai_events(text[: len(text) // 2], finish=None, usage=None, done=False), *last]


GOOD = [openai_answer(node_answer("one"))]


async def test_what_a_model_thinks_is_counted_while_it_thinks_and_is_no_code(tmp_path: Path) -> None:
    seen: list[LiveDraft] = []

    class Watching(Clock):
        """Looks at what the author has, whenever it asks for the time."""

        def now(self) -> float:
            if author is not None:
                seen.extend(author.live.values())
            return super().now()

    author: Author | None = None
    thought = [openai_chunk({"reasoning_content": "One {a}?"}), openai_chunk({"content": 'Or {"workflow_code": "x"}?'})]
    answer = [*thought, openai_chunk({"content": "\n</think>\n"}), openai_events(node_answer("one"))]
    server = ProviderServer([SSE_HEAD, *answer])
    async with server:
        author = writing(server, tmp_path, Watching())
        async with at_work(tmp_path, author, "one") as bench:
            await bench.heard.until("task.completed")
            assert (await bench.row("one")).node == "node_one v1"
    assert [(live.thinking, live.pieces, live.code) for live in seen[:4]] == [
        (0, 0, ""),  # asked
        (8, 0, ""),
        (8, 1, "x"),
        (8 + 27, 0, ""),  # that was thinking as well
    ]
    assert [live.heard_at is None for live in seen[:2]] == [True, False]


@pytest.mark.parametrize(
    ("refusals", "waits"),
    [
        ([[status(429, {"retry-after": "7"})]], [7.0]),
        ([[status(500)], [status(503, {"retry-after": "1"})]], [2.0, 1.0]),
        ([half(RESET), half()], [2.0, 4.0]),
        ([[openai_answer("no json")], [openai_answer("")]], [0.0, 4.0]),
    ],
)
async def test_a_model_is_asked_again_after_the_pause_it_wants(
    tmp_path: Path, refusals: Sequence[Sequence[Step]], waits: Sequence[float]
) -> None:
    clock = Clock(passes_at_once=True)
    server = ProviderServer(*refusals, GOOD)
    async with server, at_work(tmp_path, writing(server, tmp_path, clock), "one") as bench:
        await bench.heard.until("task.completed")
        assert clock.slept == waits
        assert [signal.payload["retry_in"] for signal in bench.heard.of("llm.generation_error")] == waits
        assert (await bench.row("one")).node == "node_one v1"
        assert len(server.requests) == len(waits) + 1


@pytest.mark.parametrize(
    ("refusal", "requests"),
    [
        (half(RESET), 4),
        (half(), 4),
        ([openai_answer(node_answer("one")[:-40])], 2),
        ([status(413)], 1),
    ],
)
async def test_a_model_that_never_delivers_fails_the_job_and_leaves_nothing_to_approve(
    tmp_path: Path, refusal: Sequence[Step], requests: int
) -> None:
    clock = Clock(passes_at_once=True)
    server = ProviderServer(*[refusal] * requests)
    async with server, at_work(tmp_path, writing(server, tmp_path, clock), "one") as bench:
        failed = await bench.heard.until("task.failed")
        row = await bench.row("one")
        assert (row.state, len(server.requests)) == (JobState.FAILED, requests)
        assert await bench.error_of("one") == failed.payload["error"]
        assert str(failed.payload["error"]).endswith(".")
        assert await bench.store.journal(row.job) == {}
        assert not await bench.store.open_questions()
        assert bench.heard.of("node.written") == []
        assert not (tmp_path / "nodes").exists()
        # Asked for again, it goes on.
        server.then(GOOD)
        await bench.store.retry(row.job, "s")
        bench.worker.wake()
        await bench.heard.until("task.completed")
        assert (await bench.row("one")).node == "node_one v1"


async def test_a_model_that_cannot_be_read_is_asked_to_repeat_it_and_told_why(tmp_path: Path) -> None:
    clock = Clock(passes_at_once=True)
    broken = node_answer("one").replace("import json", 'print("<|im_end|>")', 1).replace("}", "}" + " " * 20_000)
    async with (
        ProviderServer([openai_answer(broken)], GOOD) as server,
        at_work(tmp_path, writing(server, tmp_path, clock), "one") as bench,
    ):
        await bench.heard.until("task.completed")
        (told,) = bench.heard.of("llm.generation_error")
        first, second = (json.loads(request.body)["messages"] for request in server.requests)
    assert (told.level, told.payload["retry_in"]) == ("warning", 0.0)
    assert second[0]["content"].startswith(first[0]["content"])
    assert "could not be read" in second[0]["content"]
    asked, again = (json.loads(messages[1]["content"]) for messages in (first, second))
    assert {key: again[key] for key in asked} == asked
    assert again["problem"] in told.payload["error"]
    assert "expected is , or }" in again["problem"]
    assert again["unreadable_answer"].startswith('{"workflow_code": "print("<|im_end|>")')
    assert len(again["unreadable_answer"]) < 7_000
    assert "<|im_end|>" not in second[1]["content"]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("I cannot do that.", "no Python: invalid syntax, line 1"),
        ("import json\\nprint(json.dumps({)", "line 2"),
        ("...", "does nothing"),
    ],
)
async def test_a_program_that_is_none_is_asked_for_once_more_and_then_shown(
    tmp_path: Path, code: str, words: str
) -> None:
    answer = openai_answer(f'{{"workflow_code": "{code}", "workflow_name": "x"}}')
    async with (
        ProviderServer([answer], [answer]) as server,
        at_work(tmp_path, writing(server, tmp_path, Clock(passes_at_once=True)), "one") as bench,
    ):
        await bench.heard.until("review.requested")
        (told,) = bench.heard.of("llm.generation_error")
        assert (told.level, words in told.payload["error"]) == ("warning", True)
        assert words in json.loads(json.loads(server.requests[1].body)["messages"][1]["content"])["problem"]
        assert len(server.requests) == 2


async def test_a_retried_task_goes_on_from_what_was_answered(tmp_path: Path) -> None:
    async with ProviderServer([status(413)], [openai_answer(node_answer("task-9"))]) as server:
        config = f'[backend]\nkind = "openai"\nmodel = "m"\nbase_url = "{server.url}/v1"\n'
        async with running(workspace_in(tmp_path, config)) as (session, watch):
            await send(session, {"id": "task-9", "taskName": "Product page"})
            await watch.until("question.asked")
            question = await open_question(session, "task-9")
            await session.inbox.answer(question.id, Answer(AnswerAction.ACCEPT, {"llmTaskType": "summarize"}))
            await watch.until("task.failed")
            row = await row_of(session, "task-9")
            await session.inbox.retry(row.job)
            await watch.until("review.requested")
            assert watch.names().count("question.asked") == 1
            assert "summarize" in server.requests[1].body.decode()
            detail = await session.store.job(row.job)
            assert detail is not None
            assert (detail.attempt, detail.error) == (2, "")
