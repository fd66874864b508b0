"""What was told: reading one signal in full, going from a task to its signals and back, writing the log to a file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from evolver_tui.core.safe_text import safe_text
from evolver_tui.tui.actions import Action
from evolver_tui.tui.screens.desk.actions.reasons import in_session

if TYPE_CHECKING:
    from evolver_tui.core.job import QueueRow
    from evolver_tui.core.signal import Signal
    from evolver_tui.tui.screens.desk.context import DeskContext


_MOST_ROWS = 50
"""Tasks whose ids or names hold the id that is looked for."""


async def _open_signal(desk: DeskContext) -> None:
    """Show the lowest signal in sight in full."""
    from evolver_tui.tui.modals import SignalModal

    feed, was_paused = desk.feed, desk.feed.is_paused
    if feed.lowest is None:
        desk.say("There is no signal yet.")
        return
    feed.pause()  # else what lies beside it would be let go while it is read
    modal = SignalModal(
        desk.keymap, feed.lowest, feed.beside, on_show=feed.look_at, to_task=TASK_OF_SIGNAL, copies=COPY_SIGNAL,
        copy=lambda value: desk.start(_copy_value(desk, value), COPY_SIGNAL.id), now=desk.settings.monotonic,
    )  # fmt: skip
    chosen = await desk.ask(modal)
    if not was_paused:
        feed.follow()
    if chosen is not None:
        await _go_to_task_of(desk, chosen)


async def _copy_signal(desk: DeskContext) -> None:
    """Copy the lowest signal in sight in the canonical shape."""
    from evolver_tui.core.signal import SignalEmittedEvent

    if desk.feed.lowest is not None:
        await _copy_value(desk, SignalEmittedEvent.from_signal(desk.feed.lowest).to_dict())


async def _copy_value(desk: DeskContext, value: Any) -> None:
    """Copy a JSON value without secrets, as an export has it."""
    from evolver_tui.core.safe_text import safe_json
    from evolver_tui.tui.drawing.selected_text import SelectedText

    try:
        clean = await desk.session.without_secrets(value)
        text = safe_json(json.dumps(clean, indent=2, ensure_ascii=False, default=str))
    except (ValueError, RecursionError):
        desk.say("It cannot be copied: it is no JSON value.", "warning")
        return
    await desk.copy(SelectedText(text, text.count("\n") + 1, False))


def _pause_feed(desk: DeskContext) -> None:
    if desk.feed.is_paused:
        desk.feed.follow()
    else:
        desk.feed.pause()
    desk.layout.show_keys()


async def _go_to_task(desk: DeskContext) -> None:
    """From the lowest signal in sight to the task that it tells of."""
    if desk.feed.lowest is not None:
        await _go_to_task_of(desk, desk.feed.lowest)


async def _go_to_task_of(desk: DeskContext, signal: Signal) -> None:
    row = await _row_of(desk, signal)
    if row is None:
        desk.say(f"{safe_text(signal.name, 60)} tells of no task that is in the queue.")
    else:
        desk.go_to_card(row)


async def _row_of(desk: DeskContext, signal: Signal) -> QueueRow | None:
    store, job, task_id = desk.session.store, signal.context.get("job"), signal.context.get("task_id")
    if isinstance(job, int):
        return await store.row(job)
    if not isinstance(task_id, str):
        return None
    rows = await store.rows_after(None, _MOST_ROWS, task_id)
    return next((row for row in rows if row.task_id == task_id), None)


def _go_to_signals(desk: DeskContext) -> None:
    """From a task to what was told of it."""
    row = desk.selected
    if row is not None:
        task_id = safe_text(row.task_id)
        desk.feed.follow()
        desk.feed.find(f'task:"{task_id}"' if " " in task_id else f"task:{task_id}")
        if desk.feed.lowest is None:
            desk.feed.move_up()  # they may stand in the log
        desk.layout.focus_pane(desk.feed)


def _without_task(desk: DeskContext) -> str:
    return "" if desk.selected is not None else "There is no task yet."


def _without_signal(desk: DeskContext) -> str:
    return "" if desk.feed.lowest is not None else "There is no signal yet."


async def _export(desk: DeskContext) -> None:
    """Write this session's log."""
    key = desk.keymap.shown_key(EXPORT)
    way_out = f"Make room there, or allow writing, then press {key} again: the log is kept in the database."
    path = await desk.session.export("jsonl", way_out=way_out)
    desk.say_path("This session was exported to", path)


OPEN_SIGNAL: Action[DeskContext] = Action(
    "signal.open", "enter", "read", "Read the lowest signal in sight in full.", "Session", _open_signal, in_session(),
    panes=("feed",), footer=1,
)  # fmt: skip
COPY_SIGNAL: Action[DeskContext] = Action(
    "signal.copy", "Y", "copy", "Copy the lowest signal in sight as JSON; in its dialog what is under the cursor.",
    "Session", _copy_signal, in_session(_without_signal), panes=("feed",),
)  # fmt: skip
PAUSE_FEED: Action[DeskContext] = Action(
    "feed.pause", "f", "pause feed", "Let the signals stand still, or follow the newest one again.", "Session",
    _pause_feed, panes=("feed",), footer=3, is_on=lambda desk: desk.feed.is_paused, title_when_on="follow",
)  # fmt: skip
TASK_OF_SIGNAL: Action[DeskContext] = Action(
    "signal.task", "s", "its task", "Go to the task that the lowest signal in sight tells of.", "Session", _go_to_task,
    in_session(_without_signal), panes=("feed",), footer=2,
)  # fmt: skip
SIGNALS_OF_TASK: Action[DeskContext] = Action(
    "task.signals", "s", "signals", "Show the signals of the selected task alone.", "Session", _go_to_signals,
    in_session(_without_task), panes=("queue", "card"),
)  # fmt: skip
EXPORT: Action[DeskContext] = Action(
    "session.export", "x", "export", "Export this session's log to a file.", "Session", _export, in_session(),
    footer=41, is_alone=True,
)  # fmt: skip
