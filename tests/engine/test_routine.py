"""The durable routine, as whoever writes one knows it: on a real database, taken up again by a worker of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from evolver_tui.adapters.database.database import Database
from evolver_tui.core.errors import EvolverError, NotWaiting, StaleLease, StepTimeout, StoreError
from evolver_tui.core.job import JobState, Outcome
from evolver_tui.core.journal import RESULT
from evolver_tui.core.question import Answer, AnswerAction, Question
from evolver_tui.core.task import Task
from evolver_tui.engine.durable.endings import Retry
from evolver_tui.engine.durable.routine import Result, Routine, Run, digest_of, source_hash
from evolver_tui.engine.durable.workers import Workers
from tests.support.sessions import PATIENCE_SECONDS, row_of, running, send, workspace_in
from tests.support.worker_bench import Bench, at_work, drained

pytestmark = pytest.mark.anyio

ACCEPT = Answer(AnswerAction.ACCEPT, {"word": "yes"}).to_json_value()


async def answer_open(store: Database, value: Mapping[str, Any] = ACCEPT, by: str = "ada") -> None:
    """Answer the one open question."""
    (question,) = await store.open_questions()
    await store.answer(question.id, value, by, "s")


@asynccontextmanager
async def taken_up(
    folder: Path, *routines: Routine, make_store: Callable[[Path], Database] = Database
) -> AsyncIterator[Bench]:
    """One job, run by each routine in turn to its stop, the question answered in between; yields the last bench."""
    *before, last = routines
    for number, routine in enumerate(before):
        async with at_work(folder, routine, *(["one"] if number == 0 else []), make_store=make_store) as bench:
            await drained(bench.worker)
            await answer_open(bench.store)
    async with at_work(folder, last, make_store=make_store) as bench:
        await drained(bench.worker)
        yield bench


def returning(value: Any, calls: list[Any] | None = None) -> Callable[..., Any]:
    async def work(*arguments: Any) -> Any:
        if calls is not None:
            calls.append(arguments)
        return value

    return work


# --- steps ---------------------------------------------------------------------------------------------------------


async def test_a_step_is_done_once_and_gives_the_same_value_both_times(tmp_path: Path) -> None:
    calls: list[Any] = []
    given: list[Any] = []

    async def routine(run: Run, task: Task) -> Result:
        given.append(await run.step("pair", returning({"pair": (1, 2)}, calls)))
        await run.ask(Question("go on", "Go on?"))
        return Result(Outcome.REJECTED)

    async with taken_up(tmp_path, routine, routine) as bench:
        assert (await bench.row("one")).state is JobState.COMPLETED
    assert len(calls) == 1
    assert given == [{"pair": [1, 2]}, {"pair": [1, 2]}]


async def test_other_arguments_than_the_journaled_ones_are_told_and_the_result_stands(tmp_path: Path) -> None:
    calls: list[Any] = []
    given: list[Any] = []

    async def look(*arguments: Any, limit: int) -> str:
        calls.append((arguments, limit))
        return "found"

    def looking(limit: int) -> Routine:
        async def routine(run: Run, task: Task) -> Result:
            given.append(await run.step("look", look, "where", limit=limit))
            await run.ask(Question("go on", "Go on?"))
            return Result(Outcome.REJECTED)

        return routine

    async with taken_up(tmp_path, looking(1), looking(2)) as bench:
        (told,) = bench.heard.of("step.arguments_changed")
    assert (told.payload["step"], told.level) == ("look", "warning")
    assert calls == [(("where",), 1)]
    assert given == ["found", "found"]


async def test_equal_arguments_are_not_told(tmp_path: Path) -> None:
    async def routine(run: Run, task: Task) -> Result:
        await run.step("look", returning("found"), {"b": 1, "a": [2]})
        await run.ask(Question("go on", "Go on?"))
        return Result(Outcome.REJECTED)

    async with taken_up(tmp_path, routine, routine) as bench:
        assert bench.heard.of("step.arguments_changed") == []


def test_digests_compare_json_values_and_not_their_order() -> None:
    assert digest_of((), {}) != digest_of((1,), {})
    assert digest_of(({"a": 1, 2: 3},), {}) == digest_of(({"a": 1, 2: 3},), {})
    assert digest_of(({"a": 1, "b": 2},), {}) == digest_of(({"b": 2, "a": 1},), {})
    assert digest_of((1,), {}) != digest_of((2,), {})
    assert digest_of((object(),), {}) == digest_of((object(),), {})


async def test_a_name_used_twice_fails_the_job_instead_of_giving_the_first_result_again(tmp_path: Path) -> None:
    async def routine(run: Run, task: Task) -> Result:
        await run.step("fetch", returning(1))
        await run.step("fetch", returning(2))
        return Result(Outcome.REJECTED)

    async with at_work(tmp_path, routine, "one") as bench:
        await drained(bench.worker)
        assert "uses the name 'fetch' twice" in await bench.error_of("one")


async def test_a_step_that_takes_too_long_fails_the_job_in_words(tmp_path: Path) -> None:
    async def for_ever() -> None:
        await asyncio.Event().wait()

    async def routine(run: Run, task: Task) -> Result:
        await run.step("wait", for_ever, timeout=0.01)
        return Result(Outcome.REJECTED)

    async with at_work(tmp_path, routine, "one") as bench:
        await drained(bench.worker)
        assert await bench.error_of("one") == "Step 'wait' took longer than 0.01 s. Retry the task."


async def test_a_step_is_tried_again_as_its_policy_says_and_each_wait_is_told(tmp_path: Path) -> None:
    tries: list[int] = []

    async def flaky() -> str:
        tries.append(len(tries))
        if len(tries) < 4:
            raise EvolverError("Not yet.")
        return "done"

    retry = Retry(attempts=4, first_wait=1.0, factor=3.0, longest_wait=5.0)

    async def routine(run: Run, task: Task) -> Result:
        await run.step("flaky", flaky, retry=retry)
        return Result(Outcome.REJECTED)

    async with at_work(tmp_path, routine, "one") as bench:
        for number, wait in enumerate((1.0, 3.0, 5.0), 1):
            told = await bench.heard.until("step.retried", number)
            assert told.payload == {"step": "flaky", "attempt": number, "error": "Not yet.", "retry_in": wait}
            await bench.clock.until_asleep(1 + number)  # the heartbeat sleeps as well
            bench.clock.advance(wait)
        await bench.heard.until("task.completed")
    assert len(tries) == 4


async def test_what_the_policy_does_not_name_is_not_tried_again(tmp_path: Path) -> None:
    tries: list[int] = []

    async def wrong() -> None:
        tries.append(1)
        raise ValueError("a mistake")

    async def routine(run: Run, task: Task) -> Result:
        await run.step("wrong", wrong, retry=Retry(attempts=5, on=(StepTimeout,)))
        return Result(Outcome.REJECTED)

    async with at_work(tmp_path, routine, "one") as bench:
        await drained(bench.worker)
        assert (await bench.row("one")).state is JobState.FAILED
    assert len(tries) == 1


# --- the journal against a changed routine --------------------------------------------------------------------------


async def test_a_question_inserted_before_an_answered_one_is_asked_and_the_answer_stands(
    tmp_path: Path, url: str
) -> None:
    async def before(run: Run, task: Task) -> Result:
        await run.ask(Question("language", "Which language?"))
        await run.ask(Question("length", "How long?"))
        return Result(Outcome.REJECTED)

    answers: list[Answer] = []

    async def after(run: Run, task: Task) -> Result:
        await run.ask(Question("audience", "For whom?"))
        answers.append(await run.ask(Question("language", "Which language?")))
        return Result(Outcome.REJECTED)

    async with at_work(tmp_path, before, "one", make_store=lambda _: Database(url)) as bench:
        await drained(bench.worker)
        await answer_open(bench.store, {"action": "accept", "content": {"word": "French"}})
    async with at_work(tmp_path, after, make_store=lambda _: Database(url)) as bench:
        await drained(bench.worker)
        (question,) = await bench.store.open_questions()
        assert question.question.name == "audience"
        await answer_open(bench.store)
        bench.worker.wake()
        await drained(bench.worker)
        assert (await bench.row("one")).state is JobState.COMPLETED
    assert answers == [Answer(AnswerAction.ACCEPT, {"word": "French"})]


async def test_a_step_renamed_in_a_pause_is_done_and_the_rest_answers_from_the_journal(
    tmp_path: Path, url: str
) -> None:
    calls: list[Any] = []

    def with_name(name: str) -> Routine:
        async def routine(run: Run, task: Task) -> Result:
            await run.step("first", returning(1, calls), "first")
            await run.step(name, returning(2, calls), name)
            await run.ask(Question("go on", "Go on?"))
            run.emit("after.question")
            return Result(Outcome.REJECTED)

        return routine

    both = (with_name("old"), with_name("other"))
    async with taken_up(tmp_path, *both, make_store=lambda _: Database(url)) as bench:
        assert (await bench.row("one")).state is JobState.COMPLETED
        assert len(bench.heard.of("after.question")) == 1
    assert calls == [("first",), ("old",), ("other",)]


async def test_what_follows_an_inserted_question_is_shared_and_told_once(tmp_path: Path, url: str) -> None:
    """The answer that is older than the inserted question's does not silence what stands between the two."""

    async def before(run: Run, task: Task) -> Result:
        await run.ask(Question("old", "Well?"))
        run.emit("after.old")
        await run.step("work", returning(1))
        await run.ask(Question("older", "And?"))
        return Result(Outcome.REJECTED)

    async def after(run: Run, task: Task) -> Result:
        await run.ask(Question("inserted", "Really?"))
        run.shared_data["inserted"] = "kept"
        run.shared_log.append({"event": "inserted"})
        run.emit("after.inserted")
        await run.ask(Question("old", "Well?"))
        run.emit("after.old")
        await run.step("work", returning(1))
        await run.ask(Question("older", "And?"))
        return Result(Outcome.REJECTED)

    asked = (before, before, after, after)
    async with taken_up(tmp_path, *asked, make_store=lambda _: Database(url)) as bench:
        assert (await bench.row("one")).state is JobState.COMPLETED
        shared = await bench.store.shared_of(1)
        assert (shared.data, [entry["event"] for entry in shared.log]) == ({"inserted": "kept"}, ["inserted"])
        assert len(bench.heard.of("after.inserted")) == 1
        assert bench.heard.of("after.old") == []


