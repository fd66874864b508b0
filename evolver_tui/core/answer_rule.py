"""Remembered answers: which questions one answers, for how long, and as which rule of the rules engine."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, NamedTuple

from evolver_tui.core.job import QuestionKind
from evolver_tui.core.journal import is_own_name
from evolver_tui.core.question import Answer, AnswerAction, OpenQuestion, Question
from evolver_tui.core.rule import ActionKind, Rule, RuleAction
from evolver_tui.core.signal import Signal
from evolver_tui.core.signal_catalogue.inbox_signals import QUESTION_ASKED, Asked

TIMES_UNTIL_OFFERED: Final = 3
"""So often a person gave the same answer before it is offered to remember it."""
MOST_ON_ONE_JOB: Final = 20
"""Questions of one job that one rule answers: a routine that asks the same again and again comes to a person."""
SECONDS_OF_A_DAY: Final = 86_400.0


class Breadth(StrEnum):
    """How far a remembered answer reaches, the narrowest first."""

    SESSION = "session"
    """The same question, as long as this session runs."""
    TASK_TYPE = "task_type"
    """The same question, of tasks of this type."""
    ALWAYS = "always"
    """The same question, of any task."""
    FIELD = "field"
    """Whatever the routine asks with the same form."""


def digest_of(*parts: object) -> str:
    """Equal for equal JSON values, whatever the order of their keys; empty for what is no JSON."""
    try:
        text = json.dumps(parts, sort_keys=True, separators=(",", ":"), default=_as_dict)
    except (TypeError, ValueError, RecursionError):
        return ""
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:32]


def _as_dict(value: object) -> dict[Any, Any]:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is not JSON")


class Asking(NamedTuple):
    """What tells questions apart, as far as remembered answers do."""

    asks: str
    """A digest of routine, kind, message, form and subject."""
    form: str
    """A digest of routine, kind and form."""
    task_type: str
    session_id: str = ""
    """The session that hears it."""

    @classmethod
    def of(cls, question: Question, routine: str, task_type: str, session_id: str = "") -> Asking:
        """What a routine asks."""
        kind, form = str(question.kind), question.requested_schema
        return cls(
            digest_of(routine, kind, question.message, form, question.subject), digest_of(routine, kind, form),
            task_type, session_id,
        )  # fmt: skip

    @classmethod
    def told_by(cls, signal: Signal) -> Asking:
        """What a signal tells of a question; empty where it does not."""
        told = (signal.payload.get(key) for key in ("asks", "form", "task_type"))
        asks, form, task_type = (value if isinstance(value, str) else "" for value in told)
        return cls(asks, form, task_type, str(signal.context.get("session_id", "")))


def told_of(question: Question, routine: str, task_type: str) -> Asked:
    """What a signal tells of a question that is asked."""
    told: Asked = {"question": question.name, "message": question.message}
    if may_be_remembered(question):
        asking = Asking.of(question, routine, task_type)
        told |= {"asks": asking.asks, "form": asking.form, "task_type": task_type}
    return told


@dataclass(frozen=True, slots=True)
class AnswerScope:
    """Which questions a remembered answer is for: a condition over the signal that tells of a question."""

    breadth: Breadth
    asks: str
    form: str
    """Both as `Asking` has them."""
    routine: str
    task_type: str
    session_id: str
    """The session in which it was made, or whose job it was made with."""
    message: str = ""
    """What a person was asked when it was made."""

    @property
    def text(self) -> str:
        """In a few words."""
        return {
            Breadth.SESSION: "one session",
            Breadth.TASK_TYPE: f"tasks of type {self.task_type}",
            Breadth.ALWAYS: "any task",
            Breadth.FIELD: "the same form",
        }[self.breadth]

    def covers(self, asking: Asking) -> bool:
        """Whether it is for this question."""
        if self.breadth is Breadth.FIELD:
            return bool(self.form) and asking.form == self.form
        return (
            bool(self.asks)
            and asking.asks == self.asks
            and (self.breadth is not Breadth.TASK_TYPE or asking.task_type == self.task_type)
            and (self.breadth is not Breadth.SESSION or asking.session_id == self.session_id)
        )

    def is_heard_in(self, session_id: str) -> bool:
        """Whether it is for anything that this session hears."""
        return self.breadth is not Breadth.SESSION or session_id == self.session_id

    def holds(self, signal: Signal) -> bool:
        """Whether a signal tells of such a question."""
        return signal.name == QUESTION_ASKED.name and self.covers(Asking.told_by(signal))

    def to_json_value(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "breadth": self.breadth.value, "asks": self.asks, "form": self.form, "routine": self.routine,
            "task_type": self.task_type, "session_id": self.session_id, "message": self.message,
        }  # fmt: skip

    @classmethod
    def from_json_value(cls, value: Mapping[str, Any]) -> AnswerScope:
        """The inverse of `to_json_value`. Raises KeyError, ValueError."""
        names = ("asks", "form", "routine", "task_type", "session_id", "message")
        return cls(Breadth(value["breadth"]), *(str(value[name]) for name in names))


def may_be_remembered(question: Question) -> bool:
    """Whether such a question may be answered by a rule: a form of the routine's own, and never a review."""
    return question.kind == QuestionKind.QUESTION and not is_own_name(question.name)


def has_fields(question: Question) -> bool:
    """Whether its form has a field; of one without, the form says nothing of what is asked."""
    return bool(question.requested_schema.get("properties"))


@dataclass(frozen=True, slots=True)
class AnswerRule:
    """An answer that a person gave and that is given again by itself. Times are seconds since 1970."""

    id: int
    scope: AnswerScope
    answer: Answer
    by: str
    at: float
    expires_at: float | None = None
    revoked_at: float | None = None
    revoked_by: str = ""

    @property
    def name(self) -> str:
        """What it is called as a rule."""
        return f"remembered answer {self.id}"

    @property
    def giver(self) -> str:
        """Who answers where it does: the rule, and whose it is."""
        return f"{self.name} of {self.by}"

    def is_in_force(self, now: float) -> bool:
        """Whether it was neither revoked nor is too old."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

    def covers(self, asked: OpenQuestion, routine: str, session_id: str) -> bool:
        """Whether it answers an open question, within a session."""
        question = asked.question
        return (
            self.answer.action is AnswerAction.ACCEPT
            and may_be_remembered(question)
            and self.scope.covers(Asking.of(question, routine, asked.task_type, session_id))
        )

    def as_rule(self) -> Rule:
        """The same as the rules engine folds it."""
        return Rule(self.name, (QUESTION_ASKED.name,), self.scope, (RuleAction(ActionKind.ANSWER, str(self.id)),))


class AnswerRuleRecord(NamedTuple):
    """A remembered answer and what it came to."""

    rule: AnswerRule
    decided: int = 0
    """Questions that it answered, without those of which that was taken back."""
    taken_back: int = 0


class RuleDecision(NamedTuple):
    """One question that a remembered answer decided."""

    job: int
    task_id: str
    at: float
    was_taken_back: bool


class SameAnswers(NamedTuple):
    """How often a person gave the answer that a question got, without what was taken back or given by rules."""

    answer: Answer
    to_this: int
    """To a question with the same words and form."""
    to_this_form: int
    """To one with the same form, whatever its words; those are among them."""


def in_order(rules: list[AnswerRule]) -> list[AnswerRule]:
    """Those that reach least far first, of these the latest: the first one that fits answers."""
    reach = list(Breadth)
    return sorted(rules, key=lambda rule: (reach.index(rule.scope.breadth), -rule.id))
