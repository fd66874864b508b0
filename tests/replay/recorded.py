"""Real sessions in which much happens, and their logs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evolver_tui.core.decision import Decision, DecisionKind
from evolver_tui.core.job import JobDetail, QueueCounts, QueueRow
from evolver_tui.core.journal import ASIDE
from evolver_tui.core.question import Answer, AnswerAction, OpenQuestion
from evolver_tui.core.signal import Signal
from evolver_tui.engine.replay.recording import Recording, read_recording
from evolver_tui.engine.session import Session
from evolver_tui.engine.store import ReadStore
from tests.support.sessions import (
    GENERATE,
    SUMMARIZE,
    TRANSLATE,
    Watch,
    approval,
    open_question,
    review_of,
    row_of,
    running,
    send,
    workspace_in,
)

VAGUE: Mapping[str, Any] = {"id": "task-4", "taskName": "Translate it", "llmTaskType": "translate"}
DONE: Mapping[str, Any] = {"id": "task-5", "taskName": "Done", "llmTaskType": "summarize", "status": "completed"}
LOW: Mapping[str, Any] = {
    "id": "task-6",
    "taskName": "Sum up",
    "llmTaskType": "summarize",
    "priority": "low",
}


RULES = """
[[rule]]
name = "low is urgent"
when = "task.queued"
if = { priority = "low" }
then = { priority = "high", tag = "hurry", review = true }

[[rule]]
name = "enough"
when = "question.answered"
then = { intake = "pause" }
"""


class Desk:
    """All that a database says of its jobs, as the desk reads it."""

    def __init__(self) -> None:
        self.rows: list[QueueRow] = []
        self.counts = QueueCounts()
        self.details: dict[int, JobDetail] = {}
        self.journals: dict[int, Mapping[str, Any]] = {}
        self.questions: dict[int, OpenQuestion | None] = {}
        self.signals: list[Signal] = []
        """What was told, where somebody wrote it down."""

    @classmethod
    async def of(cls, store: ReadStore) -> Desk:
        """What it says now."""
        desk = cls()
        desk.rows = list(await store.rows_after(None, 1000))
        desk.counts = await store.counts()
        for row in desk.rows:
            detail = await store.job(row.job)
            assert detail is not None
            desk.details[row.job] = detail
            journal = await store.journal(row.job)
            desk.journals[row.job] = {name: value for name, value in journal.items() if not name.startswith(ASIDE)}
            desk.questions[row.job] = await store.open_question_of(row.job)
        return desk


async def decide(session: Session, watch: Watch, task_id: str, kind: DecisionKind, count: int = 1) -> None:
    """Decide a task's review."""
    question, subject = await review_of(session, watch, task_id, count)
    await session.inbox.decide(question.id, approval(subject) if kind is DecisionKind.APPROVE else Decision(kind))


async def undo(session: Session, task_id: str) -> None:
    """Take back what was decided last about a task."""
    made = await session.inbox.last_decision_about((await row_of(session, task_id)).job)
    assert made is not None
    await session.inbox.undo(made)


async def send_back_and_think_again(session: Session, watch: Watch, task_id: str) -> None:
    """Have another draft written for a task, then the first one back."""
    question = await open_question(session, task_id)
    await session.inbox.decide(question.id, Decision(DecisionKind.REJECT, reason="Shorter."))
    await watch.until("review.requested", 2, task_id=task_id)
    await undo(session, task_id)


async def signals_told(store: ReadStore, session_id: str) -> list[Signal]:
    """A session's log, as the database has it."""
    return [stored.signal for stored in await store.signals(session_id, limit=10_000)]


async def eventful_session(folder: Path) -> tuple[Desk, Path]:
    """A session with decisions of each kind, some taken back, and rules; how it stood, and its log."""
    place = workspace_in(folder)
    place.paths.rules_file.parent.mkdir(parents=True)
    place.paths.rules_file.write_text(RULES)
    async with running(place) as (session, watch):
        await send(session, SUMMARIZE, GENERATE, TRANSLATE, dict(VAGUE), dict(DONE))
        await decide(session, watch, "task-1", DecisionKind.APPROVE)
        await watch.until("task.completed", task_id="task-1")
        await decide(session, watch, "task-2", DecisionKind.REJECT)
        await watch.until("task.completed", task_id="task-2")
        await session.inbox.restore((await row_of(session, "task-2")).job)
        await undo(session, "task-1")
        await decide(session, watch, "task-2", DecisionKind.APPROVE)
        await watch.until("task.completed", 2, task_id="task-2")
        await watch.until("question.asked", task_id="task-4")
        question = await open_question(session, "task-4")
        await review_of(session, watch, "task-3")
        await session.inbox.cancel((await row_of(session, "task-3")).job)
        await send(session, dict(LOW))
        await review_of(session, watch, "task-6")
        await session.inbox.cancel((await row_of(session, "task-6")).job)
        await session.inbox.restore((await row_of(session, "task-6")).job)
        await session.inbox.cancel((await row_of(session, "task-6")).job)
        await undo(session, "task-6")
        await send_back_and_think_again(session, watch, "task-6")
        await session.inbox.answer(question.id, Answer(AnswerAction.DECLINE))
        await watch.until("task.completed", task_id="task-4")
        await session.rules.settled()
        desk, session_id = await Desk.of(session.store), session.id
        path = folder / "session.jsonl"
        await session.store.flush_log()
        desk.signals = await signals_told(session.store, session_id)
        await session.export("jsonl", path, session_id)
    return desk, path


def recording_of(path: Path) -> Recording:
    """A log, opened."""
    return read_recording(path.open("rb"))
