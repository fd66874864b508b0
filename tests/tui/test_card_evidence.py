"""The card tells what speaks for and against a draft, folds what can be passed over, and knows what was read."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from evolver_tui.core.job import JobState
from evolver_tui.core.node import Risk
from evolver_tui.core.question_kinds.review import ReviewSubject
from evolver_tui.tui.modals import ConfirmModal, NameModal
from tests.support.card_drafts import DRAFTS, MEDIUM
from tests.support.desk_fixtures import SMALL, WIDE, Console, console, steady_session
from tests.support.tried_drafts import showing, task_for
from tests.support.waiting_fixtures import until_needs, until_open

pytestmark = pytest.mark.anyio


def test_the_drafts_are_what_they_are_called() -> None:
    risks = [DRAFTS[name].report.risk for name in ("low", "medium", "high")]
    assert risks == [Risk.LOW, Risk.MEDIUM, Risk.HIGH]
    assert all(draft.report.can_be_approved for draft in DRAFTS.values())


@asynccontextmanager
async def desk_with(folder: Path, *names: str, **options: object) -> AsyncIterator[Console]:
    """The console with these drafts waiting, the first of them on the card and looked at."""
    drafts: dict[str, ReviewSubject] = {name: DRAFTS[name] for name in names}
    make = lambda home: showing(steady_session(home), drafts)  # noqa: E731
    async with console(folder, session_in=make, **options) as desk:  # type: ignore[arg-type]
        await desk.receive(*map(task_for, names))
        await until_needs(desk, len(names))
        await on_card(desk, names[0])
        yield desk


async def on_card(desk: Console, name: str) -> None:
    rows = await desk.session.store.rows_after(None, 10)
    desk.desk.context.go_to_card(next(row for row in rows if row.task_id == name))

    def is_there() -> bool:
        review = desk.desk.card.content.review
        return review is not None and review.question.task_id == name

    await desk.until(is_there, "the card")
    await desk.look_at_draft()


def shown(desk: Console) -> str:
    return " ".join(desk.text_of(desk.desk.card).replace("│", " ").split())


def edge(desk: Console) -> str:
    return desk.text_of(desk.desk.card).split("\n")[-1]


# --- folds


@pytest.mark.parametrize("size", [WIDE, SMALL], ids=["wide", "small"])
async def test_what_can_be_passed_over_is_folded_and_a_key_unfolds_it(tmp_path: Path, size: tuple[int, int]) -> None:
    async with desk_with(tmp_path, "medium", size=size) as desk:
        assert '1 ⋯ 13 lines: """Count words."""; imports json, sys, pathlib, node_' in shown(desk)
        assert "14 def main" in shown(desk)
        await desk.press("z")
        assert '1 """Count words. 2' in shown(desk)
        assert "⋯" not in shown(desk)
        await desk.press("z")
        assert "1 ⋯ 13 lines" in shown(desk)


async def test_the_line_at_the_top_stays_there(tmp_path: Path) -> None:
    async with desk_with(tmp_path, "medium", size=SMALL) as desk:
        await desk.press("j")
        assert desk.desk.card._line_at_top == 14
        await desk.press("z")
        assert desk.desk.card._line_at_top == 14
        await desk.press("z")
        assert desk.desk.card._line_at_top == 14


async def test_a_draft_that_has_room_as_it_is_is_not_folded(tmp_path: Path) -> None:
    async with desk_with(tmp_path, "short") as desk:
        assert "⋯" not in shown(desk)
        await desk.press("z")
        assert "There is nothing to fold on the card: all of it is in sight." in desk.notices


async def test_another_draft_is_folded_again(tmp_path: Path) -> None:
    async with desk_with(tmp_path, "medium", "low") as desk:
        await desk.press("z")
        await on_card(desk, "low")
        assert "⋯ 13 lines" in shown(desk)


async def test_folded_lines_are_copied_as_they_were_written(tmp_path: Path) -> None:
    async with desk_with(tmp_path, "medium") as desk:
        lines = MEDIUM.split("\n")
        await desk.press("v")
        assert "13 lines selected" in desk.text()
        await desk.press("Y")
        await desk.until(lambda: desk.app.clipboard == "\n".join(lines[:13]), "the fold")
        await desk.press("Y")
        await desk.until(lambda: desk.app.clipboard == MEDIUM, "all of it")


