"""A node that somebody changed by hand, and a draft that takes its place: it is said, and nothing is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from evolver_tui.cli.nodes import operations
from evolver_tui.tui.screens.desk.draft_guard import SECONDS_UNASKED
from evolver_tui.wiring import known_tools, make_library
from tests.support.desk_fixtures import SMALL, Console, console
from tests.support.hostile import squeezed
from tests.support.sessions import SUMMARIZE
from tests.support.waiting_fixtures import until_needs

pytestmark = pytest.mark.anyio

NODE = "summarize_blog_post"


def words_of(desk: Console) -> str:
    return " ".join(desk.text().replace("│", " ").split())


def read(file: Path) -> str:
    return file.read_text()


async def at_draft(desk: Console, task_id: str) -> None:
    """A draft for the same node, of another task, on the card."""
    await desk.receive({**SUMMARIZE, "id": task_id})
    await until_needs(desk, 1)
    await desk.press("n", "enter")
    await desk.until(lambda: (review := desk.desk.card.content.review) and review.draft.node_id == NODE)
    await desk.look_at_draft(SECONDS_UNASKED)


async def approved(desk: Console, version: int) -> None:
    await desk.decide("a")
    await desk.until(lambda: (record := make_library(desk.place).latest(NODE)) and record.version == version)
    await until_needs(desk, 0)


async def until_over(desk: Console) -> None:
    """The card of an approved task is there, with its code; turn to how it stands."""

    def is_there() -> bool:
        content = desk.desk.card.content
        return content.subtitle.startswith("approved") and content.pages[0].title == "Code"

    await desk.until(is_there, "the card of what is over")
    while desk.desk.card.page.title != "State":
        await desk.press("l")


async def test_the_card_says_where_the_node_lies_and_how_it_is_run(tmp_path: Path) -> None:
    folder = str(tmp_path / "nodes")
    async with console(tmp_path, nodes_folder=folder, run_options=" --nodes 'my nodes'") as desk:
        await at_draft(desk, "task-1")
        await approved(desk, 1)
        await desk.press("escape", "G", "enter")
        await until_over(desk)
        await desk.until(lambda: f"evolver-tui run {NODE} --nodes 'my nodes' < input.json" in words_of(desk))
        assert squeezed(f"{folder}/{NODE}/main.py") in squeezed(words_of(desk))


async def test_it_is_said_before_and_after_the_approval(tmp_path: Path) -> None:
    async with console(tmp_path, size=SMALL) as desk:
        await at_draft(desk, "task-1")
        await approved(desk, 1)
        main = tmp_path / "nodes" / NODE / "main.py"
        mended = main.read_text() + "# mended\n"
        main.write_text(mended)
        await at_draft(desk, "task-2")
        assert "the main.py that it replaces was changed by hand; that copy is kept" in words_of(desk)
        await desk.press("h")
        assert "an approval keeps that copy in versions/" in words_of(desk)
        await desk.press("l")

        main.write_text(mended := mended + "# and once more\n")
        await desk.decide("a")
        await desk.until(lambda: any("changed by hand since the card was read" in words for words in desk.notices))
        await desk.look_at_draft(SECONDS_UNASKED)
        await approved(desk, 2)
        await until_over(desk)
        await desk.until(lambda: "had been changed by hand. That copy is kept" in words_of(desk), "the card after it")

        library = make_library(desk.place)
        (copy,) = library.kept(NODE)
        kept = Path(copy.path)
        assert (copy.version, read(kept)) == (1, mended)
        shown = operations.show_node(library, NODE).text
        assert f"to get it back: evolver-tui nodes import {copy.path} --nodes {copy.library}" in shown
        back = operations.import_file(library, kept, known_tools(desk.place).tools, lambda: 0.0, "ada")
        assert back.exit_code == 0
        record, code = library.read(NODE)
        assert (record.version, code) == (3, mended)
