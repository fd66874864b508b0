"""Taking back what was decided: the last of one's own decisions, and with each key the one before."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from evolver_tui.core.errors import NodeUsed
from evolver_tui.tui.actions import Action
from evolver_tui.tui.screens.desk.actions.reasons import in_database

if TYPE_CHECKING:
    from evolver_tui.core.made_decision import MadeDecision
    from evolver_tui.engine.undo import Undone
    from evolver_tui.tui.screens.desk.context import DeskContext

_WHAT_COMES = "Its task is where it was before, and what followed from it is forgotten."


async def _undo(desk: DeskContext) -> None:
    """Take back the last decision of this person, whatever session it was made in, and go to its card."""
    from evolver_tui.engine.undo import words_of

    made = await desk.session.inbox.last_decision()
    if made is None:
        desk.say("There is nothing that you decided and could take back.")
        return
    if desk.is_being_saved(made.job) or not await _is_meant(desk, made):
        return
    undone = await _taken_back(desk, made)
    if undone is None:
        return
    desk.acknowledge(made.job, made.task_id, f"{made.noun.partition(' ')[2]} taken back", is_final=True)
    desk.refresh_queue()
    await _go_to(desk, made.job)
    desk.say(words_of(undone), "warning" if undone.still_to_do else "information")


async def _go_to(desk: DeskContext, job: int) -> None:
    """Put a job in front: what waits there now is what its person asked for."""
    row = await desk.session.store.row(job)
    if row is not None:
        desk.card.guard.expect(job)
        desk.go_to_card(row)
        desk.refresh_card()


async def _is_meant(desk: DeskContext, made: MadeDecision) -> bool:
    """Whether it is meant: what was decided in this session is, of anything before it is asked."""
    from evolver_tui.core.safe_text import safe_text
    from evolver_tui.tui.drawing.formatting import moment

    if made.session_id == desk.session.id:
        return True
    where = f" on {safe_text(made.host, 60)}" if made.host else ""
    body = f"It was made before this session began, at {moment(made.at)}{where}. {_WHAT_COMES}"
    return await _agrees(desk, made, body)


async def _taken_back(desk: DeskContext, made: MadeDecision) -> Undone | None:
    """What was taken back; None where a person would not have a node go that was run. Raises EvolverError."""
    try:
        return await _write(desk, made, accepts_use=False)
    except NodeUsed as error:
        body = f"{error}\n\n{_WHAT_COMES} It goes out of the library; what a run of it gave stays."
        if not await _agrees(desk, made, body):
            return None
    return await _write(desk, made, accepts_use=True)


async def _write(desk: DeskContext, made: MadeDecision, *, accepts_use: bool) -> Undone:
    found: list[Undone] = []

    async def write() -> None:
        found.append(await desk.session.inbox.undo(made, accepts_use=accepts_use))

    asked = await desk.session.store.open_question_of(made.job)  # it goes with what is taken back, which is no news
    with desk.questions.settling(asked.id) if asked is not None else contextlib.nullcontext():
        await desk.keep(made.job, made.task_id, write)
    return found[0]


async def _agrees(desk: DeskContext, made: MadeDecision, body: str) -> bool:
    from evolver_tui.core.safe_text import safe_text
    from evolver_tui.tui.modals import ConfirmModal

    about = f"{made.noun} of {safe_text(made.task_id, 40)}"
    return await desk.ask(ConfirmModal("undo", about, body, now=desk.settings.monotonic)) is True


UNDO = Action(
    "decision.undo", "u", "undo", "Undo your last decision, and with each key the one before.", "Review", _undo,
    in_database(), footer=17, is_alone=True,
)  # fmt: skip
