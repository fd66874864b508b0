"""What was answered does not wait for a running model call: sessions with a model that answers when a test lets it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from evolver_tui.adapters.database.database import Database
from evolver_tui.core.decision import Decision, DecisionKind
from evolver_tui.core.errors import StoreError
from evolver_tui.core.job import JobState, Outcome
from evolver_tui.core.question import Answer, AnswerAction, OpenQuestion, Question
from evolver_tui.core.question_kinds.review import ReviewSubject
from evolver_tui.core.task import Task
from evolver_tui.engine.away import Away
from evolver_tui.engine.durable.lanes import MOST, Lane
from evolver_tui.engine.durable.routine import Result, Run
from evolver_tui.engine.durable.worker import Worker
from evolver_tui.engine.durable.workers import Workers
from evolver_tui.engine.session import Session
from evolver_tui.engine.signals import SignalBus, SignalRegistry
from tests.support.processes import HARMLESS, Model, whole_answer
from tests.support.sessions import (
    PATIENCE_SECONDS,
    Watch,
    approval,
    open_question,
    review_of,
    row_of,
    running,
    send,
    workspace_in,
)
from tests.support.worker_bench import Clock, Heard

pytestmark = pytest.mark.anyio

Reviewed = tuple[OpenQuestion, ReviewSubject]


class PatientModel(Model):
    """A provider that answers at once until it is held."""

    def __init__(self) -> None:
        super().__init__(self._answer)
        self.most_at_once = 0
        self._at_once = 0
        self._lock = threading.Lock()
        self._may_answer = threading.Event()
        self._may_answer.set()

    def hold(self) -> None:
        """Answer nothing from now on."""
        self._may_answer.clear()

    def let_go(self) -> None:
        """Answer what was asked, and all that follows."""
        self._may_answer.set()

    def _answer(self, task_id: str) -> Iterator[bytes]:
        with self._lock:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        self._may_answer.wait(PATIENCE_SECONDS)
        with self._lock:
            self._at_once -= 1
        yield from whole_answer(task_id)


def task(task_id: str, **more: Any) -> dict[str, Any]:
    return {"id": task_id, "taskName": f"Name of {task_id}", "llmTaskType": "summarize", **more}


class Busy:
    """A session whose model is at one task, `busy`, and keeps it waiting, while others wait for a person."""

    def __init__(self, session: Session, watch: Watch, model: PatientModel, reviews: dict[str, Reviewed]) -> None:
        self.session = session
        self.watch = watch
        self.model = model
        self._reviews = reviews

    async def decide(self, task_id: str, kind: DecisionKind, **more: str) -> None:
        question, subject = self._reviews[task_id]
        decision = approval(subject) if kind is DecisionKind.APPROVE else Decision(kind, **more)
        await self.session.inbox.decide(question.id, decision)

    async def is_still_busy(self) -> bool:
        return (await row_of(self.session, "busy")).state is JobState.RUNNING and self.session.workers.is_working

    def models_asked(self) -> list[str]:
        """About which tasks, in order, since the model is held."""
        return self.model.asked[len(self._reviews) :]


@asynccontextmanager
async def busy(folder: Path, *reviewed: str, questions: tuple[str, ...] = ()) -> AsyncIterator[Busy]:
    with PatientModel() as model:
        async with running(workspace_in(folder, model.config)) as (session, watch):
            try:
                await send(session, {"tasks": [task(task_id) for task_id in reviewed]})
                reviews = {task_id: await review_of(session, watch, task_id) for task_id in reviewed}
                for task_id in questions:
                    await send(session, task(task_id, llmTaskType=""))
                    await watch.until("question.asked", task_id=task_id)
                model.hold()
                await send(session, task("busy"))
                await watch.until("llm.generation_start", task_id="busy")
                yield Busy(session, watch, model, reviews)
            finally:
                model.let_go()


async def completed(watch: Watch, task_id: str) -> str:
    return str((await watch.until("task.completed", task_id=task_id)).payload["outcome"])


# --- beside a model call


async def test_an_approval_is_saved_while_another_task_is_generated(tmp_path: Path) -> None:
    async with busy(tmp_path, "one") as desk:
        await desk.decide("one", DecisionKind.APPROVE)
        assert await completed(desk.watch, "one") == "approved"
        assert (await row_of(desk.session, "one")).node == "node_one v1"
        assert await desk.is_still_busy()
        desk.model.let_go()
        await review_of(desk.session, desk.watch, "busy")


async def test_a_plain_reject_ends_a_task_while_another_one_is_generated(tmp_path: Path) -> None:
    async with busy(tmp_path, "one") as desk:
        await desk.decide("one", DecisionKind.REJECT)
        assert await completed(desk.watch, "one") == "rejected"
        assert await desk.is_still_busy()


async def test_an_edit_is_checked_and_reviewed_while_another_task_is_generated(tmp_path: Path) -> None:
    async with busy(tmp_path, "one") as desk:
        code = "# mine\n" + HARMLESS.format(task_id="one")
        await desk.decide("one", DecisionKind.EDIT, code=code)
        question, subject = await review_of(desk.session, desk.watch, "one", count=2)
        assert subject.draft.code == code
        assert await desk.is_still_busy()
        await desk.session.inbox.decide(question.id, approval(subject))
        assert await completed(desk.watch, "one") == "approved"
        assert await desk.is_still_busy()


async def test_approvals_are_saved_in_the_order_in_which_they_were_decided(tmp_path: Path) -> None:
    names = ("one", "two", "three", "four", "five", "six")
    async with busy(tmp_path, *names) as desk:
        decided = [names[place] for place in (4, 1, 5, 0, 3, 2)]
        for task_id in decided:
            await desk.decide(task_id, DecisionKind.APPROVE)
        for task_id in decided:
            await completed(desk.watch, task_id)
        saved = [told.context["task_id"] for told in desk.watch.heard if told.name == "node.saved"]
        assert saved == decided
        assert await desk.is_still_busy()


# --- what needs the model


async def answer(desk: Busy, task_id: str) -> None:
    question = await open_question(desk.session, task_id)
    await desk.session.inbox.answer(question.id, Answer(AnswerAction.ACCEPT, {"llmTaskType": "summarize"}))


async def test_what_was_sent_back_or_answered_is_written_beside_a_new_task(tmp_path: Path) -> None:
    async with busy(tmp_path, "one", questions=("asking",)) as desk:
        await answer(desk, "asking")
        await desk.watch.until("llm.generation_start", task_id="asking")
        await desk.decide("one", DecisionKind.APPROVE)
        assert await completed(desk.watch, "one") == "approved"
        assert await desk.is_still_busy()
        desk.model.let_go()
        await review_of(desk.session, desk.watch, "asking")
        assert desk.model.most_at_once == 2
        assert "job.waiting" not in desk.watch.names()


async def test_a_free_place_beside_a_new_task_goes_to_what_waits_for_its_turn_and_to_no_new_one(tmp_path: Path) -> None:
    async with busy(tmp_path, "one", "two") as desk:
        await send(desk.session, task("new", priority="high"))
        for task_id in ("one", "two"):
            await desk.decide(task_id, DecisionKind.REJECT, reason="Shorter, please.")
        await desk.watch.until("job.waiting", task_id="two")
        await desk.session.inbox.cancel((await row_of(desk.session, "one")).job)
        await desk.watch.until("llm.generation_start", count=2, task_id="two")
        assert await desk.is_still_busy()
        assert (await row_of(desk.session, "new")).state is JobState.PENDING


async def test_what_was_answered_waits_for_its_turn_at_the_model_and_goes_before_new_tasks(tmp_path: Path) -> None:
    async with busy(tmp_path, "one", "two", "three", questions=("asking",)) as desk:
        await send(desk.session, task("new", priority="high"))
        await desk.decide("three", DecisionKind.REJECT, reason="Longer, please.")
        await desk.watch.until("llm.generation_start", count=2, task_id="three")
        await desk.decide("two", DecisionKind.REJECT, reason="Shorter, please.")
        await answer(desk, "asking")
        # What is decided later is saved meanwhile: those that wait for the model keep no lane.
        await desk.decide("one", DecisionKind.APPROVE)
        assert await completed(desk.watch, "one") == "approved"
        assert desk.models_asked() == ["busy", "three"]
        assert (await row_of(desk.session, "two")).state is JobState.PENDING
        desk.model.let_go()
        await review_of(desk.session, desk.watch, "new")
        assert sorted(desk.models_asked()[:4]) == sorted(["busy", "three", "two", "asking"])
        assert desk.models_asked()[4] == "new"
        assert desk.model.most_at_once == 2
        waited = [told.context["task_id"] for told in desk.watch.heard if told.name == "job.waiting"]
        assert waited == ["two", "asking"]


async def test_a_reject_with_a_reason_is_written_at_once_where_the_model_is_free(tmp_path: Path) -> None:
    async with running(workspace_in(tmp_path)) as (session, watch):
        await send(session, task("one"))
        question, _ = await review_of(session, watch, "one")
        await session.inbox.decide(question.id, Decision(DecisionKind.REJECT, reason="Shorter, please."))
        await review_of(session, watch, "one", count=2)
        async with asyncio.timeout(PATIENCE_SECONDS):
            await session.workers.drained()
        assert not session.workers.is_working
        assert watch.names().count("job.resumed") == 1


async def test_another_session_takes_what_waits_for_a_model_that_is_busy_here(tmp_path: Path) -> None:
    async with busy(tmp_path, "zero", "one", "two") as desk:
        await desk.decide("zero", DecisionKind.REJECT, reason="Shorter, please.")
        await desk.watch.until("llm.generation_start", count=2, task_id="zero")
        async with running(workspace_in(tmp_path)) as (_, watch):
            await desk.decide("one", DecisionKind.REJECT, reason="Shorter, please.")
            await watch.until("llm.generation_start", task_id="one")
            await desk.decide("two", DecisionKind.APPROVE)
            heard = (desk.watch, watch)
            ends = [asyncio.create_task(each.until("task.completed", task_id="two")) for each in heard]
            async with asyncio.timeout(PATIENCE_SECONDS):
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            for end in ends:
                end.cancel()
            assert (await row_of(desk.session, "two")).node == "node_two v1"
            assert sum(each.names().count("node.saved") for each in heard) == 1
            assert await desk.is_still_busy()


# --- cancelled, interrupted


async def test_a_task_that_is_cancelled_while_it_is_generated_gives_up_its_turn(tmp_path: Path) -> None:
    async with busy(tmp_path, "one") as desk:
        await desk.decide("one", DecisionKind.REJECT, reason="Shorter, please.")
        await desk.session.inbox.cancel((await row_of(desk.session, "busy")).job)
        await desk.watch.until("llm.generation_start", count=2, task_id="one")
        assert (await row_of(desk.session, "busy")).state is JobState.CANCELLED


async def test_a_session_that_is_interrupted_gives_back_what_it_generates(tmp_path: Path) -> None:
    async with busy(tmp_path, "one") as desk:
        await desk.decide("one", DecisionKind.REJECT, reason="Shorter, please.")
        desk.session.interrupt()
        async with asyncio.timeout(PATIENCE_SECONDS):
            await desk.session.workers.drained()
        assert (await row_of(desk.session, "busy")).state is JobState.PENDING
        assert not desk.session.workers.is_working


# --- routines of others


class Bench:
    """A worker with an author that is held at each task's end, and a plug-in that asks and then works long."""

    def __init__(self, worker: Worker, store: Database, heard: Heard, may_end: asyncio.Event, away: Away) -> None:
        self.worker = worker
        self.away = away
        self.store = store
        self.heard = heard
        self.may_end = may_end

    async def answer_all(self) -> None:
        for question in await self.store.open_questions():
            await self.store.answer(question.id, {"action": "accept", "content": {}}, "ada", "s")
        self.worker.wake()

    async def running(self) -> list[str]:
        """The tasks that are held, in order."""
        rows = await self.store.rows_after(None, 100)
        return sorted(row.task_id for row in rows if row.state is JobState.RUNNING)


