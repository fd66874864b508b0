"""Each kind of decision is taken back: once, by whoever asks, with nothing left of what followed from it."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from evolver_tui.adapters.nodes.library import NodeFiles
from evolver_tui.core.decision import Decision, DecisionKind
from evolver_tui.core.errors import AlreadyAnswered, NodeReplaced, NodeUsed, NotWaiting, StaleLease
from evolver_tui.core.job import JobState, Outcome, QueueCounts
from evolver_tui.core.made_decision import MadeDecision
from evolver_tui.core.node_use import UsedBy
from evolver_tui.core.question import Answer, AnswerAction, OpenQuestion, Question, QuestionKind
from evolver_tui.core.question_kinds.review import ReviewSubject
from evolver_tui.core.routine_state import Progress, SharedState
from evolver_tui.core.signal import Signal
from evolver_tui.engine.session import Session
from evolver_tui.engine.store import Store
from evolver_tui.engine.undo import words_of
from tests.support.databases import add, check_whole, claim, names, opened, pause, sql, task
from tests.support.sessions import SUMMARIZE, Watch, approval, open_question, review_of, row_of, running, send
from tests.support.sessions import workspace_in as workspace

pytestmark = pytest.mark.anyio

NO_LANGUAGES = {"id": "task-9", "taskName": "Translate Release Notes", "llmTaskType": "translate"}
NODE = "summarize_blog_post"


# --- the store


async def decision_about(store: Store, job: int) -> MadeDecision:
    found = await store.latest_decision(job)
    assert found is not None
    return found


async def test_what_followed_an_answer_is_forgotten_and_its_question_waits_again(url: str) -> None:
    async with opened(url) as store:
        await add(store, task("a"))
        held = await claim(store)
        await store.record_step(held.job, held.fence, "first", 1, "s")
        question = Question("language", "Which?")
        shared = Progress(shared=SharedState({"seen": 1}))
        number = await store.pause(held.job, held.fence, question, "s", reason="legal hold", progress=shared)
        await store.answer(number, {"action": "accept", "content": {"n": 1}}, "ada", "s", host="here")
        again = await claim(store)
        later = Progress(shared=SharedState({"seen": 2}))
        await store.record_step(again.job, again.fence, "second", 2, "s", progress=later)
        look = await store.pause(again.job, again.fence, Question("look", "?", kind=QuestionKind.REVIEW), "s")
        made = await decision_about(store, held.job)
        assert (made.kind, made.by, made.host, made.question, made.reason) == (
            "answer", "ada", "here", "language", "legal hold",
        )  # fmt: skip
        await store.undo(made.id, "bob", "s", [Signal("decision.undone")])
        row = await store.row(held.job)
        assert row is not None
        assert (row.state, row.asks) == (JobState.PAUSED, QuestionKind.QUESTION)
        (asked,) = await store.open_questions()
        assert (asked.question.name, asked.reason) == ("language", "legal hold")
        assert asked.id not in (number, look), "a card that shows what is gone answers nothing else"
        with pytest.raises(NotWaiting, match="There is no question"):
            await store.answer(look, {"kind": "approve"}, "eve", "s")
        assert await store.journal(held.job) == {"first": 1}
        assert (await store.shared_of(held.job)).data == {"seen": 1}
        with pytest.raises(StaleLease):
            await store.record_step(again.job, again.fence, "late", 3, "s")
        assert await store.counts() == QueueCounts(needs_you=1)
        assert await store.latest_decision(held.job) is None
        await store.answer(asked.id, {"action": "accept", "content": {"n": 2}}, "bob", "s")
        assert (await claim(store)).journal == {"first": 1, "language": {"action": "accept", "content": {"n": 2}}}
        rows = sql(url, 'SELECT "by", undone_by FROM decision ORDER BY id')
        assert rows == [("ada", "bob"), ("bob", None)]
    check_whole(url)


async def test_of_many_who_undo_one_does(url: str) -> None:
    async with opened(url) as here, opened(url) as there:
        await add(here, task("a"))
        held, question = await pause(here)
        await here.answer(question, {"action": "decline"}, "ada", "s")
        made = await decision_about(there, held.job)
        tries = [store.undo(made.id, "ada", "s", [Signal("decision.undone")]) for store in (here, there) * 5]
        refusals = [error for error in await asyncio.gather(*tries, return_exceptions=True) if error is not None]
        assert len(refusals) == len(tries) - 1
        assert all("ada took that back at" in str(error) for error in refusals)
        assert (await names(here)).count("decision.undone") == 1
    check_whole(url)


async def test_an_undo_and_an_answer_at_once_leave_one_of_both(url: str) -> None:
    async with opened(url) as here, opened(url) as there:
        for number in range(10):
            await add(here, task(f"t-{number}"))
            held, first = await pause(here)
            await here.answer(first, {}, "ada", "s")
            again = await claim(here)
            second = await here.pause(again.job, again.fence, Question("second", "?"), "s")
            made = await decision_about(here, held.job)
            undoing, answering = await asyncio.gather(
                here.undo(made.id, "ada", "s"), there.answer(second, {}, "bob", "s"), return_exceptions=True
            )
            row = await here.row(held.job)
            assert row is not None
            if undoing is None:
                assert isinstance(answering, NotWaiting | AlreadyAnswered)
                assert row.state is JobState.PAUSED
            else:
                assert answering is None
                assert "Something was decided" in str(undoing)
                assert row.state is JobState.PENDING
                await here.cancel(held.job, "s")
    check_whole(url)


@pytest.mark.parametrize("entry", ["kept place", "(began) mail"])
async def test_what_cannot_be_forgotten_is_said(url: str, entry: str) -> None:
    async with opened(url) as store:
        await add(store, task("a"))
        held, question = await pause(store)
        await store.answer(question, {}, "ada", "s")
        again = await claim(store)
        await store.record_step(again.job, again.fence, entry, {"n": 1}, "s")
        made = await decision_about(store, held.job)
        before = await store.row(held.job)
        with pytest.raises(NotWaiting, match=f"Job {held.job} went on with that: it .*{entry.split(' ')[1]}"):
            await store.undo(made.id, "ada", "s")
        assert await store.row(held.job) == before
        assert (await decision_about(store, held.job)).id == made.id
    check_whole(url)


async def test_cancelling_and_restoring_agree_with_the_decisions(url: str) -> None:
    async with opened(url) as store:
        await add(store, task("a"))
        held, _ = await pause(store)
        await store.cancel(held.job, "s", by="ada")
        await store.restore(held.job, "s", by="bob")
        assert await store.latest_decision(held.job) is None, "restored, so there is nothing to take back"
        await store.cancel(held.job, "s", by="ada")
        made = await store.latest_decision_by("ada")
        assert made is not None
        assert (made.kind, made.state) == ("cancel", "cancelled")
        await store.undo(made.id, "ada", "s")
        assert await store.counts() == QueueCounts(needs_you=1)
        assert sql(url, "SELECT undone_by FROM decision ORDER BY id") == [("bob",), ("ada",)]
        assert await store.latest_decision_by("ada") is None
    check_whole(url)


async def test_what_was_decided_by_an_earlier_answer_is_taken_back_step_by_step(url: str) -> None:
    async with opened(url) as store:
        await add(store, task("a"))
        held, first = await pause(store)
        await store.answer(first, {"n": 1}, "ada", "s")
        again = await claim(store)
        second = await store.pause(again.job, again.fence, Question("second", "?"), "s")
        earlier = await decision_about(store, held.job)
        await store.answer(second, {"n": 2}, "ada", "s")
        with pytest.raises(NotWaiting, match="Something was decided about job 1 since"):
            await store.undo(earlier.id, "ada", "s")
        for _ in range(2):
            made = await store.latest_decision_by("ada")
            assert made is not None
            await store.undo(made.id, "ada", "s")
        (asked,) = await store.open_questions()
        assert asked.question.name == "language"
        assert await store.journal(held.job) == {}
    check_whole(url)


async def test_a_job_that_left_is_not_taken_back_here(url: str) -> None:
    async with opened(url) as store:
        await add(store, task("a"))
        held, question = await pause(store)
        await store.answer(question, {}, "ada", "s")
        made = await decision_about(store, held.job)
        await store.export_job(held.job, "ada", "here", "b", "s")
        with pytest.raises(NotWaiting, match="was moved away since"):
            await store.undo(made.id, "ada", "s")


# --- the author and its library


def digest(folder: Path) -> Mapping[str, str]:
    """Every file below a folder, and each folder, with what it holds."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
        for path in sorted(folder.rglob("*"))
    }


