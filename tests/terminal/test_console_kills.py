"""kill -9 of the console at each step of a task that a person decides about: whatever was acknowledged is there, once.

Each console runs in a terminal, is driven by keys and dies at one point of its work: by its own hand just before,
within or just after one call of the engine's ports (see `console_process`), or by the test's once something stands on
the screen. The next one starts in the same home and goes on, up to the next point.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import signal
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from evolver_tui.adapters.nodes.library import NodeFiles
from tests.support.console_process import Point
from tests.support.hubs import Peer, RawHub
from tests.support.processes import OFTEN_KILLED, Connect, environment
from tests.support.sessions import SUMMARIZE, running, send, workspace_in
from tests.support.terminal import ENTER, ESCAPE, SMALL, Terminal, console, look

HIGH = (120, 60)
"""Columns and rows of a terminal that shows the whole queue."""

TASK = {"id": "task-a", "taskName": "Translate Release Notes", "llmTaskType": "translate", "priority": "high"}
"""Asks for its languages; its first draft is sent back, its second one edited and its third one approved."""

WRITES = (
    ("add_tasks", "-"), ("claim", "-"), ("pause", "details"), ("answer", "details"),
    ("record_step", "write 1"), ("record_step", "check 1"), ("pause", "review 1"), ("answer", "review 1"),
    ("record_step", "write 2"), ("record_step", "check 2"), ("pause", "review 2"), ("answer", "review 2"),
    ("record_step", "check 3"), ("pause", "review 3"), ("answer", "review 3"),
    ("record_step", "save"), ("finish", "-"),
)  # fmt: skip
"""Everything about this task that is committed, in order."""

AS_THE_FIRST = ("check 2", "check 3")
"""Written like the first of their kind."""


def before_commits() -> Iterator[Point]:
    """Everything is written and the commit is about to come; and on the way there."""
    for call, name in WRITES:
        if name == "write 1":
            yield Point("stream", "-", "60")
        if name == "save":
            yield from (Point("save", "-", moment) for moment in ("before", "within", "placed", "after"))
        if call in ("add_tasks", "answer"):
            yield Point(call, name, "before")
        yield Point(call, name, "within")


LIVES = {
    "before each commit": tuple(before_commits()),
    "after each commit": tuple(Point(call, name, "after") for call, name in WRITES if name not in AS_THE_FIRST),
}
WITHOUT_A_TERMINAL = tuple(Point(call, name, "after") for call, name in WRITES if call in ("claim", "answer"))


class Sight(NamedTuple):
    """Something on the screen. `done` has to be committed by then and `undone` must not be, by kind and name."""

    what: str
    done: tuple[str, str]
    undone: tuple[str, str]
    point: str = ""
    editor: str = "editor"


SIGHTS = (
    Sight("the task", ("task", ""), ("answer", "details")),
    Sight("the question", ("question", "details"), ("answer", "details")),
    Sight("a typed answer", ("question", "details"), ("answer", "details")),
    Sight("half a draft", ("answer", "details"), ("step", "write 1"), "stall:-:60"),
    Sight("the first draft", ("question", "review 1"), ("answer", "review 1")),
    Sight("a typed reason", ("question", "review 1"), ("answer", "review 1")),
    Sight("a draft sent back", ("answer", "review 1"), ("step", "write 2"), "stall:-:60"),
    Sight("the second draft", ("question", "review 2"), ("answer", "review 2")),
    Sight("the editor", ("question", "review 2"), ("answer", "review 2"), editor="deadly-editor"),
    Sight("the edited draft", ("question", "review 3"), ("answer", "review 3")),
    Sight("the end", ("end", ""), ("step", "write 3")),
)


# --- what is kept


FACTS = """
SELECT 'task', task_id, '', raw_json FROM job
UNION ALL SELECT 'step', task_id, name, value_json FROM journal JOIN job ON job = job.seq
UNION ALL SELECT 'question', task_id, name, asked_at FROM question JOIN job ON job = job.seq
UNION ALL SELECT 'answer', task_id, name, answer_json FROM question JOIN job ON job = job.seq
    WHERE answered_at IS NOT NULL
UNION ALL SELECT 'end', task_id, '', outcome || ' ' || node FROM job WHERE outcome IS NOT NULL
UNION ALL SELECT 'signal', seq, '', name FROM signal
"""
TOLD_TWICE = """
SELECT name, json_extract(context_json, '$.task_id'),
    coalesce(json_extract(payload_json, '$.question'), json_extract(payload_json, '$.kind'))
