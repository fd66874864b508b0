"""How the statistics look: in both sizes, light, in ASCII, by day, and where there is nothing to see."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from evolver_tui.tui.app import EvolverApp
from evolver_tui.tui.desk_settings import DeskSettings
from evolver_tui.tui.screens.statistics.screen import StatisticsView
from evolver_tui.wiring import make_session
from tests.support.boxes import SteadySandbox
from tests.support.decided_week import fill_week
from tests.support.sessions import workspace_in

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
    """The view over a week in a database, whose clock stands."""

    def __init__(self, folder: Path, theme: str = "evolver-dark", *, decisions: int = 60, **settings: Any) -> None:
        self._now = datetime(2027, 1, 15, 18).timestamp()
        self._decisions = decisions
        self._place = place = workspace_in(folder)
        told = DeskSettings(theme=theme, now=lambda: self._now, monotonic=lambda: 10 * time.monotonic(), **settings)
        sandbox = SteadySandbox()
        self.app = EvolverApp(lambda: make_session(place, pace=0.0, sandbox=sandbox), lambda: ([], None), told)

    def steps(self, *keys: str) -> Steps:
        """Open the view, and press keys."""

        async def run(pilot: Pilot[int]) -> None:
            await self._until(pilot, lambda: getattr(self.app.screen, "is_armed", False))
            await pilot.press("escape")
            await self._until(pilot, lambda: len(self.app.screen_stack) == 1)
            if self._decisions:
                file = self._place.database_file
                assert file is not None
                await fill_week(file, self._now, decisions=self._decisions)
            await pilot.press("6")
            await self._until(pilot, lambda: isinstance(self.app.screen, StatisticsView))
            screen = self.app.screen
            assert isinstance(screen, StatisticsView)
            for key in ("", *keys):
                await pilot.press(*filter(None, (key,)))
                await self._until(pilot, lambda: screen.context.found is not None)
                await pilot.pause(0.1)

        return run

    async def _until(self, pilot: Pilot[int], condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not condition():
                await pilot.pause(0.02)


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize("theme", ["evolver-dark", "evolver-light"])
def test_statistics(snap_compare: Any, tmp_path: Path, theme: str, size: tuple[int, int]) -> None:
    stage = Stage(tmp_path, theme)
    assert snap_compare(stage.app, terminal_size=size, run_before=stage.steps("n", "j"))


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_statistics_by_day_in_ascii(snap_compare: Any, tmp_path: Path, size: tuple[int, int]) -> None:
    stage = Stage(tmp_path, plain=True)
    assert snap_compare(stage.app, terminal_size=size, run_before=stage.steps("N"))


@pytest.mark.parametrize("decisions", [0, 3])
def test_statistics_of_few(snap_compare: Any, tmp_path: Path, decisions: int) -> None:
    stage = Stage(tmp_path, decisions=decisions)
    assert snap_compare(stage.app, terminal_size=NARROW, run_before=stage.steps("p", "p"))
