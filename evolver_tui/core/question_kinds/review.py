"""The kind `review`: a decision about a draft, with what the checks say of it and what it would take the place of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from evolver_tui.core.decision import Decision, DecisionKind
from evolver_tui.core.errors import NodeChanged, NodeError, RoutineError
from evolver_tui.core.job import QuestionKind
from evolver_tui.core.node import CheckReport, FindingLevel, NodeDraft, NodeRecord, Risk
from evolver_tui.core.question import OpenQuestion, Question, Subject, Unreadable
from evolver_tui.core.question_kinds.kind import Kind, Reply
from evolver_tui.core.shape import Shape, integer, is_number, is_text, misfit, one_of, or_null
from evolver_tui.core.signal_catalogue import REVIEW_DECIDED, REVIEW_REQUESTED, ReviewDecided

UNREVIEWED = "unreviewed"
"""Who decided, and the tag, where a rule approved and no person looked."""


@dataclass(frozen=True, slots=True)
class Replaced:
    """The current version of a node, as far as somebody who replaces it has to know it."""

    version: int
    sha256: str
    task_id: str
    decided_by: str

    @classmethod
    def of(cls, record: NodeRecord | None) -> Replaced | None:
        """What is replaced where this record is current; None for nothing."""
        if record is None:
            return None
        return cls(record.version, record.sha256, record.task_id, record.decided_by)

    @property
    def was_read(self) -> bool:
        """Whether a person approved it."""
        return self.decided_by != UNREVIEWED

    def to_json_value(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "version": self.version,
            "sha256": self.sha256,
            "task_id": self.task_id,
            "decided_by": self.decided_by,
        }

    @classmethod
    def from_json_value(cls, value: Mapping[str, Any]) -> Replaced:
        """The inverse of `to_json_value`. Raises KeyError, TypeError, ValueError."""
        return cls(int(value["version"]), str(value["sha256"]), str(value["task_id"]), str(value["decided_by"]))


@dataclass(frozen=True, slots=True)
class ReviewSubject(Subject):
    """What lies on the review card."""

    draft: NodeDraft
    report: CheckReport
    version: int
    """The version it would become."""
    attempt: int
    """1 for the first draft, one more for each time it was sent back."""
    replaces: Replaced | None = None
    """The version that it would take the place of; None where it would be the first."""
    library: str = ""
    """Where it would be saved, as `Library.place` says; empty where the routine does not tell."""
    rejects_left: int | None = None
    """How often it may be sent back still; None where the routine does not tell."""

    @classmethod
    def of(cls, asked: OpenQuestion) -> ReviewSubject:
        """What an open question is about. Raises NodeError where that is no draft."""
        if isinstance(asked.subject, cls):
            return asked.subject
        problem = asked.subject.problem if isinstance(asked.subject, Unreadable) else "It is about no draft."
        raise NodeError(problem, "Cancel its task.")

    @classmethod
    def from_json_value(cls, value: Mapping[str, Any]) -> ReviewSubject:
        """The inverse of `to_json_value`. Raises KeyError, TypeError, ValueError, AttributeError."""
        replaces, left = value.get("replaces"), value.get("rejects_left")
        return cls(
            NodeDraft.from_json_value(value["draft"]),
            CheckReport.from_json_value(value["report"]),
            int(value["version"]),
            int(value["attempt"]),
            Replaced.from_json_value(replaces) if replaces else None,
            str(value.get("library", "")),
            int(left) if left is not None else None,
        )

    def to_json_value(self) -> dict[str, Any]:
        """The subject of the question that asks for a review."""
        return {
            "draft": self.draft.to_json_value(),
            "report": self.report.to_json_value(),
            "version": self.version,
            "attempt": self.attempt,
            "replaces": self.replaces.to_json_value() if self.replaces else None,
            "library": self.library,
            "rejects_left": self.rejects_left,
        }

    @property
    def replaced_sha256(self) -> str:
        """The digest of what it would take the place of; empty for nothing."""
        return self.replaces.sha256 if self.replaces else ""


class ReviewKind(Kind[Decision]):
    """A draft that is approved, edited, sent back or rejected."""

    name = QuestionKind.REVIEW.value
    answer_type = Decision
    reason = wanted = "review"
    asked = REVIEW_REQUESTED

    def check(self, question: Question) -> None:
        """Make sure that there is a draft. Raises RoutineError."""
        if not question.subject.keys() >= _NEEDED:
            raise RoutineError(
                f"The review {question.name!a} holds no draft.", "Ask a question with a form, or give the draft."
            )

    def misfit(self, subject: Mapping[str, Any], path: str) -> str:
        """Where the subject is not what `ReviewSubject.to_json_value` gives."""
        problem = misfit(subject, _SHAPE, path)
        return problem or (f"{path}.draft" if subject["draft"].keys() - _DRAFT.keys() else "")

    def read_subject(self, subject: Mapping[str, Any]) -> Subject | None:
        """The draft and all about it."""
        try:
            return ReviewSubject.from_json_value(subject)
        except KeyError as error:
            problem = f"it has no {error}"
        except (TypeError, ValueError, AttributeError) as error:
            problem = str(error)[:200]
        return Unreadable(f"This review cannot be shown: {problem}.")

    def reply(self, asked: OpenQuestion, answer: Decision, by: str) -> Reply:
        """Hold a decision against what is decided about.

        Raises:
            NodeChanged: an approve that names other bytes than the draft's, or other ones than it would replace.
            NodeError: an approve of a draft that a check forbids, an edit without code, a response without words, or
                a subject that cannot be read.
        """
        subject = ReviewSubject.of(asked)
        _check(answer, subject)
        decision = replace(answer, by=by)
        if decision.kind is DecisionKind.APPROVE:
            decision = replace(decision, replaces=subject.replaced_sha256)
        told: ReviewDecided = {"kind": decision.kind.value, "by": by, "node_id": subject.draft.node_id}
        if decision.reason:
            told["reason"] = decision.reason
        return Reply(decision.to_json_value(), REVIEW_DECIDED(told))


def _check(decision: Decision, subject: ReviewSubject) -> None:
    if decision.kind is DecisionKind.APPROVE:
        if decision.sha256 != subject.draft.sha256:
            raise NodeChanged("The draft is not the one that was read.", "Read it again, then decide.")
        if decision.replaces not in (None, subject.replaced_sha256):
            raise NodeChanged(
                f"{subject.draft.node_id} has changed in the library.", "See what this draft replaces, then decide."
            )
        if not subject.report.can_be_approved:
            raise NodeError("A check forbids to approve this draft.", "Edit it, or reject it with a reason.")
    if decision.kind is DecisionKind.EDIT and not decision.code.strip():
        raise NodeError("The edited code is empty.", "Nothing was changed.")
    if decision.kind is DecisionKind.RESPOND and not decision.reason.strip():
        raise NodeError("The response has no words.", "Nothing was changed.")


_NEEDED: Final = frozenset(("draft", "report", "version", "attempt"))
_DRAFT: Final[dict[str, Shape]] = {
    "node_id": is_text,
    "title": is_text,
    "code": is_text,
    "tools_used": [is_text],
    "complexity": is_text,
    "author": is_text,
    "seconds": is_number,
    "tokens": or_null(integer(0, 2**53)),
}
_FINDING: Final[dict[str, Shape]] = {
    "check": is_text,
    "level": one_of(FindingLevel),
    "message": is_text,
    "line": integer(0, 2**31 - 1),
}
_SHAPE: Final[dict[str, Shape]] = {
    "draft": _DRAFT,
    "report": {"findings": [_FINDING], "capabilities": [is_text], "tools": [is_text], "risk": one_of(Risk)},
    "version": integer(1, 2**31 - 1),
    "attempt": integer(1, 2**31 - 1),
}