async def test_plain_terminals_have_folds_of_ascii(tmp_path: Path) -> None:
    async with desk_with(tmp_path, "medium", size=SMALL, plain=True) as desk:
        assert '1 ~ 13 lines: """Count words."""; imports' in shown(desk)
        assert "{content} > {" in shown(desk)


# --- what was read


async def test_the_edge_tells_how_much_was_on_the_screen(tmp_path: Path) -> None:
    async with desk_with(tmp_path, "medium", size=SMALL) as desk:
        await desk.until(lambda: "28 of 52 lines read" in edge(desk), "the first screen")
        await desk.press("G")
        await desk.until(lambda: "49 of 52 lines read" in edge(desk), "both ends")
        reading = desk.desk.card.reading
        assert reading is not None
        assert reading.unread == [29, 30, 31]
        await desk.press("g", "j")
        await desk.until(lambda: "read to the end" in edge(desk), "all of it")


async def test_a_page_further_begins_with_the_row_after_the_last_one_in_sight(tmp_path: Path) -> None:
    async with desk_with(tmp_path, "medium", size=SMALL) as desk:
        assert "1-28 of 52 lines" in desk.text()
        await desk.press("pagedown")
        assert desk.desk.card._line_at_top == 29
        await desk.press("pageup")
        assert "1-28 of 52 lines" in desk.text()


async def test_a_small_card_gives_the_rows_of_the_evidence_to_code_below_the_top(tmp_path: Path) -> None:
    async with desk_with(tmp_path, "medium", size=SMALL) as desk:
        assert "calls summarizer" in desk.text()
        await desk.press("G")
        await desk.until(lambda: "calls summarizer" not in desk.text(), "code in its place")
        await desk.press("pagedown", "G")
        assert "calls summarizer" not in desk.text()
        await desk.press("g")
        await desk.until(lambda: "calls summarizer" in desk.text(), "the evidence")


async def test_code_that_is_too_long_by_a_row_of_the_evidence_is_whole_a_key_below_the_top(tmp_path: Path) -> None:
    async with desk_with(tmp_path, "close", size=SMALL) as desk:
        assert "lines read" in edge(desk)
        await desk.press("pagedown")
        await desk.until(lambda: "read to the end" in edge(desk), "the last line")
        await desk.press("pagedown", "G")
        assert "calls summarizer" not in desk.text()
        await desk.press("k")
        await desk.until(lambda: "calls summarizer" in desk.text(), "the evidence")


async def test_what_was_read_is_known_when_the_draft_is_there_again(tmp_path: Path) -> None:
    async with desk_with(tmp_path, "medium", "low", size=SMALL) as desk:
        await desk.press("pagedown", "pagedown", "pagedown")
        await desk.until(lambda: "read to the end" in edge(desk), "all of it")
        await on_card(desk, "low")
        await desk.until(lambda: "lines read" in edge(desk), "another one")
        await on_card(desk, "medium")
        await desk.until(lambda: "read to the end" in edge(desk), "what was read before")


async def test_lines_that_another_page_showed_were_read(tmp_path: Path) -> None:
    async with desk_with(tmp_path, "medium", size=SMALL) as desk:
        desk.desk.card.mark_read(range(-5, 500))
        await desk.until(lambda: "read to the end" in edge(desk), "what was read elsewhere")


# --- approving what was not read


async def test_unread_lines_of_a_medium_risk_are_asked_about_by_another_key(tmp_path: Path) -> None:
    async with desk_with(tmp_path, "medium", size=SMALL) as desk:
        await desk.decide("a")
        await until_open(desk, ConfirmModal)
        text = " ".join(desk.text().replace("│", " ").split())
        assert "Its risk is medium, and 24 of its 52 lines were not on the screen yet:" in text
        assert "29 step_13 = data.get('step_13', 13)" in text
        for _ in range(3):
            await desk.decide("a")
        assert isinstance(desk.app.screen, ConfirmModal)
        await desk.press("escape")
        await desk.until(lambda: desk.app.screen is desk.desk, "the desk")
        assert desk.desk.card._line_at_top == 29, "the first of them"
        assert (await desk.session.store.row(1)).state is JobState.PAUSED  # type: ignore[union-attr]
        await desk.decide("a")
        await until_open(desk, ConfirmModal)
        await desk.decide("y")
        await until_needs(desk, 0)