async def undo(session: Session, job: int, **options: Any) -> str:
    made = await decision_about(session.store, job)
    return words_of(await session.inbox.undo(made, **options))


async def approved(session: Session, watch: Watch, message: Mapping[str, Any], count: int = 1) -> OpenQuestion:
    """Send a task and approve what is written for it."""
    await send(session, message)
    return await approve(session, watch, str(message["id"]), count)


async def approve(session: Session, watch: Watch, task_id: str, count: int = 1) -> OpenQuestion:
    question, subject = await review_of(session, watch, task_id)
    await session.inbox.decide(question.id, approval(subject))
    await watch.until("task.completed", count, task_id=task_id)
    return question


async def test_an_approve_goes_back_to_its_review_and_the_library_is_what_it_was(tmp_path: Path) -> None:
    async with running(workspace(tmp_path)) as (session, watch):
        question = await approved(session, watch, SUMMARIZE)
        (node,) = session.library.list()
        said = await undo(session, question.job)
        assert said == (
            f"The approval of task-1 was taken back, and {node.node_version} is out of the library:"
            " it waits for you again."
        )
        assert session.library.list() == ()
        assert await open_question(session, "task-1") == question
        told = await watch.until("decision.undone")
        assert told.payload == {
            "kind": "approve", "by": "ada", "decided_by": "ada", "question": "review 1", "reason": "review",
            "outcome": "approved", "node": str(node.node_version),
        }  # fmt: skip
        assert (await watch.until("node.withdrawn")).payload["version"] == 1
        assert session.summarize()["approved"] == 0
        assert await session.store.counts() == QueueCounts(needs_you=1)
        await approve(session, watch, "task-1", 2)
        (again,) = session.library.list()
        assert again.version == 1
        assert session.summarize()["approved"] == 1