@pytest.mark.parametrize("is_question", [False, True])
async def test_what_a_routine_no_longer_does_does_not_silence_it(tmp_path: Path, is_question: bool) -> None:
    async def before(run: Run, task: Task) -> Result:
        await (run.ask(Question("gone", "Well?")) if is_question else run.step("gone", returning(1)))
        await run.ask(Question("stays", "And?"))
        return Result(Outcome.REJECTED)

    async def after(run: Run, task: Task) -> Result:
        await run.ask(Question("stays", "And?"))
        run.shared_data["seen"] = True
        run.emit("told")
        return Result(Outcome.REJECTED)

    async with taken_up(tmp_path, *([before] * (2 if is_question else 1)), after) as bench:
        assert (await bench.row("one")).state is JobState.COMPLETED
        assert (await bench.store.shared_of(1)).data == {"seen": True}
        assert len(bench.heard.of("told")) == 1


# --- mistakes of a routine end its job, and no other ---------------------------------------------------------------


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise ValueError


def share(value: object) -> Routine:
    async def routine(run: Run, task: Task) -> Any:
        run.shared_data["list"] = []
        run.shared_data["list"].append(value)  # which is not how it is done
        run.shared_data["other"] = 1
        return await run.step("next", returning(1))

    return routine


async def raises(error: BaseException) -> Any:
    raise error


