"""From one decision to the next: what comes onto the card by itself, what does not, and how many keys it takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from evolver_tui.core.job import QueueCounts
from evolver_tui.core.question import Answer, AnswerAction
from evolver_tui.tui.modals import ConfirmModal, HelpModal, QuestionModal
from evolver_tui.tui.modals.inputs import ChoiceList
from evolver_tui.tui.screens.desk.card import QuestionIdentity
from evolver_tui.tui.screens.desk.draft_guard import SECONDS_ARRIVED, SECONDS_UNASKED
from tests.support.desk_fixtures import SMALL, WIDE, Console, console
from tests.support.waiting_fixtures import elsewhere, question_about, until_back, until_needs, until_open

pytestmark = pytest.mark.anyio

SIZES = pytest.mark.parametrize("size", [WIDE, SMALL], ids=["120x40", "80x24"])


def reviewed(number: int) -> dict[str, Any]:
    """A task that ends at a review."""
    return {"id": f"task-{number}", "taskName": f"Summarize page {number}", "llmTaskType": "summarize"}


def unclear(number: int) -> dict[str, Any]:
    """A task that does not say what it is."""
    return {"id": f"task-{number}", "taskName": f"Sort form {number}"}


def saved(desk: Console) -> int:
    return len(list(desk.place.nodes.glob("*/main.py")))


async def at_card(desk: Console, *tasks: dict[str, Any]) -> None:
    """Receive tasks that need a person, and go to the first one's card: one key."""
    await desk.receive(*tasks)
    await until_needs(desk, len(tasks))
    await desk.until(lambda: "needs" in desk.text() or "need" in desk.text())
    await desk.until(lambda: desk.desk.card.content.job > 0, "a card")
    await desk.press("enter")
    desk.clock.seconds += 1


async def decide_all(desk: Console) -> None:
    """Approve the only one, after which nothing needs the person."""
    await desk.look_at_draft(SECONDS_UNASKED)
    before = saved(desk)
    await desk.decide("a")
    await desk.until(lambda: saved(desk) == before + 1, "a saved node")
    await until_needs(desk, 0)
    await desk.until(lambda: desk.desk.card.content.review is None, "a card without a draft")


def task_on_card(desk: Console) -> str:
    selected = desk.desk.queue.selected
    return selected.task_id if selected is not None and selected.job == desk.desk.card.content.job else ""


# --- reviews


@SIZES
async def test_reviews_in_a_row_cost_one_key_each(tmp_path: Path, size: tuple[int, int]) -> None:
    async with console(tmp_path, size=size) as desk:
        await at_card(desk, *map(reviewed, range(5)))
        for number in range(5):
            await desk.until(lambda task_id=f"task-{number}": task_on_card(desk) == task_id)  # type: ignore[misc]
            await desk.look_at_draft(SECONDS_UNASKED)
            await desk.decide("a")
            await until_needs(desk, 4 - number)
            assert desk.desk.focused is desk.desk.card
        await desk.until(lambda: saved(desk) == 5, "saved nodes")


@pytest.mark.parametrize("is_at_card", [True, False], ids=["card", "queue"])
async def test_a_task_that_is_cancelled_at_its_card_leads_to_the_next(tmp_path: Path, is_at_card: bool) -> None:
    async with console(tmp_path) as desk:
        await at_card(desk, *map(reviewed, range(3)))
        cancelled = task_on_card(desk)
        if not is_at_card:
            await desk.press("escape")
        await desk.look_at_draft(SECONDS_UNASKED)
        await desk.decide("D")
        await desk.until(lambda: "Cancel task-" in desk.text(), "the dialog")
        desk.clock.seconds += SECONDS_UNASKED
        await desk.decide("y")
        await until_needs(desk, 2)
        if is_at_card:
            await desk.until(lambda: task_on_card(desk) not in ("", cancelled), "the next one")
            assert desk.desk.card.content.review is not None
        else:
            await desk.until(lambda: desk.desk.card.content.review is None, "a card without a draft")
            assert task_on_card(desk) == cancelled


