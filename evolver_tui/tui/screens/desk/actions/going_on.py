"""Where a person comes to once something is decided or answered: what needs them next, at once or when it comes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evolver_tui.tui.question_kinds import view_of

if TYPE_CHECKING:
    from evolver_tui.core.job import QueueRow
    from evolver_tui.core.question import OpenQuestion
    from evolver_tui.tui.screens.desk.context import DeskContext


def is_filled_in(question: OpenQuestion) -> bool:
    """Whether a question is answered in a dialog; another is looked at on its card."""
    return view_of(question.question.kind).is_filled_in(question)


async def go_on(desk: DeskContext, row: QueueRow | None) -> QueueRow | None:
    """Put in front what needs a person next, on the card, which keeps the focus; what that is, or None.

    Where nothing does, what comes to is shown by itself later on.

    Args:
        row: the job that was decided about, as it stood in the queue before.
    """
    from evolver_tui.tui.screens.desk.open_questions import next_needing

    if not desk.settings.goes_on:
        return None
    following = desk.queue.next_in_order(row) or await next_needing(desk.session.store, row)
    if following is None:
        desk.await_next()
    else:
        desk.select(following)
    return following


async def go_on_from_answer(desk: DeskContext, row: QueueRow | None) -> OpenQuestion | None:
    """The same from a dialog: the card gets the focus. Returns the next question where its dialog is to open."""
    if not desk.settings.goes_on:
        return None
    following = await go_on(desk, row)
    if following is None and row is not None:
        desk.select(row)
        desk.await_next()
    desk.layout.focus_pane(desk.card)
    if following is None or not desk.settings.opens_next_question:
        return None
    question = await desk.session.store.open_question_of(following.job)
    return question if question is not None and is_filled_in(question) else None
