"""The library's view over a real folder: looked over, searched, tried, compared, rolled back, retired, removed."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from evolver_tui.tui.app import EvolverApp
from evolver_tui.tui.desk_settings import DeskSettings
from evolver_tui.tui.modals import ConfirmModal, TryModal
from evolver_tui.tui.modals.list_modal import ListModal
from evolver_tui.tui.screens.library.screen import LibraryView
from tests.support.desk_fixtures import SMALL, WIDE, Console, console, steady_session
from tests.support.hostile import HOSTILE, assert_harmless
from tests.support.node_libraries import NOW, Libraries, node_code
from tests.support.sessions import SUMMARIZE, approval, review_of, running, send, workspace_in

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def library(
    folder: Path, size: tuple[int, int] = WIDE, fill: Callable[[Libraries], None] = Libraries.fill
) -> AsyncIterator[tuple[Console, Libraries]]:
    """The view in front, over a library."""
    nodes = Libraries(workspace_in(folder).nodes)
    fill(nodes)
    async with console(folder, size=size) as desk:
        assert "library" not in desk.app._screens
        await desk.press("5")
        await desk.until(lambda: view(desk).table.has_read, "the library")
        await desk.until(lambda: not view(desk).table.missing(), "the details")
        await desk.until(lambda: view(desk).context.facts is not None or not view(desk).table.rows, "the card")
        await desk.pilot.pause()
        yield desk, nodes


def view(desk: Console) -> LibraryView:
    screen = desk.app.screen_stack[0]
    assert isinstance(screen, LibraryView)
    return screen


def ids(desk: Console) -> list[str]:
    return [row.node.node_id for row in view(desk).table.rows]


async def go_to(desk: Console, node_id: str) -> None:
    view(desk).table.select(node_id)
    await desk.until(lambda: view(desk).context.facts is not None and _shown(desk) == node_id, node_id)
    await desk.pilot.pause()


def _shown(desk: Console) -> str:
    facts = view(desk).context.facts
    return facts.record.node_id if facts is not None else ""


async def test_what_ran_last_stands_on_top_with_what_is_known_of_it(tmp_path: Path) -> None:
    async with library(tmp_path) as (desk, _):
        assert ids(desk)[:3] == ["summarize_blog_post", "translate_product_page", "shorten_again"]
        line = view(desk).table.render_line(1).text.split()
        assert line[:5] == ["summarize_blog_post", "v3", "low", "2", "3"]
        assert "Node 1, as it was written 3 times." in desk.text()
        await desk.press("l")
        for words in ("v3   current, approved by ada", "v1   approved by ada", "task-summarize_blog_post-3"):
            assert words in desk.text()
        await desk.press("o")
        assert ids(desk) == sorted(ids(desk))
        await desk.press("o")
        assert ids(desk)[0] == "shorten_again"


async def test_a_search_finds_names_and_then_code_with_its_line(tmp_path: Path) -> None:
    async with library(tmp_path) as (desk, _):
        await desk.press("slash", *"short")
        await desk.until(lambda: "0 in code" in desk.text(), "the end of the search in code")
        assert ids(desk) == ["shorten_again", "shorten"]
        await desk.press("escape", "slash", *"SUBPROC")
        await desk.until(lambda: ids(desk) == ["extract_invoice_totals"], "the code")
        assert "5: import subprocess" in desk.text()
        await desk.until(lambda: "● 5  import subprocess" in desk.text(), "its line")
        await desk.press("enter", "escape")
        assert len(ids(desk)) == 6


async def test_a_node_is_tried_and_compared(tmp_path: Path) -> None:
    async with library(tmp_path) as (desk, _):
        await desk.press("t")
        await desk.until_open(TryModal)
        await desk.press("ctrl+s")
        await desk.let_it_be_alone()
        await desk.until(lambda: "v3 by hand 1" in desk.text(), "the run")
        assert '{"result": ' in desk.text()
        assert view(desk).context.session.library.uses.of("summarize_blog_post").count == 3, "a try is no use"
        await desk.press("d")
        await desk.until_open(ListModal)
        await desk.press("2", "enter")
        await desk.until(lambda: "v1 and v3: 2 lines added, 2 lines gone." in desk.text(), "the difference")
        assert "-     total_1 = 1" in desk.text()
        await go_to(desk, "shorten")
        await desk.press("d")
        assert desk.notices[-1] == "It has one version alone."


async def test_an_older_version_becomes_current_again_byte_for_byte(tmp_path: Path) -> None:
    async with library(tmp_path) as (desk, nodes):
        await desk.decide("R")
        await desk.until_open(ListModal)
        await desk.press("enter")
        await desk.until_open(ConfirmModal)
        assert "Roll back summarize_blog_post to v2?" in desk.text()
        await desk.decide("y")
        await desk.until(lambda: "summarize_blog_post v4" in desk.text(), "the version")
        folder = nodes.files.root / "summarize_blog_post"
        assert (folder / "main.py").read_bytes() == (folder / "versions" / "2" / "main.py").read_bytes()
        assert nodes.files.code("summarize_blog_post", 3) == node_code(1, version=3)


async def test_marked_nodes_are_retired_together_and_restored(tmp_path: Path) -> None:
    async with library(tmp_path) as (desk, nodes):
        await desk.press("space", "j", "v")
        assert "3 marked" in desk.text()
        marked = set(ids(desk)[:3])
        await desk.decide("X")
        await desk.until_open(ConfirmModal)
        assert "Retire 3 nodes?" in desk.text()
        await desk.decide("y")
        await desk.until(lambda: len(ids(desk)) == 3, "the others")
        assert {record.node_id for record in nodes.files.list()} == set(ids(desk))
        await desk.press("w")
        assert len(ids(desk)) == 6
        await go_to(desk, "summarize_blog_post")
        await desk.until(lambda: not view(desk).table.missing(), "the details")
        assert "retired by" in desk.text()
        await desk.decide("X")
        await desk.until(lambda: any("restored" in notice for notice in desk.notices), "the way back")
        assert marked - {"summarize_blog_post"} == {
            each.node_id for each in nodes.files.overview().nodes if each.retirement is not None
        }
        names = [stored.signal.name for stored in await desk.session.store.signals_before(desk.session.id, None, 50)]
        assert names.count("node.retired") == 3
        assert names.count("node.restored") == 1


async def test_what_is_there_twice_is_found_and_removed(tmp_path: Path) -> None:
    async with library(tmp_path) as (desk, nodes):
        await desk.press("f")
        await desk.until(lambda: view(desk).table.shows_groups, "the groups")
        assert ids(desk) == ["shorten_again", "shorten"]
        assert "1 group" in desk.text()
        await go_to(desk, "shorten_again")
        await desk.decide("D")
        await desk.until_open(ConfirmModal)
        await desk.decide("y")
        await desk.until(lambda: nodes.files.latest("shorten_again") is None, "the removal")
        assert nodes.files.bring_back("shorten_again").version == 1


async def test_the_examples_of_a_node_are_run_again(tmp_path: Path) -> None:
    async with library(tmp_path) as (desk, _):
        await desk.press("T")
        await desk.until(lambda: any("Examples of summarize_blog_post" in notice for notice in desk.notices), "the end")
        assert "differs" in desk.text()


async def test_the_way_to_the_task_that_made_a_node(tmp_path: Path) -> None:
    async with running(workspace_in(tmp_path)) as (session, watch):
        await send(session, [SUMMARIZE])
        question, subject = await review_of(session, watch, SUMMARIZE["id"])
        await session.inbox.decide(question.id, approval(subject))
        await watch.until("task.completed", 1)
    async with library(tmp_path, fill=lambda nodes: None) as (desk, _):
        await desk.press("s")
        await desk.until(lambda: desk.app.screen is desk.desk, "the desk")
        await desk.until(lambda: desk.desk.context.selected is not None, "the task")
        assert desk.desk.context.selected is not None
        assert desk.desk.context.selected.task_id == SUMMARIZE["id"]


async def test_a_change_by_another_process_is_seen_by_itself(tmp_path: Path) -> None:
    async with library(tmp_path) as (desk, nodes):
        nodes.approve("from_elsewhere", node_code(9))
        desk.clock.seconds += 3_600
        view(desk)._look()
        await desk.until(lambda: "from_elsewhere" in ids(desk), "the node")


@pytest.mark.parametrize("name", HOSTILE)
async def test_what_strangers_wrote_is_shown_and_does_nothing(tmp_path: Path, name: str) -> None:
    text = HOSTILE[name]

    def fill(nodes: Libraries) -> None:
        nodes.approve("evil", f"# {text}\nprint('{{}}')\n", title=text, by=text)
        nodes.approve("evil", f"# {text}{text}\nprint('{{}}')\n", title=text, by=text)
        folder = nodes.files.root / "evil" / "versions" / "2"
        record = json.loads((folder / "node.json").read_text())
        record |= {"tags": [text], "author": text, "task_id": text, "task_type": text, "tools": [text]}
        (folder / "node.json").write_text(json.dumps(record))
        examples = nodes.files.root / "evil" / "examples"
        (examples / "mine.json").write_text(json.dumps({"input": {text: text}, "output": {"a": text}, "tools": []}))
        (nodes.files.root / "index.json").unlink()

    async with library(tmp_path, fill=fill) as (desk, _):
        for _ in range(5):
            await desk.press("l")
            assert_harmless(desk.text())
        await desk.press("slash", *"evil")
        await desk.pilot.pause()
        assert_harmless(desk.text())


async def test_a_library_of_many_nodes_reads_those_in_sight(tmp_path: Path) -> None:
    def fill(nodes: Libraries) -> None:
        nodes.approve("node_0", node_code(1))
        record = json.loads((nodes.files.root / "node_0" / "node.json").read_text())
        for number in range(1, 2_000):
            folder = nodes.files.root / f"node_{number}" / "versions" / "1"
            folder.mkdir(parents=True)
            (folder / "node.json").write_text(json.dumps({**record, "node_id": f"node_{number}"}))
            (folder / "main.py").write_text(node_code(1))
        nodes.files.overview()

    async with library(tmp_path, SMALL, fill) as (desk, _):
        table = view(desk).table
        assert len(table.rows) == 2_000
        assert len(table._details) < 60
        await desk.press("G")
        await desk.until(lambda: not table.missing(), "the details of the last ones")
        assert len(table._details) < 120


# --- pictures --------------------------------------------------------------------------------------------------------

drawn = pytest.mark.skipif(
    sys.version_info[:2] != (3, 11) or os.environ.get("NO_COLOR") is not None,
    reason="pictures are drawn on Python 3.11 with colours, so that they differ for no other reason",
)
NARROW = (80, 24)


@pytest.fixture
def _greenwich(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


class Stage:
    """The view over six nodes, whose clock stands."""

    def __init__(self, folder: Path, theme: str = "evolver-dark", **settings: Any) -> None:
        place = workspace_in(folder)
        Libraries(place.nodes).fill()
        told = DeskSettings(theme=theme, now=lambda: NOW, monotonic=lambda: 10 * time.monotonic(), **settings)
        self.app = EvolverApp(lambda: steady_session(place), lambda: ([], None), told)

    def steps(self, *keys: str, until: str = "") -> Callable[[Pilot[int]], Awaitable[None]]:
        """Open the view, and press keys."""

        async def run(pilot: Pilot[int]) -> None:
            await self._until(pilot, lambda: getattr(self.app.screen, "is_armed", False))
            await pilot.press("escape")
            await self._until(pilot, lambda: len(self.app.screen_stack) == 1)
            await pilot.press("5")
            await self._until(pilot, lambda: isinstance(self.app.screen, LibraryView))
            screen = self.app.screen
            assert isinstance(screen, LibraryView)
            screen.head.update("library", "host:/home/ada/nodes")
            await self._until(pilot, lambda: screen.context.facts is not None and not screen.table.missing())
            for key in keys:
                await pilot.press(key)
                await pilot.pause(0.1)
            await self._until(pilot, lambda: not screen.table.missing())
            await self._until(pilot, lambda: until in screen.table.search_words or screen.table.shows_groups)
            await pilot.pause(0.2)

        return run

    async def _until(self, pilot: Pilot[int], condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not condition():
                await pilot.pause(0.02)


@drawn
@pytest.mark.usefixtures("_greenwich")
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize("theme", ["evolver-dark", "evolver-light"])
def test_library(snap_compare: Any, tmp_path: Path, theme: str, size: tuple[int, int]) -> None:
    stage = Stage(tmp_path, theme)
    assert snap_compare(stage.app, terminal_size=size, run_before=stage.steps("space", "v", "k"))


@drawn
@pytest.mark.usefixtures("_greenwich")
@pytest.mark.parametrize(
    ("pressed", "until", "size"),
    [
        (("l",), "", WIDE), (("slash", *"import sub", "enter"), "in code", WIDE), (("f",), "", NARROW),
        (("enter", "l"), "", NARROW),
    ],
    ids=["versions", "search", "duplicates", "large"],
)  # fmt: skip
def test_library_after(
    snap_compare: Any, tmp_path: Path, pressed: tuple[str, ...], until: str, size: tuple[int, int]
) -> None:
    stage = Stage(tmp_path)
    keys = ["space" if key == " " else key for key in pressed]
    assert snap_compare(stage.app, terminal_size=size, run_before=stage.steps(*keys, until=until))


@drawn
@pytest.mark.usefixtures("_greenwich")
def test_library_in_ascii(snap_compare: Any, tmp_path: Path) -> None:
    stage = Stage(tmp_path, "sixteen", plain=True)
    assert snap_compare(stage.app, terminal_size=NARROW, run_before=stage.steps("l", "l", "l"))
