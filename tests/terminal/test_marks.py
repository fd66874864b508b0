"""Several drafts decided together in a real terminal, by keys alone."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from tests.support.hubs import free_port
from tests.support.sessions import running, send, workspace_in
from tests.support.terminal import ENTER, SMALL, WIDE, look
from tests.support.terminal_steps import leave, saved_nodes, started

HOSTILE = "\x1b]0;x\x07\u202eevil"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home whose queue holds three drafts of one pattern and one of another."""
    home = tmp_path / "home"

    async def fill() -> None:
        async with running(workspace_in(home)) as (session, watch):
            for number, name in enumerate(("Summarize One", "Summarize Two", f"Summarize Three {HOSTILE}"), 1):
                await send(session, {"id": f"task-{number}", "taskName": name, "llmTaskType": "summarize"})
                await watch.until("review.requested", number)
            await send(session, {"id": "task-4", "taskName": "Generate", "llmTaskType": "generate"})
            await watch.until("review.requested", 4)

    asyncio.run(fill())
    return home


@pytest.mark.parametrize("size", [WIDE, SMALL], ids=["120x40", "80x24"])
def test_one_draft_is_read_and_all_that_are_like_it_are_approved(home: Path, size: tuple[int, int]) -> None:
    with started(home, "--hub", f"http://127.0.0.1:{free_port()}/taskhub", size=size) as terminal:
        terminal.wait_for("needs you 4", "task-1", "summarize_one  v1", "retry" if size == WIDE else "")
        terminal.send(ENTER)
        terminal.wait_for("a approve")
        look()
        look()
        terminal.send("M")
        terminal.wait_for("3 tasks are marked")
        look()
        terminal.send("A")
        terminal.wait_for("Approve 3 drafts?", "does not differ from task-1, which was")
        look()
        terminal.send("y")
        terminal.wait_until(lambda screen: re.search(r"needs you 1\b", screen), "the one that is left")
        terminal.wait_until(lambda screen: len(saved_nodes(home)) == 3, "three saved nodes")
        assert leave(terminal) == 0
    assert saved_nodes(home)[0] == "summarize_one"


def test_a_range_is_sent_back_with_one_reason_and_the_marks_are_gone(home: Path) -> None:
    with started(home, "--hub", f"http://127.0.0.1:{free_port()}/taskhub", "--no-worker") as terminal:
        terminal.wait_for("needs you 4", "task-1", "retry")
        terminal.send("g")
        terminal.send("v")
        terminal.wait_for("range of 1")
        terminal.send("j")
        terminal.wait_for("range of 2")
        terminal.send("v")
        terminal.wait_for("2 marked")
        look()
        terminal.send("r")
        terminal.wait_for("Why are 2 drafts sent back?")
        look()
        for letter in "shorter":
            terminal.send(letter)
        terminal.wait_for("shorter")
        look()
        terminal.send(ENTER)
        terminal.wait_until(lambda screen: re.search(r"needs you 2\b", screen), "two less")
        assert "marked" not in terminal.text
        assert leave(terminal) == 0
