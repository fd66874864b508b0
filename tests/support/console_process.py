"""`evolver-tui` in a process that ends itself, as kill -9 would, at one point of its work. Run by test_console_kills.

python -m tests.support.console_process POINT ARGUMENTS...

It loads what the console needs, waits for a line on its terminal, and then is `evolver-tui ARGUMENTS`: so the next
one can get ready while another one runs. POINT is `call:name:moment`, or empty:

    add_tasks|claim|record_step|pause|answer|finish : NAME : before|within|after
        a call of the store about the step or question NAME (`-` where a call is about neither): before the store
        hears of it; with everything written and nothing committed; after the commit, with nobody told yet
    stream : - : N                 at the N-th piece of what the author writes
    stall : - : N                  does not end itself: the author falls silent at its N-th piece
    save : - : before|within|placed|after
        before or after the library's save, or at its rename of the node's folder, or at the one that follows

The offline author makes nobody wait. Everything else is the console as it is; what `wiring` makes for the engine's
ports is only watched.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import os
import re
import signal
import sqlite3
import sys
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from evolver_tui import wiring
from evolver_tui.cli.main import main
from evolver_tui.core.node import CheckReport, NodeDraft, NodeRecord
from evolver_tui.core.node_run import NodeRun
from evolver_tui.engine.author.backend import Backend, Piece, Prompt
from evolver_tui.engine.author.library import Approval, Library
from evolver_tui.engine.store import Store

LOADED_AHEAD = (
    "evolver_tui.tui.app", "evolver_tui.tui.screens.desk.card_presenter", "evolver_tui.tui.modals",
    "evolver_tui.engine.session", "evolver_tui.adapters.database.database", "evolver_tui.adapters.signalr.link",
    "evolver_tui.adapters.llm.offline", "evolver_tui.adapters.nodes.library",
)  # fmt: skip
TABLE_WRITTEN = {
    "add_tasks": "job", "claim": "job", "record_step": "journal", "pause": "question", "answer": "question",
    "finish": "job",
}  # fmt: skip
"""The calls of the store that can be watched, each with the table that it writes to."""


class Point(NamedTuple):
    """Where a console ends."""

    call: str
    name: str
    moment: str

    def __str__(self) -> str:
        return ":".join(self)


def die() -> None:
    """End without a word, whatever the other threads are at."""
    os.kill(os.getpid(), signal.SIGKILL)


class Fate:
    """Watches one call and ends this process at its point."""

    def __init__(self, point: Point) -> None:
        self._point = point
        self._is_near = False
        """Whether the watched call has begun."""
        self._node_id = ""
        self._is_placed = False

    def watch_store(self, store: Store) -> None:
        """Wrap the call, whatever its other arguments are."""
        point, real = self._point, getattr(store, self._point.call)
        signature = inspect.signature(real)

        async def call(*args: Any, **kwargs: Any) -> Any:
            if await _name_in(signature.bind(*args, **kwargs).arguments, store) != point.name:
                return await real(*args, **kwargs)
            if point.moment == "before":
                die()
            self._is_near = point.moment == "within"
            result = await real(*args, **kwargs)
            if point.moment == "after" and (point.call != "claim" or result is not None):
                die()
            return result

        setattr(store, point.call, call)

    def watch_connection(self, connection: sqlite3.Connection) -> None:
        """End at the commit that the call waits for."""
        writes = re.compile(rf'(INSERT\b.*\bINTO|UPDATE) "?{TABLE_WRITTEN[self._point.call]}\b')
        has_written = False

        def trace(statement: str) -> None:
            nonlocal has_written
            if self._is_near and writes.match(statement):
                has_written = True
            elif has_written and statement == "COMMIT":
                die()

        connection.set_trace_callback(trace)

    def watch_backend(self, backend: Backend) -> None:
        """Count the pieces."""
        real = backend.stream

        async def stream(prompt: Prompt) -> AsyncGenerator[Piece, None]:
            pieces = 0
            async for piece in real(prompt):
                pieces += 1
                if str(pieces) == self._point.moment:
                    await asyncio.Event().wait() if self._point.call == "stall" else die()
                yield piece

        setattr(backend, "stream", stream)  # noqa: B010 - mypy lets nobody assign to a method

    def watch_library(self, library: Library) -> None:
        """Wrap its save."""
        point, real = self._point, library.save

        def save(draft: NodeDraft, report: CheckReport, approval: Approval, runs: Sequence[NodeRun] = ()) -> NodeRecord:
            if point.moment == "before":
                die()
            self._node_id = draft.node_id
            record = real(draft, report, approval, runs)
            if point.moment == "after":
                die()
            return record

        setattr(library, "save", save)  # noqa: B010 - as above

    def hear(self, event: str, arguments: Sequence[Any]) -> None:
        """What the interpreter tells of itself: here, of each file and folder that gets its place."""
        if event == "os.rename" and self._node_id:
            if self._is_placed and self._point.moment == "placed":
                die()
            self._is_placed = self._is_placed or Path(arguments[1]).name == self._node_id
            if self._is_placed and self._point.moment == "within":
                die()


async def _name_in(given: Mapping[str, Any], store: Store) -> str:
    """The step or question that a call of the store is about."""
    if "question_id" in given:
        question = await store.question(given["question_id"])
        return question.question.name if question else ""
    return str(given["question"].name if "question" in given else given.get("name", "-"))


def run(point: str, arguments: Sequence[str]) -> int:
    """The console, until it reaches that point; returns the exit code."""
    for module in LOADED_AHEAD:
        importlib.import_module(module)
    setattr(wiring, "make_session", partial(wiring.make_session, pace=0.0))  # noqa: B010 - mypy knows its signature
    if point:
        _watch(Point(*point.split(":")))
    os.read(sys.stdin.fileno(), 1)
    return main(arguments)


def _watch(point: Point) -> None:
    fate = Fate(point)
    if point.call in ("stream", "stall"):
        _show(wiring, "make_backend", fate.watch_backend)
    elif point.call == "save":
        _show(wiring, "make_library", fate.watch_library)
        sys.addaudithook(fate.hear)
    else:
        _show(wiring, "make_store", fate.watch_store)
        _show(sqlite3, "connect", fate.watch_connection)


def _show(module: ModuleType, maker: str, watch: Callable[[Any], None]) -> None:
    """Let `watch` see whatever this function makes."""
    make = getattr(module, maker)

    def make_and_show(*args: Any, **kwargs: Any) -> Any:
        made = make(*args, **kwargs)
        watch(made)
        return made

    setattr(module, maker, make_and_show)


if __name__ == "__main__":
    sys.exit(run(sys.argv[1], sys.argv[2:]))