@asynccontextmanager
async def at_work(folder: Path, *tasks: dict[str, Any]) -> AsyncIterator[Bench]:
    store, registry, clock, may_end = Database(folder / "evolver.db"), SignalRegistry(), Clock(), asyncio.Event()
    heard = Heard(registry)
    bus = SignalBus("s", clock.now, lambda signals: store.log(signals, "s"), registry)

    async def author(run: Run, task: Task) -> Result:
        if task.id.startswith(("asks", "tries")):
            await run.ask(Question("which", "Which?"))
            if task.id.startswith("tries"):
                run.probing.step_aside()
                run.emit("try.begun")
                await may_end.wait()
        else:
            run.emit("author.begun")
            await may_end.wait()
        return Result(Outcome.APPROVED)

    async def plug_in(run: Run, task: Task) -> str:
        await run.ask(Question("which", "Which?"))
        run.emit("plug-in.begun")
        await may_end.wait()
        return "done"

    await store.open()
    await store.add_tasks([Task.from_raw(raw) for raw in tasks], "s", generate=True, signals_of=lambda added: ())
    away = Away(clock, bus)
    worker = Worker(store, {"": author, "plug": plug_in}, bus, clock, session_id="s", owner="here", away=away)
    work = asyncio.create_task(worker.run())
    try:
        yield Bench(worker, store, heard, may_end, away)
    finally:
        worker.interrupt()
        async with asyncio.timeout(PATIENCE_SECONDS):
            await work
        await store.close()


