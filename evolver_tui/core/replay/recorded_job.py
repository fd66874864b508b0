"""What a log keeps of a job beside its signals: the task, what was done, and what was asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from evolver_tui.core.job import QuestionKind
from evolver_tui.core.routine_state import AskedQuestion
from evolver_tui.core.task import Task


@dataclass(frozen=True, slots=True)
class RecordedJob:
    """One job as it was when the log was written. Times are seconds since 1970."""

    job: int
    task: Task
    received_at: float
    routine: str = ""
    """Its routine's name; empty for the built-in author."""
    bundle: str = ""
    """The bundle that it left in, or came in."""
    attempt: int = 1
    journal: Mapping[str, Any] = field(default_factory=dict)
    done_at: Mapping[str, float] = field(default_factory=dict)
    """When each entry of the journal was made; what does not stand here was always there."""
    questions: Sequence[AskedQuestion] = ()

    def journal_at(self, now: float) -> Mapping[str, Any]:
        """What was done by then."""
        return {name: value for name, value in self.journal.items() if self.done_at.get(name, now) <= now}

    def asked(self, name: str) -> AskedQuestion | None:
        """The question of this name."""
        return next((each for each in reversed(self.questions) if each.question.name == name), None)

    def kind_of(self, name: str, reason: str) -> str:
        """The kind of a question; where it was not kept, what its job waits for says it."""
        asked = self.asked(name)
        if asked is not None:
            return asked.question.kind
        return QuestionKind.REVIEW if reason == QuestionKind.REVIEW else QuestionKind.QUESTION

    def open_at(self, now: float) -> AskedQuestion | None:
        """The question that was open then, if any was."""
        return next(
            (
                each
                for each in reversed(self.questions)
                if each.asked_at <= now and (each.answered_at is None or each.answered_at > now)
            ),
            None,
        )
