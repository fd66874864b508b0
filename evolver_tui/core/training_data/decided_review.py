"""A review and the decision that was made, as they are kept: nothing of it has been read yet."""

from __future__ import annotations

from typing import Any, NamedTuple


class DecisionKey(NamedTuple):
    """Where a decision stands among all of a database. In the order of these, decisions were made."""

    decided_at: float
    """Seconds since 1970, by the database's clock."""
    job: int
    review: str
    """The review's name within its job."""


class DecidedReview(NamedTuple):
    """One decision. What is JSON is None where it is none."""

    key: DecisionKey
    decided_by: str
    subject: Any
    """What was decided about; None where a rule approved, which asks nobody."""
    decision: Any
    task_id: str
    task: Any
    """As the hub sent it."""
    session_id: str
    """The session that received the task."""
    routine: str
    """What works on the task; empty for the built-in author."""