@SIZES
async def test_what_arrives_once_all_is_decided_lies_on_the_card_and_takes_a_key_after_a_moment(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    async with console(tmp_path, size=size) as desk:
        await at_card(desk, reviewed(1))
        await decide_all(desk)
        desk.clock.seconds += SECONDS_UNASKED
        await desk.receive(reviewed(2))
        await desk.until(
            lambda: task_on_card(desk) == "task-2" and desk.desk.card.guard.seconds_drawn >= 0, "the next one"
        )
        assert desk.desk.focused is desk.desk.card
        assert "another draft" not in desk.text()
        await desk.press("a")  # as it appears
        await desk.let_it_be_alone()
        assert saved(desk) == 1
        assert any("only just appeared" in notice for notice in desk.notices)
        await desk.look_at_draft(SECONDS_ARRIVED)
        await desk.decide("a")
        await desk.until(lambda: saved(desk) == 2, "a saved node")


async def test_a_key_that_was_pressed_in_vain_a_moment_before_keeps_the_long_guard(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        await at_card(desk, reviewed(1))
        await decide_all(desk)
        desk.clock.seconds += SECONDS_UNASKED
        await desk.press("a")  # at nothing
        desk.clock.seconds += 1
        await desk.receive(reviewed(2))
        await desk.until(
            lambda: task_on_card(desk) == "task-2" and desk.desk.card.guard.seconds_drawn >= 0, "the next one"
        )
        await desk.look_at_draft(SECONDS_ARRIVED)
        await desk.press("a")
        await desk.let_it_be_alone()
        assert saved(desk) == 1
        assert any("This is another draft than before" in notice for notice in desk.notices)


@pytest.mark.parametrize(
    "keys",
    [("j",), ("l",), ("escape",), ("escape", "down"), ("escape", "enter"), ("tab",), ("v",)],
    ids=lambda keys: " ".join(keys),
)
async def test_who_turned_to_something_keeps_it(tmp_path: Path, keys: tuple[str, ...]) -> None:
    async with console(tmp_path) as desk:
        await at_card(desk, reviewed(1))
        await decide_all(desk)
        desk.clock.seconds += SECONDS_UNASKED
        await desk.press(*keys)
        focused = desk.desk.focused
        await desk.receive(reviewed(2))
        await until_needs(desk, 1)
        for _ in range(5):  # ticks
            await desk.pilot.pause(0.1)
        assert task_on_card(desk) == "task-1"
        assert desk.desk.focused is focused


async def test_nothing_comes_under_a_dialog_until_it_is_closed(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        await at_card(desk, reviewed(1))
        await decide_all(desk)
        desk.clock.seconds += SECONDS_UNASKED
        await desk.press("question_mark")
        await until_open(desk, HelpModal)
        await desk.receive(reviewed(2))
        await until_needs(desk, 1)
        for _ in range(5):  # ticks
            await desk.pilot.pause(0.1)
        assert task_on_card(desk) == "task-1"
        await desk.press("escape")
        await desk.until(lambda: task_on_card(desk) == "task-2", "the next one")


async def test_with_the_setting_off_the_card_stays_where_it_is(tmp_path: Path) -> None:
    async with console(tmp_path, goes_on=False) as desk:
        await at_card(desk, reviewed(1), reviewed(2))
        first = task_on_card(desk)
        await desk.look_at_draft(SECONDS_UNASKED)
        await desk.decide("a")
        await until_needs(desk, 1)
        await desk.until(lambda: desk.desk.card.content.review is None, "a card without a draft")
        assert task_on_card(desk) == first


# --- questions


@SIZES
async def test_questions_in_a_row_take_a_choice_and_enter_and_those_of_the_same_form_enter_alone(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    async with console(tmp_path, size=size) as desk:
        await at_card(desk, *map(unclear, range(3)))
        await desk.press("enter")
        await until_open(desk, QuestionModal)
        assert isinstance(desk.app.screen.focused, ChoiceList)
        first = desk.app.screen
        await desk.answer("2")
        await desk.until(lambda: isinstance(desk.app.screen, QuestionModal) and desk.app.screen is not first, "another")
        await until_open(desk, QuestionModal)
        assert "Filled in as the same was answered last" in desk.text()
        second = desk.app.screen
        await desk.answer()
        await desk.until(
            lambda: isinstance(desk.app.screen, QuestionModal) and desk.app.screen is not second, "a third"
        )
        await until_open(desk, QuestionModal)
        await desk.answer("1")
        await until_back(desk)
        await desk.until(lambda: (desk.desk.queue.counts or QueueCounts()).needs_you == 3, "three reviews")
        await desk.until(lambda: desk.desk.card.content.review is not None, "the first review on the card")


async def test_an_enter_that_follows_at_once_does_not_answer_the_next_question(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        await at_card(desk, *map(unclear, range(2)))
        await desk.press("enter")
        await until_open(desk, QuestionModal)
        first = desk.app.screen
        await desk.answer("2")
        await desk.until(
            lambda: (
                desk.app.screen is not first
                and isinstance(desk.app.screen, QuestionModal)
                and desk.app.screen._painted_at is not None
            ),
            "another",
        )
        desk.clock.seconds += 0.4
        await desk.press("enter")
        await desk.let_it_be_alone()
        assert "This is the next question, which has only just opened: look at it, then answer." in desk.notices
        assert isinstance(desk.app.screen, QuestionModal)
        desk.clock.seconds += 0.3
        await desk.answer()
        await until_back(desk)


async def test_a_question_that_arrives_once_all_is_decided_lies_on_the_card_and_opens_no_dialog(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        await at_card(desk, reviewed(1))
        await decide_all(desk)
        await desk.receive(unclear(2))
        await desk.until(lambda: isinstance(desk.desk.card.content.identity, QuestionIdentity), "the question")
        assert desk.app.screen is desk.desk
        await desk.press("enter")
        await until_open(desk, QuestionModal)


async def test_with_its_setting_off_the_next_question_lies_on_the_card(tmp_path: Path) -> None:
    async with console(tmp_path, opens_next_question=False) as desk:
        await at_card(desk, *map(unclear, range(2)))
        first = task_on_card(desk)
        await desk.press("enter")
        await until_open(desk, QuestionModal)
        await desk.answer("1")
        await until_back(desk)
        await desk.until(lambda: task_on_card(desk) not in ("", first), "the next one")
        assert desk.desk.focused is desk.desk.card


# --- the same form


async def test_one_key_gives_the_answer_to_all_that_ask_the_same_but_for_those_answered_elsewhere(
    tmp_path: Path,
) -> None:
    async with console(tmp_path) as desk, elsewhere(desk) as other:
        translate = {"id": "other", "taskName": "Translate it", "llmTaskType": "translate"}
        await at_card(desk, *map(unclear, range(4)), translate)
        await desk.press("enter")
        await until_open(desk, QuestionModal)
        assert "3 other questions ask the same." in desk.text()
        await desk.press("f7")
        assert "3 other questions ask the same and get this answer too." in desk.text()
        assert "enter answer all 4" in desk.text()
        taken = await question_about(desk, "task-3")
        decline = Answer(AnswerAction.DECLINE).to_json_value()
        await other.answer(taken.id, decline, "bob", "s")
        await desk.answer("1")
        await desk.until(lambda: "2 others got the same answer." in " ".join(desk.notices), "what was done")
        asked = await desk.session.store.pauses_of(taken.job)
        assert [pause.answered_by for pause in asked] == ["bob"]
        left = [each.task_id for each in await desk.session.store.open_questions() if each.reason == "user_input"]
        assert left == ["other"]


async def test_what_was_proposed_is_not_kept_as_typed_when_it_is_left_for_later(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        await at_card(desk, *map(unclear, range(2)))
        await desk.press("enter")
        await until_open(desk, QuestionModal)
        first = desk.app.screen
        await desk.answer("2")
        await desk.until(lambda: isinstance(desk.app.screen, QuestionModal) and desk.app.screen is not first, "another")
        for _ in range(2):
            await until_open(desk, QuestionModal)
            assert "Filled in as the same was answered last" in desk.text()
            await desk.press("escape")
            await until_back(desk)
            await desk.press("enter")


@pytest.mark.parametrize("from_card", [True, False])
async def test_a_task_that_is_cancelled_on_its_card_leads_to_the_next_one(tmp_path: Path, from_card: bool) -> None:
    async with console(tmp_path) as desk:
        await at_card(desk, reviewed(1), reviewed(2))
        if not from_card:
            await desk.press("escape")
        await desk.decide("D")
        await until_open(desk, ConfirmModal)
        await desk.decide("y")
        await until_needs(desk, 1)
        await desk.until(lambda: task_on_card(desk) == ("task-2" if from_card else "task-1"))
        assert (desk.desk.focused is desk.desk.card) == from_card
