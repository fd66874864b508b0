"""Each kind of decision is taken back by its key in a real terminal: at once, after kill -9, and from a second host."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.hubs import free_port, hub_process
from tests.support.processes import environment, run_command
from tests.support.sessions import SUMMARIZE
from tests.support.terminal import ENTER, F8, SMALL, WIDE, Terminal, console, look
from tests.support.terminal_steps import NO_LANGUAGES, NODE, leave, saved_nodes, to_review

CTRL_END, CTRL_S = "\x1b[1;5F", "\x13"


@contextmanager
def desk(
    home: Path, *arguments: str, hub: str = "", person: str = "ada", size: tuple[int, int] = WIDE
) -> Iterator[Terminal]:
    home.mkdir(exist_ok=True)
    editor = home / "editor"
    editor.write_text("#!/bin/sh\necho '# by hand' >> \"$1\"\n")
    editor.chmod(0o700)
    hub = hub or f"http://127.0.0.1:{free_port()}/taskhub"
    place = ("--nodes", str(home / "nodes"), "--hub", hub, *arguments)
    with console(home, *place, environ=environment(home, USER=person, EDITOR=str(editor)), size=size) as terminal:
        terminal.wait_for("evolver")
        yield terminal
    assert b"Traceback" not in terminal.raw


@contextmanager
def at_review(home: Path, *arguments: str, person: str = "ada") -> Iterator[Terminal]:
    """A console with the card of the one task's draft in focus."""
    with (
        hub_process("sample", tasks=(SUMMARIZE,)) as hub,
        desk(home, *arguments, hub=hub.url, person=person) as terminal,
    ):
        to_review(terminal)
        yield terminal


def undo(terminal: Terminal, *said: str) -> None:
    look()
    terminal.send("u")
    terminal.wait_for(*said)


def approve(terminal: Terminal) -> None:
    terminal.send("a")
    terminal.wait_until(lambda screen: re.search("✓ task-1 .* v1", screen), "the approved task")


def reject(terminal: Terminal) -> None:
    terminal.send("R")
    terminal.wait_for("Reject summarize_blog_post?")
    look()
    terminal.send("y")
    terminal.wait_until(lambda screen: re.search("task-1 rejected", screen), "the rejected task")


def send_back(terminal: Terminal) -> None:
    terminal.send("r")
    terminal.wait_for("Why is summarize_blog_post sent back?")
    look()
    terminal.send("shorter")
    terminal.wait_for("shorter")
    look()
    terminal.send(ENTER)
    terminal.wait_for("31 lines")


def respond(terminal: Terminal) -> None:
    terminal.send("w")
    terminal.wait_for("What do you respond")
    look()
    terminal.send("use less")
    terminal.wait_for("use less")
    look()
    terminal.send(ENTER)
    terminal.wait_for("31 lines")


def edit(terminal: Terminal) -> None:
    terminal.send("e")
    terminal.wait_for("edited by ada", "a approve")


def mend(terminal: Terminal) -> None:
    terminal.send("E")
    terminal.wait_for("Edit summarize_blog_post", "checks pass", "risk low, as before")
    look()
    terminal.send(f"{CTRL_END}import socket  # by hand")
    terminal.wait_for("30  import socket  # by hand", "risk high: was low; it reaches the network (line 30)")
    terminal.send(CTRL_S)
    terminal.wait_for("edited by ada", "risk high", "a approve")


def cancel(terminal: Terminal) -> None:
    terminal.send("D")
    terminal.wait_for("Cancel task-1?")
    look()
    terminal.send("y")
    terminal.wait_until(lambda screen: re.search("task-1 cancelled", screen), "the cancelled task")


DEEDS: Mapping[str, tuple[Callable[[Terminal], None], str]] = {
    "approve": (approve, "The approval of task-1 was taken back"),
    "reject": (reject, "The reject of task-1 was taken back"),
    "send back": (send_back, "The sending back of task-1 was taken back"),
    "respond": (respond, "The response of task-1 was taken back"),
    "edit": (edit, "The edit of task-1 was taken back"),
    "mend": (mend, "The edit of task-1 was taken back"),
    "cancel": (cancel, "The cancelling of task-1 was taken back"),
}


@pytest.mark.parametrize("deed", DEEDS)
def test_a_key_takes_a_decision_back_and_the_task_waits_with_its_card_in_front(tmp_path: Path, deed: str) -> None:
    home = tmp_path / "home"
    do, said = DEEDS[deed]
    with at_review(home) as terminal:
        do(terminal)
        undo(terminal, said, "a approve")
        assert saved_nodes(home) == []
        look()
        approve(terminal)
        assert saved_nodes(home) == [NODE]
        assert "by hand" not in (home / "nodes" / NODE / "main.py").read_text()
        assert leave(terminal) == 0