async def test_a_later_version_goes_and_the_folder_is_byte_for_byte_the_one_before(tmp_path: Path) -> None:
    async with running(workspace(tmp_path)) as (session, watch):
        await approved(session, watch, SUMMARIZE)
        (node,) = session.library.list()
        folder = tmp_path / "nodes" / node.node_id
        was = digest(folder)
        second = {**SUMMARIZE, "id": "task-2", "taskName": SUMMARIZE["taskName"]}
        question = await approved(session, watch, second)
        assert [record.version for record in session.library.list()] == [2]
        await undo(session, question.job)
        assert digest(folder) == was
        review = await open_question(session, "task-2")
        subject = ReviewSubject.of(await session.inbox.as_of_now(review))
        assert (subject.version, subject.replaced_sha256) == (2, node.sha256)


async def test_what_was_replaced_or_used_since_says_why_and_the_way_out(tmp_path: Path) -> None:
    async with running(workspace(tmp_path)) as (session, watch):
        first = await approved(session, watch, SUMMARIZE)
        second = await approved(session, watch, {**SUMMARIZE, "id": "task-2"})
        (node,) = session.library.list()
        with pytest.raises(NodeReplaced, match=f"{node.node_id} v2 took the place of {node.node_id} v1 since"):
            await undo(session, first.job)
        assert isinstance(session.library, NodeFiles)
        session.library.uses.note(node, UsedBy.COMMAND)
        with pytest.raises(NodeUsed, match=f"{node.node_id} v2 was run once since it was approved, last at "):
            await undo(session, second.job)
        assert (await row_of(session, "task-2")).state is JobState.COMPLETED
        await undo(session, second.job, accepts_use=True)
        await undo(session, first.job)
        assert session.library.list() == ()
        assert (await session.store.counts()).needs_you == 2


async def test_an_approve_that_is_not_saved_yet_is_simply_taken_back(tmp_path: Path) -> None:
    place = workspace(tmp_path)
    async with running(place) as (session, watch):
        await send(session, SUMMARIZE)
        question, subject = await review_of(session, watch, "task-1")
    async with opened(tmp_path / "data" / "evolver.db") as store:
        other = Inboxes(store, place)
        await other.inbox.decide(question.id, approval(subject))
        made = await decision_about(store, question.job)
        assert made.approved is None
        await other.inbox.undo(made)
        assert (await store.counts()) == QueueCounts(needs_you=1)
    async with running(place) as (session, watch):
        await session.workers.drained()
        assert session.library.list() == ()
        assert await open_question(session, "task-1") == question


class Inboxes:
    """What a person may do without a session."""

    def __init__(self, store: Store, place: Any) -> None:
        from evolver_tui.wiring import make_inbox

        self.inbox = make_inbox(place, store)


Deed = Callable[[Session, OpenQuestion, ReviewSubject], Awaitable[None]]


async def send_back(session: Session, question: OpenQuestion, subject: ReviewSubject) -> None:
    await session.inbox.decide(question.id, Decision(DecisionKind.REJECT, reason="Shorter."))


async def respond(session: Session, question: OpenQuestion, subject: ReviewSubject) -> None:
    await session.inbox.decide(question.id, Decision(DecisionKind.RESPOND, reason="Use less."))


async def edit(session: Session, question: OpenQuestion, subject: ReviewSubject) -> None:
    await session.inbox.decide(question.id, Decision(DecisionKind.EDIT, code=subject.draft.code + "\n# mine\n"))


