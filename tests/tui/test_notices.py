"""Notices have a row of their own: they cover nothing, nothing moves for them, and all of them can be read in full."""

from __future__ import annotations

from pathlib import Path

import pytest

from evolver_tui.tui.modals import NoticesModal, ReasonModal
from evolver_tui.tui.screens.desk.draft_guard import SECONDS_UNASKED
from tests.support.desk_fixtures import SMALL, WIDE, console
from tests.support.hostile import squeezed, text_on
from tests.support.sessions import SUMMARIZE
from tests.support.waiting_fixtures import until_needs

pytestmark = pytest.mark.anyio

LONG = "The disk is full. " * 20


@pytest.mark.parametrize("size", [WIDE, SMALL])
async def test_a_notice_changes_one_row_alone(tmp_path: Path, size: tuple[int, int]) -> None:
    async with console(tmp_path, size=size) as desk:
        await desk.receive(SUMMARIZE)
        await until_needs(desk, 1)
        await desk.press("enter")
        await desk.look_at_draft(SECONDS_UNASKED)
        await desk.until(lambda: "another draft" not in desk.text())
        before = desk.text().split("\n")
        desk.app.say(LONG, "error")
        desk.app.say("Something else.")
        await desk.until(lambda: "Something else." in desk.text())
        after = desk.text().split("\n")
        changed = [row for row in range(1, size[1]) if before[row] != after[row]]  # the status line goes with time
        assert changed == [size[1] - 2]
        assert "+1" in after[-2]
        await desk.press("m")
        await desk.until_open(NoticesModal)
        shown = text_on(desk.app.screen.query_one("#window"))
        assert squeezed(LONG) in shown
        assert shown.index(squeezed("Something else.")) < shown.index(squeezed(LONG))


async def test_of_a_path_the_name_is_shown_whole(tmp_path: Path) -> None:
    async with console(tmp_path, size=SMALL) as desk:
        name = "session_20261120_154500_080911.jsonl"
        desk.desk.context.say_path("This session was exported to", Path("/a/long/way" * 9) / name)
        await desk.until(lambda: f"This session was exported to …/{name}" in desk.text())


async def test_what_is_cut_says_which_key_reads_it(tmp_path: Path) -> None:
    async with console(tmp_path, size=SMALL) as desk:
        desk.app.say(LONG, "error")
        await desk.until(lambda: "✗ The disk is full." in desk.text())
        assert desk.text().split("\n")[-2].rstrip().endswith("m reads it")


async def test_over_a_dialog_it_takes_the_lowest_row(tmp_path: Path) -> None:
    async with console(tmp_path, size=SMALL) as desk:
        await desk.receive(SUMMARIZE)
        await until_needs(desk, 1)
        await desk.press("enter")
        await desk.look_at_draft(SECONDS_UNASKED)
        await desk.decide("r")
        await desk.until_open(ReasonModal)
        before = desk.text().split("\n")
        desk.app.say("Something else.")
        await desk.until(lambda: "Something else." in desk.text())
        after = desk.text().split("\n")
        assert [row for row in range(24) if before[row] != after[row]] == [23]


async def test_what_stands_when_a_dialog_opens_is_said_once(tmp_path: Path) -> None:
    async with console(tmp_path, size=SMALL) as desk:
        await desk.receive(SUMMARIZE)
        await until_needs(desk, 1)
        await desk.press("enter")
        await desk.look_at_draft(SECONDS_UNASKED)
        desk.app.say("Something else.")
        await desk.until(lambda: desk.text().count("Something else.") == 1)
        await desk.decide("r")
        await desk.until_open(ReasonModal)
        await desk.until(lambda: "Something else." in desk.text().split("\n")[23])
        assert desk.text().count("Something else.") == 1
        await desk.press("escape")
        await desk.until(lambda: "Something else." in desk.text().split("\n")[22], "it is the desk's again")
        assert desk.text().count("Something else.") == 1
