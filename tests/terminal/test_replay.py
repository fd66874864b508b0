"""`evolver-tui replay` in a real terminal: a session of the database, an export, and what is neither."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.replay.recorded import eventful_session
from tests.support.processes import environment
from tests.support.terminal import SMALL, Terminal, console, look
from tests.support.terminal_steps import leave


def replay(home: Path, *arguments: str, size: tuple[int, int] = SMALL) -> Terminal:
    """The command in a terminal."""
    return console(home, "replay", *arguments, environ=environment(home), size=size)


@pytest.mark.parametrize("what", ["latest", "FILE"])
def test_a_session_is_shown_again_without_a_hub_a_model_or_a_write(tmp_path: Path, what: str) -> None:
    _, log = asyncio.run(eventful_session(tmp_path))
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".db-shm"}
    arguments = [str(log)] if what == "FILE" else [what]
    with replay(tmp_path, *arguments, "--speed", "max") as terminal:
        terminal.wait_for("replay end", "needs you 2", "1 approved")
        assert "task-1" in terminal.text
        look()
        terminal.send("0")
        terminal.wait_for("replay held", "nothing here yet")
        look()
        terminal.send("n")
        terminal.wait_for("needs you 1")
        assert leave(terminal) == 0
    after = {path: path.read_bytes() for path in before}
    assert {path for path, content in before.items() if after[path] != content} == set()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere.jsonl"], "nowhere.jsonl cannot be read: No such file"),
        (["session_of_nobody"], "There is no session"),
        (["latest", "--speed", "slow"], "--speed has to be a number"),
        (["."], "cannot be read: it is no regular file"),
    ],
)
def test_what_cannot_be_replayed_is_said_in_a_sentence(tmp_path: Path, arguments: list[str], words: str) -> None:
    with replay(tmp_path, *arguments) as terminal:
        assert terminal.wait() == 2
    assert words in " ".join(terminal.raw.decode().split())
    assert b"Traceback" not in terminal.raw