WRONG: Any = "approved"
WRONG_NODE: Any = 5
MISTAKES: dict[str, tuple[Any, str]] = {
    "shared NaN": (lambda run, task: raises_after(lambda: run.shared_data.update(n=float("nan"))), "stored as JSON"),
    "shared set": (lambda run, task: raises_after(lambda: run.shared_log.append({"tags": {1}})), "stored as JSON"),
    "shared key": (lambda run, task: raises_after(lambda: run.shared_data.update({5: 1})), "is no text"),
    "changed in place": (share(object()), "JSON"),
    "no words": (lambda run, task: raises(Unspeakable()), "Unspeakable"),
    "no outcome": (lambda run, task: returning(Result(WRONG))(), "holds no Outcome"),
    "no node": (lambda run, task: returning(Result(Outcome.DONE, WRONG_NODE))(), "holds no Outcome"),
    "its own StaleLease": (lambda run, task: raises(StaleLease("No.")), "No."),
    "its own StoreError": (lambda run, task: raises(StoreError("No.")), "No."),
    "no question": (lambda run, task: run.ask("Well?"), "asks with a value of type str"),
    "no form": (lambda run, task: run.ask(Question("q", "m", WRONG)), "schema"),
    "the runtime's name": (lambda run, task: run.step("(result)", returning(1)), "the runtime's own"),
    "no name": (lambda run, task: run.step(5, returning(1)), "is no text"),
}  # fmt: skip


async def raises_after(change: Callable[[], object]) -> Any:
    change()
    raise AssertionError


@pytest.mark.parametrize("mistake", MISTAKES)
async def test_a_mistake_fails_its_job_and_the_worker_takes_the_next(tmp_path: Path, mistake: str) -> None:
    wrong, sentence = MISTAKES[mistake]

    async def routine(run: Run, task: Task) -> Any:
        return await wrong(run, task) if task.id == "one" else "well"

    async with at_work(tmp_path, routine, "one", "two") as bench:
        await drained(bench.worker)
        assert sentence in await bench.error_of("one")
        assert (await bench.row("two")).state is JobState.COMPLETED


