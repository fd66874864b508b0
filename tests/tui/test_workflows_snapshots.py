"""How the workflows look: in both sizes, light, without colours, in ASCII, and where there is nothing to see."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from evolver_tui.engine.workflow.broker import ParkedRequest
from evolver_tui.tui.app import EvolverApp
from evolver_tui.tui.desk_settings import DeskSettings
from evolver_tui.tui.screens.workflows.screen import Workflows
from evolver_tui.wiring import make_session
from tests.support.boxes import SteadySandbox
from tests.support.sessions import workspace_in
from tests.support.workflow_broker import Chats, a_busy_morning

pytestmark = pytest.mark.skipif(
    sys.version_info[:2] != (3, 11) or os.environ.get("NO_COLOR") is not None,
    reason="pictures are drawn on Python 3.11 with colours, so that they differ for no other reason",
)

WIDE, NARROW = (120, 40), (80, 24)
REASON = "It was handed out 5 times, and no instance answered it to the end."
PARKED = [
    ParkedRequest(number, f"chat.workflow.execute.sess_{number}",
                  b'{"user_id": "grace", "message": "Sum up the last quarter, region by region."}', REASON, 5,
                  1_767_268_800.0 - 300 * number)
    for number in (7, 9)
]  # fmt: skip

Steps = Callable[[Pilot[int]], Awaitable[None]]


@pytest.fixture(autouse=True)
def _greenwich(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def hurried() -> float:
    """Dialogs take keys ten times as early."""
    return 10 * time.monotonic()


class Stage:
    """The view over chats in memory, whose clock stands."""

    def __init__(self, folder: Path, theme: str = "evolver-dark", *parked: ParkedRequest, **settings: Any) -> None:
        self.chats = Chats(*parked)
        self._parked = len(parked)
        place = workspace_in(folder)
        told = DeskSettings(
            theme=theme, now=self.chats.time.now, monotonic=hurried,
            **{"make_monitor": self.chats.make_monitor, **settings},
        )  # fmt: skip
        sandbox = SteadySandbox()
        self.app = EvolverApp(lambda: make_session(place, pace=0.0, sandbox=sandbox), lambda: ([], None), told)

    def steps(self, *keys: str, tell: Callable[[Chats], None] = a_busy_morning) -> Steps:
        """Open the view, let chats happen, and press keys."""

        async def run(pilot: Pilot[int]) -> None:
            await self._until(pilot, lambda: getattr(self.app.screen, "is_armed", False))
            await pilot.press("escape")
            await self._until(pilot, lambda: len(self.app.screen_stack) == 1)
            await pilot.press("3")
            await self._until(pilot, lambda: isinstance(self.app.screen, Workflows))
            screen = self.app.screen
            assert isinstance(screen, Workflows)
            if self.app.settings.make_monitor is not None:
                await self._until(pilot, lambda: screen.context.open_monitor is not None)
                await self._until(pilot, lambda: len(screen.context.monitor.parked) == self._parked)
            tell(self.chats)
            screen.draw()
            await pilot.pause(0.1)
            for key in keys:
                await pilot.press(key)
                await pilot.pause(0.2)
            screen.draw()
            await pilot.pause(0.1)

        return run

    async def _until(self, pilot: Pilot[int], condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not condition():
                await pilot.pause(0.02)


def nothing(chats: Chats) -> None:
    """Nobody chats."""


def away(chats: Chats) -> None:
    """NATS goes away."""
    a_busy_morning(chats)
    chats.broker.stand(False, "nats://localhost:4222 does not answer.")


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize("theme", ["evolver-dark", "evolver-light", "high-contrast"])
def test_workflows(snap_compare: Any, tmp_path: Path, theme: str, size: tuple[int, int]) -> None:
    stage = Stage(tmp_path, theme, *PARKED)
    assert snap_compare(stage.app, terminal_size=size, run_before=stage.steps("k"))


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize(
    "pressed",
    [("p",), ("k", "enter"), ("k", "D"), ("slash", *"linus", "enter"), ("g", "tab"), ("k", "k", "k")],
    ids=["parked", "conversation", "cancel", "filter", "answer", "asking"],
)
def test_workflows_after(snap_compare: Any, tmp_path: Path, pressed: tuple[str, ...], size: tuple[int, int]) -> None:
    stage = Stage(tmp_path, "evolver-dark", *PARKED)
    assert snap_compare(stage.app, terminal_size=size, run_before=stage.steps(*pressed))


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize("tell", [nothing, away], ids=["quiet", "away"])
def test_workflows_where(
    snap_compare: Any, tmp_path: Path, tell: Callable[[Chats], None], size: tuple[int, int]
) -> None:
    stage = Stage(tmp_path)
    assert snap_compare(stage.app, terminal_size=size, run_before=stage.steps(tell=tell))


def test_workflows_in_a_demo(snap_compare: Any, tmp_path: Path) -> None:
    stage = Stage(tmp_path, make_monitor=None)
    assert snap_compare(stage.app, terminal_size=NARROW, run_before=stage.steps(tell=nothing))


def test_workflows_in_ascii(snap_compare: Any, tmp_path: Path) -> None:
    stage = Stage(tmp_path, "sixteen", *PARKED, plain=True)
    assert snap_compare(stage.app, terminal_size=NARROW, run_before=stage.steps("k"))


def test_workflows_without_colours(snap_compare: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    stage = Stage(tmp_path, "evolver-dark", *PARKED)
    assert snap_compare(stage.app, terminal_size=NARROW, run_before=stage.steps("k"))
