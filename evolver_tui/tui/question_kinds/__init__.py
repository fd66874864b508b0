"""How each kind of question looks in the console."""

from __future__ import annotations

from typing import Final

from evolver_tui.core.job import QuestionKind
from evolver_tui.tui.question_kinds.kind_view import KindView
from evolver_tui.tui.question_kinds.review import ReviewView

VIEWS: Final[dict[str, KindView]] = {QuestionKind.REVIEW: ReviewView()}
"""Kind to its view, for those that look otherwise than a form."""
_FORM: Final = KindView()


def view_of(kind: str | None) -> KindView:
    """How a kind looks."""
    return VIEWS.get(kind or "", _FORM)
