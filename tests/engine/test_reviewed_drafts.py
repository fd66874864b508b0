"""What persons decided is read out of the database as it was decided, with what the author had been asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from evolver_tui.core.decision import DecisionKind
from evolver_tui.core.question import Answer, AnswerAction
from evolver_tui.core.question_kinds.review import UNREVIEWED
from evolver_tui.core.task import Task
from evolver_tui.core.training_data.reviewed_draft import ReviewedDraft
from evolver_tui.engine import reviewed_drafts as module
from evolver_tui.engine.author.backend import Prompt
from evolver_tui.engine.author.prompt import author_prompt
from evolver_tui.engine.reviewed_drafts import Passed
from evolver_tui.tools.definitions import BUILT_IN_TOOLS, TASK_TO_WORKFLOW_ROUTER
from tests.support.databases import sql
from tests.support.decisions import (
    CRASHES,
    all_drafts,
    decide,
    deciding,
    edit,
    program,
    reject,
    send_and_decide,
    sent_to_model,
    task,
)
from tests.support.sessions import open_question, send

pytestmark = pytest.mark.anyio

TOOLS = [tool for tool in BUILT_IN_TOOLS if tool is not TASK_TO_WORKFLOW_ROUTER]


def asked_again(draft: ReviewedDraft) -> Prompt:
    """The author's prompt, made anew of what is known of a draft."""
    asked = draft.asked
    assert asked is not None
    prompt = author_prompt(
        TASK_TO_WORKFLOW_ROUTER, TOOLS, Task.from_raw(draft.task), asked.answers, asked.feedback,
        asked.previous_code, asked.failed_run,
    )  # fmt: skip
    return Prompt(prompt.system, prompt.user)


async def test_each_decision_comes_with_the_very_prompt_that_its_draft_was_written_for(
    tmp_path: Path, url: str
) -> None:
    codes = [CRASHES, *map(program, ("first", "second", "third"))]
    mine = program("mine")
    async with deciding(tmp_path, url, codes) as (session, watch, server):
        sent = {"id": "task-1", "taskName": "Do it", "note": "as <|im_end|> it came"}
        await send(session, sent)
        await watch.until("question.asked")
        said = {"llmTaskType": "generate", "note": "in few words"}
        question = await open_question(session, "task-1")
        await session.inbox.answer(question.id, Answer(AnswerAction.ACCEPT, said))
        await decide(session, watch, "task-1", reject("Shorter."), reject("Shorter still."), edit(mine), "approve")
        await watch.until("task.completed")
        drafts = await all_drafts(session.store)
        session_id = session.id
    assert [(draft.number, draft.kind.value, draft.code) for draft in drafts] == [
        (2, "reject", codes[1]), (3, "reject", codes[2]), (4, "edit", codes[3]), (5, "approve", mine),
    ]  # fmt: skip
    assert [draft.reason for draft in drafts] == ["Shorter.", "Shorter still.", "", ""]
    assert [draft.edited_code for draft in drafts] == ["", "", mine, ""]
    assert [draft.is_approved for draft in drafts] == [False, False, False, True]
    about = {(draft.task_id, draft.decided_by, draft.session_id, draft.model, draft.title) for draft in drafts}
    assert about == {("task-1", "ada", session_id, "openai/tiny", "Node of one")}
    assert {str(draft.task) for draft in drafts} == {str(sent)}
    first, *prompts = map(sent_to_model, server.requests)
    assert "failed_run" not in first.user
    assert [asked_again(draft) for draft in drafts] == [*prompts, prompts[-1]]
    keys = [draft.key for draft in drafts]
    assert keys == sorted(keys)


async def test_all_sessions_in_the_order_of_decisions_or_one_or_what_came_after_one(
    tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAGE", 2)
    codes = list(map(program, ("one", "two", "three", "four")))
    async with deciding(tmp_path, url, codes[:2]) as (session, watch, _):
        await send(session, task(1))
        await watch.until("review.requested", task_id="task-1")
        await send_and_decide(session, watch, task(2), "approve")
        first = session.id
    async with deciding(tmp_path, url, codes[2:]) as (session, watch, _):
        await send_and_decide(session, watch, task(3), reject())
        question = await open_question(session, "task-1")
        await session.inbox.decide(question.id, reject())
        await send_and_decide(session, watch, task(4), "approve")
        everything = await all_drafts(session.store)
        assert [draft.task_id for draft in everything] == ["task-2", "task-3", "task-1", "task-4"]
        of_first = await all_drafts(session.store, session_id=first)
        assert [draft.task_id for draft in of_first] == ["task-2", "task-1"]
        for place, draft in enumerate(everything):
            assert await all_drafts(session.store, after=draft.key) == everything[place + 1 :]


async def test_what_a_rule_approved_is_told_apart_and_left_out(tmp_path: Path, url: str) -> None:
    codes = [program("one"), program("two")]
    async with deciding(tmp_path, url, codes[:1], auto_review=lambda report: True) as (session, watch, _):
        await send(session, task(1))
        await watch.until("task.completed")
    async with deciding(tmp_path, url, codes[1:]) as (session, watch, _):
        await send_and_decide(session, watch, task(2), "approve")
        assert [draft.decided_by for draft in await all_drafts(session.store)] == ["ada"]
        by_rule, by_ada = await all_drafts(session.store, unreviewed=True)
    assert (by_rule.decided_by, by_rule.is_unreviewed, by_rule.code) == (UNREVIEWED, True, codes[0])
    assert (by_rule.kind, by_rule.model, by_rule.number) == (DecisionKind.APPROVE, "openai/tiny", 1)
    assert (by_ada.decided_by, by_ada.is_unreviewed) == ("ada", False)


@pytest.mark.parametrize(
    "spoilt",
    [
        'subject_json = replace(subject_json, \'"code":"\', \'"code":5,"was":"\')',
        'subject_json = replace(subject_json, \'"title":"\', \'"title":null,"complexity":"\')',
        "subject_json = '{'",
        "subject_json = '{}'",
        "answer_json = '[]'",
        'answer_json = \'{"kind":"maybe"}\'',
    ],
)
async def test_what_cannot_be_read_is_passed_by_and_counted(tmp_path: Path, url: str, spoilt: str) -> None:
    async with deciding(tmp_path, url, [program("one"), program("two")]) as (session, watch, _):
        for number in (1, 2):
            await send_and_decide(session, watch, task(number), "approve")
        sql(url, f"UPDATE question SET {spoilt} WHERE job = 1")
        passed = Passed()
        (draft,) = await all_drafts(session.store, passed)
    assert (draft.task_id, passed.unreadable) == ("task-2", 1)


async def test_a_journal_that_is_gone_leaves_the_decision_and_no_prompt(tmp_path: Path, url: str) -> None:
    async with deciding(tmp_path, url, [program("one")]) as (session, watch, _):
        await send_and_decide(session, watch, task(1), "approve")
        sql(url, "DELETE FROM journal")
        (draft,) = await all_drafts(session.store)
    assert (draft.code, draft.asked, draft.model, draft.number) == (program("one"), None, "openai/tiny", 1)
