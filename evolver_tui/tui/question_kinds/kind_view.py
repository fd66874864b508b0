"""How a kind of question looks in the console, and how it is opened.

Rows of the queue are drawn with this before anything is known of questions, so that what a card needs is imported when
there is one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evolver_tui.core.question import OpenQuestion
    from evolver_tui.tui.drawing.styles import Symbols
    from evolver_tui.tui.screens.desk.card import CardContent
    from evolver_tui.tui.screens.desk.panes.card_facts import CardFacts


class KindView:
    """A kind that is answered by filling in its form, and every kind that has no view of its own."""

    word = "asks"
    """What its job does, in the queue, before how long it has."""
    if_cancelled = "Its question is not answered, and nothing is written for it."
    """What becomes of it when its job is cancelled."""
    has_dialog = True
    """Whether it is answered in a dialog; where it is not, its card is where that is done."""

    def symbol(self, symbols: Symbols) -> str:
        """Before its row."""
        return symbols.asks

    def about(self, asked: OpenQuestion) -> tuple[str, str]:
        """The node that it is about, and the risk of that; empty texts for none."""
        return "", ""

    def is_filled_in(self, asked: OpenQuestion) -> bool:
        """Whether this very question can be answered in a dialog here."""
        from evolver_tui.core.question import Unreadable

        return self.has_dialog and not isinstance(asked.subject, Unreadable)

    def card(self, facts: CardFacts, asked: OpenQuestion, now: float, symbols: Symbols) -> CardContent:
        """Its job's card. Its subject was read."""
        from evolver_tui.tui.screens.desk.panes.question_card import question_content

        return question_content(facts, asked, now, symbols)

    def with_age(
        self, content: CardContent, facts: CardFacts, asked: OpenQuestion, now: float, symbols: Symbols
    ) -> CardContent:
        """Its job's card as it reads by now: whatever says for how long something has been so."""
        from evolver_tui.tui.screens.desk.panes.question_card import question_page

        current = question_page(facts, asked, now, symbols)
        pages = tuple(current if page.title == current.title else page for page in content.pages)
        return content._replace(pages=pages)
