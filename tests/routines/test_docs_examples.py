"""docs/routines.md is true: what it prints are the files, and a person who does what it says gets what it says."""

from __future__ import annotations

import asyncio
import contextlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.hubs import free_port
from tests.support.processes import PATIENCE_SECONDS, REPOSITORY, environment
from tests.support.terminal import ESCAPE, WIDE, Terminal, look
from tests.support.workflow_process import pods, servers, text_of

PAGE = (REPOSITORY / "docs" / "routines.md").read_text()
EXAMPLES = sorted((REPOSITORY / "docs" / "examples").glob("*.py"))
PORT = "5000"


def printed(mark: str) -> str:
    """The block that follows this mark on the page."""
    (block,) = re.findall(rf"<!-- {re.escape(mark)} -->\n```\w+\n(.*?)```\n", PAGE, re.DOTALL)
    return str(block)


def test_page_prints_every_example_as_it_is() -> None:
    assert len(EXAMPLES) == 3
    for file in EXAMPLES:
        assert printed(f"docs/examples/{file.name}") == file.read_text()


class Reader:
    """A person in an empty folder, who types what the page prints and saves what it shows."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "empty"
        self.folder.mkdir()
        programs = folder / "bin"
        programs.mkdir()
        program = programs / "evolver-tui"
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -m evolver_tui "$@"\n')
        program.chmod(0o755)
        self.environ = environment(folder)
        self.environ["PATH"] = f"{programs}:{self.environ['PATH']}"
        self._port = str(free_port())

    def save(self, mark: str, place: str) -> None:
        """Put a block into a file."""
        (self.folder / place).write_text(printed(mark))

    def line(self, mark: str) -> list[str]:
        """What a shell is to do for a block of commands, on a port of our own."""
        lines = printed(mark).splitlines()
        assert all(line.startswith("$ ") for line in lines)
        return ["bash", "-ec", "\n".join(line[2:].replace(PORT, self._port) for line in lines)]

    def run(self, mark: str) -> None:
        """Type a block, and wait until it is done."""
        done = subprocess.run(
            self.line(mark), cwd=self.folder, env=self.environ, capture_output=True, text=True, check=False,
            timeout=PATIENCE_SECONDS,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr

    @contextlib.contextmanager
    def at_the_console(self) -> Iterator[Terminal]:
        """The hub in one terminal, and the console in another."""
        command = self.line("hub")
        command[2] = f"exec {command[2]}"
        hub = subprocess.Popen(command, cwd=self.folder, env=self.environ, stdout=subprocess.PIPE)
        try:
            assert hub.stdout is not None
            assert hub.stdout.readline().startswith(b'{"hub_url"')
            with Terminal(self.line("console"), self.folder, self.environ, WIDE) as terminal:
                yield terminal
        finally:
            hub.kill()
            hub.communicate()


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    return Reader(tmp_path)


def test_page_can_be_followed_from_an_empty_folder(reader: Reader) -> None:
    reader.run("preparation")
    reader.save("docs/examples/announce.py", "config/routines/announce.py")
    reader.save("config/config.toml", "config/config.toml")
    reader.save("tasks.json", "tasks.json")
    with reader.at_the_console() as terminal:
        terminal.wait_for("? news-1", "needs you 1")
        terminal.send("o")
        terminal.wait_for("news-1 asks", "Who is to read this?", "Audience *", "A line to add")
        look()
        terminal.send(ESCAPE)
        reader.run("answer")
        terminal.wait_for("■ news-1")
    shown = subprocess.run(
        ["evolver-tui", "jobs", "show", "task:news-1"],
        cwd=reader.folder, env={**reader.environ, "EVOLVER_HOME": str(reader.folder)}, capture_output=True, text=True,
        check=False, timeout=PATIENCE_SECONDS,
    )  # fmt: skip
    assert 'result: {"published": "outbox/news-1-customers.txt"}' in shown.stdout
    outbox = reader.folder / "outbox" / "news-1-customers.txt"
    assert outbox.read_text() == "We have news: the new release.\n"

    reader.save("docs/examples/support.py", "config/routines/support.py")
    reader.save("config/config.toml with the graph", "config/config.toml")
    reader.save("tasks.json for the graph", "tasks.json")
    with reader.at_the_console() as terminal:
        terminal.wait_for("? letter-1", "needs you 1")
        reader.environ["EVOLVER_HOME"] = str(reader.folder)  # as the third terminal has it still
        reader.run("answer to the graph")
        terminal.wait_for("■ letter-1")
    sent = reader.folder / "sent" / "letter-1.txt"
    assert sent.read_text() == "Thank you for your letter: Where is my parcel?\n"


@pytest.mark.anyio
async def test_chats_on_the_page_can_be_followed(reader: Reader) -> None:
    reader.save("docs/examples/kitchen.py", "kitchen.py")
    with servers() as (nats_server, redis_server):
        reader.environ |= {
            "NATS_URL": nats_server.url, "REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(redis_server.port),
        }  # fmt: skip
        async with pods(nats_server, redis_server) as chat:
            command = reader.line("serve")
            command[2] = command[2].replace("evolver-tui workflow", "exec evolver-tui workflow")
            serving = await asyncio.create_subprocess_exec(
                *command, cwd=reader.folder, env=reader.environ, stderr=asyncio.subprocess.PIPE
            )
            try:
                assert serving.stderr is not None
                while b"workflow.serving" not in (line := await serving.stderr.readline()):
                    assert line, "the instance ended"
                await chat.ask("table-7", "m1", "Pancakes.")
                await chat.until(lambda: any(chunk["chunk_type"] == "system" for chunk in chat.broadcast))
                reader.environ["EVOLVER_HOME"] = str(reader.folder)
                await asyncio.to_thread(reader.run, "answer to the chat")
                chunks = await chat.answer("m1", "")
            finally:
                serving.kill()
                await serving.communicate()
    assert text_of(chunks) == (
        "You would like: Pancakes. Let me ask the kitchen.\n\nThe kitchen will do that. With pleasure."
    )
