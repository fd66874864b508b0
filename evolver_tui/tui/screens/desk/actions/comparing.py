"""Holding the draft on the card against what was there before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evolver_tui.tui.actions import Action
from evolver_tui.tui.screens.desk.card import DIFF_PAGE

if TYPE_CHECKING:
    from evolver_tui.tui.screens.desk.context import DeskContext


def _reason(desk: DeskContext) -> str:
    if any(page.title == DIFF_PAGE for page in desk.content.pages):
        return ""
    return "There is nothing to hold the draft on the card against."


def _reason_against_next(desk: DeskContext) -> str:
    return _reason(desk) or ("" if len(desk.content.diffs) > 1 else "There is one thing to hold it against.")


DIFF: Action[DeskContext] = Action(
    "card.diff", "d", "diff", "Show what differs from before, both sides beside each other, or the code again.",
    "Review", lambda desk: desk.card.cycle_diff(), _reason, panes=("card",), footer=12,
    is_occasional=True,
)  # fmt: skip
COMPARE: Action[DeskContext] = Action(
    "card.compare", "V", "compare", "Hold the draft against the next of what it can be held against.",
    "Review", lambda desk: desk.card.compare_with_next(), _reason_against_next, panes=("card",),
)  # fmt: skip
