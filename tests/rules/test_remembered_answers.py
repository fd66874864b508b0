"""Remembered answers beside real sessions, on both databases: offered, given once, told, taken back, revoked."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from evolver_tui.core.answer_rule import MOST_ON_ONE_JOB, AnswerScope, Asking, Breadth
from evolver_tui.core.errors import NotWaiting, QuestionError, UsageError
from evolver_tui.core.job_marks import MarkChange
from evolver_tui.core.question import Answer, AnswerAction, OpenQuestion
from evolver_tui.engine.inbox_store import GivenAnswer
from evolver_tui.engine.session import Session
from evolver_tui.settings.workspace import Workspace
from evolver_tui.wiring import NO_WORK
from tests.support.databases import add, check_whole, opened, pause, sql, task
from tests.support.sessions import SUMMARIZE, Watch, open_question, review_of, row_of, running, send, workspace_in

pytestmark = pytest.mark.anyio

FRENCH = Answer(AnswerAction.ACCEPT, {"languages": "de to fr"})


def translation(number: int) -> Mapping[str, Any]:
    return {"id": f"t-{number}", "taskName": f"Translate part {number}", "llmTaskType": "translate"}


@pytest.fixture
def place(tmp_path: Path, url: str) -> Workspace:
    return workspace_in(tmp_path, database=url)


async def asked(session: Session, watch: Watch, number: int) -> OpenQuestion:
    """Send a task that does not say its languages, and wait until these are asked for."""
    await send(session, translation(number))
    await watch.until("question.asked", task_id=f"t-{number}")
    return await open_question(session, f"t-{number}")


async def answered(session: Session, watch: Watch, *numbers: int) -> OpenQuestion:
    """The last of several questions that a person gave the same answer to."""
    for number in numbers:
        question = await asked(session, watch, number)
        await session.inbox.answer(question.id, FRENCH)
    return question


def count(watch: Watch, name: str) -> int:
    return watch.names().count(name)


async def test_after_three_times_it_is_offered_and_then_given_by_itself(place: Workspace, url: str) -> None:
    async with running(place) as (session, watch):
        rules = session.answer_rules
        assert await rules.offer(await answered(session, watch, 1)) is None
        assert await rules.offer(await answered(session, watch, 2)) is None
        third = await answered(session, watch, 3)
        offer = await rules.offer(third)
        assert offer is not None
        assert (offer.times, offer.breadth, offer.answer.content) == (3, Breadth.TASK_TYPE, FRENCH.content)
        waiting = [await asked(session, watch, number) for number in (4, 5)]
        assert set((await rules.waiting(third)).values()) == {2}
        made = await rules.make(third, offer.answer, Breadth.TASK_TYPE, 30)
        assert [each.id for each in made.answered] == [each.id for each in waiting]
        assert made.rule.expires_at == pytest.approx(made.rule.at + 30 * 86_400)
        told = await watch.until("answer.remembered")
        assert (told.payload["rule"], told.payload["by"]) == (1, "ada")
        await send(session, translation(6))
        fired = await watch.until("rule.fired", task_id="t-6")
        assert fired.payload == {"rule": "remembered answer 1", "signal": "question.asked", "actions": ["answer"]}
        answer = await watch.until("question.answered", task_id="t-6")
        assert (answer.payload["by"], answer.payload["content"]) == ("remembered answer 1 of ada", FRENCH.content)
        assert "rule" not in answer.context, "a rule that waits for an answer hears of it"
        await review_of(session, watch, "t-6")
        row = await row_of(session, "t-6")
        detail = await session.store.job(row.job)
        assert detail is not None
        assert detail.marks.notes == ("Remembered answer 1 of ada answered 'details'.",)
        (record,) = await rules.records()
        assert (record.decided, record.taken_back) == (3, 0)
        assert [each.task_id for each in await rules.decisions(record.rule)] == ["t-6", "t-5", "t-4"]
        assert await rules.offer(third) is None, "a rule covers it"
        mine = await session.inbox.last_decision()
        assert mine is not None
        assert mine.job == third.job, "what a rule did is not undone as one's own"
    check_whole(url)


async def test_an_answer_that_was_taken_back_counts_not_and_is_not_given_again(place: Workspace) -> None:
    async with running(place) as (session, watch):
        third = await answered(session, watch, 1, 2, 3)
        made = await session.inbox.last_decision()
        assert made is not None
        await session.inbox.undo(made)
        assert await session.answer_rules.offer(third) is None
        again = await open_question(session, "t-3")
        await session.inbox.answer(again.id, FRENCH)
        offer = await session.answer_rules.offer(again)
        assert offer is not None
        rule = (await session.answer_rules.make(again, offer.answer, Breadth.ALWAYS, None)).rule
        await send(session, translation(4))
        await watch.until("rule.fired", task_id="t-4")
        given = await session.answer_rules.last_decision(rule)
        assert given is not None
        await session.inbox.undo(given)
        assert (await open_question(session, "t-4")).question.name == "details"
        assert set((await session.answer_rules.waiting(third)).values()) == {0}
        assert (await session.answer_rules.catch_up(rule))[0] == []
        assert not await session.inbox.answer_by_rule(rule, (await open_question(session, "t-4")).id)
        (record,) = await session.answer_rules.records()
        assert (record.decided, record.taken_back) == (0, 1)
    async with running(place) as (session, watch):
        await send(session, translation(5))
        await watch.until("rule.fired", task_id="t-5")
        assert (await open_question(session, "t-4")).question.name == "details", "neither after a restart"


async def test_answers_that_were_given_together_count_each(place: Workspace) -> None:
    async with running(place) as (session, watch):
        first, *_ = [await asked(session, watch, number) for number in (1, 2, 3)]
        await session.inbox.answer(first.id, FRENCH)
        assert len((await session.inbox.answer_alike(first.id, FRENCH)).answered) == 2
        offer = await session.answer_rules.offer(first)
        assert offer is not None
        assert offer.times == 3


async def test_what_nobody_heard_is_answered_when_the_next_session_begins(place: Workspace, url: str) -> None:
    async with running(place) as (session, watch):
        question = await asked(session, watch, 1)
    async with opened(url) as store:
        asking = Asking.of(question.question, "", "translate")
        scope = AnswerScope(Breadth.ALWAYS, asking.asks, asking.form, "", "translate", "s")
        await store.remember_answer(scope, FRENCH, "bob", None, "s", lambda *_: ())
    async with running(place) as (session, watch):
        answer = await watch.until("question.answered", task_id="t-1")
        assert answer.payload["by"] == "remembered answer 1 of bob"


async def test_a_rule_of_one_session_answers_in_no_other(place: Workspace) -> None:
    async with running(place) as (session, watch):
        question = await answered(session, watch, 1)
        await session.answer_rules.make(question, FRENCH, Breadth.SESSION, 30)
        await send(session, translation(2))
        await watch.until("rule.fired", task_id="t-2")
    async with running(place) as (session, watch):
        question = await asked(session, watch, 3)
        await session.rules.settled()
        assert (await open_question(session, "t-3")).id == question.id
        assert count(watch, "rule.fired") == 0


async def test_of_many_who_give_it_one_does(place: Workspace, url: str) -> None:
    async with running(place) as (session, watch), running(place, work=NO_WORK) as (other, _):
        question = await asked(session, watch, 1)
        asking = Asking.of(question.question, "", "translate")
        scope = AnswerScope(Breadth.ALWAYS, asking.asks, asking.form, "", "translate", session.id)
        number = await session.store.remember_answer(scope, FRENCH, "ada", None, session.id, lambda *_: ())
        rule = await session.store.answer_rule(number)
        assert rule is not None
        tries = [each.inbox.answer_by_rule(rule, question.id) for each in (session, other) * 5]
        assert sum(await asyncio.gather(*tries)) == 1
    assert sql(url, 'SELECT "by" FROM decision') == [("remembered answer 1 of ada",)]
    check_whole(url)


async def test_a_rule_that_is_made_in_one_session_answers_in_another(place: Workspace) -> None:
    async with running(place) as (session, watch), running(place, work=NO_WORK) as (other, _):
        question = await answered(session, watch, 1)
        rule = (await other.answer_rules.make(question, FRENCH, Breadth.ALWAYS, None)).rule
        await send(session, translation(2))
        await watch.until("rule.fired", task_id="t-2", rule=rule.name)
        await other.answer_rules.revoke(rule.id)
        left = await asked(session, watch, 3)
        await session.rules.settled()
        assert (await open_question(session, "t-3")).id == left.id


async def test_what_is_revoked_or_expired_answers_nothing(place: Workspace, url: str) -> None:
    async with running(place) as (session, watch):
        question = await answered(session, watch, 1)
        first = (await session.answer_rules.make(question, FRENCH, Breadth.ALWAYS, None)).rule
        await session.answer_rules.revoke(first.id)
        told = await watch.until("answer.revoked")
        assert told.payload == {"rule": 1, "by": "ada", "made_by": "ada"}
        with pytest.raises(NotWaiting, match="ada revoked remembered answer 1"):
            await session.answer_rules.revoke(first.id)
        with pytest.raises(NotWaiting, match="There is no remembered answer 9"):
            await session.answer_rules.revoke(9)
        second = (await session.answer_rules.make(question, FRENCH, Breadth.ALWAYS, 0.0)).rule
        open_one = await asked(session, watch, 2)
        await session.rules.settled()
        for rule in (first, second):
            assert not await session.inbox.answer_by_rule(rule, open_one.id)
        assert (await open_question(session, "t-2")).id == open_one.id
        records = await session.answer_rules.records()
        assert [(each.rule.id, each.rule.revoked_by, each.decided) for each in records] == [(2, "", 0), (1, "ada", 0)]


async def test_what_does_not_fit_the_form_is_not_given_and_that_is_told_once(place: Workspace) -> None:
    async with running(place) as (session, watch):
        question = await asked(session, watch, 1)
        asking = Asking.of(question.question, "", "translate")
        scope = AnswerScope(Breadth.ALWAYS, asking.asks, asking.form, "", "translate", session.id)
        odd = Answer(AnswerAction.ACCEPT, {"languages": 7})
        await session.store.remember_answer(scope, odd, "bob", None, session.id, lambda number, expires_at: ())
        for number in (2, 3):
            await asked(session, watch, number)
        await session.rules.settled()
        failed = await watch.until("rule.failed", rule="remembered answer 1")
        assert "languages" in failed.payload["error"]
        assert count(watch, "rule.failed") == 1
        assert len(await session.store.open_questions()) == 3


async def test_no_review_is_decided_by_a_remembered_answer(place: Workspace, url: str) -> None:
    async with running(place) as (session, watch):
        await send(session, SUMMARIZE)
        review, _ = await review_of(session, watch, "task-1")
        asking = Asking.of(review.question, "", review.task_type)
        scope = AnswerScope(Breadth.ALWAYS, asking.asks, asking.form, "", review.task_type, session.id)
        for answer in (FRENCH, Answer(AnswerAction.ACCEPT, {"kind": "approve"})):
            with pytest.raises(UsageError, match="Only the answer to a form"):
                await session.answer_rules.make(review, answer, Breadth.ALWAYS, None)
            number = await session.store.remember_answer(scope, answer, "eve", None, session.id, lambda *_: ())
            rule = await session.store.answer_rule(number)
            assert rule is not None
            assert not await session.inbox.answer_by_rule(rule, review.id)
            value = {"kind": "approve", "sha256": "0"}
            given = GivenAnswer(review.id, value, session.id)
            with pytest.raises(NotWaiting, match="none that a rule answers"):
                await session.store.answer_by_rule(number, given, "eve", MarkChange(note="x"), ())
        assert (await open_question(session, "task-1")).id == review.id
    assert sql(url, "SELECT count(*) FROM decision") == [(0,)]


async def test_a_routine_that_asks_again_and_again_comes_to_a_person(url: str) -> None:
    async with opened(url) as store:
        await add(store, task("a"))
        scope = AnswerScope(Breadth.ALWAYS, "a", "f", "", "", "s")
        rule = await store.remember_answer(scope, FRENCH, "ada", None, "s", lambda *_: ())
        for turn in range(MOST_ON_ONE_JOB + 1):
            _, question = await pause(store, f"again {turn}")
            given = GivenAnswer(question, FRENCH.to_json_value(), "s")
            giving = store.answer_by_rule(rule, given, "remembered answer 1 of ada", MarkChange(note=f"{turn}"), ())
            if turn < MOST_ON_ONE_JOB:
                await giving
            else:
                with pytest.raises(QuestionError, match=f"answered {MOST_ON_ONE_JOB} questions of job 1"):
                    await giving
