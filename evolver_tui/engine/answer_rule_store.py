"""What remembered answers need of the database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from evolver_tui.core.answer_rule import AnswerRule, AnswerRuleRecord, AnswerScope, RuleDecision, SameAnswers
from evolver_tui.core.job import JobDetail
from evolver_tui.core.made_decision import MadeDecision
from evolver_tui.core.question import Answer, OpenQuestion
from evolver_tui.core.signal import Signal


class AnswerRuleReader(Protocol):
    """What is read of them.

    Raises (every method): StoreError when the database cannot be used, with the way out.
    """

    async def answer_rule(self, number: int) -> AnswerRule | None:
        """One of them, or None."""

    async def answer_rules(self) -> Sequence[AnswerRule]:
        """Those that nobody revoked, expired ones among them, the latest first."""

    async def answer_rule_records(self) -> Sequence[AnswerRuleRecord]:
        """All of them with what each came to, the latest first. That looks through every decision."""

    async def rule_decisions(self, giver: str, limit: int = 100) -> Sequence[RuleDecision]:
        """What the rule decided that answers under this name (`AnswerRule.giver`), the latest first."""

    async def same_answers(self, question_id: int, by: str) -> SameAnswers | None:
        """How often somebody gave the answer that a question got; None where it has none."""

    async def open_asked_by(
        self, routine: str, after: int = 0, limit: int = 1000
    ) -> tuple[Sequence[OpenQuestion], int]:
        """Open forms that a routine asks, by their numbers beyond one, but those that an undo opened again; and the
        last number that was looked at, 0 where there are no more.
        """


class AnswerRuleStore(AnswerRuleReader, Protocol):
    """What is written of them. Every write returns after its commit, with its signals in the same transaction."""

    async def job(self, job: int) -> JobDetail | None:
        """One job in full."""

    async def open_question_of(self, job: int) -> OpenQuestion | None:
        """What this job waits for, or None."""

    async def latest_decision_by(self, by: str) -> MadeDecision | None:
        """What somebody decided last and nobody took back, in any session; None for nothing."""

    async def remember_answer(
        self, scope: AnswerScope, answer: Answer, by: str, seconds: float | None, session_id: str,
        signals_of: Callable[[int, float | None], Sequence[Signal]],
    ) -> int:  # fmt: skip
        """Have an answer remembered; returns the rule's number.

        Args:
            seconds: for how long; None for until it is revoked.
            signals_of: what is told of it, by its number and when it expires.
        """

    async def revoke_answer_rule(self, rule: int, by: str, session_id: str, signals: Sequence[Signal] = ()) -> None:
        """Let it answer nothing more. Raises NotWaiting where it was revoked, or there is none."""
