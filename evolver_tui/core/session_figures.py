"""What a session came to, in figures: a fold over what it told."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from evolver_tui.core.job import Outcome
from evolver_tui.core.signal import Signal
from evolver_tui.core.signal_catalogue.author_signals import LLM_GENERATION_BROKEN_OFF, LLM_GENERATION_COMPLETE
from evolver_tui.core.signal_catalogue.conversation_signals import TURN_COMPLETE
from evolver_tui.core.signal_catalogue.inbox_signals import DECISION_UNDONE
from evolver_tui.core.signal_catalogue.task_signals import TASK_COMPLETED, TASK_QUEUED

_GENERATIONS: Final = (LLM_GENERATION_COMPLETE.name, LLM_GENERATION_BROKEN_OFF.name)
FIGURE_NAMES: Final = (
    TASK_QUEUED.name, TASK_COMPLETED.name, DECISION_UNDONE.name, *_GENERATIONS, TURN_COMPLETE.name,
)  # fmt: skip
"""The signals that figures are made of; of the first one nothing but its number counts."""


@dataclass(frozen=True, slots=True)
class SessionFigures:
    """Tasks that came, how they ended, how long people were waited for, tokens read and written, their cost."""

    tasks: int = 0
    approved: int = 0
    rejected: int = 0
    turns: int = 0
    """Questions and reviews that came to their end."""
    answers: int = 0
    """Those of them whose wait is known."""
    waited: float = 0.0
    """Seconds for which these waited for a person, all together."""
    tokens: int = 0
    estimated_tokens: int = 0
    """Those of them that nobody counted."""
    cost: float | None = None
    """None where no price is known."""
    currency: str = ""

    @property
    def approve_rate(self) -> float | None:
        """The share of the decided drafts that was approved; None where nothing was decided."""
        decided = self.approved + self.rejected
        return self.approved / decided if decided else None

    @property
    def mean_wait(self) -> float | None:
        """Seconds for which a question waited for a person; None where none did."""
        return self.waited / self.answers if self.answers else None

    @property
    def is_cost_estimated(self) -> bool:
        """Whether the cost is of tokens that nobody counted."""
        return self.cost is not None and self.estimated_tokens > 0


class SessionTally:
    """Makes figures of signals, whoever emitted them: what is no number counts nothing."""

    def __init__(self) -> None:
        self._tasks = self._turns = self._answers = self._tokens = self._estimated = 0
        self._outcomes = {Outcome.APPROVED.value: 0, Outcome.REJECTED.value: 0}
        self._waited = 0.0
        self._cost: float | None = None
        self._currency = ""

    def hear(self, signal: Signal) -> None:
        """Count what a signal tells; those of other names tell nothing here."""
        if signal.name == TASK_QUEUED.name:
            self.add_tasks(1)
        elif signal.name == TASK_COMPLETED.name:
            outcome = signal.payload.get("outcome")
            if isinstance(outcome, str) and outcome in self._outcomes:
                self._outcomes[outcome] += 1
        elif signal.name == DECISION_UNDONE.name:
            outcome = signal.payload.get("outcome")
            if isinstance(outcome, str) and self._outcomes.get(outcome):  # else it ended in another session
                self._outcomes[outcome] -= 1
        elif signal.name in _GENERATIONS:
            self._add_generation(signal.payload)
        elif signal.name == TURN_COMPLETE.name:
            self.add_turn(signal.payload)

    def add_tasks(self, number: int) -> None:
        """Count tasks that came."""
        self._tasks += number

    def add_turn(self, completed: Mapping[str, Any]) -> None:
        """Count a turn, by the payload of what tells that it is over."""
        self._turns += 1
        if completed.get("duration_ms") is not None:
            self._answers += 1
            self._waited += _number(completed["duration_ms"]) / 1_000

    def _add_generation(self, told: Mapping[str, Any]) -> None:
        tokens = int(_number(told.get("prompt_tokens")) + _number(told.get("tokens_generated")))
        self._tokens += tokens
        if told.get("tokens_counted_by") != "provider":
            self._estimated += tokens
        if "cost" in told:
            self._cost = (self._cost or 0.0) + _number(told["cost"])
            self._currency = str(told.get("currency", ""))

    @property
    def figures(self) -> SessionFigures:
        """What was counted so far."""
        return SessionFigures(
            tasks=self._tasks,
            approved=self._outcomes[Outcome.APPROVED.value],
            rejected=self._outcomes[Outcome.REJECTED.value],
            turns=self._turns,
            answers=self._answers,
            waited=round(self._waited, 3),
            tokens=self._tokens,
            estimated_tokens=self._estimated,
            cost=None if self._cost is None else round(self._cost, 9),
            currency=self._currency,
        )


_COUNTED: Final = (
    "tasks", "approved", "rejected", "total_turns", "answers", "waited_sec", "tokens", "estimated_tokens",
)  # fmt: skip


def figures_of_summary(summary: Mapping[str, Any]) -> SessionFigures | None:
    """The figures that a session told at its end; None where a summary does not have them all."""
    counted = [summary.get(key) for key in _COUNTED]
    cost = summary.get("cost")
    if not all(map(_is_number, counted)) or not (cost is None or _is_number(cost)):
        return None
    tasks, approved, rejected, turns, answers, waited, tokens, estimated = map(_number, counted)
    return SessionFigures(
        int(tasks), int(approved), int(rejected), int(turns), int(answers), waited, int(tokens), int(estimated),
        cost, str(summary.get("currency", "")),
    )  # fmt: skip


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) and _is_number(value) else 0.0