async def test_a_database_that_takes_no_ends_is_told_of_once_though_it_answers_the_other_lanes(tmp_path: Path) -> None:
    async with at_work(tmp_path, task("busy")) as bench:
        await bench.heard.until("author.begun")
        finish, looked = bench.store.finish, bench.store.seconds_until_claimable
        tried, has_looked = asyncio.Event(), asyncio.Event()

        async def refuse(*arguments: Any, **named: Any) -> None:
            tried.set()
            raise StoreError("The disk is full.")

        async def look(*arguments: Any) -> float | None:
            has_looked.set()
            return await looked(*arguments)

        setattr(bench.store, "finish", refuse)  # noqa: B010 - mypy lets nobody assign to a method
        setattr(bench.store, "seconds_until_claimable", look)  # noqa: B010 - as above
        bench.may_end.set()
        paused = await bench.heard.until("worker.paused")
        assert (paused.payload["shared"], paused.payload["error"]) == ("database", "The disk is full.")
        assert (paused.payload["retry_in"], paused.payload["tries"]) == (2.0, 1)
        for times in (2, 3):
            has_looked.clear()
            tried.clear()
            bench.worker.wake()
            await in_time(has_looked.wait())
            assert not tried.is_set()
            bench.away.try_now()
            await bench.heard.until("worker.paused", times)
        assert bench.away.outage is not None
        setattr(bench.store, "finish", finish)  # noqa: B010 - as above
        bench.away.try_now()
        await bench.heard.until("task.completed")
        await in_time(bench.worker.drained())
        assert bench.away.outage is None
        assert bench.heard.of("worker.resumed")[0].payload["shared"] == "database"


