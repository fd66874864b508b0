"""The actions of every view: help, the palette, leaving and suspending."""

from __future__ import annotations

from evolver_tui.tui.actions import Action
from evolver_tui.tui.context import ViewContext


def _help(view: ViewContext) -> None:
    from evolver_tui.tui.modals import HelpModal

    view.show(HelpModal(view.keymap.actions, now=view.settings.monotonic))


def _notices(view: ViewContext) -> None:
    from evolver_tui.tui.modals import NoticesModal
    from evolver_tui.tui.modals.notices_modal import KeptNotice

    kept = (KeptNotice(each.raised_at, each.severity, each.message) for each in view.latest_notices)
    view.show(NoticesModal(kept, now=view.settings.monotonic))


HELP = Action("app.help", "question_mark", "help", "Show every key.", "Desk", _help, footer=90, is_always_shown=True)
PALETTE = Action(
    "app.palette", "ctrl+p,colon", "palette", "Find a command by its name.", "Desk", ViewContext.open_palette,
    footer=91, is_always_shown=True,
)  # fmt: skip
NOTICES = Action("app.notices", "m", "notices", "Read the latest notices in full.", "Desk", _notices)
QUIT = Action(
    "app.quit", "q,ctrl+q,ctrl+c", "quit", "Quit, once what is being written is finished.", "Desk", ViewContext.quit,
    footer=60, is_alone=True,
)  # fmt: skip
SUSPEND = Action("app.suspend", "ctrl+z", "suspend", "Back to the shell; fg comes again.", "Desk", ViewContext.suspend)

APP_ACTIONS = (HELP, PALETTE, NOTICES, QUIT, SUSPEND)