@pytest.mark.parametrize(("name", "keys"), [("low", ()), ("medium", ("pagedown", "pagedown", "pagedown"))])
async def test_low_risk_and_what_was_read_are_approved_at_once(
    tmp_path: Path, name: str, keys: tuple[str, ...]
) -> None:
    async with desk_with(tmp_path, name, size=SMALL) as desk:
        await desk.press(*keys)
        await desk.decide("a")
        await until_needs(desk, 0)


async def test_the_dialog_for_high_risk_tells_what_was_not_read(tmp_path: Path) -> None:
    async with desk_with(tmp_path, "high", size=WIDE) as desk:
        await desk.decide("a")
        await until_open(desk, NameModal)
        assert "lines were not on the screen yet:" in " ".join(desk.text().replace("│", " ").split())
        await desk.press("escape")
        await desk.until(lambda: desk.app.screen is desk.desk, "the desk")
        await desk.press("g", "pagedown", "pagedown", "pagedown")
        await desk.until(lambda: "read to the end" in edge(desk), "all of it")
        await desk.decide("a")
        await until_open(desk, NameModal)
        assert "not on the screen" not in desk.text()


# --- evidence


@pytest.mark.parametrize("size", [WIDE, SMALL], ids=["wide", "small"])
async def test_what_speaks_against_a_draft_is_said_first(tmp_path: Path, size: tuple[int, int]) -> None:
    async with desk_with(tmp_path, "high", "changed", size=size) as desk:
        assert "✗ writes files: open (line 46)" in shown(desk)
        assert "✓ ran 1 of 1 input" in shown(desk)
        await desk.until(lambda: "of 52 lines read" in edge(desk), "what was read")
        assert "risk high · " in edge(desk)
        await on_card(desk, "changed")
        assert "✗ ran 2 of 3 inputs: KeyError: 'content' on empty" in shown(desk)
        assert "output changed" in shown(desk)


async def test_the_edge_tells_how_long_a_person_was_waited_for(tmp_path: Path) -> None:
    now = 1_767_268_800.0
    times = {"now": now}
    async with desk_with(tmp_path, "short", now=lambda: times["now"]) as desk:
        question = desk.desk.card.content.review
        assert question is not None
        assert "waits" not in edge(desk)
        times["now"] = question.question.asked_at + 300
        await desk.until(lambda: "waits 5m" in edge(desk), "five minutes")
        times["now"] += 3_600
        await desk.until(lambda: "waits 1h" in edge(desk), "an hour")


async def test_lines_unlike_approved_code_come_out_of_their_fold_and_nothing_moves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk_with(tmp_path, "medium", "low", size=SMALL) as desk:

        async def unlike(code: str) -> frozenset[int]:
            return frozenset((7,))

        monkeypatch.setattr(desk.session.approved_nodes, "unlike_lines", unlike)
        await on_card(desk, "low")
        await desk.until(lambda: "7 import sys" in shown(desk), "the marked line")
        assert '1 ⋯ 5 lines: """Count words.""" 6 import json ≠ 7 import sys 8 ⋯ 6 lines: imports' in shown(desk)


async def test_a_narrow_card_keeps_its_risk_and_what_was_read(tmp_path: Path) -> None:
    many = dataclasses.replace(DRAFTS["high"], attempt=12)
    many = dataclasses.replace(
        many, draft=dataclasses.replace(many.draft, author="edited by somebody with a long name")
    )
    monkey = {"high": many}
    make = lambda home: showing(steady_session(home), monkey)  # noqa: E731
    async with console(tmp_path, size=(44, 24), session_in=make) as desk:
        await desk.receive(task_for("high"))
        await until_needs(desk, 1)
        await on_card(desk, "high")
        await desk.until(lambda: "read" in edge(desk), "what was read")
        assert "risk high · " in edge(desk)
        assert "edited by" not in edge(desk)
