"""The console in a real terminal, by keys alone: what a person sees, what a key does, and how it is left."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import shutil
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.hubs import free_port
from tests.support.sessions import GENERATE, SUMMARIZE, running, send, workspace_in
from tests.support.terminal import (
    CTRL_C,
    ENTER,
    ESCAPE,
    F8,
    PAGE_DOWN,
    SMALL,
    WIDE,
    Terminal,
    look,
    modes_left,
)
from tests.support.terminal_steps import NO_LANGUAGES, approve_task_1, leave, saved_nodes, started

CARDS = ("task-3 asks", "generate_email_with_translations  v1", "summarize_blog_post  v1")
"""What the cards of the filled home's three tasks are titled, in the queue's order."""


@pytest.fixture(scope="module")
def filled_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose queue holds a question, asked first, and two reviews."""
    home = tmp_path_factory.mktemp("filled")

    async def fill() -> None:
        async with running(workspace_in(home)) as (session, watch):
            for task, signal_name in ((NO_LANGUAGES, "question.asked"), (GENERATE, "review.requested")):
                await send(session, task)
                await watch.until(signal_name)
            await send(session, SUMMARIZE)
            await watch.until("review.requested", 2)

    asyncio.run(fill())
    return home


@pytest.fixture
def home(filled_home: Path, tmp_path: Path) -> Path:
    """A copy of it for one test."""
    return Path(shutil.copytree(filled_home, tmp_path / "home"))


@contextmanager
def desk(home: Path, size: tuple[int, int] = WIDE, *, needs_you: int = 3, **environ: str) -> Iterator[Terminal]:
    """The console on the filled home, with a hub that is away, once it shows the queue and takes keys."""
    with started(home, "--hub", f"http://127.0.0.1:{free_port()}/taskhub", size=size, **environ) as terminal:
        terminal.wait_for(f"needs you {needs_you}", "task-1", "task-2", "task-3", "offline author")
        yield terminal


def go_to_card(terminal: Terminal, index: int) -> None:
    """Select a task of the filled home by keys, go to its card and look at it."""
    terminal.send("g")
    terminal.wait_for(CARDS[0])
    for title in CARDS[1 : index + 1]:
        terminal.send("j")
        terminal.wait_for(title)
    terminal.send(ENTER)
    terminal.wait_for("a approve")
    look()


def assert_restored(terminal: Terminal) -> None:
    """A shell would find the terminal as it was."""
    assert b"\x1b[?1049h" in terminal.raw
    assert modes_left(terminal.raw) == []


def assert_nothing_decided(home: Path, terminal: Terminal) -> None:
    """All three tasks still wait, and the library is empty."""
    time.sleep(1.1)  # a word may have been typed
    assert leave(terminal) == 0
    with contextlib.closing(sqlite3.connect(home / "data" / "evolver.db")) as database:
        assert database.execute("select count(*) from signal where name = 'review.decided'").fetchone() == (0,)
    assert saved_nodes(home) == []


# --- the main job


@pytest.mark.parametrize("size", [WIDE, SMALL], ids=["120x40", "80x24"])
def test_the_demo_from_its_first_task_to_a_node_on_disk(tmp_path: Path, size: tuple[int, int]) -> None:
    home = tmp_path / "home"
    with started(home, "--demo", size=size) as terminal:
        terminal.wait_for("sample hub" if size == WIDE else "queue", "task-1")
        approve_task_1(terminal)

        code = (home / "nodes" / "summarize_blog_post" / "main.py").read_text()
        assert code.startswith('"""Summarize a text.')
        index = json.loads((home / "nodes" / "index.json").read_text())
        assert [node["node_id"] for node in index["nodes"]] == ["summarize_blog_post"]

        terminal.send("x")
        terminal.wait_for("This session was exported to")
        (export,) = (home / "data" / "exports").glob("*.jsonl")
        assert "node.saved" in {json.loads(line).get("name") for line in export.read_text().splitlines()}
        assert leave(terminal) == 0
        assert_restored(terminal)


