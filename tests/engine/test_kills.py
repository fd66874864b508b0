"""kill -9 at each step of a task: nothing acknowledged is lost, nothing is done twice, nothing half is in the library.

A process is killed some milliseconds after it told of a step; the delays come from a fixed seed, and no verdict depends
on them. Each start gets tasks of its own and, as from a hub that delivers again, those of all starts before.
"""

from __future__ import annotations

import random
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from evolver_tui.adapters.nodes.library import NodeFiles
from tests.support.hubs import Peer, RawHub
from tests.support.processes import (
    OFTEN_KILLED,
    PATIENCE_SECONDS,
    Connect,
    ForkedProcess,
    Model,
    Reviewer,
    half_answer,
    whole_answer,
)
from tests.support.sessions import workspace_in

LONGEST_DELAY_SECONDS = 0.012

HEADLESS_STEPS = (
    "connected", "message_received", "task_queued", "processing_task", "workflow_generated", "workflow_saved",
    "task_completed",
)  # fmt: skip
REVIEW_STEPS = (
    "task.queued", "task.started", "question.asked", "answered", "node.written", "node.checked", "node.tried",
    "review.requested",
    "review.decided", "decided", "job.resumed", "node.saved", "task.completed",
)  # fmt: skip


class Past:
    """One home through many starts and kills: what it acknowledged, and whether all of that is still there."""

    def __init__(self, home: Path, seed: int) -> None:
        self.home = home
        workspace_in(home, OFTEN_KILLED)
        self.tasks: list[dict[str, Any]] = []
        self.queued: set[str] = set()
        self.answered: set[int] = set()
        self._random = random.Random(seed)

    def add_tasks(self, *types: str) -> list[dict[str, Any]]:
        """All tasks so far and new ones; a type of "" lacks it, so that a question has to be asked."""
        for kind in types:
            number = len(self.tasks)
            task = {"id": f"task-{number}", "taskName": f"Paper {number}", **({"llmTaskType": kind} if kind else {})}
            self.tasks.append(task)
        return list(self.tasks)

    def kill(self, process: ForkedProcess) -> None:
        """Kill it within the next milliseconds, and see that what it told of is there."""
        time.sleep(self._random.uniform(0, LONGEST_DELAY_SECONDS))
        process.kill()
        self.remember(process)
        self.check()

    def remember(self, process: ForkedProcess) -> None:
        """Note what this process acknowledged."""
        for event in process.events:
            if event["event"] in ("task_queued", "task.queued"):
                assert event["task_id"] not in self.queued, "a task was queued twice"
                self.queued.add(event["task_id"])
            if event["event"] in ("decided", "answered"):
                assert event["question"] not in self.answered, "a question was answered twice"
                self.answered.add(event["question"])

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.home / "data" / "evolver.db")) as database:
            return database.execute(query).fetchall()

    def check(self) -> None:
        """What has to hold after every kill."""
        assert self.rows("PRAGMA integrity_check") == [("ok",)]
        assert self.rows("PRAGMA foreign_key_check") == []
        kept = Counter(task_id for (task_id,) in self.rows("SELECT task_id FROM job"))
        assert self.queued <= kept.keys()
        assert set(kept.values()) <= {1}
        counted = self.rows("SELECT state, coalesce(outcome, ''), count(*) FROM job GROUP BY 1, 2 ORDER BY 1, 2")
        assert counted == self.rows("SELECT state, outcome, jobs FROM tally WHERE jobs ORDER BY 1, 2")
        assert self.answered <= {row[0] for row in self.rows("SELECT id FROM question WHERE answered_at IS NOT NULL")}
        self.check_library()

    def check_library(self) -> None:
        """Every node is whole: its bytes are the approved ones."""
        survey = self.library.survey()
        assert survey.problems == ()
        for record in survey.records:
            self.library.verify(record.node_id)

    @property
    def library(self) -> NodeFiles:
        return NodeFiles(self.home / "nodes", time.time)

    def check_end(self) -> None:
        """Every task ended once, with one version of one node of its own."""
        self.check()
        ends = self.rows("SELECT task_id, state, outcome, node FROM job")
        assert {row[1:3] for row in ends} == {("completed", "approved")}
        assert {row[0] for row in ends} == {task["id"] for task in self.tasks}
        nodes = {node for *_, node in ends}
        assert len(nodes) == len(self.tasks)
        assert nodes == {f"{record.node_id} v1" for record in self.library.list()}
        assert all(len(self.library.versions(record.node_id)) == 1 for record in self.library.list())
        completed = self.rows("SELECT count(*) FROM signal WHERE name = 'task.completed'")
        assert completed == [(len(self.tasks),)]


