"""The other content that a hub sent under the id of a task that is here: taking it, or letting it go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evolver_tui.tui.actions import Action
from evolver_tui.tui.screens.desk.actions.reasons import in_database

if TYPE_CHECKING:
    from evolver_tui.core.job import QueueRow
    from evolver_tui.tui.screens.desk.context import DeskContext


def _reason(desk: DeskContext) -> str:
    return "" if desk.selected is not None else "No task is selected."


async def _take(desk: DeskContext) -> None:
    """Begin the selected job anew with the other content, after a confirmation."""
    from evolver_tui.core.safe_text import safe_text
    from evolver_tui.tui.modals import ConfirmModal

    row = await _resent(desk)
    if row is None:
        return
    body = (
        f"{safe_text(row.task_name, 200)}\n\nThe task is worked on anew with what the hub sent. What was saved of it"
        " stays in the library; a draft that waits, and what was answered, go."
    )
    about = f"the other content of {safe_text(row.task_id, 40)}"
    if await desk.ask(ConfirmModal("take", about, body, now=desk.settings.monotonic)):
        await desk.keep(row.job, row.task_id, lambda: desk.session.inbox.take_resent(row.job))
        _show(desk, row, "begins anew")


async def _drop(desk: DeskContext) -> None:
    """Let the other content of the selected job go."""
    row = await _resent(desk)
    if row is not None:
        await desk.keep(row.job, row.task_id, lambda: desk.session.inbox.drop_resent(row.job))
        _show(desk, row, "stays what it is")


async def _resent(desk: DeskContext) -> QueueRow | None:
    """The selected job, where the hub sent other content for it; else a notice says so."""
    row = desk.selected
    if row is None or desk.is_being_saved(row.job):
        return None
    detail = await desk.session.store.job(row.job)
    if detail is None or detail.resent_at is None:
        desk.say("The hub sent no other content for this task.")
        return None
    return row


def _show(desk: DeskContext, row: QueueRow, words: str) -> None:
    desk.acknowledge(row.job, row.task_id, words, is_final=True)
    desk.refresh_queue()
    desk.refresh_card()


TAKE_RESENT = Action(
    "task.take_resent", "", "take other content",
    "Take other content that the hub sent for the task, and begin it anew; it asks first.", "Queue", _take,
    in_database(_reason), is_alone=True,
)  # fmt: skip
DROP_RESENT = Action(
    "task.drop_resent", "", "drop other content", "Drop other content that the hub sent for the task.", "Queue",
    _drop, in_database(_reason), is_alone=True,
)  # fmt: skip
