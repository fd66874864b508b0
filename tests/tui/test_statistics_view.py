"""The statistics: figures of what people decided, in groups and periods of one's choice, and files of them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from evolver_tui.adapters.database.encoding import plain
from evolver_tui.core.errors import StoreError
from evolver_tui.tui.screens.statistics.screen import StatisticsView
from tests.support.decided_week import fill_week
from tests.support.desk_fixtures import SMALL, WIDE, Console, console
from tests.support.hostile import HOSTILE, assert_harmless
from tests.support.sessions import workspace_in

pytestmark = pytest.mark.anyio

NOW = datetime(2027, 1, 15, 18).timestamp()


@asynccontextmanager
async def shown(
    folder: Path, *, size: tuple[int, int] = WIDE, decisions: int = 60, **more: Any
) -> AsyncIterator[tuple[Console, StatisticsView]]:
    """The statistics in front, over a week of decisions."""
    place = workspace_in(folder)
    if decisions:
        file = place.database_file
        assert file is not None
        await fill_week(file, NOW, decisions=decisions, **more)
    async with console(folder, size=size, now=lambda: NOW, exports=folder / "exports") as desk:
        assert "statistics" not in desk.app._screens
        await desk.press("6")
        await desk.until(lambda: isinstance(desk.app.screen, StatisticsView), "the statistics")
        view = desk.app.screen
        assert isinstance(view, StatisticsView)
        await read(desk, view)
        yield desk, view


async def read(desk: Console, view: StatisticsView) -> None:
    await desk.until(lambda: view.context.found is not None, "the figures")
    await desk.pilot.pause()


def names(view: StatisticsView) -> list[str]:
    return [figures.name for figures in view.table.rows]


async def test_groups_and_periods_are_chosen_by_keys(tmp_path: Path) -> None:
    async with shown(tmp_path) as (desk, view):
        assert sorted(names(view)[1:]) == ["generate", "summarize", "translate"]
        assert view.table.rows[0].decisions == 60
        await desk.press("n")
        await read(desk, view)
        assert "by model" in desk.text()
        assert "openai/qwen2.5-coder" in names(view)
        await desk.press("N", "N")
        await read(desk, view)
        assert names(view)[1:] == sorted(names(view)[1:])
        assert "by day" in desk.text()
        await desk.press("P")
        await read(desk, view)
        assert "today, by day" in desk.text()
        assert 0 < view.table.rows[0].decisions < 60
        await desk.press("p", "p", "p")
        await read(desk, view)
        assert "all time" in desk.text()


async def test_group_under_the_cursor_is_shown_with_reasons_beside(tmp_path: Path) -> None:
    async with shown(tmp_path) as (desk, view):
        await desk.press("j")
        chosen = view.table.selected
        assert chosen is not None
        text = desk.text()
        assert f"approved       {chosen.approved:>6,}" in text
        assert "p50" in text
        assert "too long" in text.casefold()
        assert "tokens are estimates" in text
        await desk.press("slash", *"gen", "enter")
        assert names(view) == ["generate"]
        await desk.press("escape")
        assert len(names(view)) == 4


async def test_figures_become_files_of_their_own(tmp_path: Path) -> None:
    async with shown(tmp_path) as (desk, _):
        await desk.decide("x")
        await desk.until(lambda: any("written to" in notice for notice in desk.notices), "a notice")
        lines = (tmp_path / "exports" / "statistics-by-type-7-days.csv").read_text().splitlines()
        assert len(lines) == 5
        assert lines[-1].startswith("all,60,")
        await desk.decide("X")
        await desk.until(lambda: list((tmp_path / "exports").glob("*.json")), "a file")
        (file,) = (tmp_path / "exports").glob("*.json")
        await desk.until(file.read_text, "its content")
        assert json.loads(file.read_text())["total"]["decisions"] == 60
        assert file.stat().st_mode & 0o077 == 0
        await desk.decide("x")
        await desk.until(lambda: len(list((tmp_path / "exports").glob("*.csv"))) == 2, "another file")


async def test_few_and_no_decisions_are_told_as_such(tmp_path: Path) -> None:
    async with shown(tmp_path, decisions=3, size=SMALL) as (desk, _):
        assert "Of 3 decisions: too few for a p95" in " ".join(desk.text().replace("│", " ").split())
    async with shown(tmp_path / "none", decisions=0) as (desk, _):
        assert "nothing was decided in this time" in desk.text()


async def test_database_that_is_away_is_told_and_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with shown(tmp_path) as (desk, view):

        async def fail(*arguments: Any, **named: Any) -> Any:
            raise StoreError("The database is away.", "Try again.")

        before = view.context.found
        monkeypatch.setattr(desk.session.store, "decided_questions", fail)
        view.look_again()
        await desk.until(lambda: any("is away" in notice for notice in desk.notices), "a notice")
        assert view.context.found is before
        monkeypatch.undo()
        await desk.press("n")
        await read(desk, view)


@pytest.mark.parametrize("size", [WIDE, SMALL], ids=["wide", "small"])
async def test_strangers_names_and_reasons_harm_nothing(tmp_path: Path, size: tuple[int, int]) -> None:
    texts = [plain(text) for text in HOSTILE.values()]
    async with shown(tmp_path, size=size, people=texts, reasons=texts, decisions=100) as (desk, view):
        await desk.press("n", "n", "n")
        await read(desk, view)
        for _ in range(20):
            await desk.press("j")
            assert_harmless(desk.text())
