"""How each kind of question reads on the command line, and what is said where it is answered in another way."""

from __future__ import annotations

from typing import Final

from evolver_tui.cli.jobs.question_kinds.kind_text import KindText, UnknownText
from evolver_tui.cli.jobs.question_kinds.review import ReviewText
from evolver_tui.core.job import QuestionKind
from evolver_tui.core.question_kinds import KINDS

TEXTS: Final[dict[str, KindText]] = {QuestionKind.REVIEW: ReviewText()}
"""Kind to its text, for those that are more than a form."""


def text_of(kind: str) -> KindText:
    """How a kind reads."""
    return TEXTS.get(kind) or (KindText() if kind in KINDS else UnknownText())
