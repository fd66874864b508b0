"""What can be done with a past session: replay, export, compare, delete."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evolver_tui.core.safe_text import safe_text
from evolver_tui.tui.actions import Action

if TYPE_CHECKING:
    from evolver_tui.tui.screens.history.context import HistoryContext

_PANES = ("sessions",)


def _without_session(history: HistoryContext) -> str:
    return history.reason_against_use() or ("" if history.selected is not None else "There is no session here.")


def _against_delete(history: HistoryContext) -> str:
    from evolver_tui.engine.past_sessions import Standing

    reason = _without_session(history)
    past = history.selected_past
    if reason or past is None:
        return reason or "It is still being read."
    return "It is open: end it first." if past.standing is Standing.OPEN else ""


async def _replay(history: HistoryContext) -> None:
    """Show the session again, as it went."""
    if history.selected is not None:
        await history.show_replay(history.selected.id)


async def _export(history: HistoryContext) -> None:
    """Write the session's log to a file."""
    record = history.selected
    if record is None:
        return
    key = history.keymap.shown_key(EXPORT)
    way_out = f"Make room there, or allow writing, then press {key} again: the log is kept in the database."
    path = await history.session.export("jsonl", session_id=record.id, way_out=way_out)
    history.say_path("The session was exported to", path)


async def _delete(history: HistoryContext) -> None:
    """Delete the session, once a person agreed."""
    from evolver_tui.engine.past_sessions import Standing
    from evolver_tui.tui.modals import ConfirmModal

    past = history.selected_past
    if past is None:
        return
    record, is_unseen = past.record, past.standing is Standing.UNKNOWN
    body = (
        "All that it told is deleted, and cannot come back. Its jobs stay in the queue, exported files where they are."
    )
    if is_unseen:
        body += (
            f"\n\nIt has no end, and its process on {safe_text(record.host, 60)} cannot be seen from here. "
            "If it still runs, it stops when this is deleted."
        )
    if await history.ask(ConfirmModal(DELETE.title, safe_text(record.id, 60), body, now=history.settings.monotonic)):
        history.is_deleting.add(record.id)
        history.table.refresh()
        try:
            signals = await history.session.delete_past(record, may_live=is_unseen)
        finally:
            history.is_deleting.discard(record.id)
            history.table.look_again()
        history.say(f"{record.id} is deleted, with {signals:,} signals. Its jobs stay in the queue.")


REPLAY: Action[HistoryContext] = Action(
    "history.replay", "enter", "replay", "Show the session again, as it went.", "History", _replay, _without_session,
    panes=_PANES, footer=1,
)  # fmt: skip
COMPARE: Action[HistoryContext] = Action(
    "history.compare", "c", "compare", "Mark the session, to see each other one beside it; again to leave that.",
    "History", lambda history: history.toggle_mark(), _without_session, panes=_PANES, footer=2,
    is_on=lambda history: history.marked is not None, title_when_on="compare no more",
)  # fmt: skip
EXPORT: Action[HistoryContext] = Action(
    "history.export", "x", "export", "Export the session's log to a file.", "History", _export, _without_session,
    panes=_PANES, footer=3, is_alone=True,
)  # fmt: skip
DELETE: Action[HistoryContext] = Action(
    "history.delete", "D", "delete", "Delete the session with all that it told; it asks first, and the jobs stay.",
    "History", _delete, _against_delete, lambda history: history.selected and history.selected.id, panes=_PANES,
    footer=4, is_alone=True,
)  # fmt: skip
FILTER: Action[HistoryContext] = Action(
    "history.filter", "slash", "filter", "Show only sessions whose id, day, host or end contains some text.", "History",
    lambda history: history.table.open_filter(), _without_session, panes=_PANES, footer=33,
)  # fmt: skip
BACK: Action[HistoryContext] = Action(
    "history.back", "escape", "back", "Leave the filter, or the comparison.", "History",
    lambda history: history.go_back(), panes=_PANES, is_way_out=True,
)  # fmt: skip
