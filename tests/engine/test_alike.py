"""Questions that ask the same get one answer together, each once; what the same was answered with last is known."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from evolver_tui.core.errors import QuestionError
from evolver_tui.core.question import Answer, AnswerAction, Question
from evolver_tui.engine.inbox import Inbox
from evolver_tui.engine.signals import SignalBus, SignalRegistry
from evolver_tui.engine.store import Store
from tests.support.databases import add, claim, names, opened, task

pytestmark = pytest.mark.anyio

FORM = {
    "type": "object",
    "properties": {"kind": {"type": "string", "enum": ["summarize", "generate"]}},
    "required": ["kind"],
}
OTHER_FORM = {"type": "object", "properties": {"note": {"type": "string"}}}
SUMMARIZE = Answer(AnswerAction.ACCEPT, {"kind": "summarize"})
DECLINE = Answer(AnswerAction.DECLINE)


def inbox_of(store: Store, person: str = "ada") -> Inbox:
    bus = SignalBus("s", lambda: 0.0, lambda signals: None, SignalRegistry())
    return Inbox(store, bus, session_id="s", person=person, host="here", new_id=str)


async def asked(store: Store, task_id: str, message: str = "What is it?", form: Mapping[str, object] = FORM) -> int:
    await add(store, task(task_id))
    held = await claim(store)
    return await store.pause(held.job, held.fence, Question("details", message, form), "s")


async def answers(store: Store, *jobs: int) -> list[tuple[str, object]]:
    """By whom and with what each was answered."""
    pauses = [(await store.pauses_of(job))[0] for job in jobs]
    return [(pause.answered_by or "", (pause.answer or {}).get("action")) for pause in pauses]


async def test_an_answer_goes_to_all_that_ask_the_same_and_to_no_other(url: str) -> None:
    async with opened(url) as store:
        first, second, third = [await asked(store, name) for name in ("a", "b", "c")]
        other_words = await asked(store, "d", message="And what is this?")
        other_form = await asked(store, "e", form=OTHER_FORM)
        assert [each.id for each in await store.alike(first)] == [second, third]
        assert await store.alike(other_words) == []
        inbox = inbox_of(store)
        await inbox.answer(first, SUMMARIZE)
        done = await inbox.answer_alike(first, SUMMARIZE)
        assert ([each.id for each in done.answered], done.left_out) == ([second, third], [])
        assert [each.id for each in await store.open_questions()] == [other_words, other_form]
        assert (await names(store)).count("question.answered") == 3
        assert await inbox.answer_alike(first, SUMMARIZE) == ([], [])


async def test_what_somebody_else_answered_meanwhile_is_left_out_and_told(url: str) -> None:
    async with opened(url) as store, opened(url) as elsewhere:
        first, second, third = [await asked(store, name) for name in ("a", "b", "c")]
        inbox, bob = inbox_of(store), inbox_of(elsewhere, "bob")
        read = store.alike

        async def read_and_be_late(question: int) -> object:
            found = await read(question)
            await bob.answer(second, DECLINE)
            return found

        setattr(store, "alike", read_and_be_late)  # noqa: B010 - mypy lets nobody assign to a method
        await inbox.answer(first, SUMMARIZE)
        done = await inbox.answer_alike(first, SUMMARIZE)
        assert ([each.id for each in done.answered], [each.id for each in done.left_out]) == ([third], [second])
        assert await answers(store, 1, 2, 3) == [("ada", "accept"), ("bob", "decline"), ("ada", "accept")]


async def test_two_persons_at_once_answer_each_question_once(url: str) -> None:
    async with opened(url) as store, opened(url) as elsewhere:
        first, *others = [await asked(store, f"t-{number}") for number in range(12)]
        await inbox_of(store).answer(first, SUMMARIZE)
        ends = await asyncio.gather(
            inbox_of(store).answer_alike(first, SUMMARIZE), inbox_of(elsewhere, "bob").answer_alike(first, DECLINE)
        )
        answered = [each.id for end in ends for each in end.answered]
        assert sorted(answered) == others
        assert (await names(store)).count("question.answered") == 12


async def test_an_answer_that_does_not_fit_answers_none(url: str) -> None:
    async with opened(url) as store:
        first, second = [await asked(store, name) for name in ("a", "b")]
        with pytest.raises(QuestionError):
            await inbox_of(store).answer_alike(first, Answer(AnswerAction.ACCEPT, {"kind": "nothing"}))
        assert [each.id for each in await store.open_questions()] == [first, second]


async def test_the_latest_answer_that_was_accepted_is_known_for_the_same_question_alone(url: str) -> None:
    async with opened(url) as store:
        inbox = inbox_of(store)
        first, second, third, open_still = [await asked(store, name) for name in ("a", "b", "c", "d")]
        other_form = await asked(store, "e", form=OTHER_FORM)
        assert await store.latest_answer(open_still) is None
        for question, answer in (
            (first, SUMMARIZE),
            (second, Answer(AnswerAction.ACCEPT, {"kind": "generate"})),
            (third, DECLINE),
        ):
            await inbox.answer(question, answer)
        assert await store.latest_answer(open_still) == {"action": "accept", "content": {"kind": "generate"}}
        assert await store.latest_answer(other_form) is None
