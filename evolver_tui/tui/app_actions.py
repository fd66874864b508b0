"""The actions of every view: help, the palette, and leaving."""

from __future__ import annotations

from evolver_tui.tui.actions import Action
from evolver_tui.tui.context import ViewContext


def _help(view: ViewContext) -> None:
    from evolver_tui.tui.modals import HelpModal

    view.show(HelpModal(view.keymap.actions, now=view.settings.monotonic))


HELP = Action("app.help", "question_mark", "help", "Show every key.", "Desk", _help, footer=90, is_always_shown=True)
PALETTE = Action(
    "app.palette", "ctrl+p,colon", "palette", "Find a command by its name.", "Desk", ViewContext.open_palette,
    footer=91, is_always_shown=True,
)  # fmt: skip
QUIT = Action(
    "app.quit", "q,ctrl+q,ctrl+c", "quit", "Finish what is being written and leave.", "Desk", ViewContext.quit,
    footer=60, is_alone=True,
)  # fmt: skip

APP_ACTIONS = (HELP, PALETTE, QUIT)
