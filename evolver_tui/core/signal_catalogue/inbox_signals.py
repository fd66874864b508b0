"""Signals of what a person is asked and decides."""

from collections.abc import Mapping
from typing import Any, Final, NotRequired, TypedDict

from evolver_tui.core.signal import SignalType


class Asked(TypedDict):
    """The question's name, and what a person reads. Of a form: digests of all that is asked and of the form, and the
    type of the task.
    """

    question: str
    message: str
    asks: NotRequired[str]
    form: NotRequired[str]
    task_type: NotRequired[str]


class QuestionAnswered(TypedDict):
    """The question's name, who answered, and the answer: `accept` or `decline`, and the form's fields."""

    question: str
    by: str
    action: str
    content: Mapping[str, Any]


class ReviewDecided(TypedDict):
    """What was decided, by whom (or by a rule), about which node, why; the `node` that is used instead of it."""

    kind: str
    by: str
    node_id: str
    reason: NotRequired[str]
    node: NotRequired[str]


class DecisionUndone(TypedDict):
    """What was taken back (`approve`, `send_back`, `cancel`, ...), by whom, and whose it was.

    Where it answered a question, its name, and why the job waits for it again; where the task had ended by it, the
    outcome, and `<node id> v<version>` where a node had been saved.
    """

    kind: str
    by: str
    decided_by: str
    question: NotRequired[str]
    reason: NotRequired[str]
    outcome: NotRequired[str]
    node: NotRequired[str]


class NodeWithdrawn(TypedDict):
    """Which node, which version of it was taken out, by whom; or why that cannot be done at present."""

    node_id: str
    by: str
    version: NotRequired[int]
    error: NotRequired[str]


QUESTION_ASKED: Final = SignalType("question.asked", Asked, "routine", "A job asks a person and waits.", "warning")
QUESTION_ANSWERED: Final = SignalType("question.answered", QuestionAnswered, "inbox", "A person answered a question.")
REVIEW_REQUESTED: Final = SignalType(
    "review.requested", Asked, "routine", "A draft waits for a person's decision.", "warning"
)
REVIEW_DECIDED: Final = SignalType(
    "review.decided", ReviewDecided, "inbox", "A draft was approved, rejected or sent back."
)
DECISION_UNDONE: Final = SignalType(
    "decision.undone",
    DecisionUndone,
    "inbox",
    "A decision was taken back: its task is where it was before.",
    "info",
)
NODE_WITHDRAWN: Final = SignalType(
    "node.withdrawn", NodeWithdrawn, "inbox", "A node is what it was before an approval that was taken back.", "info"
)