FROM signal
WHERE name IN ('task.queued', 'task.skipped', 'question.asked', 'review.requested', 'question.answered',
    'review.decided', 'task.completed')
GROUP BY 1, 2, 3 HAVING count(*) > 1
"""
Fact = tuple[object, object, object]
"""Kind, task and name; of a node: kind, id and version; of a signal: kind and number."""


class Past:
    """One home through many kills: what was ever committed has to stay as it is."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.sent: list[Mapping[str, Any]] = [SUMMARIZE, TASK]
        """Every task that the hub sent."""
        self.kills = 0
        self.facts: dict[Fact, object] = {}
        self._lease_end: float | None = None
        self.check()

    @property
    def library(self) -> NodeFiles:
        return NodeFiles(self.home / "nodes", time.time)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.home / "data" / "evolver.db")) as database:
            return database.execute(query).fetchall()

    def has(self, kind: str, name: str = "", task_id: str = "task-a") -> bool:
        """Whether this is committed, as the last check saw it."""
        return (kind, task_id, name) in self.facts

    def has_done(self, point: Point) -> bool:
        """Whether the call of this point did its work for the task."""
        if point.call == "claim":
            return bool(self.rows("SELECT 1 FROM job WHERE task_id = 'task-a' AND state = 'running'"))
        if point.call == "save":
            return any(record.task_id == "task-a" for record in self.library.list())
        kinds = {"add_tasks": "task", "pause": "question", "answer": "answer", "finish": "end"}
        name = "write 1" if point.call == "stream" else point.name.strip("-")
        return self.has(kinds.get(point.call, "step"), name)

    @property
    def answers(self) -> int:
        """How often a person was heard about the task."""
        return sum(fact[:2] == ("answer", "task-a") for fact in self.facts)

    def count_kill(self, terminal: Terminal) -> None:
        """Wait for the kill, then see what it left."""
        assert terminal.wait() == -signal.SIGKILL
        self.kills += 1
        self.check()
        for mark, task_id in re.findall(r"(\S) ((?:task|done)-\w+) ", terminal.text):
            assert self.has("task", task_id=task_id), "the screen told of a task that is not kept"
            assert mark != "✓" or self.has("end", task_id=task_id), "the screen told of an end that is not kept"

    def send_another(self) -> None:
        """Let the hub have one more task, which was completed elsewhere and is only kept."""
        number = len(self.sent)
        self.sent.append({"id": f"done-{number}", "taskName": "Done elsewhere", "status": "completed"})

    def check(self) -> None:
        """What has to hold after each process."""
        assert self.rows("PRAGMA integrity_check") == [("ok",)]
        assert self.rows("PRAGMA foreign_key_check") == []
        counted = self.rows("SELECT state, coalesce(outcome, ''), count(*) FROM job GROUP BY 1, 2 ORDER BY 1, 2")
        assert counted == self.rows("SELECT state, outcome, jobs FROM tally WHERE jobs ORDER BY 1, 2")
        assert self.rows(TOLD_TWICE) == []
        rows = [((kind, task, name), value) for kind, task, name, value in self.rows(FACTS)] + self._nodes()
        facts: dict[Fact, object] = dict(rows)
        assert len(facts) == len(rows), "something is there twice"
        assert self.facts.items() <= facts.items(), "something was lost or changed"
        self.facts = facts
        told = [value for fact, value in rows if fact[0] == "signal"]
        heard = told.count("question.answered") + told.count("review.decided")
        assert heard == sum(fact[0] == "answer" for fact in facts)
        self._check_lease()

    def _check_lease(self) -> None:
        """The process before this one left a job behind: this one must not have waited until its lease was over."""
        assert self._lease_end is None or time.time() < self._lease_end
        held = self.rows("SELECT lease_expires FROM job WHERE state = 'running'")
        self._lease_end = held[0][0] if held else None

    def _nodes(self) -> list[tuple[Fact, object]]:
        """Every version of every node: its bytes are whole, and no task has two."""
        survey = self.library.survey()
        assert survey.problems == ()
        records = [version for record in survey.records for version in self.library.versions(record.node_id)]
        assert set(Counter(record.task_id for record in records).values()) <= {1}
        for record in records:
            self.library.code(record.node_id, record.version)
        return [(("node", record.node_id, record.version), (record.task_id, record.sha256)) for record in records]

    def check_end(self, *approved: str) -> None:
        """Every task that was ever sent is there, and these have one version of one node of their own."""
        self.check()
        assert {fact[1] for fact in self.facts if fact[0] == "task"} == {task["id"] for task in self.sent}
        nodes = self.library.list()
        assert sorted(node.task_id for node in nodes) == sorted(approved)
        for node in nodes:
            assert self.facts["end", node.task_id, ""] == f"approved {node.node_id} v1"
            self.library.verify(node.node_id)
        assert [row["node_id"] for row in self.library.index()] == [node.node_id for node in nodes]


