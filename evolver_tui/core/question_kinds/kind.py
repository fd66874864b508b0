"""What every room has to know of a kind of question."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from evolver_tui.core.errors import NotWaiting, QuestionError
from evolver_tui.core.question import OpenQuestion, Question, Subject, Unreadable
from evolver_tui.core.signal import Observation, SignalType
from evolver_tui.core.signal_catalogue.inbox_signals import QUESTION_ASKED, Asked

AnswerT = TypeVar("AnswerT")


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer that fits its question."""

    value: Mapping[str, Any]
    """JSON that is kept with the question, and that the routine goes on with."""
    told: Observation
    """What is told of it."""


class Kind(ABC, Generic[AnswerT]):
    """One kind of question.

    A kind whose `answer_type` is `Answer` is answered by filling in its form, wherever questions are; one with answers
    of its own needs a place in the command line's and the console's registry, too, where they are given.
    """

    name: str
    """As the database and bundles have it."""
    answer_type: type[AnswerT]
    reason: str = "user_input"
    """Why a job waits that asks this, where its routine says nothing else."""
    wanted: str = "answer"
    """What its job waits for, in the events of a run without a console."""
    asked: SignalType[Asked] = QUESTION_ASKED
    """The signal that tells that it is asked."""

    def check(self, question: Question) -> None:
        """Make sure that a question holds what a person needs to answer it, its form aside. Raises EvolverError."""
        return

    def misfit(self, subject: Mapping[str, Any], path: str) -> str:
        """Where a subject that came in a bundle is not what it has to be, below `path`; empty where it is."""
        return ""

    def read_subject(self, subject: Mapping[str, Any]) -> Subject | None:
        """What `Question.subject` says; `Unreadable` with a sentence where it says nothing."""
        return None

    @abstractmethod
    def reply(self, asked: OpenQuestion, answer: AnswerT, by: str) -> Reply:
        """The answer as it is kept and told.

        Args:
            by: the person's name.

        Raises:
            EvolverError: it does not answer this question.
        """


class UnknownKind(Kind[Any]):
    """A kind of which this program knows the name alone: a later version, or another program, wrote it."""

    answer_type = object

    def __init__(self, name: str) -> None:
        self.name = name
        self._problem = f"This program does not know questions of the kind {name[:100]!a}."

    def check(self, question: Question) -> None:
        """Refuse it. Raises QuestionError."""
        raise QuestionError(self._problem, "Ask a QuestionKind.")

    def read_subject(self, subject: Mapping[str, Any]) -> Subject | None:
        """Say so."""
        return Unreadable(self._problem)

    def reply(self, asked: OpenQuestion, answer: Any, by: str) -> Reply:
        """Refuse it. Raises NotWaiting."""
        raise NotWaiting(self._problem, "Answer it with a version that does.")
