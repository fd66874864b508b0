"""The main job without a screen: a task comes in, a node is written, a person decides, the node lies in the library."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from evolver_tui.core.decision import Decision, DecisionKind
from evolver_tui.core.errors import AlreadyAnswered, NameNotTyped, NodeChanged, NodeError, NotWaiting, QuestionError
from evolver_tui.core.job import JobState, Outcome
from evolver_tui.core.node import CheckReport, NodeDraft, NodeRecord
from evolver_tui.core.node_run import NodeRun
from evolver_tui.core.question import Answer, AnswerAction
from evolver_tui.core.question_kinds.review import ReviewSubject
from evolver_tui.engine.author.library import Approval
from tests.support.runs import a_run
from tests.support.sessions import (
    GENERATE,
    SUMMARIZE,
    TRANSLATE,
    approval,
    open_question,
    review_of,
    row_of,
    running,
    send,
    workspace_in,
)

pytestmark = pytest.mark.anyio


async def test_an_approved_draft_lies_in_the_library(tmp_path: Path) -> None:
    async with running(workspace_in(tmp_path)) as (session, watch):
        await send(session, {"tasks": [SUMMARIZE]})
        question, subject = await review_of(session, watch, "task-1")
        assert (subject.draft.author, subject.draft.tokens, subject.version) == ("offline", None, 1)
        await session.inbox.decide(question.id, approval(subject))
        await watch.until("task.completed", task_id="task-1")

        record = session.library.latest("summarize_blog_post")
        assert record is not None
        assert (record.version, record.decided_by, record.task_id) == (1, "ada", "task-1")
        assert (tmp_path / "nodes/summarize_blog_post/main.py").read_text() == subject.draft.code
        row = await row_of(session, "task-1")
        assert (row.state, row.outcome, row.node) == (
            JobState.COMPLETED, Outcome.APPROVED, "summarize_blog_post v1"
        )  # fmt: skip


async def test_the_steps_are_told_in_order(tmp_path: Path) -> None:
    async with running(workspace_in(tmp_path)) as (session, watch):
        await send(session, SUMMARIZE)
        question, subject = await review_of(session, watch, "task-1")
        await session.inbox.decide(question.id, approval(subject))
        await watch.until("task.completed")
        assert watch.names() == [
            "session.started", "sandbox.standing", "hub.message_received", "task.queued", "task.started",
            "llm.generation_start", "llm.generation_complete", "node.written", "node.checked", "node.tried",
            "review.requested", "job.paused", "review.decided", "conversation.turn_complete",
            "analytics.turn_metrics_updated", "job.resumed", "node.saved", "task.completed",
        ]  # fmt: skip


async def test_tasks_are_taken_by_priority_then_arrival_and_the_queue_goes_on_past_a_review(tmp_path: Path) -> None:
    async with running(workspace_in(tmp_path)) as (session, watch):
        await send(session, [TRANSLATE, SUMMARIZE, GENERATE])
        await watch.until("review.requested", 3)
        started = [signal.context["task_id"] for signal in watch.heard if signal.name == "task.started"]
        assert started == ["task-2", "task-1", "task-3"]


async def test_a_reject_with_a_reason_is_written_again_with_it(tmp_path: Path) -> None:
    async with running(workspace_in(tmp_path)) as (session, watch):
        await send(session, SUMMARIZE)
        question, first = await review_of(session, watch, "task-1")
        await session.inbox.decide(question.id, Decision(DecisionKind.REJECT, reason="Handle empty input."))
        question, second = await review_of(session, watch, "task-1", 2)
        assert (second.attempt, "Handle empty input." in second.draft.code) == (2, True)
        assert first.draft.sha256 != second.draft.sha256


async def test_the_fourth_reject_ends_the_task(tmp_path: Path) -> None:
    async with running(workspace_in(tmp_path)) as (session, watch):
        await send(session, SUMMARIZE)
        for count in range(1, 5):
            question, subject = await review_of(session, watch, "task-1", count)
            assert subject.rejects_left == 4 - count
            await session.inbox.decide(question.id, Decision(DecisionKind.REJECT, reason=f"No {count}."))
        await watch.until("task.completed", outcome="rejected")
        assert session.library.list() == ()


async def test_a_plain_reject_ends_the_task(tmp_path: Path) -> None:
    async with running(workspace_in(tmp_path)) as (session, watch):
        await send(session, SUMMARIZE)
        question, _ = await review_of(session, watch, "task-1")
        await session.inbox.decide(question.id, Decision(DecisionKind.REJECT))
        await watch.until("task.completed", outcome="rejected")


async def test_an_edit_is_checked_and_reviewed_again_and_only_then_saved(tmp_path: Path) -> None:
    async with running(workspace_in(tmp_path)) as (session, watch):
        await send(session, SUMMARIZE)
        question, subject = await review_of(session, watch, "task-1")
        edited = subject.draft.code + "\n# checked by a person\n"
        await session.inbox.decide(question.id, Decision(DecisionKind.EDIT, code=edited))
        question, subject = await review_of(session, watch, "task-1", 2)
        assert (subject.draft.code, subject.draft.author) == (edited, "edited by ada")
        await session.inbox.decide(question.id, approval(subject))
        await watch.until("node.saved")
        assert session.library.code("summarize_blog_post") == edited


async def test_code_that_a_check_forbids_cannot_be_approved(tmp_path: Path) -> None:
    async with running(workspace_in(tmp_path)) as (session, watch):
        await send(session, SUMMARIZE)
        question, _ = await review_of(session, watch, "task-1")
        await session.inbox.decide(question.id, Decision(DecisionKind.EDIT, code="def broken(:\n"))
        question, subject = await review_of(session, watch, "task-1", 2)
        with pytest.raises(NodeError, match="check forbids"):
            await session.inbox.decide(question.id, approval(subject))
        assert (await open_question(session, "task-1")).id == question.id


async def test_an_approve_binds_the_bytes_that_were_read(tmp_path: Path) -> None:
    async with running(workspace_in(tmp_path)) as (session, watch):
        await send(session, SUMMARIZE)
        question, _ = await review_of(session, watch, "task-1")
        with pytest.raises(NodeChanged):
            await session.inbox.decide(question.id, Decision(DecisionKind.APPROVE, sha256="0" * 64))


async def test_the_first_decision_counts_and_the_second_person_is_told(tmp_path: Path) -> None:
    async with running(workspace_in(tmp_path)) as (session, watch):
        await send(session, SUMMARIZE)
        question, subject = await review_of(session, watch, "task-1")
        await session.inbox.decide(question.id, approval(subject))
        with pytest.raises(AlreadyAnswered, match="by ada at 20"):
            await session.inbox.decide(question.id, Decision(DecisionKind.REJECT))


async def test_a_task_without_a_type_is_asked_about_and_goes_on_with_the_answer(tmp_path: Path) -> None:
    async with running(workspace_in(tmp_path)) as (session, watch):
        await send(session, {"id": "task-9", "taskName": "Product page"})
        await watch.until("question.asked")
        question = await open_question(session, "task-9")
        with pytest.raises(QuestionError, match="llmTaskType is needed"):
            await session.inbox.answer(question.id, Answer(AnswerAction.ACCEPT))
        await session.inbox.answer(question.id, Answer(AnswerAction.CANCEL))
        answered = Answer(AnswerAction.ACCEPT, {"llmTaskType": "translate", "languages": "de->en"})
        await session.inbox.answer(question.id, answered)
        question, subject = await review_of(session, watch, "task-9")
        assert subject.report.tools == ("nmt_translator",)
        with pytest.raises(NotWaiting):
            await session.inbox.answer(question.id, answered)


async def test_a_translation_asks_for_its_languages_when_the_kind_is_all_that_was_said(tmp_path: Path) -> None:
    async with running(workspace_in(tmp_path)) as (session, watch):
        await send(session, {"id": "task-9", "taskName": "Product page"})
        await watch.until("question.asked")
        question = await open_question(session, "task-9")
        await session.inbox.answer(question.id, Answer(AnswerAction.ACCEPT, {"llmTaskType": "translate"}))
        await watch.until("question.asked", 2)
        question = await open_question(session, "task-9")
        for nonsense in ("x", "xx->", "German", "de->en, "):
            with pytest.raises(QuestionError, match="language codes such as de->en"):
                await session.inbox.answer(question.id, Answer(AnswerAction.ACCEPT, {"languages": nonsense}))
        await session.inbox.answer(question.id, Answer(AnswerAction.ACCEPT, {"languages": "de -> en, pt-BR to fr; es"}))
        _, subject = await review_of(session, watch, "task-9")
        assert all(code in subject.draft.code for code in ('"from": "pt-BR", "to": "fr"', '"to": "es"'))


# --- what a draft would replace

RENAMED = {**SUMMARIZE, "id": "task-7"}  # the same node id, another task


async def test_a_draft_says_what_it_would_replace_and_an_approve_binds_that(tmp_path: Path) -> None:
    async with running(workspace_in(tmp_path)) as (session, watch):
        await send(session, [SUMMARIZE, RENAMED])
        first, subject = await review_of(session, watch, "task-1")
        second, before = await review_of(session, watch, "task-7")
        assert (subject.version, subject.replaces, before.version, before.replaces) == (1, None, 1, None)
        await session.inbox.decide(first.id, approval(subject))
        await watch.until("node.saved")
        with pytest.raises(NodeChanged, match="has changed in the library"):
            await session.inbox.decide(second.id, approval(before))
        now = ReviewSubject.of(await session.inbox.as_of_now(second))
        assert now.replaces is not None
        assert (now.version, now.replaces.task_id, now.replaces.decided_by) == (2, "task-1", "ada")
        await session.inbox.decide(second.id, approval(now))
        await watch.until("node.saved", 2)
        assert session.library.code("summarize_blog_post") == now.draft.code


async def test_a_draft_whose_place_was_taken_after_its_approval_is_reviewed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As by a console on another machine that saves into the same folder."""
    async with running(workspace_in(tmp_path)) as (session, watch):
        await send(session, SUMMARIZE)
        question, subject = await review_of(session, watch, "task-1")
        other = Approval("grace", "2026-01-31T12:30:00Z", "elsewhere", "summarize")
        save = session.library.save

        seen = [a_run("sample 1", {"a": 1}, input={"content": "more than a tool takes" * 10_000})]

        def save_second(
            draft: NodeDraft, report: CheckReport, mine: Approval, runs: Sequence[NodeRun] = ()
        ) -> NodeRecord:
            save(replace(draft, code=draft.code + "\n# grace's"), report, other, seen)
            return save(draft, report, mine, runs)

        monkeypatch.setattr(session.library, "save", save_second)
        await session.inbox.decide(question.id, approval(subject))
        approved = subject.draft
        again, subject = await review_of(session, watch, "task-1", 2)
        monkeypatch.setattr(session.library, "save", save)
        assert subject.tryout is not None
        assert [run.name for run in subject.tryout.failed] == ["v1 example 1"]
        assert subject.draft == approved, "whatever it fails on, nobody rewrites what a person approved"
        told = await watch.until("node.replaced")
        assert "made for task 'elsewhere'" in told.payload["error"]
        assert subject.replaces is not None
        assert (subject.version, subject.replaces.decided_by) == (2, "grace")
        await session.inbox.decide(again.id, approval(subject))
        await watch.until("task.completed", outcome="approved")
        record = session.library.latest("summarize_blog_post")
        assert record is not None
        assert (record.version, record.decided_by) == (2, "ada")


