"""The dialogue between agent and person as turns, made out of the signals that a session tells anyway."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from evolver_tui.core.decision import DecisionKind
from evolver_tui.core.question_kinds.review import UNREVIEWED
from evolver_tui.core.session_figures import SessionFigures, SessionTally
from evolver_tui.core.signal import Signal, SignalContext
from evolver_tui.core.signal_catalogue.author_signals import (
    LLM_GENERATION_BROKEN_OFF,
    LLM_GENERATION_COMPLETE,
    LLM_GENERATION_ERROR,
    LLM_GENERATION_START,
)
from evolver_tui.core.signal_catalogue.conversation_signals import (
    INTERRUPTED,
    LIMIT_EXCEEDED,
    SESSION_SUMMARY,
    TURN_COMPLETE,
    TURN_METRICS_UPDATED,
    USER_CONFUSED,
    SessionSummary,
    TurnCompleted,
    TurnMetrics,
)
from evolver_tui.core.signal_catalogue.inbox_signals import (
    DECISION_UNDONE,
    QUESTION_ANSWERED,
    QUESTION_ASKED,
    REVIEW_DECIDED,
    REVIEW_REQUESTED,
)
from evolver_tui.core.signal_catalogue.task_signals import (
    JOB_CANCELLED,
    JOB_EXPORTED,
    JOB_LEASE_LOST,
    JOB_RESUMED,
    TASK_COMPLETED,
    TASK_FAILED,
    TASK_QUEUED,
    TASK_STARTED,
)
from evolver_tui.engine.clock import Clock
from evolver_tui.engine.signals import SignalBus

_ASKS_BACK = (DecisionKind.REJECT.value, DecisionKind.RESPOND.value)


@dataclass(frozen=True, slots=True)
class ConversationLimits:
    """Seconds after which it is told that a turn takes long; 0 never tells."""

    generation: float = 0.0
    """The model writes."""
    answer: float = 0.0
    """A question is open."""


@dataclass(slots=True, eq=False)
class _Turn:
    """One turn while it goes on; times in seconds since 1970."""

    job: int
    task_id: str
    began: float | None = None
    """When the job was taken up; None where that was before this session."""
    number: int | None = None
    """Given when somebody has to know it."""
    generating_since: float | None = None
    generation_seconds: float | None = None
    asked_at: float | None = None
    message: str = ""
    resumed_at: float | None = None
    """When the job was taken up again, though nobody answered here."""
    attempts: int = 0
    accepts: int = 0
    is_limit_told: bool = False
    timer: asyncio.Task[None] | None = None

    def stop_timer(self) -> None:
        """Nothing is waited for any longer."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


