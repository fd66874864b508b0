"""Why an action cannot be done now, as far as the state of things says it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evolver_tui.tui.drawing.page import QuestionIdentity

if TYPE_CHECKING:
    from evolver_tui.core.job import QueueCounts, QueueRow
    from evolver_tui.core.link_state import LinkState
    from evolver_tui.engine.session import Session
    from evolver_tui.tui.drawing.page import CardContent

DECISIONS = ("review.approve", "review.reject", "review.reject_plain", "review.edit", "review.respond")
_WITHOUT_WRITING = ("signal.open", "session.export")
"""What may still go where the database is broken."""


def can_be_restored(row: QueueRow) -> bool:
    """Whether a job is one that a person rejected or cancelled, as far as its row says."""
    return row.state == "cancelled" or (row.state == "completed" and row.outcome == "rejected")


def what_is_meant(action_id: str, content: CardContent, selected: QueueRow | None) -> object:
    """What a key is about: equal as long as that lies there."""
    if action_id in DECISIONS or action_id == "question.decline":
        return content.identity
    return (selected.job, selected.state) if action_id.startswith("job.") and selected is not None else None


def reason_of_session(action_id: str, session: Session | None, is_closing: bool) -> str:
    """Why nothing can be done in this session at present; empty when it can."""
    if session is None:
        return "The session is still being opened."
    if is_closing:
        return "The console is being closed."
    return str(session.broken) if session.broken is not None and action_id not in _WITHOUT_WRITING else ""


def reason_of_state(
    action_id: str,
    content: CardContent,
    selected: QueueRow | None,
    counts: QueueCounts | None,
    link: LinkState | None,
) -> str:
    """Why an action cannot be done about the card, the selected job, the queue or the hub; empty when it can."""
    review = content.review
    match action_id:
        case "review.approve" if review is not None:
            return review.reason_against_approval
        case _ if action_id in DECISIONS and review is None:
            return "There is no draft to decide about on the card."
        case "card.answer" | "question.decline" if not isinstance(content.identity, QuestionIdentity):
            return "There is no question on the card."
        case "job.retry" if selected is None or selected.state != "failed":
            return "Only a failed task can be retried."
        case "job.restore" if selected is None or not can_be_restored(selected):
            return "Only a rejected or cancelled task can be restored."
        case "job.cancel" if selected is None:
            return "No task is selected."
        case "job.cancel" if selected is not None and selected.state.is_over:
            return f"This task is over: {(selected.outcome or selected.state).value}."
        case "attention.next" | "attention.answer" if counts is not None and not counts.needs_you:
            return "Nothing waits for you."
        case "hub.retry" if link is None or link.phase not in ("waiting", "ended"):
            return "The hub link is not waiting to be retried."
        case "intake.pause" if link is None:
            return "No hub is connected."
    return ""
