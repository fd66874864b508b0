"""What a person notices who looks elsewhere: the window's title and the bell."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from textual.events import AppBlur, AppFocus

from evolver_tui.tui.attention import Attention
from tests.support.databases import add as add_tasks
from tests.support.databases import opened, pause, tasks
from tests.support.desk_fixtures import console
from tests.support.processes import environment
from tests.support.sessions import GENERATE, SUMMARIZE, workspace_in
from tests.support.terminal import console as start_console
from tests.support.waiting_fixtures import (
    ASKS,
    SORT,
    until_needs,
)

pytestmark = pytest.mark.anyio


# --- title and bell


def attended(term: str = "xterm-256color", *, plain: bool = False) -> tuple[Attention, list[str]]:
    """Attention, and what it does: sequences, and BELL for each bell."""
    done: list[str] = []
    return Attention(done.append, lambda: done.append("BELL"), term, plain=plain), done


def test_the_title_says_how_many_and_is_given_back() -> None:
    attention, done = attended()
    for needs_you in (0, 0, 1, 3, 3, 1_204):
        attention.update(needs_you, is_looked_at=True)
    attention.lend()
    attention.lend()
    attention.update(2, is_looked_at=True)
    attention.take_back()
    attention.give_up()
    attention.update(1, is_looked_at=True)
    attention.lend()
    assert done == [
        "\x1b[22;2t\x1b]2;evolver\x1b\\",
        "\x1b]2;evolver · 1 needs you\x1b\\",
        "\x1b]2;evolver · 3 need you\x1b\\",
        "\x1b]2;evolver · 1,204 need you\x1b\\",
        "\x1b]2;\x1b\\\x1b[23;2t",
        "\x1b[22;2t\x1b]2;evolver · 2 need you\x1b\\",
    ]


@pytest.mark.parametrize("term", ["dumb", "linux", ""])
def test_a_terminal_without_a_title_is_left_alone(term: str) -> None:
    attention, done = attended(term)
    attention.update(1, is_looked_at=False)
    attention.update(2, is_looked_at=False)
    attention.lend()
    assert done == ["BELL"]


BELLS = {
    "first look": ([(3, False)], 0),
    "looked at": ([(0, True), (1, True), (2, True)], 0),
    "looked away": ([(0, True), (1, False)], 1),
    "more while away": ([(0, True), (1, False), (2, False), (9, False)], 1),
    "looked back and away": ([(0, True), (1, False), (1, True), (2, False)], 2),
    "nothing comes": ([(3, True), (3, False), (2, False), (0, False)], 0),
    "all done and one more": ([(0, False), (1, False), (0, False), (1, False)], 2),
}


@pytest.mark.parametrize(("looks", "bells"), BELLS.values(), ids=BELLS)
def test_the_bell_rings_once_while_nobody_looks(looks: Sequence[tuple[int, bool]], bells: int) -> None:
    attention, done = attended(plain=True)
    for needs_you, is_looked_at in looks:
        attention.update(needs_you, is_looked_at)
    assert done.count("BELL") == bells
    assert all(sequence.isascii() for sequence in done)


async def test_the_console_rings_only_when_the_terminal_said_that_it_lost_the_focus(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with console(tmp_path) as desk:
        rung: list[int] = []
        attention = desk.desk.attention
        assert attention is not None
        monkeypatch.setattr(attention, "_ring", lambda: rung.append(1))
        await desk.receive(ASKS)
        await until_needs(desk, 1)
        await desk.pilot.pause()
        assert rung == []
        desk.app.post_message(AppBlur())
        await desk.until(lambda: not desk.app.app_focus)
        await desk.receive(SORT)
        await desk.until(lambda: rung == [1], "a bell")
        await desk.receive(SUMMARIZE)
        await until_needs(desk, 3)
        desk.app.post_message(AppFocus())
        await desk.until(lambda: desk.app.app_focus)
        await desk.receive(GENERATE)
        await until_needs(desk, 4)
        await desk.pilot.pause()
        assert rung == [1]


def test_a_real_terminal_gets_title_and_bell_and_its_title_back(tmp_path: Path) -> None:
    async def add_question(task_id: str) -> None:
        file = workspace_in(tmp_path).database_file
        assert file is not None
        async with opened(file) as database:
            await add_tasks(database, *tasks(task_id))
            await pause(database)

    asyncio.run(add_question("first"))
    hub = "http://127.0.0.1:9/taskhub"
    with start_console(tmp_path, "--hub", hub, "--no-worker", environ=environment(tmp_path)) as terminal:
        terminal.wait_for("needs you 1")
        terminal.wait_until(lambda _: terminal.title == "evolver · 1 needs you", "the title")
        terminal.send("\x1b[O")
        terminal.wait_until(lambda _: not any(is_bold for is_bold, _, _ in terminal.looks(" Queue ")), "a lost focus")
        asyncio.run(add_question("second"))
        terminal.wait_for("needs you 2")
        assert "enter read" in terminal.text, "the keys stay"
        terminal.wait_until(lambda _: terminal.title == "evolver · 2 need you", "the title")
        terminal.send("\x1b[I")
        terminal.send("q")
        assert terminal.wait() == 0
        assert terminal.title == ""
    raw = terminal.raw
    assert raw.count(b"\x07") - raw.count(b"\x1b]22;") == 1, "BELs that end no sequence"
    assert raw.count(b"\x1b[22;2t") == raw.count(b"\x1b[23;2t") == 1


async def test_the_config_switches_title_and_bell_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with console(tmp_path, has_title=False, has_bell=False) as desk:
        attention = desk.desk.attention
        assert attention is not None
        sent: list[str] = []
        monkeypatch.setattr(attention, "_write", sent.append)
        monkeypatch.setattr(desk.app, "bell", lambda: sent.append("BELL"))
        desk.app.post_message(AppBlur())
        await desk.until(lambda: not desk.app.app_focus)
        await desk.receive(ASKS)
        await until_needs(desk, 1)
        await desk.pilot.pause()
        assert sent == []
