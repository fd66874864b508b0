"""The feed's filter, and the ways from a task to its signals and back."""

from __future__ import annotations

from pathlib import Path

import pytest

from evolver_tui.signals import emit_signal
from evolver_tui.tui.modals import SignalModal
from tests.support.desk_fixtures import Console, console
from tests.support.sessions import GENERATE, SUMMARIZE

pytestmark = pytest.mark.anyio


def selected(desk: Console) -> str:
    """The id of the task under the cursor."""
    row = desk.desk.context.selected
    assert row is not None
    return row.task_id


async def test_from_a_task_to_its_signals_and_back(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        await desk.receive(SUMMARIZE, GENERATE)
        await desk.until(lambda: desk.desk.feed.lowest is not None and desk.desk.context.selected is not None)
        await desk.press("G", "s")
        task_id = selected(desk)
        feed = desk.desk.feed
        assert feed.search == f"task:{task_id}"
        assert {signal.context["task_id"] for signal in feed._shown} == {task_id}
        assert desk.app.focused is feed
        await desk.press("escape")
        assert feed.search == ""

        await desk.press("slash", *"task:task-2 node.*", "enter", "s")
        await desk.until(lambda: desk.app.focused is desk.desk.card, "the card")
        assert selected(desk) == "task-2"


async def test_from_a_signal_that_is_read_to_its_task(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        await desk.receive(SUMMARIZE, GENERATE)
        await desk.until(lambda: desk.desk.feed.lowest is not None)
        desk.app.screen.set_focus(desk.desk.feed)
        await desk.press("slash", *"task:task-1 node.written", "enter", "enter")
        await desk.until_open(SignalModal)
        assert "s its task" in desk.text()
        await desk.press("s")
        await desk.until(lambda: desk.app.focused is desk.desk.card, "the card")
        assert selected(desk) == "task-1"


async def test_a_signal_of_no_task_says_so(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        emit_signal("custom.ready", {}, {"task_id": "nowhere"})
        desk.app.screen.set_focus(desk.desk.feed)
        await desk.press("slash", *"custom.*", "enter")
        await desk.until(lambda: "custom.ready" in desk.text())
        await desk.press("s")
        await desk.until(lambda: "custom.ready tells of no task that is in the queue." in desk.notices)


async def test_the_filter_says_what_may_be_typed_and_finds_by_level(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        for level in ("info", "warning", "error"):
            emit_signal(f"custom.{level}", {"number": 1}, {"level": level})
        desk.app.screen.set_focus(desk.desk.feed)
        await desk.press("slash")
        assert "llm.*, level:warning, task:ID" in desk.text()
        await desk.press(*"custom.* level:warning", "enter")
        await desk.until(lambda: "2 match" in desk.text())
        names = [signal.name for signal in desk.desk.feed._shown]
        assert names == ["custom.warning", "custom.error"]