def test_a_first_start_offers_the_sample_hub_and_asks_before_its_tasks_come(tmp_path: Path) -> None:
    with started(tmp_path / "home") as terminal:
        terminal.wait_for("Choose a hub", "enter connect")
        choices = [row for row in terminal.rows if re.search("[1-9] [●○]", row)]
        assert "1 ●  Sample hub" in choices[0]
        look()
        terminal.send(ENTER)
        terminal.wait_for("Connect to a sample hub?", "evolver.db", "offline author works on them")
        look()
        terminal.send("y")
        terminal.wait_for("● sample hub", "sample-1")
        assert leave(terminal) == 0
        assert_restored(terminal)


# --- decisions


def test_an_edited_draft_is_checked_and_reviewed_again_and_saved_as_it_was_edited(home: Path, tmp_path: Path) -> None:
    editor = tmp_path / "editor"
    editor.write_text("#!/bin/sh\necho '# by hand' >> \"$1\"\n")
    editor.chmod(0o700)
    with desk(home, EDITOR=str(editor)) as terminal:
        go_to_card(terminal, 2)
        terminal.send("e")
        terminal.wait_for("edited by ada")
        look()
        terminal.send("G")
        terminal.wait_for("# by hand")
        look()
        terminal.send("a")
        terminal.wait_until(lambda screen: re.search("✓ task-1 .* v1", screen), "the approved task-1")
        assert (home / "nodes" / "summarize_blog_post" / "main.py").read_text().endswith("\n# by hand\n")
        assert leave(terminal) == 0
        assert_restored(terminal)


def test_a_draft_goes_back_with_a_reason_comes_again_and_is_refused(home: Path) -> None:
    with desk(home) as terminal:
        go_to_card(terminal, 2)
        terminal.send("r")
        terminal.wait_for("Why is summarize_blog_post sent back?")
        terminal.send("add type hints")
        terminal.wait_for("add type hints")
        look()
        terminal.send(ENTER)
        terminal.wait_for("▸ task-1")
        terminal.wait_for("◆ task-1")
        terminal.send(ESCAPE)
        terminal.wait_for("enter read")
        terminal.send("G")
        terminal.wait_for("summarize_blog_post  v1", "draft 2")
        terminal.send(ENTER)
        terminal.wait_for("a approve")
        terminal.send(PAGE_DOWN)
        terminal.wait_for("def main() -> None:")
        look()

        terminal.send("R")
        terminal.wait_for("Reject summarize_blog_post?")
        look()
        terminal.send(ENTER)  # which is no, unless one chose otherwise
        terminal.wait_without("Reject summarize_blog_post?")
        terminal.wait_for("◆ task-1")
        look()
        terminal.send("R")
        terminal.wait_for("Reject summarize_blog_post?")
        look()
        terminal.send("y")
        terminal.wait_for("✗ task-1", "needs you 2")
        assert saved_nodes(home) == []
        assert leave(terminal) == 0


# --- keys that were meant for something else


def test_keys_typed_ahead_approve_nothing(home: Path) -> None:
    with desk(home) as terminal:
        for burst in ("j\ra", "jj\ra", "n\ra", "j\rna"):
            terminal.wait_for(CARDS[0], "enter read")
            terminal.send(burst)
            terminal.wait_for("a approve")
            look()
            terminal.send(ESCAPE)
            terminal.wait_for("enter read")
            look()
            terminal.send("g")
        go_to_card(terminal, 1)
        terminal.send("na")  # on to the next, and nothing was seen of that yet
        terminal.wait_for(CARDS[2])
        assert_nothing_decided(home, terminal)


def test_a_key_that_is_pressed_twice_approves_one_draft(home: Path) -> None:
    with desk(home) as terminal:
        go_to_card(terminal, 1)
        terminal.send("aaa")
        terminal.wait_for("✓ task-2", "needs you 2")
        terminal.wait_for("◆ task-1")
        assert leave(terminal) == 0
    assert saved_nodes(home) == ["generate_email_with_translations"]


