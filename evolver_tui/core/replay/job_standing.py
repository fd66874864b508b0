"""How one job stands, and what each signal about it makes of that."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from evolver_tui.core import ranks
from evolver_tui.core.errors import LIBRARY, MODEL
from evolver_tui.core.job import JobState, Outcome
from evolver_tui.core.job_marks import JobMarks, MarkChange
from evolver_tui.core.replay.recorded_job import RecordedJob
from evolver_tui.core.signal_catalogue import task_signals as tasks
from evolver_tui.core.signal_catalogue.inbox_signals import DECISION_UNDONE, QUESTION_ANSWERED, REVIEW_DECIDED
from evolver_tui.core.task_fields import PRIORITIES


@dataclass(frozen=True, slots=True)
class JobStanding:
    """Where a job stands. Times are seconds since 1970."""

    state: JobState
    rank: int
    """Its place in the queue, see `core/ranks.py`."""
    since: float
    """When it came into this state."""
    outcome: Outcome | None = None
    attempt: int = 1
    question: str = ""
    """The name of the question that it asked last; it is open while the job is paused."""
    asked_at: float = 0.0
    asks: str = ""
    """The kind of that question."""
    reason: str = ""
    """Why it waits."""
    error: str = ""
    node: str = ""
    bundle: str = ""
    is_begun: bool = False
    """Whether a worker ever took it."""
    marks: JobMarks = JobMarks()
    """What rules put on it."""
    place: tuple[int, float] | None = None
    """Rank and since that it had when a worker took it."""

    @property
    def tally(self) -> tuple[JobState, Outcome | None]:
        """What it is counted under."""
        return self.state, self.outcome


_OUTCOMES: Final = {outcome.value: outcome for outcome in Outcome}
Payload = Mapping[str, Any]
Change = Callable[["JobStanding", Payload, float, RecordedJob], JobStanding]
"""From how a job stood, a signal's payload and time, and what is kept of the job, to how it stands."""


def text_of(payload: Payload, key: str) -> str:
    """A text of a payload; empty where there is none, since anybody may have written the log."""
    value = payload.get(key)
    return value if isinstance(value, str) else ""


def as_new(recorded: RecordedJob, now: float) -> JobStanding:
    """A job that nobody has begun."""
    return JobStanding(JobState.PENDING, ranks.new_rank(recorded.job, recorded.task.priority), now)


def at_its_question(recorded: RecordedJob, now: float) -> JobStanding | None:
    """A job as it stood at a moment of which no signal tells, where it waited for a person; else None."""
    asked = recorded.open_at(now)
    if asked is None:
        return None
    kind = asked.question.kind
    return JobStanding(
        JobState.PAUSED, ranks.paused_rank(asked.asked_at), asked.asked_at, attempt=recorded.attempt,
        question=asked.question.name, asked_at=asked.asked_at, asks=kind, is_begun=True, bundle=recorded.bundle,
    )  # fmt: skip


def _over(before: JobStanding, now: float, state: JobState, outcome: Outcome | None = None) -> JobStanding:
    return replace(before, state=state, outcome=outcome, since=now, rank=ranks.over_rank(now), place=None)


def _pending(before: JobStanding, now: float) -> JobStanding:
    rank = ranks.resumed_rank(now)
    return replace(before, state=JobState.PENDING, outcome=None, error="", since=now, rank=rank, place=None)


def _skipped(before: JobStanding, payload: Payload, now: float, recorded: RecordedJob) -> JobStanding:
    return _over(before, now, JobState.COMPLETED, Outcome.SKIPPED)


def _stored(before: JobStanding, payload: Payload, now: float, recorded: RecordedJob) -> JobStanding:
    return _over(before, now, JobState.COMPLETED, Outcome.STORED)


def _queued(before: JobStanding, payload: Payload, now: float, recorded: RecordedJob) -> JobStanding:
    return as_new(recorded, now)


def _taken(before: JobStanding, payload: Payload, now: float, recorded: RecordedJob) -> JobStanding:
    attempt = payload.get("attempt")
    place = before.place if before.state is JobState.RUNNING else (before.rank, before.since)
    return replace(
        before, state=JobState.RUNNING, outcome=None, rank=ranks.running_rank(recorded.job), since=now, is_begun=True,
        attempt=attempt if isinstance(attempt, int) and 0 < attempt < 1 << 31 else before.attempt, place=place,
    )  # fmt: skip


def _paused(before: JobStanding, payload: Payload, now: float, recorded: RecordedJob) -> JobStanding:
    name, reason = text_of(payload, "question"), text_of(payload, "reason")
    asked_at = before.asked_at if name == before.question else now
    return replace(
        before, state=JobState.PAUSED, rank=ranks.paused_rank(asked_at), since=now, question=name, reason=reason,
        asks=recorded.kind_of(name, reason), asked_at=asked_at, place=None,
    )  # fmt: skip


def _answered(before: JobStanding, payload: Payload, now: float, recorded: RecordedJob) -> JobStanding:
    if before.state is not JobState.PAUSED:
        return before  # a rule decided, and nobody was asked
    return _pending(before, now)


def _put_back(before: JobStanding, payload: Payload, now: float, recorded: RecordedJob) -> JobStanding:
    was_resumed = before.place is not None and before.place[0] < ranks.FIRST_TURN
    to_generate = {MODEL: True, LIBRARY: False}.get(text_of(payload, "reason"), not was_resumed)
    waiting = _pending(before, now)
    if before.place is not None and to_generate is not was_resumed:
        return replace(waiting, rank=before.place[0], since=before.place[1])
    return replace(waiting, rank=ranks.turn_rank(now)) if to_generate else waiting


