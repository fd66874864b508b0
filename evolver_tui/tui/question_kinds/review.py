"""Reviews in the console: a draft on the card, decided by keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evolver_tui.tui.question_kinds.kind_view import KindView

if TYPE_CHECKING:
    from evolver_tui.core.question import OpenQuestion
    from evolver_tui.tui.drawing.page import CardContent, Page
    from evolver_tui.tui.drawing.styles import Marks
    from evolver_tui.tui.screens.desk.panes.card_facts import CardFacts


class ReviewView(KindView):
    """A draft to decide about."""

    word = "review"
    if_cancelled = "Its draft is not saved."
    has_dialog = False

    def mark(self, marks: Marks) -> str:
        """The mark of drafts."""
        return marks.review

    def about(self, asked: OpenQuestion) -> tuple[str, str]:
        """The node with its version, and what the checks call its risk."""
        from evolver_tui.core.question_kinds.review import ReviewSubject

        subject = asked.subject
        if not isinstance(subject, ReviewSubject):
            return "", ""
        return f"{subject.draft.node_id} v{subject.version}", subject.report.risk.value

    def card(self, facts: CardFacts, asked: OpenQuestion, now: float, marks: Marks) -> CardContent:
        """The draft."""
        from evolver_tui.core.question_kinds.review import ReviewSubject
        from evolver_tui.tui.drawing.review import Review
        from evolver_tui.tui.screens.desk.panes.draft_card import draft_content

        return draft_content(facts, Review(asked, ReviewSubject.of(asked)), marks)

    def page_with_age(self, facts: CardFacts, asked: OpenQuestion, now: float, marks: Marks) -> Page | None:
        """None: a draft lies still while it is read."""
        return None