class Conversation:
    """Hears what a session tells, and tells of its turns and of what it came to.

    What is asked or answered by other processes is not heard here: such a turn has no times, or ends when its job is
    taken up again.
    """

    def __init__(self, bus: SignalBus, clock: Clock, session_id: str, limits: ConversationLimits) -> None:
        self.limits = limits
        self._bus = bus
        self._clock = clock
        self._session_id = session_id
        self._began = clock.now()
        self._turns: dict[int, _Turn] = {}
        """By job."""
        self._numbers = 0
        self._latencies = 0
        self._latency_sum = 0.0
        self._attempts = self._accepts = 0
        self._tally = SessionTally()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._handlers: Mapping[str, Callable[[Signal], None]] = {
            TASK_QUEUED.name: self._tally.hear,
            TASK_STARTED.name: self._take_up,
            JOB_RESUMED.name: self._take_up,
            LLM_GENERATION_START.name: self._begin_generation,
            LLM_GENERATION_COMPLETE.name: self._end_generation,
            LLM_GENERATION_BROKEN_OFF.name: self._tally.hear,
            LLM_GENERATION_ERROR.name: self._end_generation,
            QUESTION_ASKED.name: self._ask,
            REVIEW_REQUESTED.name: self._ask,
            QUESTION_ANSWERED.name: self._answer,
            REVIEW_DECIDED.name: self._answer,
            DECISION_UNDONE.name: self._take_back,
            TASK_COMPLETED.name: self._end_job,
            TASK_FAILED.name: self._end_job,
            JOB_CANCELLED.name: lambda signal: self._leave(signal, "cancelled"),
            JOB_EXPORTED.name: lambda signal: self._leave(signal, "exported"),
            JOB_LEASE_LOST.name: self._lose,
        }

    def open(self) -> None:
        """Begin to hear, in this event loop."""
        self._loop = asyncio.get_running_loop()
        self._began = self._clock.now()
        self._bus.on_told = self._hear

    def close(self) -> None:
        """Hear nothing more."""
        self._bus.on_told = None
        for turn in self._turns.values():
            turn.stop_timer()

    @property
    def figures(self) -> SessionFigures:
        """What this session came to so far."""
        return self._tally.figures

    def summarize(self) -> SessionSummary:
        """Tell, and return, what this session came to so far."""
        figures = self._tally.figures
        summary: SessionSummary = {
            "session_id": self._session_id,
            "total_turns": figures.turns,
            "session_duration_sec": round(self._clock.now() - self._began, 3),
            "avg_total_latency_ms": round(self._latency_sum / self._latencies, 1) if self._latencies else None,
            "interrupt_acceptance_rate": round(self._accepts / self._attempts, 4) if self._attempts else None,
            "tasks": figures.tasks,
            "approved": figures.approved,
            "rejected": figures.rejected,
            "answers": figures.answers,
            "waited_sec": figures.waited,
            "tokens": figures.tokens,
            "estimated_tokens": figures.estimated_tokens,
        }
        if figures.cost is not None:
            summary |= {"cost": figures.cost, "currency": figures.currency}
        self._bus.emit(SESSION_SUMMARY(summary))
        return summary

    def interrupt(self, job: int, by: str, *, is_accepted: bool) -> None:
        """A person wanted the model to stop writing for a job.

        Args:
            is_accepted: whether it does; it may have been done already.
        """
        self._attempts += 1
        self._accepts += is_accepted
        turn = self._turns.get(job)
        if turn is None:
            return
        turn.attempts += 1
        if is_accepted:
            turn.accepts += 1
            turn_id = self._number(turn)
            self._bus.emit(
                INTERRUPTED({"reason": "stopped", "turn_id": turn_id, "authority": "human", "by": by}),
                **_context(turn),
            )

    # --- what is heard

    def _hear(self, signal: Signal) -> None:
        handler = self._handlers.get(signal.name)
        if handler is None or self._loop is None:
            return
        try:
            here = asyncio.get_running_loop()
        except RuntimeError:
            here = None
        if here is self._loop:
            handler(signal)
        else:  # emitted in a thread
            self._loop.call_soon_threadsafe(handler, signal)

    def _turn_of(self, signal: Signal) -> _Turn:
        job = signal.context["job"]
        if job not in self._turns:
            self._turns[job] = _Turn(job, str(signal.context.get("task_id", "")))
        return self._turns[job]

    def _take_up(self, signal: Signal) -> None:
        turn = self._turn_of(signal)
        if turn.asked_at is not None:
            turn.resumed_at = signal.timestamp  # the answer may be told of in a moment
        elif turn.began is None:
            turn.began = signal.timestamp

    def _begin_generation(self, signal: Signal) -> None:
        turn = self._go_on(signal)
        turn.generating_since = signal.timestamp
        self._wait_for(turn, self.limits.generation, "agent", signal.timestamp)

    def _end_generation(self, signal: Signal) -> None:
        if signal.name == LLM_GENERATION_COMPLETE.name:
            self._tally.hear(signal)
        turn = self._turn_of(signal)
        if turn.generating_since is not None:
            seconds = signal.timestamp - turn.generating_since
            turn.generation_seconds = (turn.generation_seconds or 0.0) + seconds
            turn.generating_since = None
            turn.stop_timer()

    def _ask(self, signal: Signal) -> None:
        turn = self._go_on(signal)
        self._number(turn)
        turn.asked_at = signal.timestamp
        turn.message = str(signal.payload["message"])
        self._wait_for(turn, self.limits.answer, "person", signal.timestamp)

    def _answer(self, signal: Signal) -> None:
        if signal.payload["by"] == UNREVIEWED:
            return  # a rule is nobody to talk to
        turn = self._turn_of(signal)
        del self._turns[turn.job]
        if turn.resumed_at is not None:
            self._turns[turn.job] = _Turn(turn.job, turn.task_id, turn.resumed_at)
        end_reason, words, text = _said(signal)
        self._complete(turn, end_reason, text, signal.timestamp)
        if end_reason in _ASKS_BACK and "?" in words:
            indicators = ["clarification_requests"]
            self._bus.emit(
                USER_CONFUSED({"confidence": None, "indicators": indicators, "turn_id": self._number(turn)}),
                **_context(turn),
            )

    def _take_back(self, signal: Signal) -> None:
        """A decision was taken back: what its job asks waits for a person again, from now on."""
        self._tally.hear(signal)
        before = self._turns.pop(signal.context["job"], None)
        if before is not None:
            before.stop_timer()
        if signal.payload.get("question"):
            turn = self._turn_of(signal)
            self._number(turn)
            turn.asked_at = signal.timestamp
            self._wait_for(turn, self.limits.answer, "person", signal.timestamp)

    def _end_job(self, signal: Signal) -> None:
        self._tally.hear(signal)
        turn = self._turns.get(signal.context["job"])
        if turn is not None:
            self._leave(signal, "interrupted" if turn.accepts else "not_asked")

    def _leave(self, signal: Signal, end_reason: str) -> None:
        """End the turn of a job that goes on no more, or elsewhere."""
        turn = self._turns.pop(signal.context["job"], None)
        if turn is None:
            return
        turn.stop_timer()
        if turn.resumed_at is not None:
            end_reason = "answered_elsewhere"
        if turn.number is not None:
            self._complete(turn, end_reason, "", signal.timestamp)

    def _lose(self, signal: Signal) -> None:
        turn = self._turns.pop(signal.context["job"], None)
        if turn is not None:
            turn.stop_timer()

    def _go_on(self, signal: Signal) -> _Turn:
        """The turn in which a job goes on; one before it that was never answered here is over."""
        turn = self._turn_of(signal)
        if turn.asked_at is None:
            return turn
        self._complete(turn, "answered_elsewhere", "", signal.timestamp)
        self._turns[turn.job] = _Turn(turn.job, turn.task_id, turn.resumed_at)
        return self._turns[turn.job]

    # --- what is told

    def _number(self, turn: _Turn) -> int:
        if turn.number is None:
            self._numbers += 1
            turn.number = self._numbers
        return turn.number

    def _wait_for(self, turn: _Turn, limit: float, speaker: str, since: float) -> None:
        turn.stop_timer()
        if limit and not turn.is_limit_told:
            turn.timer = asyncio.create_task(self._tell_after(turn, limit, speaker, since))

    async def _tell_after(self, turn: _Turn, limit: float, speaker: str, since: float) -> None:
        await self._clock.sleep(limit)
        turn.is_limit_told = True
        took = round(self._clock.now() - since, 3)
        turn_id = self._number(turn)
        self._bus.emit(
            LIMIT_EXCEEDED({"limit_sec": limit, "actual_duration_sec": took, "turn_id": turn_id, "speaker": speaker}),
            **_context(turn),
        )

    def _complete(self, turn: _Turn, end_reason: str, text: str, now: float) -> None:
        turn.stop_timer()
        turn_id = self._number(turn)
        latency = _milliseconds(turn.began, turn.asked_at)
        if latency is not None:
            self._latencies += 1
            self._latency_sum += latency
        completed: TurnCompleted = {
            "turn_id": turn_id,
            "duration_ms": _milliseconds(turn.asked_at, now),
            "human_transcript": text,
            "ai_transcript": turn.message,
            "end_reason": end_reason,
        }
        metrics: TurnMetrics = {
            "turn_id": turn_id,
            "timestamp": now,
            "interrupt_attempts": turn.attempts,
            "interrupt_accepts": turn.accepts,
            "partial_transcripts": [],
            "final_transcript": text,
            "ai_transcript": turn.message,
            "end_reason": end_reason,
            "transcription_ms": None,
            "llm_generation_ms": _milliseconds(0.0, turn.generation_seconds),
            "total_latency_ms": latency,
            "confidence_score": None,
        }
        self._tally.add_turn(completed)
        self._bus.emit(TURN_COMPLETE(completed), **_context(turn))
        self._bus.emit(TURN_METRICS_UPDATED(metrics), **_context(turn))


def _said(signal: Signal) -> tuple[str, str, str]:
    """What kind of answer it was, the words in it, and all of it as text."""
    payload: Mapping[str, Any] = signal.payload
    if signal.name == REVIEW_DECIDED.name:
        kind, words = str(payload["kind"]), str(payload.get("reason", ""))
        return kind, words, f"{kind}: {words}" if words else kind
    action, content = str(payload["action"]), payload.get("content")
    return action, "", f"{action}: {json.dumps(content, ensure_ascii=False)}" if content else action


def _milliseconds(start: float | None, end: float | None) -> float | None:
    return None if start is None or end is None else round((end - start) * 1000, 1)


def _context(turn: _Turn) -> SignalContext:
    context: SignalContext = {"task_id": turn.task_id, "job": turn.job}
    if turn.number is not None:
        context["turn_id"] = turn.number
    return context
