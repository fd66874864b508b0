"""Questions that an agent's routine asks a person, in the words of MCP elicitation: a message and a flat form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from evolver_tui.core.job import QuestionKind as QuestionKind


class AnswerAction(StrEnum):
    """MCP's three ends of a question. `cancel` is "not now": the question stays open."""

    ACCEPT = "accept"
    DECLINE = "decline"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class Question:
    """What a routine asks. `name` is unique within its job."""

    name: str
    message: str
    requested_schema: Mapping[str, Any] = field(default_factory=dict)
    kind: str = QuestionKind.QUESTION
    """The name of one of `core.question_kinds`."""
    subject: Mapping[str, Any] = field(default_factory=dict)
    """What it is about (a review's draft), as JSON, kept as it is; its kind reads it, see `OpenQuestion.subject`."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `content` holds one JSON value per form field that was filled in (accept only)."""

    action: AnswerAction
    content: Mapping[str, Any] = field(default_factory=dict)

    def to_json_value(self) -> dict[str, Any]:
        """The answer as MCP writes it."""
        return {"action": self.action.value, "content": dict(self.content)}

    @classmethod
    def from_json_value(cls, value: Mapping[str, Any]) -> Answer:
        """The inverse of `to_json_value`."""
        return cls(AnswerAction(value["action"]), dict(value.get("content") or {}))


class Subject:
    """What a question is about, as its kind reads it."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Unreadable(Subject):
    """A subject of which nothing can be made here. Such a question is listed, and nobody can answer it."""

    problem: str
    """Why, as a whole sentence."""


@dataclass(frozen=True, slots=True)
class OpenQuestion:
    """A question as it lies in the inbox: who asks, since when."""

    id: int
    job: int
    task_id: str
    task_name: str
    task_type: str
    question: Question
    asked_at: float
    """Seconds since 1970, by the database's clock."""
    reason: str = ""
    """Why its job waits: `user_input`, `review`, or what the routine said."""
    subject: Subject | None = None
    """What it is about; None where its kind is about nothing beyond its form."""
