"""What was told: reading one signal in full, writing the session's log to a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evolver_tui.tui.actions import Action
from evolver_tui.tui.screens.desk.actions.reasons import in_session

if TYPE_CHECKING:
    from evolver_tui.tui.screens.desk.context import DeskContext


async def _open_signal(desk: DeskContext) -> None:
    """Show the lowest signal in sight in full."""
    from evolver_tui.tui.modals import SignalModal

    feed = desk.feed
    if feed.lowest is None:
        desk.say("There is no signal yet.")
    else:
        desk.show(SignalModal(desk.keymap, feed.lowest, feed.beside, now=desk.settings.monotonic))


async def _export(desk: DeskContext) -> None:
    """Write this session's log."""
    key = desk.keymap.shown_key(EXPORT)
    way_out = f"Make room there, or allow writing, then press {key} again: the log is kept in the database."
    path = await desk.session.export("jsonl", way_out=way_out)
    desk.say_path("This session was exported to", path)


OPEN_SIGNAL = Action(
    "signal.open", "enter", "read", "Read the lowest signal in sight in full.", "Session", _open_signal, in_session(),
    panes=("feed",), footer=1,
)  # fmt: skip
EXPORT = Action(
    "session.export", "x", "export", "Export this session's log to a file.", "Session", _export, in_session(),
    footer=41, is_alone=True,
)  # fmt: skip
