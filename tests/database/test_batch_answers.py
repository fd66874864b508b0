"""Several answers at once: all of them are written, or none."""

from __future__ import annotations

import asyncio

import pytest

from evolver_tui.adapters.database.database import Database
from evolver_tui.core.errors import AlreadyAnswered, NotAllWaiting, NotWaiting
from evolver_tui.core.job import QueueCounts
from evolver_tui.core.signal import Signal
from evolver_tui.engine.inbox_store import GivenAnswer
from tests.support.databases import add, check_whole, names, opened, pause, sql, tasks

pytestmark = pytest.mark.anyio


async def waiting(database: Database, number: int) -> list[int]:
    """Questions of so many jobs."""
    await add(database, *tasks(*(f"t-{each}" for each in range(number))))
    return [(await pause(database))[1] for _ in range(number)]


def given(questions: list[int], by: str = "Ann") -> list[GivenAnswer]:
    return [GivenAnswer(each, {"by": by}, "s", [Signal("review.decided", {"by": by})]) for each in questions]


async def test_all_of_them_are_answered_and_their_jobs_go_on_in_that_order(url: str) -> None:
    async with opened(url) as database:
        questions = await waiting(database, 3)
        await database.answer_all(given(questions), "Ann")
        assert await database.counts() == QueueCounts(waiting=3)
        assert [row.task_id for row in await database.rows_after(None, 9)] == ["t-0", "t-1", "t-2"]
        assert (await names(database)).count("review.decided") == 3
        assert await database.open_questions() == []
    check_whole(url)


async def test_none_is_written_where_somebody_was_faster_with_one_and_that_one_is_named(url: str) -> None:
    async with opened(url) as here, opened(url) as there:
        questions = await waiting(here, 5)
        await there.answer(questions[2], {"by": "Bob"}, "Bob", "s")
        cancelled = await here.question(questions[4])
        assert cancelled is not None
        await there.cancel(cancelled.job, "s")
        with pytest.raises(NotAllWaiting, match="2 of them cannot be decided: Already answered by Bob") as caught:
            await here.answer_all(given(questions), "Ann")
        assert {number: type(error) for number, error in caught.value.refused.items()} == {
            questions[2]: AlreadyAnswered,
            questions[4]: NotWaiting,
        }
        assert await here.counts() == QueueCounts(waiting=1, needs_you=3, cancelled=1)
        assert {by for _, by in sql(url, "SELECT id, answered_by FROM question")} == {"Bob", None}
        assert "review.decided" not in await names(here)
        for asked in await here.open_questions():
            assert await here.journal(asked.job) == {}
        await here.answer_all(given([each for each in questions if each not in caught.value.refused]), "Ann")
        assert await here.counts() == QueueCounts(waiting=4, cancelled=1)
    check_whole(url)


async def test_of_two_that_answer_the_same_ones_at_once_one_has_all_and_the_other_none(url: str) -> None:
    async with opened(url) as here, opened(url) as there:
        questions = await waiting(here, 20)
        results = await asyncio.gather(
            here.answer_all(given(questions, "Ann"), "Ann"),
            there.answer_all(given(questions[::-1], "Bob"), "Bob"),
            return_exceptions=True,
        )
        (refusal,) = [each for each in results if each is not None]
        assert isinstance(refusal, NotAllWaiting)
        assert set(refusal.refused) == set(questions)
        winner = "Ann" if results[0] is None else "Bob"
        assert sql(url, "SELECT DISTINCT answered_by FROM question") == [(winner,)]
        assert (await names(here)).count("review.decided") == 20
    check_whole(url)


async def test_a_question_that_there_is_not_keeps_the_others_from_being_answered(url: str) -> None:
    async with opened(url) as database:
        questions = await waiting(database, 1)
        for unknown in (9_999, 2**70):
            with pytest.raises(NotAllWaiting, match="There is no question"):
                await database.answer_all(given([*questions, unknown]), "Ann")
        assert await database.counts() == QueueCounts(needs_you=1)


async def test_each_of_them_is_taken_back_by_itself_the_last_one_first(url: str) -> None:
    async with opened(url) as database:
        questions = await waiting(database, 3)
        await database.answer_all(given(questions), "Ann", host="here")
        for left, task_id in ((2, "t-2"), (1, "t-1"), (0, "t-0")):
            last = await database.latest_decision_by("Ann")
            assert last is not None
            assert (last.task_id, last.host) == (task_id, "here")
            await database.undo(last.id, "Ann", "s")
            assert (await database.counts()).waiting == left
        assert await database.latest_decision_by("Ann") is None
        assert await database.counts() == QueueCounts(needs_you=3)
    check_whole(url)
