"""What past decisions have to do with what waits: told on the card and in the inbox, and deciding nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from evolver_tui.core.estimate.estimate import Estimate, EstimateRecord, Reason
from evolver_tui.core.node import NodeDraft, NodeRecord
from evolver_tui.engine.author.library import Approval
from evolver_tui.engine.estimates import Told
from evolver_tui.settings.workspace import Workspace
from evolver_tui.tui.drawing.symbols import Symbols
from evolver_tui.tui.modals import InboxModal
from evolver_tui.tui.modals.inbox_list import InboxList
from evolver_tui.tui.screens.desk.panes.card_facts import ReviewHints
from evolver_tui.tui.screens.desk.panes.hint_words import estimate_sentences, hint_words
from evolver_tui.wiring import make_library
from tests.support.databases import opened
from tests.support.decisions import OPENS, decided, history
from tests.support.desk_fixtures import SMALL, WIDE, Console, console, steady_session
from tests.support.drafts import check
from tests.support.sessions import workspace_in
from tests.support.tried_drafts import FINE, showing, task_for, tried
from tests.support.waiting_fixtures import until_needs, until_open

pytestmark = pytest.mark.anyio

DRAFTS = {
    "opens": tried(code=OPENS.format(name="it")),
    "plain": tried(FINE),
    "other": tried(code="print('name')\nvalue = sorted(zip([3, 5, 8], 'xyz'), key=lambda each: -each[0])\n"),
}


def approve(place: Workspace, *codes: str) -> Sequence[NodeRecord]:
    """Nodes of the library that a person approved."""
    library = make_library(place)
    return [
        library.save(
            NodeDraft(f"node_{number}", "Node", code, (), "simple", "offline"), check(code),
            Approval("ada", f"2026-01-01T00:00:0{number}.000Z", f"before-{number}", "summarize"),
        )
        for number, code in enumerate(codes)
    ]  # fmt: skip


@asynccontextmanager
async def desk_after(folder: Path, decisions: int, *codes: str, **options: Any) -> AsyncIterator[Console]:
    """The console after so many decisions, with these programs approved, and each of the drafts waiting."""
    place = workspace_in(folder)
    file = place.database_file
    assert file is not None
    async with opened(file) as store:
        await decided(store, history(decisions))
    approve(place, *codes)
    async with console(folder, session_in=lambda home: showing(steady_session(home), DRAFTS), **options) as desk:
        await desk.receive(*(task_for(name) for name in DRAFTS))
        await until_needs(desk, len(DRAFTS))
        yield desk


async def on_card(desk: Console, name: str) -> None:
    """Go to a draft's card."""
    rows = await desk.session.store.rows_after(None, 10)
    desk.desk.context.go_to_card(next(row for row in rows if row.task_id == name))

    def is_there() -> bool:
        review = desk.desk.card.content.review
        return review is not None and review.question.task_id == name

    await desk.until(is_there, "the card")


def card_text(desk: Console) -> str:
    return " ".join(desk.text_of(desk.desk.card).replace("│", " ").split())


async def until_hinted(desk: Console) -> None:
    """Until all that is to be known of past decisions was found."""
    await desk.session.estimates.catch_up()
    presenter = desk.desk._updates._presenter
    assert presenter is not None
    await desk.until(lambda: presenter._hints[1] is not None, "hints")
    await desk.pilot.pause()


