"""How many keys it takes to go through what waits, in a real terminal."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from evolver_tui.adapters.database.database import Database
from evolver_tui.core.task import Task
from tests.support.databases import silent
from tests.support.hubs import free_port
from tests.support.sessions import running, send, workspace_in
from tests.support.terminal import ENTER, SMALL, WIDE, Terminal, look
from tests.support.terminal_steps import leave, saved_nodes, started

F7 = "\x1b[18~"
BANNERS = ("another draft than before", "keys after 3 s")
PROPOSED = "Filled in as the same was answered last"

REVIEWS, QUESTIONS = 10, 5

SIZES = pytest.mark.parametrize("size", [WIDE, SMALL], ids=["120x40", "80x24"])


def reviewed(number: int) -> dict[str, Any]:
    """A task that ends at a review."""
    return {"id": f"task-{number}", "taskName": f"Summarize page {number}", "llmTaskType": "summarize"}


def unclear(number: int) -> dict[str, Any]:
    """A task that does not say what it is."""
    return {"id": f"form-{number}", "taskName": f"Sort form {number}"}


def fill(home: Path, *tasks: dict[str, Any], signal_name: str) -> None:
    """Let a session work on tasks until each needs a person."""

    async def work() -> None:
        async with running(workspace_in(home)) as (session, watch):
            await send(session, {"tasks": list(tasks)})
            await watch.until(signal_name, len(tasks))

    asyncio.run(work())


def receive(home: Path, task: dict[str, Any]) -> None:
    """A task comes in by another process."""

    async def add() -> None:
        database = Database(home / "data" / "evolver.db")
        await database.open()
        await database.add_tasks([Task.from_raw(task)], "s", generate=True, signals_of=silent)
        await database.close()

    asyncio.run(add())


class Hands:
    """A person whose keys are counted."""

    def __init__(self, terminal: Terminal) -> None:
        self.terminal = terminal
        self.keys = 0

    def press(self, key: str) -> None:
        look()
        self.keys += 1
        self.terminal.send(key)


def desk(home: Path, size: tuple[int, int]) -> Any:
    return started(home, "--hub", f"http://127.0.0.1:{free_port()}/taskhub", size=size)


def decidable(terminal: Terminal, node: str) -> None:
    """A draft lies on the card and has lain there for long enough."""
    terminal.wait_until(lambda screen: f"{node}  v1" in screen and "a approve" in screen, node)
    look()
    terminal.wait_without(*BANNERS)


@SIZES
def test_a_run_of_reviews_costs_one_key_each_and_so_does_what_arrives_afterwards(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    home = tmp_path / "home"
    fill(home, *map(reviewed, range(REVIEWS)), signal_name="review.requested")
    with desk(home, size) as terminal:
        hands = Hands(terminal)
        terminal.wait_for(f"needs you {REVIEWS}")
        hands.press(ENTER)
        for number in range(REVIEWS):
            decidable(terminal, f"summarize_page_{number}")
            hands.press("a")
        terminal.wait_without("needs you")
        terminal.wait_for(f"task-{REVIEWS - 1}  Summarize page {REVIEWS - 1}", "approved · ")
        assert hands.keys == 1 + REVIEWS
        receive(home, reviewed(REVIEWS))
        decidable(terminal, f"summarize_page_{REVIEWS}")
        hands.press("a")
        terminal.wait_for(f"task-{REVIEWS}  Summarize page {REVIEWS}", "approved · ")
        assert hands.keys == 2 + REVIEWS
        assert len(saved_nodes(home)) == REVIEWS + 1
        assert leave(terminal) == 0


@SIZES
def test_questions_of_the_same_form_take_a_choice_and_then_enter_each(tmp_path: Path, size: tuple[int, int]) -> None:
    home = tmp_path / "home"
    fill(home, *map(unclear, range(QUESTIONS)), signal_name="question.asked")
    with desk(home, size) as terminal:
        hands = Hands(terminal)
        terminal.wait_for(f"needs you {QUESTIONS}")
        hands.press(ENTER)
        terminal.wait_for("enter answer", "Kind of task")
        hands.press(ENTER)
        for number in range(QUESTIONS):
            terminal.wait_for(f"form-{number} asks ·", "1 ●" if number else "1 ○", *([PROPOSED] if number else ()))
            if not number:
                hands.press("1")
                terminal.wait_for("1 ●")
            look()  # one that opened by itself is looked at for longer
            hands.press(ENTER)
        terminal.wait_for("a approve")
        assert hands.keys == 3 + QUESTIONS
        assert leave(terminal) == 0


@SIZES
def test_all_questions_of_the_same_form_are_answered_by_one_dialog(tmp_path: Path, size: tuple[int, int]) -> None:
    home = tmp_path / "home"
    fill(home, *map(unclear, range(QUESTIONS)), signal_name="question.asked")
    with desk(home, size) as terminal:
        hands = Hands(terminal)
        terminal.wait_for(f"needs you {QUESTIONS}")
        hands.press(ENTER)
        terminal.wait_for("enter answer", "Kind of task")
        hands.press(ENTER)
        terminal.wait_for("form-0 asks ·", f"{QUESTIONS - 1} other questions ask the same.")
        hands.press("1")
        hands.press(F7)
        terminal.wait_for(f"enter answer all {QUESTIONS}")
        hands.press(ENTER)
        terminal.wait_for(f"{QUESTIONS - 1} others got the same answer.", "a approve")
        assert hands.keys == 5
        assert leave(terminal) == 0
