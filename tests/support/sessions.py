"""Real sessions for tests: the product's own wiring under a temporary home, the offline author without its pace."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from evolver_tui.core.address import Address
from evolver_tui.core.decision import Decision, DecisionKind
from evolver_tui.core.job import QueueRow
from evolver_tui.core.question import OpenQuestion
from evolver_tui.core.question_kinds.review import ReviewSubject
from evolver_tui.core.signal import Signal
from evolver_tui.engine.session import Session
from evolver_tui.settings.workspace import Workspace, find_workspace
from evolver_tui.wiring import Work, make_session
from tests.support.boxes import SteadySandbox

PATIENCE_SECONDS = 20.0
"""Only a hang takes so long."""

SUMMARIZE = {"id": "task-1", "taskName": "LLM Summarization for Blog Post", "llmTaskType": "summarize"}
GENERATE = {
    "id": "task-2",
    "taskName": "AI Generated Email Content",
    "llmTaskType": "generate",
    "translationLanguages": [{"from": "en", "to": "fr"}, {"from": "en", "to": "es"}],
    "priority": "high",
}
TRANSLATE = {
    "id": "task-3",
    "taskName": "Translation of Product Description",
    "llmTaskType": "translate",
    "translationLanguages": [{"from": "de", "to": "en"}],
    "priority": "low",
}


def workspace_in(
    folder: Path, config: str = "", environ: Mapping[str, str] | None = None, database: str | None = None
) -> Workspace:
    """A place under `folder` with this config file, and the database there or another."""
    if config:
        (folder / "config").mkdir(parents=True, exist_ok=True)
        (folder / "config" / "config.toml").write_text(config)
    nodes = str(folder / "nodes")
    return find_workspace(
        str(folder), nodes, Address(database) if database else None, {"USER": "ada", **(environ or {})}
    )


class Watch:
    """Waits for a session's signals; hears everything from its making on."""

    def __init__(self, session: Session) -> None:
        self.heard: list[Signal] = []
        self._session = session
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        session.bus.registry.register_all(self._hear)

    def _hear(self, signal: Signal) -> None:
        if signal.context.get("session_id") == self._session.id:
            self.heard.append(signal)
            self._loop.call_soon_threadsafe(self._news.set)

    def names(self) -> list[str]:
        """What was heard, in order."""
        return [signal.name for signal in self.heard]

    async def until(self, name: str, count: int = 1, **payload: Any) -> Signal:
        """The `count`th signal of this name whose payload or context has these values."""

        def matches(signal: Signal) -> bool:
            told = {**signal.context, **signal.payload}
            return signal.name == name and all(told.get(key) == value for key, value in payload.items())

        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                found = [signal for signal in self.heard if matches(signal)]
                if len(found) >= count:
                    return found[count - 1]
                self._news.clear()
                await self._news.wait()


@asynccontextmanager
async def running(place: Workspace, **options: Any) -> AsyncIterator[tuple[Session, Watch]]:
    """An open session without a hub, and what it says. Plug-ins run in this process, as in one that is theirs."""
    usual = {"pace": 0.0, "work": Work(is_isolated=False), "sandbox": SteadySandbox()}
    session = make_session(place, **{**usual, **options})
    watch = Watch(session)
    await session.open()
    try:
        yield session, watch
    finally:
        session.bus.registry.unregister(watch._hear)
        await session.close(finish_current=False)


async def send(session: Session, *arguments: object) -> None:
    """What a link does with one invocation, from a thread of its own."""
    await asyncio.to_thread(session.hub.message, arguments)


async def open_question(session: Session, task_id: str) -> OpenQuestion:
    """What this task waits for."""
    (question,) = [question for question in await session.store.open_questions() if question.task_id == task_id]
    return question


async def review_of(session: Session, watch: Watch, task_id: str, count: int = 1) -> tuple[OpenQuestion, ReviewSubject]:
    """Wait for this task's `count`th review and read its card."""
    await watch.until("review.requested", count, task_id=task_id)
    question = await open_question(session, task_id)
    return question, ReviewSubject.of(question)


def approval(subject: ReviewSubject) -> Decision:
    """Approve exactly these bytes, for exactly this place."""
    return Decision(DecisionKind.APPROVE, sha256=subject.draft.sha256, replaces=subject.replaced_sha256)


async def row_of(session: Session, task_id: str) -> QueueRow:
    """This task's line in the queue."""
    (row,) = [row for row in await session.store.rows_after(None, 1000) if row.task_id == task_id]
    return row