@pytest.mark.parametrize("ask", [False, True])
async def test_a_step_or_question_may_be_called_result(tmp_path: Path, ask: bool) -> None:
    async def routine(run: Run, task: Task) -> Any:
        if ask:
            return (await run.ask(Question("result", "Well?"))).content["word"]
        await run.step("result", returning("yes"))
        await run.ask(Question("go on", "Go on?"))
        return "yes"

    async with taken_up(tmp_path, routine, routine) as bench:
        assert (await bench.row("one")).state is JobState.COMPLETED
        assert (await bench.store.journal(1))[RESULT] == "yes"


class Changing:
    """A routine whose source can be said to have changed."""

    def __init__(self, source: str) -> None:
        self.source_hash = source

    async def __call__(self, run: Run, task: Task) -> Result:
        await run.ask(Question("go on", "Go on?"))
        return Result(Outcome.REJECTED)


@pytest.mark.parametrize(("after", "told"), [("1111", 0), ("2222", 1), ("", 0)])
async def test_a_routine_whose_source_changed_says_so_when_it_goes_on(tmp_path: Path, after: str, told: int) -> None:
    async with taken_up(tmp_path, Changing("1111"), Changing(after)) as bench:
        signals = bench.heard.of("routine.source_changed")
    assert len(signals) == told
    assert all(signal.level == "warning" and signal.payload == {"routine": "author"} for signal in signals)


def test_the_source_of_a_routine_is_its_file() -> None:
    async def routine(run: Run, task: Task) -> Result:
        return Result(Outcome.REJECTED)

    async def another(run: Run, task: Task) -> Result:
        return Result(Outcome.REJECTED)

    assert source_hash(routine) == source_hash(another) != ""


# --- deferred events, shared data, kept values ----------------------------------------------------------------------


async def test_deferred_events_are_told_on_resume_in_order_before_any_work_and_once(tmp_path: Path) -> None:
    async def routine(run: Run, task: Task) -> Result:
        run.defer("one.deferred", {"number": 1})
        await run.step("work", returning(None))
        run.defer("two.deferred", {"number": 2})
        await run.ask(Question("go on", "Go on?"))
        run.emit("work.resumed")
        await run.ask(Question("once more", "Once more?"))
        return Result(Outcome.REJECTED)

    async with at_work(tmp_path, routine, "one") as bench:
        await drained(bench.worker)
        assert [signal.name for signal in bench.heard if signal.name.endswith(".deferred")] == []
        await answer_open(bench.store)
    async with at_work(tmp_path, routine) as bench:
        await drained(bench.worker)
        told = [signal.name for signal in bench.heard if signal.name.endswith((".deferred", "work.resumed"))]
        assert told == ["one.deferred", "two.deferred", "work.resumed"]
        await answer_open(bench.store)
    async with at_work(tmp_path, routine) as bench:
        await drained(bench.worker)
        logged = [stored.signal.name for stored in await bench.store.signals("s")]
    assert (logged.count("one.deferred"), logged.count("two.deferred")) == (1, 1)


async def test_events_deferred_without_a_pause_are_told_at_the_end(tmp_path: Path) -> None:
    async def routine(run: Run, task: Task) -> Result:
        run.defer("at.the.end", {"number": 1})
        await run.step("work", returning(None))
        return Result(Outcome.REJECTED)

    async with at_work(tmp_path, routine, "one") as bench:
        await bench.heard.until("task.completed")
        assert [signal.name for signal in bench.heard][-2:] == ["at.the.end", "task.completed"]


async def test_shared_data_and_log_are_committed_once_and_read_after_a_resume(tmp_path: Path) -> None:
    seen: list[Any] = []

    async def routine(run: Run, task: Task) -> Result:
        run.shared_data["task"] = "analyse"
        run.shared_log.append({"action": "process_start"})
        await run.ask(Question("go on", "Go on?"))
        run.shared_log.append({"action": "user_input_received", "timestamp": "given"})
        await run.step("work", returning(None))
        seen.append((dict(run.shared_data), [entry["action"] for entry in run.shared_log]))
        return Result(Outcome.REJECTED)

    async with taken_up(tmp_path, routine, routine) as bench:
        shared = await bench.store.shared_of((await bench.row("one")).job)
    assert seen == [({"task": "analyse"}, ["process_start", "user_input_received"])]
    assert shared.data == {"task": "analyse"}
    assert [entry["timestamp"] for entry in shared.log] == ["2027-01-15T08:00:00.000Z", "given"]


