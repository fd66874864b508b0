"""What was rejected or cancelled comes back to where it was: once, whoever asks, and with nothing of what followed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from evolver_tui.core.decision import Decision, DecisionKind
from evolver_tui.core.errors import NotWaiting, StaleLease
from evolver_tui.core.job import JobState, Outcome, QueueCounts
from evolver_tui.core.question import Answer, AnswerAction, Question, QuestionKind
from evolver_tui.core.question_kinds.review import ReviewSubject
from evolver_tui.core.routine_state import DeferredEvent, Progress
from evolver_tui.core.signal import Signal
from evolver_tui.engine.store import Store
from tests.support.databases import LEASE, add, check_whole, claim, names, opened, pause, sql, task
from tests.support.job_desk import Jobs
from tests.support.sessions import SUMMARIZE, running, send, workspace_in

pytestmark = pytest.mark.anyio

NO_LANGUAGES = {"id": "task-9", "taskName": "Translate Release Notes", "llmTaskType": "translate"}


async def rejected(store: Store) -> int:
    """A job whose routine asked, was told no, did two things about that and ended."""
    held = await claim(store)
    await store.record_step(held.job, held.fence, "write", 1, "s")
    question = await store.pause(held.job, held.fence, Question("look", "Good?", kind=QuestionKind.REVIEW), "s")
    await store.answer(question, {"kind": "reject"}, "ada", "s")
    held = await claim(store)
    await store.record_step(held.job, held.fence, "tell", "it was rejected", "s")
    await store.record_step(held.job, held.fence, "kept place", 7, "s")
    await store.finish(held.job, held.fence, JobState.COMPLETED, "s", outcome=Outcome.REJECTED)
    return held.job


# --- the store


async def test_a_rejected_job_waits_at_the_question_that_ended_it(url: str) -> None:
    async with opened(url) as database:
        await add(database, task("a"))
        before = await rejected(database)
        await database.restore(before, "s", [Signal("job.restored")])
        row = await database.row(before)
        assert row is not None
        assert (row.state, row.outcome, row.asks) == (JobState.PAUSED, None, QuestionKind.REVIEW)
        asked = await database.open_question_of(before)
        assert asked is not None
        assert (asked.question.name, asked.reason) == ("look", "review")
        assert [(pause.answered_at, pause.answer) for pause in await database.pauses_of(before)] == [(None, None)]
        assert await database.counts() == QueueCounts(needs_you=1)
        assert (await names(database)).count("job.restored") == 1
        await database.answer(asked.id, {"kind": "approve"}, "bob", "s")
        again = await claim(database)
        assert again.journal == {"write": 1, "look": {"kind": "approve"}, "kept place": 7}
    check_whole(url)


async def test_a_cancelled_job_waits_for_what_it_waited_for(url: str) -> None:
    async with opened(url) as database:
        await add(database, task("asks"), task("pending", "high"), task("runs"), task("other", "low"))
        deferred = (DeferredEvent("later", {"n": 1}, 1.0),)
        high = await claim(database)
        await database.pause(
            high.job, high.fence, Question("q", "?"), "s", reason="legal hold", progress=Progress(deferred=deferred)
        )
        held = await claim(database)
        jobs = [row.job for row in await database.rows_after(None, 9)]
        order = [row.task_id for row in await database.rows_after(None, 9)]
        for job in jobs[:3]:
            await database.cancel(job, "s")
        for job in jobs[:3]:
            detail = await database.job(job)
            assert detail is not None
            assert (detail.pause_reason, detail.deferred_events) == ("", 0)
            await database.restore(job, "s")
        assert await database.counts() == QueueCounts(waiting=3, needs_you=1)
        assert [row.task_id for row in await database.rows_after(None, 9)] == order
        detail = await database.job(high.job)
        assert detail is not None
        assert (detail.row.state, detail.pause_reason, detail.deferred_events) == (JobState.PAUSED, "legal hold", 1)
        with pytest.raises(StaleLease):
            await database.record_step(held.job, held.fence, "late", 1, "s")
        taken = await claim(database)
        assert (taken.job, taken.fence) == (held.job, held.fence + 3)
        with pytest.raises(StaleLease):
            await database.renew(held.job, held.fence, LEASE)
    check_whole(url)


async def test_of_many_who_restore_one_does(url: str) -> None:
    async with opened(url) as here, opened(url) as there:
        await add(here, task("a"))
        job = await rejected(here)
        tries = [store.restore(job, "s", [Signal("job.restored")]) for store in (here, there) * 5]
        ended = await asyncio.gather(*tries, return_exceptions=True)
        refusals = [error for error in ended if error is not None]
        assert len(refusals) == len(tries) - 1
        assert {str(error) for error in refusals} == {
            f"Job {job} is neither rejected nor cancelled: it is paused. Nothing was changed."
        }
        assert (await names(here)).count("job.restored") == 1
        assert await here.counts() == QueueCounts(needs_you=1)
    check_whole(url)


async def test_what_was_neither_rejected_nor_cancelled_by_a_person_stays(url: str) -> None:
    async with opened(url) as database:
        await add(database, task("approved"), task("by the routine"), task("failed"), task("pending"))
        ends: tuple[tuple[JobState, Outcome | None], ...] = (
            (JobState.COMPLETED, Outcome.APPROVED),
            (JobState.COMPLETED, Outcome.REJECTED),
            (JobState.FAILED, None),
        )
        for state, outcome in ends:
            held = await claim(database)
            await database.finish(held.job, held.fence, state, "s", outcome=outcome)
        before = [await database.row(job) for job in range(1, 5)]
        for job in (1, 2, 3, 4, 99, 2**70):
            with pytest.raises(NotWaiting, match=r"Nothing was changed\."):
                await database.restore(job, "s", [Signal("job.restored")])
        assert [await database.row(job) for job in range(1, 5)] == before
        assert "job.restored" not in await names(database)
    check_whole(url)


async def test_a_restored_job_can_be_ended_again_and_restored_again(url: str) -> None:
    async with opened(url) as database:
        await add(database, task("a"))
        held, question = await pause(database)
        for number in range(3):
            await database.cancel(held.job, "s")
            await database.restore(held.job, "s")
            (fence,) = sql(url, "SELECT fence FROM job")[0]
            assert fence == held.fence + 2 * (number + 1)
            asked = await database.open_question_of(held.job)
            assert asked is not None
            assert asked.id == question
    check_whole(url)


# --- the author


async def restored(place: Path, message: dict[str, Any], end: Callable[[Any, int], Awaitable[None]]) -> None:
    """Let the author ask, end its job by an answer, restore it, and see the same question again."""
    async with running(workspace_in(place)) as (session, watch):
        await send(session, message)
        await watch.until("job.paused")
        (asked,) = await session.store.open_questions()
        await end(session, asked.id)
        await watch.until("task.completed")
        assert (await session.store.counts()).rejected == 1
        await session.inbox.restore(asked.job)
        (again,) = await session.store.open_questions()
        assert again == asked
        told = await watch.until("job.restored")
        assert told.payload["by"] == "ada"
        await session.workers.drained()
        assert await session.store.open_questions() == [asked]


async def test_a_plainly_rejected_draft_is_there_again_and_can_be_approved(tmp_path: Path) -> None:
    async def reject(session: Any, question: int) -> None:
        await session.inbox.decide(question, Decision(DecisionKind.REJECT))

    await restored(tmp_path, SUMMARIZE, reject)
    async with running(workspace_in(tmp_path)) as (session, watch):
        (asked,) = await session.store.open_questions()
        sha256 = ReviewSubject.of(await session.inbox.as_of_now(asked)).draft.sha256
        await session.inbox.decide(asked.id, Decision(DecisionKind.APPROVE, sha256=sha256))
        await watch.until("node.saved")


async def test_a_declined_question_of_the_author_is_asked_again(tmp_path: Path) -> None:
    async def decline(session: Any, question: int) -> None:
        await session.inbox.answer(question, Answer(AnswerAction.DECLINE))

    await restored(tmp_path, NO_LANGUAGES, decline)
    async with running(workspace_in(tmp_path)) as (session, watch):
        (asked,) = await session.store.open_questions()
        await session.inbox.answer(asked.id, Answer(AnswerAction.ACCEPT, {"languages": "de->en"}))
        await watch.until("review.requested")


# --- the command


@pytest.fixture
def jobs(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, url: str) -> Jobs:
    return Jobs(tmp_path / "home", capsys, monkeypatch, url)


def test_the_command_restores_and_says_where_to(jobs: Jobs) -> None:
    async def fill(store: Store) -> None:
        await add(store, task("task-1"), task("task-2"))
        await rejected(store)

    jobs.store(fill)
    assert jobs("cancel", "task-2").code == 0
    done = jobs("restore", "task-1", "--json")
    assert done.value == {"job": 1, "task_id": "task-1", "state": "paused"}
    assert done.err == "Job 1 (task-1) is restored: it waits for a person again.\n"
    assert jobs("restore", "2").err == "Job 2 (task-2) is restored: it is queued again.\n"
    again = jobs("restore", "2")
    assert (again.code, again.out) == (1, "")
    assert again.err == ("evolver-tui: Job 2 is neither rejected nor cancelled: it is pending. Nothing was changed.\n")
    assert jobs.process("restore", "nothing").code == 1
