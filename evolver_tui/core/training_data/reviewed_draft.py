"""A draft that somebody decided about, with all that is known of how it came about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evolver_tui.core.decision import DecisionKind
from evolver_tui.core.node import NodeDraft
from evolver_tui.core.question_kinds.review import UNREVIEWED
from evolver_tui.core.training_data.decided_review import DecisionKey


@dataclass(frozen=True, slots=True)
class Asked:
    """What the author was asked when it wrote a draft, beside the task."""

    answers: Mapping[str, Any]
    """What a person said of the task, by field."""
    feedback: tuple[str, ...] = ()
    """Why earlier drafts were sent back, oldest first."""
    previous_code: str = ""
    """The last of them."""
    failed_run: str = ""
    """What came of running it, where it failed."""


@dataclass(frozen=True, slots=True)
class ReviewedDraft:
    """One decision. A task that was sent back and written again has several, in their order."""

    job: int
    task_id: str
    task: Mapping[str, Any]
    """As the hub sent it."""
    number: int
    """Which draft of its task, from 1."""
    code: str
    """As it was written."""
    kind: DecisionKind
    decided_by: str
    """The reviewer's name; `unreviewed` where a rule approved and no person looked."""
    decided_at: float
    """Seconds since 1970."""
    session_id: str = ""
    """The session that received the task."""
    model: str = ""
    """What wrote it, as `provider/model`; empty where that is not known."""
    reason: str = ""
    """What a reviewer said against it."""
    edited_code: str = ""
    """What a reviewer made of it; empty where it was taken or refused as it was."""
    title: str = ""
    draft: NodeDraft | None = None
    """The whole of it."""
    asked: Asked | None = None
    """None where another routine than the author wrote it, or its beginning is not kept."""
    review: str = ""
    """The review's name within its job."""

    @property
    def key(self) -> DecisionKey:
        """Its place among all decisions."""
        return DecisionKey(self.decided_at, self.job, self.review)

    @property
    def is_unreviewed(self) -> bool:
        """Whether a rule approved it, and no person looked."""
        return self.decided_by == UNREVIEWED

    @property
    def is_approved(self) -> bool:
        """Whether it was taken as it was written."""
        return self.kind is DecisionKind.APPROVE and not self.edited_code
