"""Signals of what a person is asked and decides."""

from collections.abc import Mapping
from typing import Any, Final, NotRequired, TypedDict

from evolver_tui.core.signal import SignalType


class Asked(TypedDict):
    """The question's name, and what a person reads."""

    question: str
    message: str


class QuestionAnswered(TypedDict):
    """The question's name, who answered, and the answer: `accept` or `decline`, and the form's fields."""

    question: str
    by: str
    action: str
    content: Mapping[str, Any]


class ReviewDecided(TypedDict):
    """What was decided, by whom (or by a rule), about which node, and why."""

    kind: str
    by: str
    node_id: str
    reason: NotRequired[str]


QUESTION_ASKED: Final = SignalType("question.asked", Asked, "routine", "A job asks a person and waits.", "warning")
QUESTION_ANSWERED: Final = SignalType("question.answered", QuestionAnswered, "inbox", "A person answered a question.")
REVIEW_REQUESTED: Final = SignalType(
    "review.requested", Asked, "routine", "A draft waits for a person's decision.", "warning"
)
REVIEW_DECIDED: Final = SignalType(
    "review.decided", ReviewDecided, "inbox", "A draft was approved, rejected or sent back."
)
