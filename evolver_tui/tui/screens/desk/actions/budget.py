"""What the author may spend: what a person may do when that is used up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evolver_tui.tui.actions import Action
from evolver_tui.tui.screens.desk.actions.reasons import in_database

if TYPE_CHECKING:
    from evolver_tui.tui.screens.desk.context import DeskContext


def _reason_against_allowing(desk: DeskContext) -> str:
    return "" if desk.session.budget.outage is not None else "No budget is used up."


async def _allow_more(desk: DeskContext) -> None:
    """Go on over what is used up, after a confirmation that names the sums."""
    from evolver_tui.tui.modals import ConfirmModal

    used_up = [bound for bound in desk.session.budget.bounds if bound.share >= 1.0]
    sums = "\n".join(
        f"Of {bound.whose}, {bound.spent_words} are spent. Going on allows {bound.once_words} more."
        for bound in used_up
    )
    is_shared = any(bound.scope == "day" for bound in used_up)
    body = f"{sums}\n\nThe author then takes up what waits." + (
        " This counts until the day ends, for every session of this database." if is_shared else ""
    )
    modal = ConfirmModal("go on", "over the budget", body, now=desk.settings.monotonic)
    if await desk.ask(modal):
        await desk.session.allow_more()


ALLOW_MORE = Action(
    "budget.allow", "", "go on over budget", "Go on over the budget that is used up; it asks first.", "Session",
    _allow_more, in_database(_reason_against_allowing),
)  # fmt: skip
