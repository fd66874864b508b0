"""Remembered answers on the desk: offered after the third time, made by a key, seen on the card, listed, taken back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from evolver_tui.core.answer_rule import Breadth
from evolver_tui.core.job import JobState
from evolver_tui.core.question import Answer, AnswerAction
from evolver_tui.tui.modals import ConfirmModal, QuestionModal, RememberedModal, RememberModal
from tests.support.desk_fixtures import SMALL, WIDE, Console, console
from tests.support.sessions import open_question
from tests.support.waiting_fixtures import until_back, until_open

pytestmark = pytest.mark.anyio

SIZES = pytest.mark.parametrize("size", [WIDE, SMALL], ids=["120x40", "80x24"])
SUMMARIZE = Answer(AnswerAction.ACCEPT, {"llmTaskType": "summarize"})
OFFER = "You gave this answer 3 times: B remembers it."


def unclear(number: int) -> dict[str, Any]:
    """A task whose kind has to be asked for."""
    return {"id": f"t-{number}", "taskName": f"Part {number}", "llmTaskType": "unclear"}


async def answer_beforehand(desk: Console, *numbers: int) -> None:
    """Give the answer as often, without the screen."""
    for number in numbers:
        await desk.receive(unclear(number))
        await desk.session.inbox.answer((await open_question(desk.session, f"t-{number}")).id, SUMMARIZE)
        await desk.session.workers.drained()


async def answer_by_keys(desk: Console, number: int) -> None:
    """Open the oldest question, take the first choice, and send it."""
    await desk.receive(unclear(number))
    question = await open_question(desk.session, f"t-{number}")
    row = await desk.session.store.row(question.job)
    assert row is not None
    desk.app.desk.context.go_to_card(row)
    await desk.until(lambda: desk.desk.card.content.job == question.job, "the card")
    await desk.press("enter")
    await until_open(desk, QuestionModal)
    await desk.answer()
    await until_back(desk)


async def offered(desk: Console) -> None:
    await answer_beforehand(desk, 1, 2)
    await answer_by_keys(desk, 3)
    await desk.until(lambda: OFFER in desk.notices, "the offer")


@SIZES
async def test_it_is_offered_after_the_third_time_and_then_given_by_itself(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    async with console(tmp_path, size=size, opens_next_question=False) as desk:
        await offered(desk)
        assert desk.app.screen is desk.desk, "an offer opens nothing"
        await desk.receive(unclear(4))
        await desk.press("B")
        await until_open(desk, RememberModal)
        text = desk.text()
        for words in (
            "The task does not say what kind of task this is.", "summarize", "the same question, while this session",
            "of tasks of type unclear", "whatever the author asks", "30 days", "1 that waits now gets it",
        ):  # fmt: skip
            assert words in text
        await desk.press("3", "n")
        await desk.answer()
        await until_back(desk)
        await desk.until(lambda: "It is remembered answer 1. 1 that waited got it." in desk.notices, "what it did")
        (record,) = await desk.session.answer_rules.records()
        assert (record.rule.scope.breadth, record.rule.expires_at, record.decided) == (Breadth.ALWAYS, None, 1)
        await desk.receive(unclear(5))
        await desk.session.rules.settled()
        await desk.session.workers.drained()
        row = next(row for row in await desk.session.store.rows_after(None, 99) if row.task_id == "t-5")
        assert row.state is JobState.PAUSED
        assert not [asked for asked in await desk.session.store.open_questions() if asked.question.kind == "question"]
        desk.app.desk.context.go_to_card(row)
        await desk.until(lambda: "Remembered answer 1 of" in desk.text_of(desk.desk.card), "the card says so")


async def test_an_offer_that_was_looked_at_gives_way_to_the_list(tmp_path: Path) -> None:
    async with console(tmp_path, opens_next_question=False) as desk:
        await desk.press("B")
        await until_open(desk, RememberedModal)
        await desk.until(lambda: "No answer is remembered." in desk.text(), "the empty list")
        await desk.press("x", "escape")
        await until_back(desk)
        await offered(desk)
        await desk.press("B")
        await until_open(desk, RememberModal)
        await desk.press("escape")
        await until_back(desk)
        await desk.press("B")
        await until_open(desk, RememberedModal)


@SIZES
async def test_the_list_says_what_each_decided_and_revokes_and_takes_back(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    async with console(tmp_path, size=size) as desk:
        await answer_beforehand(desk, 1)
        await desk.receive(unclear(2))
        asked = await open_question(desk.session, "t-2")
        rule = (await desk.session.answer_rules.make(asked, SUMMARIZE, Breadth.FIELD, 7)).rule
        await desk.session.workers.drained()
        await desk.press("B")
        await until_open(desk, RememberedModal)
        await desk.until(lambda: "t-2 (job 2)" in desk.text(), "what it decided")
        assert "the same form" in desk.text()
        await desk.decide("u")
        await desk.until(lambda: "1 taken back" in desk.text(), "that it was taken back")
        assert (await open_question(desk.session, "t-2")).question.name == "details"
        await desk.decide("u")
        await desk.until(lambda: "There is nothing that it answered and that could be taken back." in desk.notices)
        await desk.press("x")
        await until_open(desk, ConfirmModal)
        await desk.decide("y")
        await desk.until(lambda: f"{rule.name.capitalize()} is revoked." in desk.notices, "that it is revoked")
        await desk.until(lambda: "revoked" in desk.text() and isinstance(desk.app.screen, RememberedModal), "the list")
        await desk.receive(unclear(3))
        await desk.session.rules.settled()
        assert (await open_question(desk.session, "t-3")).question.name == "details"
