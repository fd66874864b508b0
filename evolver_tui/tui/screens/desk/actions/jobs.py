"""What can be done about the selected job, whatever lies on the card."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from evolver_tui.tui.actions import Action
from evolver_tui.tui.screens.desk.actions.going_on import go_on
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
    if row is not None and not desk.is_being_saved(row.job):
        await desk.keep(row.job, row.task_id, lambda: desk.session.inbox.retry(row.job))
        desk.acknowledge(row.job, row.task_id, "retried, waiting", is_final=True)
        desk.refresh_queue()


def _reason_against_restoring(desk: DeskContext) -> str:
    row = desk.selected
    if row is not None and (row.state == "cancelled" or (row.state == "completed" and row.outcome == "rejected")):
        return ""
    return "Only a rejected or cancelled task can be restored."


async def _restore(desk: DeskContext) -> None:
    """Put the selected rejected or cancelled job back where it was."""
    row = desk.selected
    if row is not None and not desk.is_being_saved(row.job):
        await desk.keep(row.job, row.task_id, lambda: desk.session.inbox.restore(row.job))
        desk.acknowledge(row.job, row.task_id, "restored", is_final=True)
        desk.refresh_queue()
        desk.refresh_card()


def _reason_against_retrying_all(desk: DeskContext) -> str:
    return "" if desk.counts is not None and desk.counts.failed else "No task has failed."


async def _retry_all(desk: DeskContext) -> None:
    """Queue every failed job again, after a confirmation that says how many these are."""
    from evolver_tui.tui.modals import ConfirmModal

    failed = desk.counts.failed if desk.counts is not None else 0
    about = "1 failed task" if failed == 1 else f"{failed:,} failed tasks"
    body = "They are queued again, before new tasks. What they had finished is kept."
    modal = ConfirmModal("retry", about, body, now=desk.settings.monotonic)
    retried = 0

    async def save(_: bool) -> None:
        nonlocal retried
        retried = len(await desk.session.inbox.retry_all())

    modal.save = save
    if await desk.ask(modal):
        desk.say("1 failed task is retried." if retried == 1 else f"{retried:,} failed tasks are retried.")
        desk.refresh_queue()
        desk.refresh_card()


# --- what does not work


def _reason_against_trying(desk: DeskContext) -> str:
    from evolver_tui.tui.screens.desk.outage_words import can_be_tried

    outages = desk.session.outages
    if not outages:
        return "Nothing is paused."
    if not can_be_tried(outages):
        return "The budget is used up. “Go on over the budget” in the palette allows more."
    return "It is being tried at this moment." if all(outage.is_trying for outage in outages) else ""


async def _try_now(desk: DeskContext) -> None:
    """Try at once what does not work."""
    desk.session.try_now()


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
    if row is None or desk.is_being_saved(row.job):
        return
    body = f"{row.task_name}\n\n{_cancelled_words(row)} {desk.receipts.way_back}"
    now = desk.settings.monotonic
    if not await desk.ask(ConfirmModal("cancel", row.task_id, body, now=now)):
        return
    question = await desk.session.store.open_question_of(row.job)
    with desk.questions.settling(question.id) if question is not None else contextlib.nullcontext():
        await desk.keep(row.job, row.task_id, lambda: desk.session.inbox.cancel(row.job))
    desk.acknowledge(row.job, row.task_id, "cancelled")
    desk.refresh_queue()
    desk.refresh_card()
    if question is not None and desk.pane_in_focus == desk.card.pane_name:  # from the queue one goes on by oneself
        await go_on(desk, row)


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
    "job.retry", "y", "retry", "Retry the failed task; its finished steps are kept.", "Review", _retry,
    in_database(_reason_against_retry),
    _subject, footer=0, is_occasional=True, is_alone=True,
)  # fmt: skip
RESTORE = Action(
    "job.restore", "U", "restore", "Restore a rejected or cancelled task to where it was.", "Review", _restore,
    in_database(_reason_against_restoring), _subject, footer=0, is_occasional=True, is_alone=True,
)  # fmt: skip
RETRY_ALL = Action(
    "job.retry_all", "f5", "retry all", "Retry all failed tasks; it asks first.", "Queue", _retry_all,
    in_database(_reason_against_retrying_all), is_alone=True,
)  # fmt: skip
TRY_NOW = Action(
    "worker.try", "T", "try now", "Try now what everything waits for, instead of waiting.", "Session", _try_now,
    in_database(_reason_against_trying), footer=2, is_occasional=True, is_alone=True,
)  # fmt: skip
CANCEL = Action(
    "job.cancel", "D", "cancel", "Cancel the selected task, whether it waits or runs; it asks first.", "Queue", _cancel,
    in_database(_reason_against_cancelling), _subject, footer=61, is_alone=True,
)  # fmt: skip
