"""Signals of the dialogue between agent and person, and its figures.

A turn is what a job asks a person, a question or a review, together with the answer, and with what the agent wrote to
come there. Turns are numbered in each session, from 1.
"""

from typing import Final, NotRequired, TypedDict

from evolver_tui.core.signal import SignalType


class TurnCompleted(TypedDict):
    """From question to answer in milliseconds (null where the question was asked elsewhere), both as text, the end."""

    turn_id: int
    duration_ms: float | None
    human_transcript: str
    ai_transcript: str
    end_reason: str


class Interrupted(TypedDict):
    """Why, whose say it was (`human`), and who that is."""

    reason: str
    turn_id: int
    authority: str
    by: str


class LimitExceeded(TypedDict):
    """The configured time, the time so far, and who takes it: `agent` or `person`."""

    limit_sec: float
    actual_duration_sec: float
    turn_id: int
    speaker: str


class PersonConfused(TypedDict):
    """How sure that is, from 0 to 1, where somebody measured it; by what it shows."""

    confidence: float | None
    indicators: list[str]
    turn_id: NotRequired[int]


class TurnMetrics(TypedDict):
    """Nothing is spoken here: `partial_transcripts` is empty, `transcription_ms` and `confidence_score` are null.

    `final_transcript` is the answer, `ai_transcript` the question. `end_reason` is the answer's kind or action, or
    `interrupted`, `cancelled`, `exported`, `answered_elsewhere`, `not_asked`. `llm_generation_ms` is all that the
    model took, `total_latency_ms` how long the person waited for the question from when the job was taken up. Times are
    null where this session did not see them.
    """

    turn_id: int
    timestamp: float
    interrupt_attempts: int
    interrupt_accepts: int
    partial_transcripts: list[str]
    final_transcript: str
    ai_transcript: str
    end_reason: str
    transcription_ms: float | None
    llm_generation_ms: float | None
    total_latency_ms: float | None
    confidence_score: float | None


class SessionSummary(TypedDict):
    """What a session came to so far: turns, tasks that came, how they ended, tokens read and written, their cost.

    `waited_sec` is how long the questions of `answers` turns waited for a person, all together, and
    `estimated_tokens` are those of the tokens that the provider did not count.
    """

    session_id: str
    total_turns: int
    session_duration_sec: float
    avg_total_latency_ms: float | None
    interrupt_acceptance_rate: float | None
    tasks: int
    approved: int
    rejected: int
    answers: int
    waited_sec: float
    tokens: int
    estimated_tokens: int
    cost: NotRequired[float]
    currency: NotRequired[str]


TURN_COMPLETE: Final = SignalType(
    "conversation.turn_complete", TurnCompleted, "conversation", "A turn came to its end."
)
INTERRUPTED: Final = SignalType(
    "conversation.interrupted", Interrupted, "conversation", "A person stopped the model while it wrote.", "warning"
)
LIMIT_EXCEEDED: Final = SignalType(
    "conversation.speaking_limit_exceeded",
    LimitExceeded,
    "conversation",
    "The model writes, or a question is open, for longer than the config's time; told once in a turn.",
    "warning",
)
USER_CONFUSED: Final = SignalType(
    "conversation.user_confused",
    PersonConfused,
    "conversation, or a model",
    "A person asked back instead of deciding: the words of a reject or a response hold a question mark.",
)
TURN_METRICS_UPDATED: Final = SignalType(
    "analytics.turn_metrics_updated", TurnMetrics, "conversation", "A turn came to its end, in figures."
)
SESSION_SUMMARY: Final = SignalType(
    "analytics.session_summary", SessionSummary, "conversation", "A session ends, or a person asks how it stands."
)
