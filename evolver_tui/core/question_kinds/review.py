"""The kind `review`: a decision about a draft, with what the checks say of it and what it would take the place of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from evolver_tui.core.decision import Decision, DecisionKind
from evolver_tui.core.errors import NameNotTyped, NodeChanged, NodeError, RoutineError
from evolver_tui.core.job import QuestionKind
from evolver_tui.core.likeness import LIKE_SHAPE, LikeProgram
from evolver_tui.core.node import CheckReport, FindingLevel, NodeDraft, NodeRecord, NodeVersion, Risk
from evolver_tui.core.node_run import TRYOUT_SHAPE, Tryout
from evolver_tui.core.question import OpenQuestion, Question, Subject, Unreadable
from evolver_tui.core.question_kinds.kind import Kind, Reply
from evolver_tui.core.shape import Shape, integer, is_number, is_object, is_text, is_truth, misfit, one_of, or_null
from evolver_tui.core.signal_catalogue.inbox_signals import REVIEW_DECIDED, REVIEW_REQUESTED, ReviewDecided

UNREVIEWED = "unreviewed"
"""Who decided, and the tag, where a rule approved and no person looked."""


@dataclass(frozen=True, slots=True)
class Replaced:
    """The current version of a node, as far as somebody who replaces it has to know it."""

    version: int
    sha256: str
    task_id: str
    decided_by: str
    edited_sha256: str = ""
    """The digest of its main.py where that was changed by hand since it was saved; it would be kept as a copy."""
    decided_at: str = ""
    """When it was approved, in ISO 8601 and UTC; empty where that is not known."""

    @classmethod
    def of(cls, record: NodeRecord | None) -> Replaced | None:
        """What is replaced where this record is current; None for nothing."""
        if record is None:
            return None
        return cls(record.version, record.sha256, record.task_id, record.decided_by, decided_at=record.decided_at)

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
            "edited_sha256": self.edited_sha256,
            "decided_at": self.decided_at,
        }

    @classmethod
    def from_json_value(cls, value: Mapping[str, Any]) -> Replaced:
        """The inverse of `to_json_value`. Raises KeyError, TypeError, ValueError."""
        return cls(
            int(value["version"]), str(value["sha256"]), str(value["task_id"]), str(value["decided_by"]),
            str(value.get("edited_sha256", "")), str(value.get("decided_at", "")),
        )  # fmt: skip


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
    tryout: Tryout | None = None
    """What came of running it; None where nobody tried."""
    like: tuple[LikeProgram, ...] = ()
    """What it was the same as, or nearly, when its review was asked for; the likest first."""

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
        replaces, left, tryout = value.get("replaces"), value.get("rejects_left"), value.get("tryout")
        return cls(
            NodeDraft.from_json_value(value["draft"]),
            CheckReport.from_json_value(value["report"]),
            int(value["version"]),
            int(value["attempt"]),
            Replaced.from_json_value(replaces) if replaces else None,
            str(value.get("library", "")),
            int(left) if left is not None else None,
            Tryout.from_json_value(tryout) if tryout else None,
            tuple(map(LikeProgram.from_json_value, value.get("like") or ())),
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
            "tryout": self.tryout.to_json_value() if self.tryout else None,
            "like": [each.to_json_value() for each in self.like],
        }

    @property
    def edited_sha256(self) -> str:
        """The digest of a main.py that was changed by hand and would be replaced; empty for none."""
        return self.replaces.edited_sha256 if self.replaces else ""

    @property
    def replaced_sha256(self) -> str:
        """The digest of what it would take the place of; empty for nothing."""
        return self.replaces.sha256 if self.replaces else ""

    @property
    def is_approved_by_name(self) -> bool:
        """Whether a person alone can approve it, who types the name of its node: its risk is high."""
        return self.report.risk is Risk.HIGH


class ReviewKind(Kind[Decision]):
    """A draft that is approved, edited, sent back or rejected, or in whose place a node is taken that is there."""

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
        if not problem and subject.get("tryout"):
            problem = misfit(subject["tryout"], TRYOUT_SHAPE, f"{path}.tryout")
        problem = problem or misfit(subject.get("like", []), [LIKE_SHAPE], f"{path}.like")
        known = {name.removesuffix("?") for name in _DRAFT}
        return problem or (f"{path}.draft" if subject["draft"].keys() - known else "")

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
            NameNotTyped: an approve of a draft of high risk without its node's name, or of any with another name.
            NodeError: an approve of a draft that a check forbids, an edit without code, a response without words, a
                reuse that names no node, or a subject that cannot be read.
        """
        subject = ReviewSubject.of(asked)
        _check(answer, subject)
        decision = replace(answer, by=by)
        if decision.kind is DecisionKind.APPROVE:
            decision = replace(decision, replaces=subject.replaced_sha256)
        told: ReviewDecided = {"kind": decision.kind.value, "by": by, "node_id": subject.draft.node_id}
        if decision.reason:
            told["reason"] = decision.reason
        if decision.node:
            told["node"] = decision.node
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
            raise NodeError("A check forbids to approve this draft.", "Edit it, or send it back with a reason.")
        _check_typed_name(decision.typed_name, subject)
    if decision.kind is DecisionKind.EDIT and not decision.code.strip():
        raise NodeError("The edited code is empty.", "Nothing was changed.")
    if decision.kind is DecisionKind.REUSE and not (decision.sha256 and NodeVersion.read(decision.node)):
        raise NodeError("It is not said which node is to be used instead.", "Name it with its version.")
    if decision.kind is DecisionKind.RESPOND and not decision.reason.strip():
        raise NodeError("The response has no words.", "Nothing was changed.")


def _check_typed_name(typed: str, subject: ReviewSubject) -> None:
    name = subject.draft.node_id
    if typed and typed != name:
        raise NameNotTyped(f"The draft on review is {name}, not {typed[:70]!a}.", "See which one you mean.")
    if subject.is_approved_by_name and not typed:
        reasons = ", ".join(subject.report.risk_reasons)
        raise NameNotTyped(f"The risk of {name} is high: it {reasons}.", "Type its name to approve it.")


_NEEDED: Final = frozenset(("draft", "report", "version", "attempt"))
_SPENT: Final[dict[str, Shape]] = {
    "prompt_tokens": integer(0, 2**53),
    "completion_tokens": integer(0, 2**53),
    "is_estimated": is_truth,
    "cost": or_null(is_number),
    "currency": is_text,
}
_DRAFT: Final[dict[str, Shape]] = {
    "node_id": is_text,
    "title": is_text,
    "code": is_text,
    "tools_used": [is_text],
    "complexity": is_text,
    "author": is_text,
    "seconds": is_number,
    "tokens": or_null(integer(0, 2**53)),
    "sample_inputs?": [is_object],
    "addressed?": [is_text],
    "spent?": _SPENT,
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