@pytest.mark.parametrize("deed", DEEDS)
def test_a_key_takes_back_what_was_decided_before_a_kill(tmp_path: Path, deed: str) -> None:
    home = tmp_path / "home"
    do, said = DEEDS[deed]
    with at_review(home) as terminal:
        do(terminal)
        terminal.kill()
    with desk(home) as terminal:
        terminal.wait_for("task-1", "box")
        undo_what_another_session_decided(terminal, said)
        look()
        approve(terminal)
        assert "by hand" not in (home / "nodes" / NODE / "main.py").read_text()
        assert leave(terminal) == 0


@pytest.mark.parametrize("deed", [deed for deed in DEEDS if deed != "approve"])  # of which more is asked, see below
def test_a_key_takes_back_on_a_second_host_what_was_decided_on_the_first(tmp_path: Path, deed: str) -> None:
    here, there, database = tmp_path / "here", tmp_path / "there", f"sqlite:///{tmp_path}/shared.db"
    do, said = DEEDS[deed]
    with at_review(here, "--database", database) as first:
        do(first)
        with desk(there, "--database", database) as second:
            second.wait_for("task-1", "box")
            undo_what_another_session_decided(second, said)
            first.wait_until(lambda screen: re.search("◆ task-1 .* review", screen), "the review again")
            look()
            approve(second)
            homes = [home for home in (here, there) if saved_nodes(home)]  # either host's worker saves it
            assert ["by hand" in (home / "nodes" / NODE / "main.py").read_text() for home in homes] == [False]
            assert leave(second) == 0


def undo_what_another_session_decided(terminal: Terminal, said: str) -> None:
    confirm_undo(terminal, said, "a approve", f"{NODE}  v1", "read to the end")
    terminal.wait_without("keys decide once you scroll")
    look()  # and once more before the next key: the card was read anew


def confirm_undo(terminal: Terminal, *said: str) -> None:
    look()
    terminal.send("u")
    terminal.wait_for("Undo the ", "before this session began")
    look()
    terminal.send("y")
    terminal.wait_for(*said)


def answer(terminal: Terminal) -> None:
    terminal.wait_for("? task-3", "needs you 1")
    terminal.send("o")
    terminal.wait_for("task-3 asks", "Languages *")
    terminal.send("de->en")
    terminal.press_until(ENTER, lambda screen: re.search("◆ task-3 .* review", screen), "the review")


def decline(terminal: Terminal) -> None:
    terminal.wait_for("? task-3", "needs you 1")
    terminal.send("n")
    terminal.send(ENTER)
    terminal.wait_for("f8 decline")
    look()
    terminal.send(F8)
    terminal.wait_for("Decline the question of task-3?")
    look()
    terminal.send("y")
    terminal.wait_until(lambda screen: re.search("task-3 rejected", screen), "the declined task")


ANSWERS: Mapping[str, tuple[Callable[[Terminal], None], str]] = {
    "answer": (answer, "The answer of task-3 was taken back"),
    "decline": (decline, "The declining of task-3 was taken back"),
}


@pytest.mark.parametrize("deed", ANSWERS)
def test_a_key_takes_an_answer_back_and_the_question_waits(tmp_path: Path, deed: str) -> None:
    do, said = ANSWERS[deed]
    with hub_process("sample", tasks=(NO_LANGUAGES,)) as hub, desk(tmp_path / "home", hub=hub.url) as terminal:
        do(terminal)
        undo(terminal, said)
        terminal.wait_for("? task-3")
        assert leave(terminal) == 0


@pytest.mark.parametrize("deed", ANSWERS)
def test_a_key_takes_back_what_was_answered_before_a_kill(tmp_path: Path, deed: str) -> None:
    home = tmp_path / "home"
    do, said = ANSWERS[deed]
    with hub_process("sample", tasks=(NO_LANGUAGES,)) as hub, desk(home, hub=hub.url) as terminal:
        do(terminal)
        terminal.kill()
    with desk(home) as terminal:
        terminal.wait_for("task-3", "box")
        confirm_undo(terminal, said, "? task-3")
        assert leave(terminal) == 0


