"""What a person does in the demo, step by step."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.processes import environment
from tests.support.terminal import (
    ENTER,
    WIDE,
    Terminal,
    console,
    look,
)

NO_LANGUAGES = {"id": "task-3", "taskName": "Translate Release Notes", "llmTaskType": "translate", "priority": "low"}
NODE = "summarize_blog_post"
"""The node that is written for the first of the sample tasks."""


@contextmanager
def started(home: Path, *arguments: str, size: tuple[int, int] = WIDE, **environ: str) -> Iterator[Terminal]:
    """The console in a terminal; whatever happens in it, no traceback is ever written."""
    home.mkdir(exist_ok=True)
    place = ("--nodes", str(home / "nodes"))
    with console(home, *place, *arguments, environ=environment(home, **environ), size=size) as terminal:
        yield terminal
    assert b"Traceback" not in terminal.raw


def to_review(terminal: Terminal) -> None:
    """To the card of that one's draft, once it waits, for as long as it takes until keys decide."""
    terminal.wait_until(lambda screen: re.search("◆ task-1 ", screen), "the review")
    terminal.send("n")
    terminal.wait_for(f"{NODE}  v1")
    terminal.send(ENTER)
    terminal.wait_for("a approve")
    look()


def leave(terminal: Terminal) -> int:
    """`q`, and yes where a node is just being written; returns the exit code."""
    look()
    terminal.send("q")
    asks = "Quit the console?"
    terminal.wait_until(lambda screen: terminal.is_over or asks in screen, "the end")
    if not terminal.is_over:
        look()
        terminal.send("y")
    return terminal.wait()


def saved_nodes(home: Path) -> list[str]:
    """The ids of the nodes in the library, by its folders."""
    return sorted(path.parent.name for path in (home / "nodes").glob("*/main.py"))


def approve_task_1(terminal: Terminal) -> None:
    """Hold the demo's queue still, read its first task's draft and approve it."""
    terminal.send("p")  # so that the queue holds still
    terminal.wait_for("intake paused")
    terminal.wait_until(lambda screen: re.search("◆ task-1 .* review", screen), "the review of task-1")
    terminal.send("n")
    terminal.wait_for("summarize_blog_post  v1", "risk low")
    terminal.send(ENTER)
    terminal.wait_for("a approve")
    look()
    terminal.send("a")
    terminal.wait_until(lambda screen: re.search("task-1 saved as .* v1", screen), "the approved task-1")