def hub_of(past: Past, *types: str) -> RawHub:
    """Sends what it always sent and new tasks to each who connects."""

    def talk(peer: Peer) -> None:
        peer.shake_hands()
        peer.send({"type": 1, "target": "TaskHub", "arguments": [{"tasks": past.add_tasks(*types)}]})
        peer.read_to_end()

    return RawHub(talk)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_headless_run_that_is_killed_at_each_step_goes_on_where_it_was(tmp_path: Path, seed: int) -> None:
    past = Past(tmp_path, seed)
    with hub_of(past, "summarize", "generate", "summarize") as hub:
        for step in HEADLESS_STEPS:
            with Connect(tmp_path, {"hub_url": hub.url}) as process:
                process.until(step)
                past.kill(process)
        with Connect(tmp_path, {"hub_url": hub.url}) as process:
            process.until("message_received")
            code, _ = process.finish()
        past.remember(process)
    assert code == 0
    past.check_end()


@pytest.mark.parametrize("seed", [4, 5])
def test_a_session_with_a_person_that_is_killed_at_each_step_goes_on_where_it_was(tmp_path: Path, seed: int) -> None:
    past = Past(tmp_path, seed)
    for step in REVIEW_STEPS:
        with Reviewer(tmp_path, past.add_tasks("summarize", "")) as process:
            process.until(step)
            past.kill(process)
    with Reviewer(tmp_path, past.add_tasks("generate")) as process:
        process.until("nothing left")
        process.kill()
    past.remember(process)
    past.check_end()


@pytest.mark.parametrize("seed", [6])
def test_a_run_that_is_killed_while_the_model_writes_leaves_nothing_half(tmp_path: Path, seed: int) -> None:
    past = Past(tmp_path, seed)
    may_finish, half_sent = threading.Event(), threading.Event()

    def play(task_id: str) -> Iterator[bytes]:
        if may_finish.is_set():
            yield from whole_answer(task_id)
            return
        yield half_answer(task_id)
        half_sent.set()
        may_finish.wait(PATIENCE_SECONDS)

    with Model(play) as model, hub_of(past, "summarize") as hub:
        model.configure(tmp_path, OFTEN_KILLED)
        for _ in range(6):
            half_sent.clear()
            with Connect(tmp_path, {"hub_url": hub.url}) as process:
                process.until("message_received")
                assert half_sent.wait(PATIENCE_SECONDS)
                past.kill(process)
            assert "workflow_generated" not in process.names()
            assert past.rows("SELECT count(*) FROM journal") == [(0,)]
            assert past.library.list() == ()
        may_finish.set()
        with Connect(tmp_path, {"hub_url": hub.url}) as process:
            process.until("message_received")
            process.finish()
        past.remember(process)
    past.check_end()


@pytest.mark.parametrize("seed", [7])
def test_a_session_that_is_killed_while_it_saves_one_task_and_generates_another_loses_neither(
    tmp_path: Path, seed: int
) -> None:
    past = Past(tmp_path, seed)
    slow, half_sent, is_over = [""], threading.Event(), threading.Event()

    def play(task_id: str) -> Iterator[bytes]:
        if task_id != slow[0]:
            yield from whole_answer(task_id)
            return
        yield half_answer(task_id)
        half_sent.set()
        is_over.wait(PATIENCE_SECONDS)

    with Model(play) as model:
        model.configure(tmp_path)
        for step in ("review.decided", "job.resumed", "node.saved", "task.completed"):
            *_, quick, late = past.add_tasks("summarize", "generate")
            slow[0] = late["id"]
            half_sent.clear()
            with Reviewer(tmp_path, past.tasks) as process:
                process.until(step, task_id=quick["id"])
                if step != "review.decided":  # by then the lane that generates has taken the other one
                    assert half_sent.wait(PATIENCE_SECONDS)
                past.kill(process)
                assert not process.told("node.written", task_id=late["id"])
        slow[0] = ""
        is_over.set()
        with Reviewer(tmp_path, past.tasks) as process:
            process.until("nothing left")
            process.kill()
        past.remember(process)
    past.check_end()