# --- who is in front of it


class Over(Exception):
    """The console was killed."""


STAYS = "[desk]\ngo_on = false\nopen_next_question = false\n"
"""The card stays on the task that is decided about: one looks there how it goes on."""


class Person:
    """In front of one console: does by keys what the task needs next, and leaves the other review to the end.

    Args:
        sight: what to kill the console at, when it is on the screen; empty for nothing.
    """

    def __init__(self, terminal: Terminal, sight: str = "") -> None:
        self._terminal = terminal
        self._sight = sight

    def go_on(self, answers: int) -> None:
        """Take the next decision, `answers` having been taken, and stay until the console dies."""
        try:
            self._see("offline author", "task-a")
            self._at("the task")
            (self.answer, self.send_back, self.edit, self.approve, self.see_the_end)[answers]()
            self._until(lambda screen: False)
        except Over:
            pass

    def answer(self) -> None:
        """Say which languages."""
        self._go_to("? task-a", "task-a asks", "enter answer")
        self._at("the question")
        self._press(ENTER, "task-a asks · ", "Languages *")
        self._press("nl->fr", "nl->fr")
        self._at("a typed answer")
        look()
        self._press(ENTER, "task-a is being written", "def main")
        self._at("half a draft")

    def send_back(self) -> None:
        """Reject the first draft with a reason."""
        self._go_to("◆ task-a", "translate_release_notes  v1", "a approve")
        self._at("the first draft")
        look()
        self._press("r", "Why is translate_release_notes sent back?")
        self._press("add type hints", "add type hints")
        self._at("a typed reason")
        look()
        self._terminal.send(ENTER)  # what is said of that goes by itself
        self._until(lambda screen: "task-a sent back" in screen or "task-a is being written" in screen)
        self._at("a draft sent back")

    def edit(self) -> None:
        """Change the second draft."""
        self._go_to("◆ task-a", "draft 2", "a approve")
        self._at("the second draft")
        look()
        self._press("e", "edited by ada")
        self._at("the edited draft")

    def approve(self) -> None:
        """Approve the third draft, which is the edited one."""
        self._go_to("◆ task-a", "edited by ada", "a approve")
        look()
        self._press("a", "task-a saved as")
        self._press(ESCAPE)
        self.see_the_end()

    def see_the_end(self) -> None:
        """Wait until the task is over."""
        self._see("✓ task-a")
        self._at("the end")

    def leave(self, last_task: str) -> None:
        """When the task is over and the hub's last one is there: approve the other one's draft, and leave."""
        self._see("offline author", "✓ task-a", last_task, "summarize_blog_post  v1", "enter read")
        self._press(ENTER, "a approve")
        look()
        self._press("a", "task-1 saved as")
        self._terminal.send("q")

    def _go_to(self, row: str, card: str, key: str) -> None:
        """Select the task, in the second row, once it waits; go to its card."""
        self._see(row)
        self._press("j", card, "enter read")
        self._press(ENTER, card, key)

    def _press(self, keys: str, *texts: str) -> None:
        """Send keys and wait for what comes of them."""
        self._terminal.send(keys)
        self._see(*texts)

    def _see(self, *texts: str) -> None:
        self._until(lambda screen: all(text in screen for text in texts))

    def _until(self, is_true: Callable[[str], object]) -> None:
        self._terminal.wait_until(lambda screen: self._terminal.is_over or is_true(screen), "the next thing to do")
        if self._terminal.is_over:
            raise Over

    def _at(self, sight: str) -> None:
        if sight == self._sight:
            self._terminal.kill()
            raise Over


# --- where it happens


@pytest.fixture(scope="module")
def filled_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which a review is open, and two editors: one has its console killed."""
    home = tmp_path_factory.mktemp("filled")
    for name, command in (("editor", "echo '# by hand' >> \"$1\""), ("deadly-editor", "kill -9 $PPID")):
        (home / name).write_text(f"#!/bin/sh\n{command}\n")
        (home / name).chmod(0o700)

    async def fill() -> None:
        async with running(workspace_in(home, OFTEN_KILLED + STAYS)) as (session, watch):
            await send(session, SUMMARIZE)
            await watch.until("review.requested")

    asyncio.run(fill())
    return home


@pytest.fixture
def past(filled_home: Path, tmp_path: Path) -> Past:
    """The past of a home of one test's own."""
    return Past(Path(shutil.copytree(filled_home, tmp_path / "home")))