@pytest.mark.parametrize("deed", [send_back, respond, edit])
async def test_what_leads_to_another_draft_leads_back_to_the_very_one(tmp_path: Path, deed: Deed) -> None:
    async with running(workspace(tmp_path)) as (session, watch):
        await send(session, SUMMARIZE)
        question, subject = await review_of(session, watch, "task-1")
        await deed(session, question, subject)
        await watch.until("review.requested", 2)
        await undo(session, question.job)
        (again,) = await session.store.open_questions()
        assert again.question == question.question
        assert [each.question for each in await session.store.pauses_of(question.job)] == ["review 1"]
        journal = await session.store.journal(question.job)
        assert "write 2" not in journal
        assert "check 2" not in journal
        await approve(session, watch, "task-1")
        (node,) = session.library.list()
        assert node.sha256 == subject.draft.sha256


async def test_a_generation_that_is_under_way_is_let_go_of(tmp_path: Path) -> None:
    async with running(workspace(tmp_path), pace=3600.0) as (session, watch):
        await send(session, NO_LANGUAGES)
        await watch.until("question.asked")
        question = await open_question(session, "task-9")
        await session.inbox.answer(question.id, Answer(AnswerAction.ACCEPT, {"languages": "de->en"}))
        await watch.until("llm.generation_start")
        assert await undo(session, question.job) == ("The answer of task-9 was taken back: it waits for you again.")
        await session.workers.drained()
        assert not session.live_drafts
        assert await open_question(session, "task-9") == question


@pytest.mark.parametrize("kind", ["reject", "decline", "cancel"])
async def test_what_ended_a_task_is_taken_back(tmp_path: Path, kind: str) -> None:
    async with running(workspace(tmp_path)) as (session, watch):
        await send(session, NO_LANGUAGES if kind == "decline" else SUMMARIZE)
        await watch.until("job.paused")
        (question,) = await session.store.open_questions()
        if kind == "reject":
            await session.inbox.decide(question.id, Decision(DecisionKind.REJECT))
        elif kind == "decline":
            await session.inbox.answer(question.id, Answer(AnswerAction.DECLINE))
        else:
            await session.inbox.cancel(question.job)
        if kind != "cancel":
            await watch.until("task.completed")
        made = await session.inbox.last_decision()
        assert made is not None
        assert made.kind == kind
        await session.inbox.undo(made)
        assert await session.store.open_questions() == [question]
        assert await session.inbox.last_decision() is None
        assert session.summarize()["rejected"] == 0


# --- where somebody dies in between, and from elsewhere


async def test_a_process_that_dies_between_database_and_library_leaves_the_rest_to_the_next_session(
    tmp_path: Path,
) -> None:
    place = workspace(tmp_path)
    async with running(place) as (session, watch):
        question = await approved(session, watch, SUMMARIZE)
    async with opened(tmp_path / "data" / "evolver.db") as store:
        made = await decision_about(store, question.job)
        await store.undo(made.id, "ada", "s")  # and dead
        (left,) = await store.pending_withdrawals()
        assert left.approved.node_id == made.node.partition(" ")[0]
    async with running(place) as (session, watch):
        await watch.until("node.withdrawn")
        assert session.library.list() == ()
        assert await open_question(session, "task-1") == question
    async with opened(tmp_path / "data" / "evolver.db") as store:
        assert await store.pending_withdrawals() == []


async def test_a_session_hears_of_an_approve_that_was_taken_back_from_another_host(url: str, tmp_path: Path) -> None:
    here, there = workspace(tmp_path / "here", database=url), workspace(tmp_path / "there", database=url)
    async with running(here) as (session, watch):
        question = await approved(session, watch, SUMMARIZE)
        (node,) = session.library.list()
        async with opened(url) as store:
            other = Inboxes(store, there)
            made = await decision_about(store, question.job)
            with pytest.raises(NodeUsed, match=f"{node.node_version} lies in the library .*here/nodes"):
                await other.inbox.undo(made)
            undone = await other.inbox.undo(made, accepts_use=True)
            assert "as soon as a session runs there" in undone.still_to_do
            await watch.until("node.withdrawn")
            assert session.library.list() == ()
            assert await store.pending_withdrawals() == []
        assert (await session.store.counts()).needs_you == 1


async def test_estimates_and_figures_count_a_decision_that_was_taken_back_as_none(url: str) -> None:
    async with opened(url) as store:
        await add(store, task("a"))
        held = await claim(store)
        question = await store.pause(held.job, held.fence, Question("look", "?", kind=QuestionKind.REVIEW), "s")
        await store.answer(question, {"kind": "reject"}, "ada", "s")
        again = await claim(store)
        await store.finish(again.job, again.fence, JobState.COMPLETED, "s", outcome=Outcome.REJECTED)
        assert len(await store.decided_reviews(None, 9)) == 1
        await store.undo((await decision_about(store, held.job)).id, "ada", "s")
        assert await store.decided_reviews(None, 9) == []
        assert await store.counts() == QueueCounts(needs_you=1)
    check_whole(url)