def test_a_letter_in_the_filter_is_a_letter(home: Path) -> None:
    with desk(home) as terminal:
        go_to_card(terminal, 2)
        terminal.send(ESCAPE)
        terminal.wait_for("enter read")
        for keys in (["/", "aRq"], ["/aRq"]):
            for burst in keys:
                terminal.send(burst)
                terminal.wait_until(lambda screen: re.search("│ ?(filter|aRq) ", screen), "the line for a filter")
            terminal.wait_for("nothing contains “aRq”")
            terminal.send("\x7f\x7f")
            terminal.wait_for("3 match")
            terminal.send(ESCAPE)
            terminal.wait_for("3 need you")
        assert_nothing_decided(home, terminal)


WORDS = ("Daily", "Ready", "api", "jar", "nay", ":wq")


@pytest.mark.parametrize("pause", [0.0, 0.15, 0.25], ids=["pasted", "fast", "slow"])
def test_a_word_typed_into_the_wrong_window_decides_nothing(home: Path, pause: float) -> None:
    with desk(home, EDITOR="false") as terminal:
        go_to_card(terminal, 1)
        for word in WORDS:
            for key in [*word, ENTER]:
                terminal.send(key)
                time.sleep(pause)
            time.sleep(1.1)
            assert not terminal.is_over
            for _ in range(3):  # out of whatever opened
                terminal.send(ESCAPE)
                time.sleep(0.4)
            terminal.wait_for("enter read")
            terminal.send(ENTER)
            look()
        terminal.send(ESCAPE)
        assert_nothing_decided(home, terminal)
        with contextlib.closing(sqlite3.connect(home / "data" / "evolver.db")) as database:
            ends = "select count(*) from signal where name in ('job.cancelled', 'question.answered', 'task.retried')"
            assert database.execute(ends).fetchone() == (0,)


def test_a_slash_on_the_card_filters_and_what_follows_is_text(home: Path) -> None:
    with desk(home) as terminal:
        go_to_card(terminal, 1)
        for key in "/api":
            terminal.send(key)
            time.sleep(0.15)
        terminal.wait_for("nothing contains “api”")
        terminal.send(ESCAPE)
        terminal.wait_for("3 need you")
        assert_nothing_decided(home, terminal)


def test_ctrl_d_deletes_in_a_form_and_decline_asks_and_can_be_taken_back(home: Path) -> None:
    with desk(home) as terminal:
        terminal.send("o")
        terminal.wait_for("Languages *", "f8 decline")
        look()
        terminal.send("xde->en\x01\x04")  # ctrl+a, ctrl+d
        terminal.wait_for(" de->en ")
        terminal.wait_without("xde")
        look()
        terminal.send(F8)
        terminal.wait_for("Decline the question of task-3?", "ends as rejected", "restores it")
        look()
        terminal.send("n")
        terminal.wait_for("Languages *", "de->en")
        look()
        terminal.send(F8)
        terminal.wait_for("Decline the question of task-3?")
        look()
        time.sleep(0.2)
        terminal.send("y")
        terminal.wait_for("✗ task-3", "rejected, U restores it", "needs you 2")
        look()
        terminal.send("u")
        terminal.wait_for("? task-3", "needs you 3")
        assert leave(terminal) == 0


# --- how it ends