async def test_an_entry_of_the_shared_log_has_to_be_an_object(tmp_path: Path) -> None:
    async def routine(run: Run, task: Task) -> Result:
        run.shared_log.append("words")  # type: ignore[arg-type]
        return Result(Outcome.REJECTED)

    async with at_work(tmp_path, routine, "one") as bench:
        await drained(bench.worker)
        assert "has to be an object" in await bench.error_of("one")


async def test_a_kept_value_is_replaced_and_does_not_silence_the_routine(tmp_path: Path) -> None:
    seen: list[Any] = []

    async def routine(run: Run, task: Task) -> Result:
        seen.append(run.value("place"))
        run.emit("begun")
        await run.keep("place", {"at": 1})  # another name of set_value
        await run.set_value("place", {"at": 2})
        await run.ask(Question("go on", "Go on?"))
        return Result(Outcome.REJECTED)

    async with taken_up(tmp_path, routine, routine) as bench:
        assert (await bench.row("one")).state is JobState.COMPLETED
    assert seen == [None, {"at": 2}]


async def test_a_routine_that_returns_a_value_is_done_and_the_value_is_in_the_journal(tmp_path: Path) -> None:
    async def routine(run: Run, task: Task) -> dict[str, int]:
        return {"words": 42}

    async with at_work(tmp_path, routine, "one") as bench:
        await drained(bench.worker)
        row = await bench.row("one")
        assert (row.state, row.outcome) == (JobState.COMPLETED, Outcome.DONE)
        assert await bench.store.journal(row.job) == {RESULT: {"words": 42}}
        assert (await bench.store.counts()).done == 1


async def test_the_reason_of_a_pause_is_kept_while_it_waits(tmp_path: Path) -> None:
    async def routine(run: Run, task: Task) -> Result:
        await run.ask(Question("go on", "Go on?"), reason="budget")
        return Result(Outcome.REJECTED)

    async with at_work(tmp_path, routine, "one") as bench:
        await drained(bench.worker)
        (question,) = await bench.store.open_questions()
        detail = await bench.store.job(question.job)
        assert detail is not None
        assert (question.reason, detail.pause_reason) == ("budget", "budget")
        assert bench.heard.of("job.paused")[0].payload["reason"] == "budget"


# --- cancel --------------------------------------------------------------------------------------------------------


async def test_a_waiting_job_is_cancelled_and_its_question_cannot_be_answered(tmp_path: Path) -> None:
    place = workspace_in(tmp_path)
    async with running(place) as (session, watch):
        await send(session, {"id": "one", "taskName": "Something"})
        asked = await watch.until("question.asked", task_id="one")
        (question,) = await session.store.open_questions()
        await session.inbox.cancel(asked.context["job"])
        told = await watch.until("job.cancelled", task_id="one")
        assert told.payload["by"] == "ada"
        assert not await session.store.open_questions()
        with pytest.raises(NotWaiting):
            await session.inbox.answer(question.id, Answer(AnswerAction.DECLINE))
        with pytest.raises(NotWaiting, match="is over: cancelled"):
            await session.inbox.cancel(asked.context["job"])
        assert (await row_of(session, "one")).state is JobState.CANCELLED


@pytest.mark.parametrize("from_elsewhere", [False, True])
async def test_a_running_job_is_cancelled_and_its_worker_takes_the_next(tmp_path: Path, from_elsewhere: bool) -> None:
    begun, stopped = asyncio.Event(), asyncio.Event()

    async def routine(run: Run, task: Task) -> Result:
        if task.id == "next":
            return Result(Outcome.REJECTED)
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()
        return Result(Outcome.APPROVED, "never v1")

    async with at_work(tmp_path, routine, "one", "next") as bench:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await begun.wait()
        job = (await bench.row("one")).job
        if from_elsewhere:
            looking: list[asyncio.Task[None]] = []
            ours = Workers((bench.worker,))
            bench.store.watch(lambda has_work: looking.append(asyncio.create_task(ours.drop_cancelled(bench.store))))
            other = Database(tmp_path / "evolver.db")
            await other.open()
            await other.cancel(job, "s")
            await other.close()
        else:
            await bench.store.cancel(job, "s")
            bench.worker.drop(job)
        async with asyncio.timeout(PATIENCE_SECONDS):
            await stopped.wait()
        await drained(bench.worker)
        assert (await bench.row("one")).state is JobState.CANCELLED
        assert (await bench.row("next")).state is JobState.COMPLETED
