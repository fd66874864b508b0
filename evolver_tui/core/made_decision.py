"""What was decided about a job, as it is kept, and what has to be known to take it back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from evolver_tui.core.decision import DecisionKind
from evolver_tui.core.question import AnswerAction


class DecidedKind(StrEnum):
    """What was done, as it is kept and told."""

    APPROVE = "approve"
    EDIT = "edit"
    SEND_BACK = "send_back"
    """A reject with a reason."""
    RESPOND = "respond"
    REUSE = "reuse"
    """Another node was taken instead, which ends the task and saves nothing."""
    REJECT = "reject"
    """A reject without one, which ends the task."""
    ANSWER = "answer"
    DECLINE = "decline"
    CANCEL = "cancel"


NOUNS: Final[Mapping[str, str]] = {
    DecidedKind.APPROVE: "the approval",
    DecidedKind.EDIT: "the edit",
    DecidedKind.SEND_BACK: "the sending back",
    DecidedKind.RESPOND: "the response",
    DecidedKind.REUSE: "the reuse of a node",
    DecidedKind.REJECT: "the reject",
    DecidedKind.ANSWER: "the answer",
    DecidedKind.DECLINE: "the declining",
    DecidedKind.CANCEL: "the cancelling",
}
"""What each is called in a sentence."""


def kind_of_answer(value: Mapping[str, Any]) -> DecidedKind:
    """What an answer amounts to, by its JSON; of a kind that brings its own, an answer."""
    kind, action = value.get("kind"), value.get("action")
    if kind == DecisionKind.REJECT.value:
        return DecidedKind.SEND_BACK if value.get("reason") else DecidedKind.REJECT
    if kind in {each.value for each in DecisionKind}:
        return DecidedKind(kind)
    return DecidedKind.DECLINE if action == AnswerAction.DECLINE.value else DecidedKind.ANSWER


@dataclass(frozen=True, slots=True)
class ApprovedDraft:
    """The draft that an approval was about, and where it was saved, or would be."""

    node_id: str
    sha256: str
    task_id: str
    approval: str
    """Which approval it was; empty for one that was made before that was kept."""
    library: str
    """As `Library.place`; empty where nobody says."""

    def to_json_value(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "node_id": self.node_id,
            "sha256": self.sha256,
            "task_id": self.task_id,
            "approval": self.approval,
            "library": self.library,
        }

    @classmethod
    def from_json_value(cls, value: Mapping[str, Any]) -> ApprovedDraft:
        """The inverse of `to_json_value`. Raises KeyError, TypeError."""
        return cls(*(str(value[name]) for name in ("node_id", "sha256", "task_id", "approval", "library")))


@dataclass(frozen=True, slots=True)
class MadeDecision:
    """One decision that counts still. Times are seconds since 1970 by the database's clock."""

    id: int
    job: int
    task_id: str
    kind: str
    by: str
    host: str
    session_id: str
    at: float
    question: str = ""
    """The name of the question that it answered; empty for what was done with the job itself."""
    reason: str = ""
    """Why the job waited then, in a word."""
    state: str = ""
    """How the job stands now."""
    outcome: str = ""
    node: str = ""
    """`<node id> v<version>` where one came of it."""
    approved: ApprovedDraft | None = None
    """Of an approval that may have been saved in a library."""

    @property
    def noun(self) -> str:
        """What it is called in a sentence."""
        return NOUNS.get(self.kind, "the decision")


@dataclass(frozen=True, slots=True)
class PendingWithdrawal:
    """An approval that was taken back in the database and may lie in a library still."""

    decision: int
    by: str
    approved: ApprovedDraft
