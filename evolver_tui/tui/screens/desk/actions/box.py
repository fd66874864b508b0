"""The box that holds nodes: what a person may do where there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evolver_tui.tui.actions import Action
from evolver_tui.tui.screens.desk.actions.reasons import in_session

if TYPE_CHECKING:
    from evolver_tui.tui.screens.desk.context import DeskContext


def _reason_against_unheld(desk: DeskContext) -> str:
    box = desk.session.box
    if box is None:
        return "Nobody knows yet how nodes are held here."
    if box.tier != "none":
        return f"Nodes run in a box here, tier {box.tier}."
    return "Nodes run without a box already." if box.runs_unheld else ""


async def _allow_unheld(desk: DeskContext) -> None:
    """Let nodes run that nothing holds, once a person typed the word for it."""
    from evolver_tui.engine.sandbox import CONSENT, WHAT_UNHELD_MEANS
    from evolver_tui.tui.modals import WordModal

    box = desk.session.box
    why = box.reason if box is not None else ""
    body = (
        f"Nothing on this machine holds a node, so none is run. {why}\n\n{WHAT_UNHELD_MEANS}\n\n"
        "This counts until the console is closed, and for drafts as well, which run before anybody has read them."
    )
    modal = WordModal("Run nodes without a box?", body, CONSENT, "run without", now=desk.settings.monotonic)
    if await desk.ask(modal) is True:
        desk.session.sandbox.allow_unheld()
        desk.say("Nodes run without a box until this console is closed.", "warning")


RUN_UNHELD = Action(
    "box.unheld", "", "run without box", "Let nodes run without a box until the console is closed; asks for a word.",
    "Session", _allow_unheld, in_session(_reason_against_unheld),
)  # fmt: skip