async def test_a_draft_that_is_in_the_library_already_says_its_version(tmp_path: Path) -> None:
    for home in ("one", "two"):  # two queues, one library: as a demo that is looked at twice
        place = workspace_in(tmp_path / home)._replace(nodes=tmp_path / "nodes")
        async with running(place) as (session, watch):
            await send(session, SUMMARIZE)
            question, subject = await review_of(session, watch, "task-1")
            assert (subject.version, subject.replaces) == (1, None)
            await session.inbox.decide(question.id, approval(subject))
            await watch.until("task.completed", outcome="approved", node="summarize_blog_post v1")


async def test_no_rule_replaces_what_a_person_approved(tmp_path: Path) -> None:
    async with running(workspace_in(tmp_path)) as (session, watch):
        await send(session, SUMMARIZE)
        question, subject = await review_of(session, watch, "task-1")
        await session.inbox.decide(question.id, approval(subject))
        await watch.until("task.completed")
    async with running(workspace_in(tmp_path), auto_review=lambda report: True) as (session, watch):
        await send(session, [RENAMED, GENERATE])
        await watch.until("task.completed", task_id="task-2")
        _, subject = await review_of(session, watch, "task-7")
        assert subject.replaces is not None
        assert subject.replaces.was_read
        record = session.library.latest("summarize_blog_post")
        assert record is not None
        assert (record.version, record.decided_by) == (1, "ada")