def test_an_answer_outlives_every_way_in_which_the_console_can_end(home: Path) -> None:
    with desk(home) as terminal:
        terminal.send("o")
        terminal.wait_for("task-3 asks · 1 of 3", "Languages *")
        terminal.send("de->en")
        terminal.wait_for("de->en")
        look()
        terminal.send(ENTER)
        terminal.wait_for("▸ task-3")
        terminal.signal(signal.SIGTERM)
        assert terminal.wait() == 130
        assert_restored(terminal)
    with desk(home, needs_you=2) as terminal:
        terminal.wait_for("▸ task-3")
        terminal.signal(signal.SIGHUP)
        assert terminal.wait() == 130
        assert_restored(terminal)
    with desk(home, needs_you=2) as terminal:
        terminal.wait_for("▸ task-3")
        terminal.close_window()
        assert terminal.wait() == 130
    with desk(home, needs_you=2) as terminal:
        terminal.wait_for("▸ task-3")
        terminal.send(CTRL_C)
        terminal.wait_for("Quit the console?")
        terminal.send(CTRL_C)  # in a hurry
        assert terminal.wait() == 130
        assert_restored(terminal)
    with desk(home, needs_you=2) as terminal:
        terminal.wait_for("▸ task-3")
        terminal.kill()
    with desk(home) as terminal:
        terminal.wait_for("◆ task-1", "◆ task-2", "◆ task-3")
        terminal.send("G")
        terminal.wait_for("translate_release_notes  v1", "LANGUAGES = ")
        assert leave(terminal) == 0


# --- terminals of all kinds


def test_the_window_changes_its_size_while_the_console_runs(home: Path) -> None:
    with desk(home) as terminal:
        for size in (SMALL, WIDE, SMALL):
            terminal.resize(size)
            wait_until_sane(terminal, size)
            terminal.wait_for("task-1", "task-2", "task-3", "needs you 3", "? help")
        terminal.send("o")
        terminal.wait_for("Languages *")
        terminal.resize(WIDE)
        wait_until_sane(terminal, WIDE)
        terminal.wait_for("Languages *")
        look()
        terminal.send(ESCAPE)
        terminal.wait_without("Languages *")
        terminal.send(CTRL_C)
        assert terminal.wait() == 0
        assert_restored(terminal)


def test_two_hundred_changes_of_the_size_in_quick_succession_end_well(home: Path) -> None:
    with desk(home) as terminal:
        for number in range(200):
            terminal.resize((20 + 37 * number % 140, 5 + 13 * number % 50))
        terminal.resize(SMALL)
        wait_until_sane(terminal, SMALL)
        terminal.wait_for("task-1", "task-2", "task-3", "needs you 3", "? help")
        assert leave(terminal) == 0
        assert_restored(terminal)
    assert b"Traceback" not in terminal.raw


def wait_until_sane(terminal: Terminal, size: tuple[int, int]) -> None:
    """Until the panes fill the window: from the status line to the row of notices, every row has both borders."""
    columns, lines = size

    def is_sane(screen: str) -> bool:
        first, *rows, _, last = screen.split("\n")
        framed = all(len(row) == columns and row[0] in "╭│╰" and row[-1] in "╮│╯" for row in rows)
        return framed and len(rows) == lines - 3 and first.startswith(" evolver ") and last.endswith(" palette")

    terminal.wait_until(is_sane, f"a sane screen of {size}")


def test_no_color_is_obeyed_and_marks_carry_the_meaning(home: Path) -> None:
    with desk(home, NO_COLOR="1") as terminal:
        terminal.wait_for("? task-3", "◆ task-2", "◆ task-1", "needs you 3", CARDS[0])
        assert terminal.looks("task-3 Translate") != terminal.looks("task-2 AI"), "the cursor cannot be seen"
        go_to_card(terminal, 1)
        terminal.wait_for("✓ ran 3 of 3 inputs")
        assert leave(terminal) == 0
    assert colours(terminal.raw) == set()


def colours(raw: bytes) -> set[int]:
    """The SGR codes among these bytes that set a colour."""
    codes = {int(code) for found in re.findall(rb"\x1b\[([0-9;]*)m", raw) for code in found.split(b";") if code}
    return {code for code in codes if code in (38, 48) or (code // 10 in (3, 4, 9, 10) and code not in (39, 49))}


@pytest.mark.parametrize("term", ["xterm-16color", "linux", "dumb"])
def test_any_kind_of_terminal_shows_the_desk_and_gets_it_back(home: Path, term: str) -> None:
    with desk(home, SMALL, TERM=term) as terminal:
        wait_until_sane(terminal, SMALL)
        assert leave(terminal) == 0
        assert_restored(terminal)