@pytest.mark.parametrize("size", [WIDE, SMALL], ids=["wide", "small"])
async def test_after_enough_decisions_a_card_tells_what_to_expect_and_how_good_that_was(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    async with desk_after(tmp_path, 40, size=size) as desk:
        await on_card(desk, "opens")
        await desk.until(lambda: "estimate " in card_text(desk), "an estimate")
        await desk.press("l", "l", "l")
        await desk.press("G")
        await desk.until(lambda: "opens files -" in card_text(desk), "its reasons")
        text = card_text(desk)
        assert "record: Brier 0." in text
        assert "of the base rate, 40 decisions" in text
        assert "decides nothing" in text
        assert not {"safe", "unsafe"} & set(text.split())


async def test_before_that_nothing_is_told_and_no_order_is_offered(tmp_path: Path) -> None:
    async with desk_after(tmp_path, 29) as desk:
        await on_card(desk, "opens")
        await until_hinted(desk)
        assert "estimate" not in card_text(desk)
        await desk.press("i")
        await until_open(desk, InboxModal)
        await desk.until(lambda: "1 of 3" in desk.text(), "the list")
        await until_hinted(desk)
        assert "likeliest first" not in desk.text()
        await desk.press("e")
        assert tasks_listed(desk) == ["opens", "plain", "other"]


def tasks_listed(desk: Console) -> list[str]:
    table = desk.app.screen.query_one(InboxList)
    rows = [table.render_line(y).text.split() for y in range(table.size.height)]
    return [row[1] for row in rows if row[:1] == ["◆"]]


async def test_what_waits_is_put_in_the_order_of_estimates_on_request_and_back(tmp_path: Path) -> None:
    async with desk_after(tmp_path, 40) as desk:
        await desk.press("i")
        await until_open(desk, InboxModal)
        await desk.until(lambda: "e likeliest first" in desk.text(), "the offer")
        assert tasks_listed(desk) == ["opens", "plain", "other"]
        await desk.press("e")
        await desk.until(lambda: tasks_listed(desk)[-1] == "opens", "the order of estimates")
        await desk.until(lambda: "estimate " in desk.text(), "the estimate of the selected one")
        assert "e as they came" in desk.text()
        await desk.press("e")
        await desk.until(lambda: tasks_listed(desk) == ["opens", "plain", "other"], "as they came")


async def test_a_decision_is_learned_of_and_the_estimate_made_before_it_counts(tmp_path: Path) -> None:
    async with desk_after(tmp_path, 40) as desk:
        await on_card(desk, "plain")
        await desk.until(lambda: "estimate " in card_text(desk), "an estimate")
        await desk.look_at_draft()
        await desk.decide("a")
        await desk.until(lambda: desk.session.estimates.decisions == 41, "what was learned")
        told = await desk.session.estimates.of("")
        assert told is not None
        assert (told.record.decisions, told.record.approved) == (41, 21)


async def test_lines_unlike_approved_code_are_marked_in_the_margin_until_a_key_says_not_to(tmp_path: Path) -> None:
    approved = [f"print('name')\nfirst_{number} = {number}\n" for number in range(6)]
    async with desk_after(tmp_path, 0, *approved) as desk:
        await on_card(desk, "other")
        await desk.until(lambda: "≠ 1 line unlike approved code" in card_text(desk), "the phrase")
        assert "≠ 2 value = sorted(" in card_text(desk)
        assert "≠ 1 print" not in card_text(desk)
        assert not {"safe", "unsafe", "danger"} & set(card_text(desk).split())
        await desk.press("L")
        assert "≠ 2" not in card_text(desk)
        await desk.press("L")
        assert "≠ 2 value" in card_text(desk)


async def test_plain_terminals_have_a_mark_as_well(tmp_path: Path) -> None:
    approved = [f"print('name')\nfirst_{number} = {number}\n" for number in range(6)]
    async with desk_after(tmp_path, 0, *approved, plain=True) as desk:
        await on_card(desk, "other")
        await desk.until(lambda: "| 1 line unlike approved code" in card_text(desk), "the phrase")
        assert "| 2 value = sorted(" in card_text(desk)


async def test_what_no_person_approved_is_nothing_to_be_unlike_to(tmp_path: Path) -> None:
    async with desk_after(tmp_path, 0, "print('name')\n", "print('name')  # again\n") as desk:
        await on_card(desk, "other")
        await until_hinted(desk)
        assert "unlike" not in card_text(desk)


def test_an_estimate_that_tells_no_more_than_the_share_of_approvals_says_so() -> None:
    told = Told(Estimate(0.999, (Reason("opens files\x1b[2J", -0.4),)), EstimateRecord(54, 20, 0.25, 0.21))
    assert hint_words(ReviewHints(told, frozenset()), Symbols()) == ["weak estimate 99 % approved"]
    assert list(estimate_sentences(told)) == [
        "99 % approved as it is  (opens files␛[2J -)",
        "record: Brier 0.25 against 0.21 of the base rate, 54 decisions",
        "It has told no more than the share of approvals does: go by the code.",
        "It is learned of past decisions and decides nothing.",
    ]
    assert hint_words(None, Symbols()) == hint_words(ReviewHints(None, frozenset()), Symbols()) == []


def tasks_in_queue(desk: Console) -> list[str]:
    rows = [desk.desk.queue.render_line(y).text.split() for y in range(desk.desk.queue.size.height)]
    return [row[1] for row in rows if row[:1] == ["◆"]]


async def test_the_queue_shows_what_needs_a_person_by_estimate_on_request_and_back(tmp_path: Path) -> None:
    async with desk_after(tmp_path, 40) as desk:
        queue = desk.desk.queue
        await desk.until(lambda: tasks_in_queue(desk) == ["opens", "plain", "other"], "the rows")
        await desk.press("g")
        await desk.press("O")
        await desk.until(lambda: tasks_in_queue(desk)[-1:] == ["opens"], "the order of estimates")
        assert "by estimate" in desk.text_of(queue)
        assert queue.selected is not None
        assert queue.selected.task_id == "opens"
        likeliest = tasks_in_queue(desk)[0]
        await desk.press("n")
        await desk.until(lambda: queue.selected and queue.selected.task_id == likeliest, "the likeliest one")
        assert [row.task_id for row in await desk.session.store.rows_after(None, 3)] == ["opens", "plain", "other"]
        await desk.press("O")
        await desk.until(lambda: tasks_in_queue(desk) == ["opens", "plain", "other"], "as they came")
        assert "by estimate" not in desk.text_of(queue)
        assert queue.selected is not None
        assert queue.selected.task_id == likeliest


async def test_the_queue_keeps_its_order_where_too_little_was_decided(tmp_path: Path) -> None:
    async with desk_after(tmp_path, 29) as desk:
        await desk.press("O")
        await desk.until(lambda: any("Too few decisions" in said for said in desk.notices), "why not")
        assert not desk.desk.queue.is_ordered
