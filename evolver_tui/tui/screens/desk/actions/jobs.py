"""What can be done about the selected job, whatever lies on the card."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from evolver_tui.tui.actions import Action
from evolver_tui.tui.screens.desk.actions.reasons import in_database

if TYPE_CHECKING:
    from evolver_tui.core.job import QueueRow
    from evolver_tui.tui.screens.desk.context import DeskContext


def _subject(desk: DeskContext) -> object:
    row = desk.selected
    return (row.job, row.state) if row is not None else None


# --- retry and restore


def _reason_against_retry(desk: DeskContext) -> str:
    row = desk.selected
    return "" if row is not None and row.state == "failed" else "Only a failed task can be retried."


async def _retry(desk: DeskContext) -> None:
    """Queue the selected failed job again."""
    row = desk.selected
    if row is not None:
        await desk.session.inbox.retry(row.job)
        desk.acknowledge(row.job, row.task_id, "queued again", is_final=True)
        desk.refresh_queue()


def _reason_against_restoring(desk: DeskContext) -> str:
    row = desk.selected
    if row is not None and (row.state == "cancelled" or (row.state == "completed" and row.outcome == "rejected")):
        return ""
    return "Only a rejected or cancelled task can be restored."


async def _restore(desk: DeskContext) -> None:
    """Put the selected rejected or cancelled job back where it was."""
    row = desk.selected
    if row is not None:
        await desk.session.inbox.restore(row.job)
        desk.acknowledge(row.job, row.task_id, "restored", is_final=True)
        desk.refresh_queue()
        desk.refresh_card()


# --- cancel


def _reason_against_cancelling(desk: DeskContext) -> str:
    row = desk.selected
    if row is None:
        return "No task is selected."
    return f"This task is over: {(row.outcome or row.state).value}." if row.state.is_over else ""


async def _cancel(desk: DeskContext) -> None:
    """End the selected job, after a confirmation that says what is lost."""
    from evolver_tui.tui.modals import ConfirmModal

    row = desk.selected
    if row is None:
        return
    body = f"{row.task_name}\n\n{_cancelled_words(row)} {desk.receipts.way_back}"
    now = desk.settings.monotonic
    if not await desk.ask(ConfirmModal(f"Cancel {row.task_id}?", body, "cancel it", keep_label="keep it", now=now)):
        return
    question = await desk.session.store.open_question_of(row.job)
    with desk.questions.settling(question.id) if question is not None else contextlib.nullcontext():
        await desk.session.inbox.cancel(row.job)
    desk.acknowledge(row.job, row.task_id, "cancelled")
    desk.refresh_queue()
    desk.refresh_card()


def _cancelled_words(row: QueueRow) -> str:
    """What is lost when this job is cancelled."""
    from evolver_tui.core.job import JobState
    from evolver_tui.tui.question_kinds import view_of

    match row.state:
        case JobState.RUNNING:
            return "The task ends. What is being written for it at this moment is lost; finished steps are kept."
        case JobState.PAUSED:
            return f"The task ends. {view_of(row.asks).if_cancelled}"
    return "The task ends. Nothing is written for it."


RETRY = Action(
    "job.retry", "y", "retry", "Queue the failed task again.", "Review", _retry, in_database(_reason_against_retry),
    _subject, footer=0, is_occasional=True, is_alone=True,
)  # fmt: skip
RESTORE = Action(
    "job.restore", "U", "restore", "Put a rejected or cancelled task back where it was.", "Review", _restore,
    in_database(_reason_against_restoring), _subject, footer=0, is_occasional=True, is_alone=True,
)  # fmt: skip
CANCEL = Action(
    "job.cancel", "D", "cancel", "End the selected task, whether it waits or runs; it asks first.", "Queue", _cancel,
    in_database(_reason_against_cancelling), _subject, footer=61, is_alone=True,
)  # fmt: skip
