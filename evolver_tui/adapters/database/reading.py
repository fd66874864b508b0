"""What is read of a database, whoever runs the statements."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

from evolver_tui.adapters.database import (
    answer_rule_queries,
    decision_queries,
    decision_rows,
    queries,
    spending_queries,
    statistic_queries,
)
from evolver_tui.adapters.database.queries import Ask
from evolver_tui.core.answer_rule import AnswerRule, AnswerRuleRecord, RuleDecision, SameAnswers
from evolver_tui.core.job import JobDetail, QueueCounts, QueueKey, QueueRow
from evolver_tui.core.made_decision import MadeDecision, PendingWithdrawal
from evolver_tui.core.question import OpenQuestion
from evolver_tui.core.routine_state import AskedQuestion, Pause, SharedState
from evolver_tui.core.session_figures import SessionFigures
from evolver_tui.core.signal import Signal
from evolver_tui.core.spending import Total
from evolver_tui.core.statistics import DecidedQuestion
from evolver_tui.core.training_data.decided_review import DecidedReview, DecisionKey
from evolver_tui.engine.readers import DecidedPlace, SpendingGroup
from evolver_tui.engine.signal_log import SessionRecord, StoredSignal
from evolver_tui.engine.store import ReadStore

P = ParamSpec("P")
T = TypeVar("T")
_HIGHEST: Final = 2**63 - 1
"""The highest number a column holds."""


def is_number(value: int) -> bool:
    """Whether a column could hold this number; a person may type any."""
    return 0 < value <= _HIGHEST


class Reading(ReadStore, ABC):
    """Every read, on top of one that asks."""

    @abstractmethod
    async def _ask(self, query: Callable[Concatenate[Ask, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a query at one moment of the database."""

    async def _scan(self, query: Callable[Concatenate[Ask, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run one that looks at many rows."""
        return await self._ask(query, *args, **kwargs)

    async def rows_after(self, key: QueueKey | None, limit: int, search: str = "") -> Sequence[QueueRow]:
        run = self._scan if search else self._ask
        return await run(queries.rows_after, key, limit, search)

    async def rows_before(self, key: QueueKey | None, limit: int, search: str = "") -> Sequence[QueueRow]:
        run = self._scan if search else self._ask
        return await run(queries.rows_before, key, limit, search)

    async def rank_of(self, key: QueueKey, search: str = "") -> int:
        return await self._scan(queries.rank_of, key, search)

    async def row(self, job: int) -> QueueRow | None:
        return await self._ask(queries.row, job) if is_number(job) else None

    async def counts(self) -> QueueCounts:
        return await self._ask(queries.counts)

    async def job(self, job: int) -> JobDetail | None:
        return await self._ask(queries.job_detail, job) if is_number(job) else None

    async def job_of_task(self, task_id: str) -> int | None:
        return await self._ask(queries.job_of_task, task_id)

    async def failed_jobs(self, holding: str = "") -> Sequence[int]:
        """Every failed job whose error holds this text in any case, as they arrived."""
        return await self._ask(queries.failed_jobs, holding)

    async def journal(self, job: int) -> Mapping[str, Any]:
        return await self._ask(queries.journal_of, job) if is_number(job) else {}

    async def shared_of(self, job: int) -> SharedState:
        return await self._ask(queries.shared_of, job) if is_number(job) else SharedState()

    async def pauses_of(self, job: int) -> Sequence[Pause]:
        return await self._ask(queries.pauses_of, job) if is_number(job) else ()

    async def asked_by(self, job: int) -> Sequence[AskedQuestion]:
        return await self._ask(queries.asked_by, job) if is_number(job) else ()

    async def journal_times(self, job: int) -> Mapping[str, float]:
        return await self._ask(queries.journal_times, job) if is_number(job) else {}

    async def open_questions(self, limit: int = 200) -> Sequence[OpenQuestion]:
        return await self._ask(queries.open_questions, limit)

    async def question(self, question_id: int) -> OpenQuestion | None:
        return await self._ask(queries.open_question, question_id) if is_number(question_id) else None

    async def open_question_of(self, job: int) -> OpenQuestion | None:
        return await self._ask(queries.open_question_of, job) if is_number(job) else None

    async def alike(self, question_id: int) -> Sequence[OpenQuestion]:
        return await self._ask(queries.alike, question_id) if is_number(question_id) else ()

    async def latest_answer(self, question_id: int) -> Mapping[str, Any] | None:
        return await self._ask(queries.latest_answer, question_id) if is_number(question_id) else None

    async def decided_reviews(
        self, after: DecisionKey | None, limit: int, session_id: str = "", *, job: int = 0, unreviewed: bool = False
    ) -> Sequence[DecidedReview]:
        run = self._ask if job else self._scan
        return await run(decision_queries.decided_reviews, after, limit, session_id, job, unreviewed)

    async def count_decided(self, until: DecisionKey) -> int:
        return await self._scan(decision_queries.count_decided, until)

    async def latest_decision(self, job: int) -> MadeDecision | None:
        return await self._ask(decision_rows.latest_decision, job) if is_number(job) else None

    async def latest_decision_by(self, by: str) -> MadeDecision | None:
        return await self._ask(decision_rows.latest_decision_by, by)

    async def pending_withdrawals(self) -> Sequence[PendingWithdrawal]:
        return await self._scan(decision_rows.pending_withdrawals)

    async def answer_rule(self, number: int) -> AnswerRule | None:
        return await self._ask(answer_rule_queries.answer_rule, number) if is_number(number) else None

    async def answer_rules(self) -> Sequence[AnswerRule]:
        return await self._ask(answer_rule_queries.answer_rules)

    async def answer_rule_records(self) -> Sequence[AnswerRuleRecord]:
        return await self._scan(answer_rule_queries.answer_rule_records)

    async def rule_decisions(self, giver: str, limit: int = 100) -> Sequence[RuleDecision]:
        return await self._scan(answer_rule_queries.rule_decisions, giver, limit)

    async def same_answers(self, question_id: int, by: str) -> SameAnswers | None:
        return await self._scan(answer_rule_queries.same_answers, question_id, by)

    async def open_asked_by(
        self, routine: str, after: int = 0, limit: int = 1000
    ) -> tuple[Sequence[OpenQuestion], int]:
        return await self._scan(answer_rule_queries.open_asked_by, routine, after, limit)

    async def learned(self, name: str) -> Any:
        return await self._ask(decision_queries.learned, name)

    async def decided_questions(
        self, after: DecidedPlace, limit: int, *, since: float, until: float
    ) -> tuple[Sequence[DecidedQuestion], DecidedPlace]:
        return await self._scan(statistic_queries.decided_questions, after, limit, since, until)

    async def spending(
        self,
        by: SpendingGroup = "",
        *,
        since: float = 0.0,
        until: float = math.inf,
        session_id: str = "",
        job: int = 0,
        limit: int = 1000,
    ) -> Sequence[tuple[str, Total]]:
        run = self._ask if job else self._scan
        return await run(spending_queries.spending, by, since, until, session_id, job, limit)

    async def sessions(self) -> Sequence[SessionRecord]:
        return await self._ask(queries.sessions)

    async def signals(self, session_id: str, after: int = 0, limit: int = 1000) -> Sequence[StoredSignal]:
        return await self._ask(queries.signals_after, session_id, after, limit)

    async def signals_before(
        self, session_id: str, seq: int | None = None, limit: int = 1000
    ) -> Sequence[StoredSignal]:
        return await self._scan(queries.signals_before, session_id, _HIGHEST if seq is None else seq, limit)

    async def seq_of(self, session_id: str, signal: Signal) -> int:
        return await self._scan(queries.seq_of, session_id, signal)

    async def signals_named(self, session_id: str, names: Sequence[str], limit: int = 1000) -> Sequence[StoredSignal]:
        return await self._scan(queries.signals_named, session_id, names, limit)

    async def figures(self, session_id: str) -> SessionFigures:
        return await self._scan(queries.figures, session_id)

    async def jobs_received(self, session_id: str, after: int = 0, limit: int = 1000) -> Sequence[int]:
        return await self._scan(queries.jobs_received, session_id, after, limit)
