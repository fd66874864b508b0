"""Reviews in the console: a draft on the card, decided by keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evolver_tui.tui.question_kinds.kind_view import KindView

if TYPE_CHECKING:
    from evolver_tui.core.question import OpenQuestion
    from evolver_tui.tui.drawing.styles import Symbols
    from evolver_tui.tui.screens.desk.card import CardContent
    from evolver_tui.tui.screens.desk.panes.card_facts import CardFacts


class ReviewView(KindView):
    """A draft to decide about."""

    word = "review"
    if_cancelled = "Its draft is not saved."
    has_dialog = False

    def symbol(self, symbols: Symbols) -> str:
        """The symbol of drafts."""
        return symbols.review

    def about(self, asked: OpenQuestion) -> tuple[str, str]:
        """The node with its version, and what the checks call its risk."""
        from evolver_tui.core.question_kinds.review import ReviewSubject

        subject = asked.subject
        if not isinstance(subject, ReviewSubject):
            return "", ""
        return f"{subject.draft.node_id} v{subject.version}", subject.report.risk.value

    def card(self, facts: CardFacts, asked: OpenQuestion, now: float, symbols: Symbols) -> CardContent:
        """The draft."""
        from evolver_tui.core.question_kinds.review import ReviewSubject
        from evolver_tui.tui.screens.desk.card import Review
        from evolver_tui.tui.screens.desk.panes.draft_card import draft_content

        return draft_content(facts, Review(asked, ReviewSubject.of(asked)), now, symbols)

    def with_age(
        self, content: CardContent, facts: CardFacts, asked: OpenQuestion, now: float, symbols: Symbols
    ) -> CardContent:
        """A draft lies still while it is read; the card's edge says for how long it has waited."""
        from evolver_tui.tui.screens.desk.panes.draft_card import with_wait

        return with_wait(content, now)
