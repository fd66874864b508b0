"""Where the hour happens: a hub, a model that writes what is scripted, a database and a library, and two hosts."""

from __future__ import annotations

import contextlib
import json
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from evolver_tui.adapters.nodes.library import NodeFiles
from evolver_tui.core.node import NodeDraft
from evolver_tui.engine.author.library import Approval
from tests.support.drafts import check
from tests.support.hour.script import Script, Scripted
from tests.support.hubs import Peer, RawHub
from tests.support.processes import Model, environment
from tests.support.provider_server import SSE_HEAD, openai_chunk, openai_events
from tests.support.terminal import PATIENCE_SECONDS, Terminal

_SECONDS_BETWEEN_PINGS = 5.0
_SECONDS_A_PIECE, _PIECES = 0.03, 5
"""How fast the model writes."""
_PING = {"type": 6}
_ON_ANOTHER_HOST = """
import platform, sys
platform.node = lambda: sys.argv[1]
from evolver_tui.cli.main import main
sys.exit(main(sys.argv[2:]))
"""
"""The console as it would run on a machine of another name, by which processes are known there."""


class BurstHub:
    """A hub that sends what it is told to, when it is told to; a burst in whose middle it is cut comes again."""

    def __init__(self) -> None:
        self.sent_at: dict[str, float] = {}
        """When each task was first sent, by its id; seconds that only count up."""
        self._bursts: list[tuple[Sequence[Mapping[str, Any]], bool]] = []
        self._sent = 0
        self._connections = 0
        self._changed = threading.Condition()
        self._hub = RawHub(self._talk)

    def __enter__(self) -> Self:
        self._hub.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._connections = -1
            self._changed.notify_all()
        self._hub.__exit__(kind, error, trace)

    @property
    def url(self) -> str:
        """Where it listens."""
        return self._hub.url

    @property
    def connections(self) -> int:
        """How often somebody connected."""
        return self._connections

    def wait_for_connections(self, count: int) -> None:
        """Wait until somebody has connected so often."""
        with self._changed:
            has_come = self._changed.wait_for(lambda: self._connections >= count, PATIENCE_SECONDS)
        assert has_come, f"nobody connected for the {count}th time"

    def send(self, tasks: Sequence[Mapping[str, Any]], *, is_cut: bool = False) -> None:
        """Send these; with `is_cut` only half of them come through, and all of them on the next connection."""
        with self._changed:
            self._bursts.append((tasks, is_cut))
            self._changed.notify_all()

    def _talk(self, peer: Peer) -> None:
        peer.shake_hands()
        with self._changed:
            self._connections += 1
            mine = self._connections
            self._changed.notify_all()
        while True:
            with self._changed:
                self._changed.wait_for(
                    lambda: self._connections != mine or self._sent < len(self._bursts), _SECONDS_BETWEEN_PINGS
                )
                if self._connections != mine:
                    return
                burst = self._bursts[self._sent] if self._sent < len(self._bursts) else None
                if burst is None:
                    peer.send(_PING)
                    continue
                tasks, is_cut = burst
                came = tasks[: (len(tasks) + 1) // 2] if is_cut else tasks
                self._note(came)
                peer.send({"type": 1, "target": "TaskHub", "arguments": [{"tasks": came}]})
                if is_cut:
                    self._bursts[self._sent] = (tasks, False)
                    return
                self._sent += 1

    def _note(self, tasks: Sequence[Mapping[str, Any]]) -> None:
        for task in tasks:
            self.sent_at.setdefault(task["id"], time.monotonic())


class ScriptedModel(Model):
    """Writes for each task what is scripted, a piece at a time; after a reason, the next draft."""

    def __init__(self, script: Script) -> None:
        super().__init__(self._answer)
        self._scripted = {one.id: one for one in script.tasks}

    def _answer(self, task_id: str) -> Iterator[bytes]:
        request = next(each for each in reversed(self.requests) if each["task"]["id"] == task_id)
        one = self._scripted[task_id]
        text = json.dumps(_answer(one, min(len(request.get("feedback", ())), len(one.drafts) - 1)))
        size = len(text) // _PIECES + 1
        yield SSE_HEAD
        for start in range(0, len(text), size):
            time.sleep(_SECONDS_A_PIECE)
            yield openai_chunk({"content": text[start : start + size]})
        yield openai_events()


def _answer(one: Scripted, number: int) -> Mapping[str, Any]:
    tool = one.drafts[number].rpartition('call_tool("')[2].partition('"')[0]
    return {
        "workflow_code": one.drafts[number],
        "workflow_name": one.task["taskName"],
        "suggested_node_id": one.node_id,
        "tools_used": [tool],
        "estimated_complexity": "simple",
        "sample_inputs": [{"id": one.id, "text": "One line. And 2 more, by 2026-11-29."}],
    }


class Place:
    """One database and one library that two hosts share."""

    def __init__(self, folder: Path, script: Script, hub_url: str, model: Model) -> None:
        self.database = folder / "shared.db"
        self.nodes = folder / "nodes"
        self._folder, self._hub_url, self._model = folder, hub_url, model
        _save_library(self.nodes, script.library)

    @contextlib.contextmanager
    def console(self, host: str, size: tuple[int, int]) -> Iterator[Terminal]:
        """The same person's console on a host of this name."""
        home = self._folder / host
        self._model.configure(home)
        arguments = ["--home", str(home), "--nodes", str(self.nodes), "--hub", self._hub_url]
        arguments += ["--database", f"sqlite:///{self.database}"]
        command = [sys.executable, "-c", _ON_ANOTHER_HOST, host, *arguments]
        with Terminal(command, home, environment(home), size) as terminal:
            yield terminal
        assert b"Traceback" not in terminal.raw, terminal.raw[-4000:].decode()


def _save_library(folder: Path, library: Mapping[str, str]) -> None:
    files = NodeFiles(folder, time.time)
    for number, (node_id, code) in enumerate(library.items()):
        draft = NodeDraft(node_id, node_id.replace("_", " ").title(), code, (), "simple", "openai m")
        files.save(draft, check(code), Approval("ada", "2026-11-01T09:00:00Z", f"before-{number}", "summarize"))
