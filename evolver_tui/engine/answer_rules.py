"""Remembered answers: offered after the same answer several times, made, revoked, and given to what waits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Final, NamedTuple

from evolver_tui.core.answer_rule import (
    SECONDS_OF_A_DAY,
    TIMES_UNTIL_OFFERED,
    AnswerRule,
    AnswerRuleRecord,
    AnswerScope,
    Asking,
    Breadth,
    RuleDecision,
    has_fields,
    in_order,
    may_be_remembered,
)
from evolver_tui.core.errors import EvolverError, NotWaiting, UsageError
from evolver_tui.core.made_decision import MadeDecision
from evolver_tui.core.question import Answer, AnswerAction, OpenQuestion
from evolver_tui.core.question_kinds import kind_of
from evolver_tui.core.signal import Observation, Signal
from evolver_tui.core.signal_catalogue.rule_signals import ANSWER_REMEMBERED, ANSWER_REVOKED, AnswerRemembered
from evolver_tui.engine.answer_rule_store import AnswerRuleStore
from evolver_tui.engine.inbox import Inbox
from evolver_tui.engine.signals import SignalBus

_AT_ONCE: Final = 200
"""Questions that are answered side by side: they share a commit."""


class Offer(NamedTuple):
    """An answer that may be remembered, and the question that a person gave it to last."""

    question: OpenQuestion
    answer: Answer
    times: int
    """How often they gave it."""
    breadth: Breadth
    """How far it reached so far: `FIELD` where the words differed."""


class MadeRule(NamedTuple):
    """A rule that was made, and what it answered at once."""

    rule: AnswerRule
    answered: Sequence[OpenQuestion]
    problem: str = ""
    """Why some that it covers were not answered; empty for nothing."""

    @property
    def what_waited(self) -> str:
        """What became of those that waited, as sentences; empty where none did."""
        waited = len(self.answered)
        words = "1 that waited got it." if waited == 1 else f"{waited:,} that waited got it." if waited else ""
        return f"{words} {self.problem}".strip()


class AnswerRules:
    """The remembered answers of a database, as one session or command works with them.

    Args:
        has_session: False where no session runs: what is done is told in the log of the session that a job came in
            with, or where the rule was made.
    """

    def __init__(
        self,
        store: AnswerRuleStore,
        inbox: Inbox,
        bus: SignalBus,
        now: Callable[[], float],
        *,
        session_id: str,
        person: str,
        has_session: bool = True,
    ) -> None:
        self._store = store
        self._inbox = inbox
        self._bus = bus
        self._now = now
        self._session_id = session_id
        self._person = person
        self._has_session = has_session

    # --- what there is

    async def in_force(self) -> Sequence[AnswerRule]:
        """Those that may answer here now; of several that cover a question, the first one that fits answers."""
        now = self._now()
        found = [rule for rule in await self._store.answer_rules() if rule.is_in_force(now)]
        return in_order([rule for rule in found if rule.scope.is_heard_in(self._session_id)])

    async def records(self) -> Sequence[AnswerRuleRecord]:
        """All that there were, with what each decided, the latest first."""
        return await self._store.answer_rule_records()

    async def decisions(self, rule: AnswerRule, limit: int = 100) -> Sequence[RuleDecision]:
        """What one decided, the latest first."""
        return await self._store.rule_decisions(rule.giver, limit)

    async def last_decision(self, rule: AnswerRule) -> MadeDecision | None:
        """What one decided last and nobody took back; None for nothing."""
        return await self._store.latest_decision_by(rule.giver)

    # --- making and revoking

    async def offer(self, question: OpenQuestion) -> Offer | None:
        """What a person who just answered a question may have remembered; None where they gave that answer too seldom,
        or a rule covers the question.
        """
        if not may_be_remembered(question.question):
            return None
        same = await self._store.same_answers(question.id, self._person)
        if same is None or same.answer.action is not AnswerAction.ACCEPT:
            return None
        by_words = same.to_this >= TIMES_UNTIL_OFFERED
        times = same.to_this if by_words else same.to_this_form if has_fields(question.question) else 0
        if times < TIMES_UNTIL_OFFERED:
            return None
        routine = await self._routine_of(question)
        if any(rule.covers(question, routine, self._session_id) for rule in await self.in_force()):
            return None
        return Offer(question, same.answer, times, Breadth.TASK_TYPE if by_words else Breadth.FIELD)

    async def waiting(self, question: OpenQuestion) -> Mapping[Breadth, int]:
        """How many questions that are open now a rule made of this one would be for, by how far it reaches."""
        routine = await self._routine_of(question)
        scopes = [self._scope(question, routine, breadth, self._session_id) for breadth in Breadth]
        found = dict.fromkeys(Breadth, 0)
        async for asked in self._open(routine):
            asking = Asking.of(asked.question, routine, asked.task_type, self._session_id)
            for scope in scopes:
                found[scope.breadth] += asked.id != question.id and scope.covers(asking)
        return found

    async def make(self, question: OpenQuestion, answer: Answer, breadth: Breadth, days: float | None) -> MadeRule:
        """Have an answer remembered, and give it to what waits and is covered.

        Args:
            question: to which it was given, open or answered.
            days: for how long; None for until it is revoked.

        Raises:
            UsageError: nothing of the kind can be remembered.
            QuestionError: the answer does not fit the form.
        """
        self.check(question, answer, breadth)
        reply = kind_of(question.question.kind).reply(question, answer, self._person)
        detail = await self._store.job(question.job)
        if detail is None:
            raise NotWaiting(f"There is no job {question.job}.", "Nothing was changed.")
        session_id = self._session_id if self._has_session else detail.session_id
        scope = self._scope(question, detail.routine, breadth, session_id)
        kept, made = Answer.from_json_value(reply.value), list[Signal]()

        def signals_of(number: int, expires_at: float | None) -> Sequence[Signal]:
            told: AnswerRemembered = {
                "rule": number, "by": self._person, "scope": scope.text, "message": scope.message,
                "content": dict(kept.content),
            }  # fmt: skip
            if expires_at is not None:
                told["expires_at"] = expires_at
            made[:] = [self._stamped(ANSWER_REMEMBERED(told), session_id)]
            return made

        seconds = None if days is None else days * SECONDS_OF_A_DAY
        number = await self._store.remember_answer(scope, kept, self._person, seconds, session_id, signals_of)
        self._bus.relay(made)
        rule = await self._store.answer_rule(number)
        assert rule is not None
        return MadeRule(rule, *await self.catch_up(rule))

    async def revoke(self, number: int) -> AnswerRule:
        """Let one answer nothing more; what it answered stays. Raises NotWaiting."""
        rule = await self._store.answer_rule(number)
        if rule is None:
            raise NotWaiting(f"There is no remembered answer {number}.", "See `evolver-tui jobs remembered`.")
        session_id = self._session_id if self._has_session else rule.scope.session_id
        told = ANSWER_REVOKED({"rule": number, "by": self._person, "made_by": rule.by})
        signals = [self._stamped(told, session_id)]
        await self._store.revoke_answer_rule(number, self._person, session_id, signals)
        self._bus.relay(signals)
        return rule

    # --- giving

    async def give(self, number: int, job: int, name: str) -> bool:
        """Answer what a job asks under this name by a rule; False where it is not to be, or somebody was faster.

        Raises:
            QuestionError: the answer does not fit the form as it is asked, or the rule answered this job too often.
        """
        rule = await self._store.answer_rule(number)
        question = await self._store.open_question_of(job)
        if rule is None or question is None or question.question.name != name:
            return False
        return await self._inbox.answer_by_rule(rule, question.id)

    async def catch_up(self, rule: AnswerRule) -> tuple[Sequence[OpenQuestion], str]:
        """Answer what waits and is covered by a rule; returns what it answered, and why it did not answer others."""
        covered = [
            asked
            async for asked in self._open(rule.scope.routine)
            if rule.covers(asked, rule.scope.routine, self._session_id)
        ]
        answered, problem = list[OpenQuestion](), ""
        for start in range(0, len(covered), _AT_ONCE):
            batch = covered[start : start + _AT_ONCE]
            giving = (self._inbox.answer_by_rule(rule, asked.id) for asked in batch)
            for asked, result in zip(batch, await asyncio.gather(*giving, return_exceptions=True), strict=True):
                if result is True:
                    answered.append(asked)
                elif isinstance(result, EvolverError):
                    problem = problem or str(result)
                elif isinstance(result, BaseException):
                    raise result
        return answered, problem

    async def _open(self, routine: str) -> AsyncIterator[OpenQuestion]:
        after = -1
        while after:
            found, after = await self._store.open_asked_by(routine, max(0, after))
            for asked in found:
                yield asked

    async def _routine_of(self, question: OpenQuestion) -> str:
        detail = await self._store.job(question.job)
        return detail.routine if detail is not None else ""

    def _scope(self, question: OpenQuestion, routine: str, breadth: Breadth, session_id: str) -> AnswerScope:
        asking = Asking.of(question.question, routine, question.task_type)
        return AnswerScope(
            breadth, asking.asks, asking.form, routine, question.task_type, session_id, question.question.message
        )

    def check(self, question: OpenQuestion, answer: Answer, breadth: Breadth) -> None:
        """Make sure that an answer may be remembered here. Raises UsageError."""
        if not may_be_remembered(question.question) or answer.action is not AnswerAction.ACCEPT:
            raise UsageError("Only the answer to a form can be remembered.", "A person decides all else each time.")
        if breadth is Breadth.FIELD and not has_fields(question.question):
            raise UsageError("A form without a field does not say what is asked.", "Remember it for the same question.")
        if breadth is Breadth.SESSION and not self._has_session:
            raise UsageError("No session runs here.", "Remember it by a key of the console, or for longer.")

    def _stamped(self, observation: Observation, session_id: str) -> Signal:
        return self._bus.stamp(observation, session_id=session_id)
