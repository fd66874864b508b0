"""The kinds of question. One more is a module here, and one in each room that does more with it than with a form.

`core` says what its question and answer are, `engine/question_kinds.py` what it is about as of now,
`cli/jobs/question_kinds` and `tui/question_kinds` how it is shown and answered.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from evolver_tui.core.errors import QuestionError
from evolver_tui.core.form import check_form
from evolver_tui.core.question import Question
from evolver_tui.core.question_kinds.kind import Kind, Reply, UnknownKind
from evolver_tui.core.question_kinds.question import FormKind
from evolver_tui.core.question_kinds.review import ReviewKind

__all__ = ("KINDS", "Kind", "Reply", "UnknownKind", "check_question", "kind_of")

KINDS: Final[dict[str, Kind[Any]]] = {kind.name: kind for kind in (FormKind(), ReviewKind())}
"""Name to kind."""


def kind_of(name: str) -> Kind[Any]:
    """The kind of this name; one that refuses everything for a name that nobody knows here."""
    return KINDS.get(name) or UnknownKind(name)


def check_question(question: object) -> None:
    """Make sure that a person can be asked this.

    Raises:
        QuestionError: it is no `Question`, its name is no text or empty, its message is no text, or its form cannot be
            answered.
    """
    way_out = "Mend the routine: a question is a Question(name, message, requested_schema)."
    if not isinstance(question, Question):
        raise QuestionError(f"A routine asks with a value of type {type(question).__name__}.", way_out)
    name: object = question.name
    if not isinstance(name, str) or not name:
        raise QuestionError("A question needs a name that is a text.", way_out)
    for part, value, kind, expected in (
        ("message", question.message, str, "a text"),
        ("kind", question.kind, str, "a QuestionKind"),
        ("subject", question.subject, Mapping, "a mapping"),
    ):
        if not isinstance(value, kind):
            raise QuestionError(
                f"The {part} of question {name!a} has to be {expected}, not a {type(value).__name__}.", way_out
            )
    try:
        check_form(question.requested_schema)
    except QuestionError as error:
        raise QuestionError(f"Question {name!a} cannot be asked: {error.message}", way_out) from None
