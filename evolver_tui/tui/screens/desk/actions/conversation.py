"""The dialogue with the agent: stopping it while it writes, and what the session came to so far."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evolver_tui.tui.actions import Action
from evolver_tui.tui.screens.desk.actions.reasons import in_database, in_session

if TYPE_CHECKING:
    from evolver_tui.core.signal_catalogue.conversation_signals import SessionSummary
    from evolver_tui.tui.screens.desk.context import DeskContext


def _writing(desk: DeskContext) -> int | None:
    """The job that something is written for: the selected one, else the one that was begun first."""
    live, selected = desk.session.live_drafts, desk.selected
    return selected.job if selected is not None and selected.job in live else next(iter(live), None)


def _reason_against_stopping(desk: DeskContext) -> str:
    return "Nothing is being written at this moment." if _writing(desk) is None else ""


async def _stop(desk: DeskContext) -> None:
    """Stop the author while it writes."""
    job = _writing(desk)
    live = desk.session.live_drafts.get(job) if job is not None else None
    if live is None or not desk.session.stop_generation(live.job):
        desk.say("That was written already, or is being stopped.")
        return
    desk.say(f"The author was stopped. {live.task_id} failed by that; retry it to have it written again.")
    desk.refresh_queue()


async def _summarize(desk: DeskContext) -> None:
    """Say what the session came to so far; a signal tells it as well."""
    desk.say(summary_words(desk.session.summarize()))


def summary_words(summary: SessionSummary) -> str:
    """What a session came to, in three sentences at most."""
    from evolver_tui.tui.drawing.formatting import duration

    tasks = f"{summary['tasks']:,} {'task' if summary['tasks'] == 1 else 'tasks'} came"
    turns = f"{summary['total_turns']:,} {'question' if summary['total_turns'] == 1 else 'questions'} answered"
    words = (
        f"In {duration(summary['session_duration_sec'])} {tasks}, {summary['approved']:,} approved, "
        f"{summary['rejected']:,} rejected, {turns}. {summary['tokens']:,} tokens were read and written"
    )
    words += f" for {summary['cost']:,.4f} {summary['currency']}." if "cost" in summary else "."
    waited = summary["avg_total_latency_ms"]
    return words if waited is None else f"{words} A question took {duration(waited / 1000)} to come, on average."


STOP = Action(
    "author.stop", "S", "stop", "Stop the author while it writes; the task fails and can be retried.", "Session", _stop,
    in_database(_reason_against_stopping), _writing, is_alone=True,
)  # fmt: skip
SUMMARIZE = Action(
    "session.summary", "", "summary", "Say what this session came to so far, in figures.", "Session", _summarize,
    in_session(),
)  # fmt: skip