async def in_time(waiting: Awaitable[object]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        await waiting


PLUGS = [task(f"plug-{number}", routine="plug", priority="high") for number in range(MOST[Lane.PLUG_INS] + 2)]


async def test_answered_plug_ins_run_some_at_a_time_beside_the_author_and_keep_nobody_waiting(tmp_path: Path) -> None:
    most = MOST[Lane.PLUG_INS]
    async with at_work(tmp_path, *PLUGS, task("asks", priority="high"), task("busy")) as bench:
        await bench.heard.until("author.begun")
        await bench.answer_all()
        await bench.heard.until("plug-in.begun", most)
        await bench.heard.until("task.completed")
        assert await bench.running() == ["busy", *(f"plug-{number}" for number in range(most))]
        assert bench.heard.of("task.completed")[0].context["task_id"] == "asks"
        draining = asyncio.create_task(bench.worker.drained())
        bench.may_end.set()
        await in_time(draining)
        assert len(bench.heard.of("task.completed")) == len(PLUGS) + 2
        assert not bench.worker.held


async def test_what_was_decided_does_not_wait_for_a_draft_that_is_tried(tmp_path: Path) -> None:
    trying = [task(f"tries-{number}", priority="high") for number in range(MOST[Lane.ASIDE])]
    async with at_work(tmp_path, *trying, task("asks", priority="high"), task("busy")) as bench:
        await bench.heard.until("author.begun")
        await bench.answer_all()
        await bench.heard.until("try.begun", len(trying))
        await bench.heard.until("task.completed")
        assert bench.heard.of("task.completed")[0].context["task_id"] == "asks"
        assert await bench.running() == ["busy", *(each["id"] for each in trying)]


@pytest.mark.parametrize("end", [Worker.interrupt, Worker.stop])
async def test_a_worker_that_ends_gives_back_or_finishes_what_each_lane_holds(
    tmp_path: Path, end: Callable[[Worker], None]
) -> None:
    async with at_work(tmp_path, PLUGS[0], task("busy")) as bench:
        await bench.heard.until("author.begun")
        await bench.answer_all()
        await bench.heard.until("plug-in.begun")
        end(bench.worker)
        if end is Worker.stop:
            assert await bench.running() == ["busy", "plug-0"]
            bench.may_end.set()
        await in_time(bench.worker.drained())
        states = {row.state for row in await bench.store.rows_after(None, 10)}
        assert states == {JobState.COMPLETED if end is Worker.stop else JobState.PENDING}


@pytest.mark.parametrize("from_elsewhere", [False, True])
async def test_only_the_cancelled_job_is_dropped(tmp_path: Path, from_elsewhere: bool) -> None:
    async with at_work(tmp_path, *PLUGS[:2], task("busy")) as bench:
        await bench.heard.until("author.begun")
        await bench.answer_all()
        await bench.heard.until("plug-in.begun", 2)
        job = next(row.job for row in await bench.store.rows_after(None, 10) if row.task_id == "plug-0")
        await bench.store.cancel(job, "s")
        if from_elsewhere:
            await Workers((bench.worker,)).drop_cancelled(bench.store)
        else:
            bench.worker.drop(job)
        bench.may_end.set()
        await in_time(bench.worker.drained())
        ended = {told.context["task_id"] for told in bench.heard.of("task.completed")}
        assert ended == {"plug-1", "busy"}
        assert bench.heard.of("job.lease_lost") == []
