"""The Diff page: what changed since the draft that was sent back, and in the place of what it would come."""

from __future__ import annotations

from pathlib import Path

import pytest

from evolver_tui.tui.modals import ReasonModal
from evolver_tui.tui.screens.desk.card import DIFF_PAGE
from evolver_tui.wiring import make_library
from tests.support.desk_fixtures import SMALL, WIDE, Console, console
from tests.support.sessions import SUMMARIZE
from tests.support.waiting_fixtures import until_needs

pytestmark = pytest.mark.anyio

NODE = "summarize_blog_post"
REASON = "an empty text crashes it; and write docstrings"
ROOMY = (200, 40)


def card_text(desk: Console) -> str:
    return desk.text_of(desk.desk.card)


def words(desk: Console) -> str:
    return " ".join(card_text(desk).replace("│", " ").split())


def page(desk: Console) -> str:
    return desk.desk.card.page.title


async def at_first_draft(desk: Console, task_id: str = "task-1") -> None:
    await desk.receive({**SUMMARIZE, "id": task_id})
    await until_needs(desk, 1)
    await desk.press("n", "enter")
    await desk.until(lambda: desk.desk.card.content.review is not None, "a draft")
    await desk.look_at_draft(4.0)


async def at_second_draft(desk: Console) -> None:
    """The draft that its author wrote again, for a reason."""
    await at_first_draft(desk)
    await desk.decide("r")
    await desk.until_open(ReasonModal)
    await desk.answer(*[{" ": "space", ";": "semicolon"}.get(letter, letter) for letter in REASON])
    await desk.session.workers.drained()
    await until_needs(desk, 1)
    await desk.press("n", "enter")
    await desk.until(lambda: (review := desk.desk.card.content.review) and review.subject.attempt == 2, "draft 2")


@pytest.mark.parametrize("size", [WIDE, SMALL], ids=["wide", "small"])
async def test_a_second_draft_is_decided_about_from_what_changed_alone(tmp_path: Path, size: tuple[int, int]) -> None:
    async with console(tmp_path, size=size) as desk:
        await at_second_draft(desk)
        assert page(desk) == DIFF_PAGE
        text = words(desk)
        assert f"reason {REASON}"[:30] in text
        assert "An empty input gives an empty result" in text
        await desk.look_at_draft(4.0)
        await desk.decide("a")
        await desk.until(lambda: make_library(desk.place).latest(NODE), "the node")
        assert page(desk) != "Code" or desk.desk.card.content.review is None


async def test_d_goes_from_the_code_to_what_differs_to_both_sides_of_that_and_back(tmp_path: Path) -> None:
    async with console(tmp_path, size=ROOMY) as desk:
        await at_second_draft(desk)
        await desk.press("d")
        assert page(desk) == DIFF_PAGE
        row = next(line for line in card_text(desk).split("\n") if "import json" in line)
        assert row.count("import json") == 2, "one beside the other"
        await desk.press("d")
        assert page(desk) == "Code"
        await desk.press("d")
        assert page(desk) == DIFF_PAGE
        assert " │ " not in card_text(desk)


async def test_where_there_is_no_room_for_both_sides_d_goes_back_to_the_code(tmp_path: Path) -> None:
    async with console(tmp_path, size=SMALL) as desk:
        await at_second_draft(desk)
        await desk.press("d")
        assert page(desk) == "Code"


async def test_a_first_draft_has_nothing_to_be_held_against_which_d_says(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        await at_first_draft(desk)
        assert DIFF_PAGE not in [each.title for each in desk.desk.card.content.pages]
        await desk.press("d")
        assert desk.notices[-1:] == ["There is nothing to hold the draft on the card against."]


async def test_what_it_would_replace_is_shown_as_saved_and_as_changed_by_hand(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        await at_first_draft(desk)
        await desk.decide("a")
        await desk.until(lambda: make_library(desk.place).latest(NODE), "the node")
        await until_needs(desk, 0)
        main = tmp_path / "nodes" / NODE / "main.py"
        main.write_text(main.read_text().replace("import sys\n", "import sys  # by hand\n"))
        await at_first_draft(desk, "task-2")
        assert page(desk) == "Code", "the whole of it is read first"
        await desk.until(lambda: "+2 -2" in card_text(desk), "the card's edge")
        await desk.press("d")
        assert "changed by hand and is kept as a copy (1 of 2, V shows the next)" in words(desk)
        assert "import sys # by hand" in words(desk)
        await desk.press("V")
        assert f"since {NODE} v1, approved by ada, whose place it would take (2 of 2" in words(desk)
        assert "import sys # by hand" not in words(desk)


@pytest.mark.parametrize("size", [WIDE, SMALL], ids=["wide", "small"])
async def test_a_draft_that_is_the_same_as_a_node_says_so_and_one_key_uses_that_node(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    async with console(tmp_path, size=size) as desk:
        await at_first_draft(desk)
        await desk.decide("a")
        await desk.until(lambda: make_library(desk.place).latest(NODE), "the node")
        await until_needs(desk, 0)
        await at_first_draft(desk, "task-2")
        assert f"does the same as {NODE} v1, N uses that" in words(desk)
        await desk.decide("N")
        await until_needs(desk, 0)
        await desk.session.workers.drained()
        rows = await desk.session.store.rows_after(None, 10)
        assert [(row.task_id, row.node) for row in rows if row.task_id == "task-2"] == [("task-2", f"{NODE} v1")]
        assert len(make_library(desk.place).versions(NODE)) == 1
        await desk.until(lambda: f"task-2 uses {NODE}" in words(desk) or "its own draft was not saved" in words(desk))


async def test_what_a_draft_is_like_by_now_is_said_once_another_one_was_approved(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        await desk.receive(SUMMARIZE, {**SUMMARIZE, "id": "task-2"})
        await until_needs(desk, 2)
        await desk.press("n", "enter")
        await desk.until(lambda: (review := desk.desk.card.content.review) and review.question.task_id == "task-1")
        await desk.until(lambda: "does the same as the draft of task-2" in words(desk), "the draft beside it")
        await desk.press("d")
        assert "beside the draft of task-2: does the same as" in words(desk)
        await desk.look_at_draft(4.0)
        await desk.decide("a")
        await desk.until(lambda: make_library(desk.place).latest(NODE), "the node")
        await until_needs(desk, 1)
        await desk.press("n", "enter")
        await desk.until(lambda: f"does the same as {NODE} v1, N uses that" in words(desk), "the node by now")
