"""Marking jobs in the queue, to do one thing with all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evolver_tui.tui.actions import Action
from evolver_tui.tui.screens.desk.actions.reasons import in_database, in_session
from evolver_tui.tui.screens.desk.marks import ONLY_WAITING, can_be_marked

if TYPE_CHECKING:
    from evolver_tui.tui.screens.desk.context import DeskContext

_QUEUE = ("queue",)


def _reason_against_marking(desk: DeskContext) -> str:
    row = desk.selected
    if row is None:
        return "No task is selected."
    return "" if can_be_marked(row) or row.job in desk.queue.marks else ONLY_WAITING


def _mark(desk: DeskContext) -> None:
    """Mark the selected job, or take its mark away."""
    reason = desk.queue.toggle_mark()
    if reason:
        desk.say(reason, "warning")


def _range(desk: DeskContext) -> None:
    """Begin a range, or mark what lies in it."""
    reason = desk.queue.toggle_range()
    if reason:
        desk.say(reason, "warning")


def _reason_against_range(desk: DeskContext) -> str:
    return "" if desk.selected is not None else "No task is selected."


def _reason_without_draft(desk: DeskContext) -> str:
    return "" if desk.content.review is not None else "There is no draft on the card."


async def _mark_alike(desk: DeskContext) -> None:
    """Mark the task on the card and all whose drafts differ from its in texts and numbers alone; go to the queue."""
    review = desk.content.review
    if review is None:
        return
    store = desk.session.store
    jobs = await desk.alike.jobs_like(review.draft.code)
    rows = [row for job in jobs if (row := await store.row(job)) is not None]
    if len(rows) < 2:
        desk.say("No other draft that waits is like this one.")
        return
    reason = desk.queue.add_marks(rows)
    if reason:
        desk.say(reason, "warning")
    else:
        desk.layout.focus_pane(desk.queue)  # where marks are, and what is done with them
        desk.say(f"{len(rows):,} tasks are marked: their drafts differ in texts and numbers alone.")


async def _order(desk: DeskContext) -> None:
    """Show what waits by how likely it is approved, or in the queue's order again."""
    from evolver_tui.tui.screens.desk.estimate_order import EstimateOrder

    if desk.queue.is_ordered:
        desk.queue.set_order(None)
    elif await desk.session.estimates.of("") is None:
        desk.say("Too few decisions were made yet to tell what is likely.")
    else:
        desk.queue.set_order(EstimateOrder(desk).rows)


MARK: Action[DeskContext] = Action(
    "marks.toggle", "space", "mark", "Mark the selected task or take its mark away, and go one down; escape takes all.",
    "Queue", _mark, _reason_against_marking, panes=_QUEUE, footer=20,
)  # fmt: skip
RANGE: Action[DeskContext] = Action(
    "marks.range", "v", "range", "Begin a range of marks, which moving extends, or end it; escape gives it up.",
    "Queue", _range, _reason_against_range, panes=_QUEUE, footer=21,
    is_on=lambda desk: desk.queue.is_in_range, title_when_on="mark range",
)  # fmt: skip
MARK_ALIKE: Action[DeskContext] = Action(
    "marks.alike", "M", "mark alike", "Mark this task and all whose drafts differ from its in texts and numbers alone.",
    "Queue", _mark_alike, in_database(_reason_without_draft), panes=("card", "queue"), footer=22,
)  # fmt: skip
ORDER: Action[DeskContext] = Action(
    "queue.order", "O", "by estimate", "Show what needs you by how likely it is approved, or as it came again.",
    "Queue", _order, in_session(), panes=_QUEUE, footer=35,
    is_on=lambda desk: desk.queue.is_ordered, title_when_on="as it came",
)  # fmt: skip
