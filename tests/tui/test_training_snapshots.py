"""How the training view looks: in both sizes, light, without colours, in ASCII, and where there is nothing to see."""

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

from evolver_tui.tui.app import EvolverApp
from evolver_tui.tui.desk_settings import DeskSettings
from evolver_tui.tui.screens.training.screen import Training
from evolver_tui.wiring import make_session
from tests.support.boxes import SteadySandbox
from tests.support.sessions import workspace_in
from tests.support.training_runs import Trainings

pytestmark = pytest.mark.skipif(
    sys.version_info[:2] != (3, 11) or os.environ.get("NO_COLOR") is not None,
    reason="pictures are drawn on Python 3.11 with colours, so that they differ for no other reason",
)

WIDE, NARROW = (120, 40), (80, 24)

Steps = Callable[[Pilot[int]], Awaitable[None]]


@pytest.fixture(autouse=True)
def _greenwich(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


class Stage:
    """The view over runs in memory, whose clock stands."""

    def __init__(self, folder: Path, theme: str = "evolver-dark", *, is_busy: bool = True, **settings: Any) -> None:
        self.trainings = Trainings()
        if is_busy:
            self.trainings.morning()
        place = workspace_in(folder)
        told = DeskSettings(
            theme=theme, now=lambda: self.trainings.now, monotonic=lambda: 10 * time.monotonic(),
            **{"make_training": self.trainings.make, **settings},
        )  # fmt: skip
        sandbox = SteadySandbox()
        self.app = EvolverApp(lambda: make_session(place, pace=0.0, sandbox=sandbox), lambda: ([], None), told)

    def steps(self, *keys: str) -> Steps:
        """Open the view, and press keys."""

        async def run(pilot: Pilot[int]) -> None:
            await self._until(pilot, lambda: getattr(self.app.screen, "is_armed", False))
            await pilot.press("escape")
            await self._until(pilot, lambda: len(self.app.screen_stack) == 1)
            await pilot.press("4")
            await self._until(pilot, lambda: isinstance(self.app.screen, Training))
            screen = self.app.screen
            assert isinstance(screen, Training)
            await self._until(pilot, lambda: screen.context.open_monitor is not None)
            for key in ("", *keys):
                await pilot.press(*filter(None, (key,)))
                screen.draw()
                await pilot.pause(0.1)

        return run

    async def _until(self, pilot: Pilot[int], condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not condition():
                await pilot.pause(0.02)


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize("theme", ["evolver-dark", "evolver-light"])
def test_training(snap_compare: Any, tmp_path: Path, theme: str, size: tuple[int, int]) -> None:
    stage = Stage(tmp_path, theme)
    assert snap_compare(stage.app, terminal_size=size, run_before=stage.steps("s", "s"))


READ_OFF = ("tab", "left", *["shift+left"] * 5)
COMPARED = ("a", *"jjjcg", "l")


@pytest.mark.parametrize(
    ("pressed", "size"),
    [
        (READ_OFF, WIDE), (COMPARED, WIDE), (("enter", "t", "plus"), NARROW), (("e",), NARROW), (("o",), NARROW),
        (("M",), NARROW), (("n", "enter"), (180, 50)),
    ],
    ids=["read off", "compared", "large", "events", "open", "metrics", "vast"],
)  # fmt: skip
def test_training_after(snap_compare: Any, tmp_path: Path, pressed: tuple[str, ...], size: tuple[int, int]) -> None:
    stage = Stage(tmp_path)
    assert snap_compare(stage.app, terminal_size=size, run_before=stage.steps(*pressed))


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_training_where_nothing_trained(snap_compare: Any, tmp_path: Path, size: tuple[int, int]) -> None:
    stage = Stage(tmp_path, is_busy=False)
    assert snap_compare(stage.app, terminal_size=size, run_before=stage.steps())


def test_training_in_ascii(snap_compare: Any, tmp_path: Path) -> None:
    stage = Stage(tmp_path, "sixteen", plain=True)
    assert snap_compare(stage.app, terminal_size=NARROW, run_before=stage.steps(*COMPARED))


def test_training_without_colours(snap_compare: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    stage = Stage(tmp_path)
    assert snap_compare(stage.app, terminal_size=NARROW, run_before=stage.steps(*COMPARED))