async def test_a_draft_of_high_risk_is_approved_with_its_name_alone(tmp_path: Path) -> None:
    async with running(workspace_in(tmp_path)) as (session, watch):
        await send(session, SUMMARIZE)
        question, subject = await review_of(session, watch, "task-1")
        other = replace(approval(subject), typed_name="another_node")
        with pytest.raises(NameNotTyped, match="The draft on review is summarize_blog_post, not 'another_node'"):
            await session.inbox.decide(question.id, other)
        await session.inbox.decide(
            question.id, Decision(DecisionKind.EDIT, code=f"import subprocess\n{subject.draft.code}")
        )
        question, subject = await review_of(session, watch, "task-1", 2)
        with pytest.raises(NameNotTyped, match="The risk of summarize_blog_post is high: it controls processes"):
            await session.inbox.decide(question.id, approval(subject))
        await session.inbox.decide(question.id, replace(approval(subject), typed_name="summarize_blog_post"))
        await watch.until("task.completed", outcome="approved")


async def test_a_declined_question_ends_the_task(tmp_path: Path) -> None:
    async with running(workspace_in(tmp_path)) as (session, watch):
        await send(session, {"id": "task-9", "taskName": "Product page"})
        await watch.until("question.asked")
        question = await open_question(session, "task-9")
        await session.inbox.answer(question.id, Answer(AnswerAction.DECLINE))
        await watch.until("task.completed", outcome="rejected")