@pytest.fixture
def hub(past: Past) -> Iterator[RawHub]:
    """Sends each who connects all tasks so far."""

    def talk(peer: Peer) -> None:
        peer.shake_hands()
        peer.send({"type": 1, "target": "TaskHub", "arguments": [{"tasks": past.sent}]})
        peer.read_to_end()

    with RawHub(talk) as hub:
        yield hub


class Consoles:
    """Starts consoles in one home, each with one more task at the hub."""

    def __init__(self, past: Past, hub: RawHub, stack: ExitStack) -> None:
        self._past = past
        self._arguments = ["--nodes", str(past.home / "nodes"), "--hub", hub.url]
        self._stack = stack

    def one_by_one(self, ends: Sequence[Point | Sight]) -> Iterator[Terminal]:
        """One that comes to each of these ends; it is loaded while the one before it still runs."""
        ahead = self._load(ends[0])
        for following in (*ends[1:], None):
            terminal = ahead
            if following is not None:
                ahead = self._load(following)
            self._past.send_another()
            terminal.send(ENTER)
            yield terminal

    def _load(self, end: Point | Sight) -> Terminal:
        home = self._past.home
        point, editor = (end.point, end.editor) if isinstance(end, Sight) else (str(end), "editor")
        command = [sys.executable, "-m", "tests.support.console_process", point, "--home", str(home), *self._arguments]
        environ = environment(home, EDITOR=str(home / editor))
        return self._stack.enter_context(Terminal(command, home, environ, SMALL))

    def bring_to_the_end(self) -> None:
        """Start the console as a person does, and see that all there ever was is there."""
        past = self._past
        past.send_another()
        with console(past.home, *self._arguments, environ=environment(past.home), size=HIGH) as terminal:
            Person(terminal).leave(str(past.sent[-1]["id"]))
            assert terminal.wait() == 0
        past.check_end("task-1", "task-a")


@pytest.fixture
def consoles(past: Past, hub: RawHub) -> Iterator[Consoles]:
    """Consoles of one test; whatever becomes of it, none is left."""
    with ExitStack() as stack:
        yield Consoles(past, hub, stack)


# --- the kills


@pytest.mark.parametrize("life", LIVES)
def test_a_task_whose_console_is_killed_at_each_step_comes_to_its_end(
    past: Past, consoles: Consoles, life: str
) -> None:
    points = LIVES[life]
    for point, terminal in zip(points, consoles.one_by_one(points), strict=True):
        Person(terminal).go_on(past.answers)
        past.count_kill(terminal)
        assert past.has_done(point) == (point.moment in ("placed", "after")), f"killed at {point}"
    assert past.kills == len(points)
    consoles.bring_to_the_end()


def test_a_task_whose_console_is_killed_at_each_sight_comes_to_its_end(past: Past, consoles: Consoles) -> None:
    for sight, terminal in zip(SIGHTS, consoles.one_by_one(SIGHTS), strict=True):
        Person(terminal, sight.what).go_on(past.answers)
        past.count_kill(terminal)
        assert past.has(*sight.done), f"killed at the sight of {sight.what}"
        assert not past.has(*sight.undone), f"killed at the sight of {sight.what}"
    assert past.kills == len(SIGHTS)
    consoles.bring_to_the_end()


def test_a_run_without_a_terminal_goes_on_at_once_where_a_console_was_killed(
    past: Past, consoles: Consoles, hub: RawHub
) -> None:
    points = WITHOUT_A_TERMINAL
    following = ("details", "review 1", "review 2", "review 3")
    for point, terminal in zip(points, consoles.one_by_one(points), strict=True):
        Person(terminal).go_on(past.answers)
        past.count_kill(terminal)
        assert past.has_done(point)
        with Connect(past.home, {"hub_url": hub.url}, "--approve", "none") as process:
            process.until("message_received")
            assert process.finish()[0] == 0
        past.check()
        assert past.has("question", following[past.answers]) if past.answers < len(following) else past.has("end")
    assert past.kills == len(points)
    past.check_end("task-a")


def test_it_was_fifty_consoles_and_more() -> None:
    assert sum(map(len, (*LIVES.values(), SIGHTS, WITHOUT_A_TERMINAL))) >= 50
