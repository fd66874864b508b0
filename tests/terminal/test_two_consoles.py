"""A routine stops in one console and goes on in another: two terminals on one database, and a bundle between two."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.hubs import free_port, hub_process
from tests.support.processes import environment, run_command
from tests.support.terminal import ENTER, WIDE, Terminal, console, look
from tests.support.terminal_steps import NO_LANGUAGES, leave, saved_nodes


@contextmanager
def desk(home: Path, *arguments: str, hub: str = "", person: str = "ada") -> Iterator[Terminal]:
    """A console of somebody with a home of their own; without a hub it looks for one that is away."""
    home.mkdir(exist_ok=True)
    hub = hub or f"http://127.0.0.1:{free_port()}/taskhub"
    place = ("--nodes", str(home / "nodes"), "--hub", hub, *arguments)
    with console(home, *place, environ=environment(home, USER=person), size=WIDE) as terminal:
        terminal.wait_for("session.started")
        yield terminal
    assert b"Traceback" not in terminal.raw


@contextmanager
def one_task() -> Iterator[str]:
    """A hub that sends the one task that lacks its languages."""
    with hub_process("sample", tasks=(NO_LANGUAGES,)) as hub:
        yield hub.url


def answer(terminal: Terminal) -> None:
    """Open the question that waits longest, and answer it."""
    terminal.wait_for("? task-3", "needs you 1")
    terminal.send("o")
    terminal.wait_for("task-3 asks", "Languages *")
    terminal.send("de->en")
    terminal.press_until(ENTER, lambda screen: "enter answer · " not in screen, "the answer")


def approve(terminal: Terminal) -> None:
    """Read the review of the one task and approve it."""
    terminal.wait_until(lambda screen: re.search("◆ task-3 .* review", screen), "the review")
    terminal.wait_for("translate_release_notes  v1")
    look()
    if "a approve" not in terminal.text:  # in the console that answered the card has the focus already
        terminal.send(ENTER)
    terminal.wait_for("a approve")
    terminal.wait_without("keys decide once you scroll")
    look()
    look()
    terminal.send("a")
    terminal.wait_until(lambda screen: re.search("✓ task-3 .* v1", screen), "the approved task")


def versions(home: Path) -> list[str]:
    """What the library has of the one node."""
    return sorted(path.name for path in (home / "nodes" / "translate_release_notes" / "versions").iterdir())


def shared(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """The URL of a database that both consoles use."""
    if kind == "sqlite":
        return f"sqlite:///{tmp_path}/shared.db"
    url: str = request.getfixturevalue("postgresql").new_database()
    return url


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_one_console_asks_and_is_killed_and_the_other_answers_and_saves_once(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    database = ("--database", shared(kind, tmp_path, request))
    here, there = tmp_path / "here", tmp_path / "there"
    with one_task() as hub, desk(here, *database, hub=hub) as first:
        first.wait_for("? task-3", "needs you 1")
        with desk(there, *database, person="grace") as second:
            second.wait_for("? task-3", "needs you 1")
            first.kill()
            answer(second)
            approve(second)
            assert versions(there) == ["1"]
            assert leave(second) == 0
    assert saved_nodes(here) == []
    assert saved_nodes(there) == ["translate_release_notes"]
    record = json.loads((there / "nodes" / "translate_release_notes" / "node.json").read_text())
    assert (record["version"], record["decided_by"]) == (1, "grace")


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_two_consoles_show_one_queue_live(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    database = ("--database", shared(kind, tmp_path, request))
    with desk(tmp_path / "there", *database, person="grace") as second:
        second.wait_for("nothing here yet")
        with one_task() as hub, desk(tmp_path / "here", *database, hub=hub) as first:
            second.wait_for("? task-3", "needs you 1")
            answer(first)
            second.wait_until(lambda screen: re.search("◆ task-3 .* review", screen), "the review")
            approve(second)
            first.wait_until(lambda screen: re.search("✓ task-3 .* v1", screen), "the approved task")
    assert len(saved_nodes(tmp_path / "here")) + len(saved_nodes(tmp_path / "there")) == 1


def test_a_job_goes_on_from_a_bundle_where_no_database_is_shared(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    bundle = tmp_path / "task-3.json"
    with one_task() as hub, desk(here, hub=hub) as first:
        first.wait_for("? task-3", "needs you 1")
        first.kill()
    left = run_command("jobs", "export", "task-3", "-o", str(bundle), "--home", str(here), home=here)
    assert (left.returncode, bundle.exists()) == (0, True), left.stderr
    with desk(there, person="grace") as second:
        second.wait_for("nothing here yet")
        came = run_command("jobs", "import", str(bundle), "--home", str(there), home=there)
        assert came.returncode == 0, came.stderr
        second.wait_for("? task-3", "needs you 1")
        answer(second)
        approve(second)
        assert versions(there) == ["1"]
        assert leave(second) == 0
    again = run_command("jobs", "import", str(bundle), "--home", str(there), home=there)
    assert (again.returncode, "imported already" in again.stderr) == (1, True)
    with desk(here) as first:  # where it left it is not worked on
        first.wait_for("exported")
        assert leave(first) == 0
    assert saved_nodes(here) == []