async def test_completed_and_repeated_tasks_are_kept_visible_and_not_worked_on(tmp_path: Path) -> None:
    async with running(workspace_in(tmp_path)) as (session, watch):
        await send(session, [{**TRANSLATE, "status": "completed"}, SUMMARIZE])
        await review_of(session, watch, "task-1")
        await send(session, [SUMMARIZE])
        await watch.until("task.duplicate", task_id="task-1")
        assert (await row_of(session, "task-3")).outcome is Outcome.SKIPPED
        counts = await session.store.counts()
        assert (counts.total, counts.needs_you, counts.skipped) == (2, 1, 1)


async def test_a_message_that_is_no_task_is_said_and_the_next_one_is_taken(tmp_path: Path) -> None:
    async with running(workspace_in(tmp_path)) as (session, watch):
        await send(session, "gibberish")
        await send(session, SUMMARIZE)
        rejected = await watch.until("hub.message_rejected")
        assert (rejected.level, "not JSON" in rejected.payload["error"]) == ("error", True)
        await watch.until("task.queued", task_id="task-1")


async def test_a_restart_goes_on_where_the_routine_stopped(tmp_path: Path) -> None:
    place = workspace_in(tmp_path)
    async with running(place) as (session, watch):
        await send(session, [SUMMARIZE, {"id": "task-9"}])
        await review_of(session, watch, "task-1")
        await watch.until("question.asked")
    async with running(place) as (session, watch):
        question = await open_question(session, "task-1")
        await session.inbox.decide(question.id, approval(ReviewSubject.of(question)))
        await watch.until("task.completed", task_id="task-1")
        assert "llm.generation_start" not in watch.names()


async def test_a_headless_rule_saves_what_has_no_flags_and_tags_it(tmp_path: Path) -> None:
    async with running(workspace_in(tmp_path), auto_review=lambda report: True) as (session, watch):
        await send(session, SUMMARIZE)
        await watch.until("task.completed", outcome="approved")
        record = session.library.latest("summarize_blog_post")
        assert record is not None
        assert {"unreviewed", "signalr", "generated", "summarize"} == set(record.tags)
        assert record.decided_by == "unreviewed"
