"""Copying what lies on the card."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evolver_tui.tui.actions import Action, Work

if TYPE_CHECKING:
    from evolver_tui.tui.screens.desk.context import DeskContext


def _reason(desk: DeskContext) -> str:
    return "" if desk.card.has_text else "There is nothing on the card to copy."


def _copy(desk: DeskContext) -> Work:
    """Copy what is selected, or the whole page in view; what lies there at this moment is meant."""
    return desk.copy(desk.card.take_text())


SELECT: Action[DeskContext] = Action(
    "card.select", "v", "select", "Select lines from the first one in sight; moving extends it, escape ends it.",
    "Review", lambda desk: desk.card.begin_selection(), _reason, panes=("card",),
)  # fmt: skip
COPY: Action[DeskContext] = Action(
    "card.copy", "Y", "copy", "Copy what is selected (v, or the mouse), or else the whole page.", "Review", _copy,
    _reason, panes=("card",),
)  # fmt: skip