def _completed(before: JobStanding, payload: Payload, now: float, recorded: RecordedJob) -> JobStanding:
    outcome = _OUTCOMES.get(text_of(payload, "outcome"), Outcome.DONE)
    return replace(_over(before, now, JobState.COMPLETED, outcome), node=text_of(payload, "node"), error="")


def _failed(before: JobStanding, payload: Payload, now: float, recorded: RecordedJob) -> JobStanding:
    return replace(_over(before, now, JobState.FAILED), error=text_of(payload, "error"))


def _retried(before: JobStanding, payload: Payload, now: float, recorded: RecordedJob) -> JobStanding:
    return replace(_pending(before, now), attempt=before.attempt + 1)


def _cancelled(before: JobStanding, payload: Payload, now: float, recorded: RecordedJob) -> JobStanding:
    return _over(before, now, JobState.CANCELLED)


def _restored(before: JobStanding, payload: Payload, now: float, recorded: RecordedJob) -> JobStanding:
    was_asking = before.outcome is Outcome.REJECTED or (before.state is JobState.CANCELLED and before.asks)
    if was_asking and before.question:
        rank = ranks.paused_rank(before.asked_at)
        return replace(before, state=JobState.PAUSED, outcome=None, since=now, rank=rank, error="", node="")
    again = replace(_pending(before, now), node="")
    return again if before.is_begun else replace(again, rank=ranks.new_rank(recorded.job, priority_of(again, recorded)))


def _undone(before: JobStanding, payload: Payload, now: float, recorded: RecordedJob) -> JobStanding:
    name, reason = text_of(payload, "question"), text_of(payload, "reason")
    if not name:
        return _restored(before, payload, now, recorded)
    asked = recorded.asked(name)
    asked_at = before.asked_at if asked is None or name == before.question else asked.asked_at
    return replace(
        before, state=JobState.PAUSED, outcome=None, rank=ranks.paused_rank(asked_at), since=now, question=name,
        reason=reason, asks=recorded.kind_of(name, reason), asked_at=asked_at, error="", node="", place=None,
    )  # fmt: skip


def _renewed(before: JobStanding, payload: Payload, now: float, recorded: RecordedJob) -> JobStanding:
    return replace(as_new(recorded, now), marks=before.marks, bundle=before.bundle)


def priority_of(standing: JobStanding, recorded: RecordedJob) -> str:
    """A job's priority: its task's, or another that it was given."""
    return standing.marks.priority or recorded.task.priority


def _marked(before: JobStanding, payload: Payload, now: float, recorded: RecordedJob) -> JobStanding:
    priority, tags = text_of(payload, "priority"), payload.get("tags")
    change = MarkChange(
        tags=tuple(tag for tag in tags if isinstance(tag, str)) if isinstance(tags, list) else (),
        priority=priority if priority in PRIORITIES else "",
        needs_review=payload.get("needs_review") is True,
        note=text_of(payload, "note"),
    )
    after = replace(before, marks=change.of(before.marks, priority_of(before, recorded)))
    if not ranks.is_new(before.rank):
        return after
    return replace(after, rank=ranks.new_rank(recorded.job, priority_of(after, recorded)))


def _left(before: JobStanding, payload: Payload, now: float, recorded: RecordedJob) -> JobStanding:
    return replace(_over(before, now, JobState.EXPORTED), bundle=text_of(payload, "bundle"))


def _came_in(before: JobStanding, payload: Payload, now: float, recorded: RecordedJob) -> JobStanding:
    waiting = at_its_question(recorded, now)
    if waiting is not None:
        return replace(waiting, since=now, bundle=text_of(payload, "bundle"))
    is_begun = bool(recorded.journal_at(now))
    new = replace(as_new(recorded, now), bundle=text_of(payload, "bundle"), is_begun=is_begun, attempt=recorded.attempt)
    return replace(new, rank=ranks.resumed_rank(now)) if is_begun else new


CHANGES: Final[Mapping[str, Change]] = {
    tasks.TASK_QUEUED.name: _queued,
    tasks.TASK_SKIPPED.name: _skipped,
    tasks.TASK_STORED.name: _stored,
    tasks.TASK_STARTED.name: _taken,
    tasks.JOB_RESUMED.name: _taken,
    tasks.JOB_PAUSED.name: _paused,
    tasks.JOB_WAITING.name: _put_back,
    tasks.TASK_COMPLETED.name: _completed,
    tasks.TASK_FAILED.name: _failed,
    tasks.TASK_RETRIED.name: _retried,
    tasks.JOB_CANCELLED.name: _cancelled,
    tasks.JOB_RESTORED.name: _restored,
    tasks.JOB_RENEWED.name: _renewed,
    tasks.JOB_MARKED.name: _marked,
    tasks.JOB_EXPORTED.name: _left,
    tasks.JOB_IMPORTED.name: _came_in,
    QUESTION_ANSWERED.name: _answered,
    REVIEW_DECIDED.name: _answered,
    DECISION_UNDONE.name: _undone,
}
"""Each signal that changes where a job stands, and how."""


def given_back(before: JobStanding, now: float) -> JobStanding:
    """A job that a worker held when its session ended."""
    waiting = _pending(before, now)
    was_resumed = before.place is not None and before.place[0] < ranks.FIRST_TURN
    return waiting if was_resumed else replace(waiting, rank=ranks.turn_rank(now))
