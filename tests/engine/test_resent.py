"""A task that the hub sends again: the same content is a duplicate, another one is kept until somebody decides."""

from __future__ import annotations

from pathlib import Path

import pytest

from evolver_tui.core.errors import NotWaiting, StaleLease
from evolver_tui.core.job import JobState, QueueCounts
from evolver_tui.core.question import Question
from tests.support.databases import add, check_whole, claim, opened, pause, sql, task
from tests.support.sessions import SUMMARIZE, approval, review_of, row_of, running, send, workspace_in

pytestmark = pytest.mark.anyio

OTHER = {**SUMMARIZE, "taskName": "LLM Summarization for a Book"}


async def test_only_another_content_is_kept_the_latest_of_it(url: str) -> None:
    async with opened(url) as store:
        await add(store, task("a"), task("b"))
        same = await add(store, task("a"), task("a", status="completed"), task("b", status="in progress"))
        assert (len(same.duplicates), same.resent) == (3, ())
        other = await add(store, task("a", taskName="One"), task("a", taskName="Two"), task("c"), task("c"))
        assert ([each.name for each in other.resent], len(other.duplicates)) == (["One", "Two"], 1)
        assert sql(url, "SELECT count(*) FROM resent_task") == [(1,)]
        detail, quiet = await store.job(1), await store.job(2)
        assert detail is not None
        assert quiet is not None
        assert (detail.task.name, detail.resent_at is not None, quiet.resent_at) == ("Name of a", True, None)
        held = await claim(store)
        await store.record_step(held.job, held.fence, "first", 1, "s")
        question = await store.pause(held.job, held.fence, Question("q", "?"), "s")
        await store.answer(question, {"action": "accept", "content": {}}, "ada", "s")
        again = await claim(store)
        await store.take_resent(1, "s")
        with pytest.raises(StaleLease):
            await store.record_step(again.job, again.fence, "late", 1, "s")
        row = await store.row(1)
        assert row is not None
        assert (row.task_name, row.state) == ("Two", JobState.PENDING)
        assert await store.journal(1) == {}
        made = await store.latest_decision(1)
        assert made is not None
        with pytest.raises(NotWaiting, match="began anew"):
            await store.undo(made.id, "ada", "s")
        with pytest.raises(NotWaiting, match="sent no other content"):
            await store.take_resent(1, "s")
    check_whole(url)


async def test_what_is_let_go_leaves_the_job_as_it_is(url: str) -> None:
    async with opened(url) as store:
        await add(store, task("a"))
        await pause(store)
        await add(store, task("a", taskName="Other"))
        await store.drop_resent(1, "s")
        detail = await store.job(1)
        assert detail is not None
        assert (detail.resent_at, detail.task.name) == (None, "Name of a")
        assert await store.counts() == QueueCounts(needs_you=1)
    check_whole(url)


async def test_a_job_begins_anew_and_the_old_node_stays(tmp_path: Path) -> None:
    async with running(workspace_in(tmp_path)) as (session, watch):
        await send(session, SUMMARIZE)
        question, subject = await review_of(session, watch, "task-1")
        await session.inbox.decide(question.id, approval(subject))
        await watch.until("task.completed")
        await send(session, OTHER)
        await watch.until("task.resent", task_id="task-1")
        await session.inbox.take_resent((await row_of(session, "task-1")).job)
        question, subject = await review_of(session, watch, "task-1", 2)
        assert "Book" in subject.draft.code
        (node,) = session.library.list()
        assert node.version == 1
        await session.inbox.decide(question.id, approval(subject))
        await watch.until("task.completed", 2)
        assert (await session.store.counts()).approved == 1
