"""A draft that waits for a decision, as the card holds it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from evolver_tui.core.safe_text import LIMIT

if TYPE_CHECKING:  # the first frame shows no draft
    from evolver_tui.core.node import CheckReport, NodeDraft
    from evolver_tui.core.question import OpenQuestion
    from evolver_tui.core.question_kinds.review import ReviewSubject


@dataclass(frozen=True, slots=True)
class Review:
    """A draft that waits for a decision, and the question whose answer that is."""

    question: OpenQuestion
    subject: ReviewSubject

    @property
    def question_id(self) -> int:
        """The question's number."""
        return self.question.id

    @property
    def draft(self) -> NodeDraft:
        """The draft."""
        return self.subject.draft

    @property
    def report(self) -> CheckReport:
        """What the checks say about it."""
        return self.subject.report

    @property
    def reason_against_approval(self) -> str:
        """Why it cannot be approved; empty when it can."""
        if not self.report.can_be_approved:
            return "A check forbids to approve this draft. Edit it, or reject it with a reason."
        if any(len(line) > LIMIT for line in self.draft.code.split("\n")):
            return "A line of this draft is longer than the card shows. Reject it, or edit it."
        return ""
