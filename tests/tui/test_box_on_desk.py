"""How nodes are held, on the desk: the status line, and running without a box where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from evolver_tui.tui.drawing.styles import Fragment
from evolver_tui.tui.modals import ConnectModal, WordModal
from evolver_tui.tui.screens.desk.actions.box import RUN_UNHELD
from evolver_tui.tui.screens.desk.panes.status_line import Status, StatusLine
from evolver_tui.wiring import NO_WORK, make_session
from tests.support.boxes import no_box
from tests.support.desk_fixtures import Console, console
from tests.support.sessions import workspace_in

pytestmark = pytest.mark.anyio

BUSY = Status(waiting=418, needs_you=13, author="openai/qwen2.5-coder:32b", session_id="session_20261120_154500_080911")


def fragments(status: Status, width: int = 80) -> list[Fragment]:
    line = StatusLine([("1", "Desk")], "T")
    line.update(status)
    return list(line.line(0, width)[0])


def words(status: Status, width: int) -> str:
    return "".join(text for text, _ in fragments(status, width))


@pytest.mark.parametrize("tier", ["full", "guard", "none"])
def test_the_tier_stands_in_the_status_line_and_outlasts_the_author(tier: str) -> None:
    status = BUSY._replace(tier=tier)
    assert f"box {tier}" in words(status, 120)
    assert status.author in words(status, 120)
    assert f"box {tier}" in words(status, 72)
    assert status.author not in words(status, 72)


def test_nothing_is_said_before_it_is_known() -> None:
    assert "box" not in words(BUSY, 120)


def test_no_box_is_said_in_words_and_in_the_colour_of_errors() -> None:
    assert [style for text, style in fragments(BUSY._replace(tier="none")) if "box none" in text] == ["error"]


async def opened(desk: Console) -> None:
    await desk.until_open(ConnectModal)
    await desk.press("escape")
    await desk.until(lambda: "box none" in desk.text(), "the tier")


async def test_a_typed_word_lets_nodes_run_without_a_box(tmp_path: Path) -> None:
    place, sandbox = workspace_in(tmp_path), no_box()
    async with console(tmp_path, make=lambda: make_session(place, pace=0.0, sandbox=sandbox)) as desk:
        await opened(desk)
        desk.app.perform(RUN_UNHELD)
        await desk.until_open(WordModal)
        assert "change and delete your files" in " ".join(desk.text().replace("│", " ").split())
        await desk.answer(*"yes")
        assert isinstance(desk.app.screen, WordModal)
        assert "Type unboxed, or leave with esc." in desk.text()
        await desk.press("backspace", "backspace", "backspace")
        await desk.answer(*"unboxed")
        await desk.until(lambda: "box none, nodes run" in desk.text(), "the consent")
        assert (await sandbox.standing()).runs_unheld
        assert desk.app.reason_against(RUN_UNHELD) == "Nodes run without a box already."


async def test_leaving_the_dialog_changes_nothing(tmp_path: Path) -> None:
    place, sandbox = workspace_in(tmp_path), no_box()
    async with console(tmp_path, make=lambda: make_session(place, pace=0.0, sandbox=sandbox)) as desk:
        await opened(desk)
        desk.app.perform(RUN_UNHELD)
        await desk.until_open(WordModal)
        await desk.press(*"unboxed", "escape")
        await desk.until(lambda: desk.app.screen is desk.desk, "the desk")
        assert not (await sandbox.standing()).runs_unheld


async def test_where_a_box_is_there_is_nothing_to_allow(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        await desk.until(lambda: "box full" in desk.text(), "the tier")
        assert desk.app.reason_against(RUN_UNHELD) == "Nodes run in a box here, tier full."


async def test_a_console_without_a_worker_finds_its_box_as_well(tmp_path: Path) -> None:
    place, sandbox = workspace_in(tmp_path), no_box()
    async with console(tmp_path, make=lambda: make_session(place, work=NO_WORK, sandbox=sandbox)) as desk:
        await opened(desk)