@pytest.mark.parametrize("deed", ANSWERS)
def test_a_key_takes_back_on_a_second_host_what_was_answered_on_the_first(tmp_path: Path, deed: str) -> None:
    here, there, database = tmp_path / "here", tmp_path / "there", f"sqlite:///{tmp_path}/shared.db"
    do, said = ANSWERS[deed]
    with (
        hub_process("sample", tasks=(NO_LANGUAGES,)) as hub,
        desk(here, "--database", database, hub=hub.url) as first,
    ):
        do(first)
        with desk(there, "--database", database) as second:
            second.wait_for("task-3", "box")
            confirm_undo(second, said, "? task-3")
            first.wait_for("? task-3")
            assert leave(second) == 0


def test_what_was_approved_before_a_kill_is_taken_back_after_it_once_that_is_confirmed(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with at_review(home) as terminal:
        approve(terminal)
        terminal.kill()
    with desk(home, size=SMALL) as terminal:
        terminal.wait_for("task-1", "box")
        look()
        terminal.send("u")
        terminal.wait_for("Undo the approval of task-1?", "before this session began")
        look()
        terminal.send("n")
        terminal.wait_without("Undo the approval")
        assert saved_nodes(home) == [NODE]
        look()
        terminal.send("u")
        terminal.wait_for("Undo the approval of task-1?")
        look()
        terminal.send("y")
        terminal.wait_for("The approval of task-1 was taken back", "needs you 1")
        assert saved_nodes(home) == []
        look()
        terminal.send("u")
        terminal.wait_for("nothing that you decided")
        assert leave(terminal) == 0


def test_a_used_node_asks_first(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with at_review(home) as terminal:
        approve(terminal)
        ran = run_command("run", NODE, "--nodes", str(home / "nodes"), "--home", str(home), home=home, stdin=b"{}")
        assert "set aside" not in ran.stderr
        refused = run_command("jobs", "undo", "task-1", "--nodes", str(home / "nodes"), "--home", str(home), home=home)
        assert refused.returncode == 1
        assert f"{NODE} v1 was run once since it was approved" in refused.stderr
        assert "evolver-tui jobs undo 1 --yes" in refused.stderr
        look()
        terminal.send("u")
        terminal.wait_for("Undo the approval of task-1?", "was run once")
        look()
        terminal.send("y")
        terminal.wait_for("The approval of task-1 was taken back")
        assert saved_nodes(home) == []


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_second_host_takes_back_what_the_first_approved(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = f"sqlite:///{tmp_path}/shared.db"
    if kind == "postgresql":
        url = request.getfixturevalue("postgresql").new_database()
    here, there = tmp_path / "here", tmp_path / "there"
    with at_review(here, "--database", url) as first:
        approve(first)
        assert saved_nodes(here) == [NODE]
        place = ("--database", url, "--home", str(there), "--nodes", str(there / "nodes"))
        there.mkdir()
        refused = run_command("jobs", "undo", "task-1", *place, home=there)
        assert (refused.returncode, "cannot be seen from here" in refused.stderr) == (1, True), refused.stderr
        done = run_command("jobs", "undo", "task-1", "--yes", *place, home=there)
        assert done.returncode == 0, done.stderr
        first.wait_for("node.withdrawn")
        first.wait_until(lambda screen: re.search("◆ task-1 .* review", screen), "the review again")
        assert saved_nodes(here) == []


def digest(folder: Path) -> str:
    content = ((path.relative_to(folder), path.read_bytes()) for path in sorted(folder.rglob("*")) if path.is_file())
    return hashlib.sha256(repr([*content]).encode()).hexdigest()


def test_commands_remove_a_node_and_bring_it_back(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with at_review(home) as terminal:
        approve(terminal)
        assert leave(terminal) == 0
    was = digest(home / "nodes" / NODE)

    def nodes(*arguments: str) -> tuple[int, str]:
        done = run_command("nodes", *arguments, "--nodes", str(home / "nodes"), "--home", str(home), home=home)
        return done.returncode, done.stdout + done.stderr

    code, said = nodes("remove", NODE)
    assert (code, f"evolver-tui nodes restore {NODE}" in said) == (0, True), said
    assert saved_nodes(home) == []
    assert "the node" in nodes("list", "--removed")[1]
    assert nodes("restore", NODE) == (0, f"{NODE} v1 is in use again, as it was.\n")
    assert digest(home / "nodes" / NODE) == was
    nodes("remove", NODE)
    assert nodes("purge")[1] == "1 thing that was taken out is deleted for good.\n"
    assert nodes("restore", NODE)[0] == 1
