"""How jobs and their questions are written down: as JSON values for scripts, as lines for people.

Every line is safe to draw. Times are ISO 8601 in UTC.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from evolver_tui.cli.output import LONGEST_VALUE, short
from evolver_tui.core.job import JobDetail, JobState, QueueRow
from evolver_tui.core.journal import RESULT, is_own_name
from evolver_tui.core.question import AnswerAction, OpenQuestion
from evolver_tui.core.routine_state import Pause, SharedState
from evolver_tui.core.safe_text import safe_block, safe_text
from evolver_tui.core.spending import NOTHING, Total, spent_value, total_cost_words, total_token_words
from evolver_tui.core.times import age, utc_text

if TYPE_CHECKING:
    from evolver_tui.cli.jobs.question_kinds.kind_text import KindText


@dataclass(frozen=True, slots=True)
class JobView:
    """One job with all that a person may want to read of it."""

    detail: JobDetail
    question: OpenQuestion | None
    pauses: Sequence[Pause]
    journal: Mapping[str, Any]
    shared: SharedState
    spent: Total = NOTHING
    """What its generations took."""

    @property
    def steps(self) -> list[str]:
        """The names of the steps that were done, in order."""
        asked = {pause.question for pause in self.pauses}
        return [name for name in self.journal if name not in asked and not is_own_name(name)]

    @property
    def answered(self) -> list[Pause]:
        """The questions that were answered, oldest first."""
        return [pause for pause in self.pauses if pause.answered_at is not None]

    def to_json_value(self) -> dict[str, Any]:
        """Everything."""
        detail = self.detail
        return {
            **row_value(detail.row),
            "received_at": utc_text(detail.received_at),
            "error": detail.error,
            "attempt": detail.attempt,
            "routine": detail.routine,
            "pause_reason": detail.pause_reason,
            "owner": detail.owner.text,
            "bundle": detail.bundle,
            "tags": list(detail.marks.tags),
            "needs_review": detail.marks.needs_review,
            "marked": list(detail.marks.notes),
            "question": None if self.question is None else _question_value(self.question),
            "steps": self.steps,
            "result": self.journal.get(RESULT),
            "answers": [_answer_value(pause) for pause in self.answered],
            **self.shared.to_json_value(),
            "deferred_events": detail.deferred_events,
            "spent": spent_value(self.spent),
            "task": dict(detail.task.raw),
        }

    def lines(self, now: float) -> Iterator[str]:
        """For people; `now` is in seconds since 1970."""
        detail, row = self.detail, self.detail.row
        yield f"job {row.job}   {safe_text(row.task_id, 200)}   {safe_text(row.task_name, 200)}"
        yield f"{state_text(row)} since {utc_text(row.since)} ({age(now - row.since)})"
        yield f"{safe_text(row.task_type, 80)}, {row.priority} priority, received {utc_text(detail.received_at)}"
        for label, value in (
            ("routine", detail.routine), ("waits for", detail.pause_reason), ("worker", detail.owner.text),
            ("node", row.node), ("tags", ", ".join(detail.marks.tags)), ("bundle", detail.bundle),
            ("error", detail.error),
        ):  # fmt: skip
            if value:
                yield f"{label}: {safe_text(value, 500)}"
        yield from (safe_text(note, 300) for note in detail.marks.notes)
        if RESULT in self.journal:
            yield f"result: {short(self.journal[RESULT])}"
        if detail.attempt > 1:
            yield f"run: {detail.attempt}"
        if self.steps:
            yield f"steps done: {safe_text(', '.join(self.steps), 2_000)}"
        for pause in self.answered:
            yield (
                f"answered: {safe_text(pause.question, 200)} by {safe_text(pause.answered_by, 200)} at "
                f"{utc_text(pause.answered_at or 0.0)}: {short(_answer_shown(pause))}"
            )
        yield from (f"shared data: {safe_text(key, 200)} = {short(value)}" for key, value in self.shared.data.items())
        yield from (f"shared log: {short(entry)}" for entry in self.shared.log)
        if self.spent.generations:
            times = "1 generation" if self.spent.generations == 1 else f"{self.spent.generations:,} generations"
            yield f"spent: {total_token_words(self.spent)} tokens, {total_cost_words(self.spent)}, {times}"
        if detail.deferred_events:
            yield f"deferred events: {detail.deferred_events}"
        yield f"task: {short(detail.task.raw)}"
        if self.question is not None:
            yield from ("", *question_lines(self.question, now))


# --- rows ------------------------------------------------------------------------------------------------------------


def row_value(row: QueueRow) -> dict[str, Any]:
    """A line of the queue as JSON."""
    return {
        "job": row.job,
        "task_id": row.task_id,
        "task_name": row.task_name,
        "task_type": row.task_type,
        "priority": row.priority,
        "state": row.state.value,
        "outcome": row.outcome.value if row.outcome else None,
        "asks": row.asks,
        "since": utc_text(row.since),
        "node": row.node or None,
    }


def row_cells(row: QueueRow, now: float) -> tuple[str, ...]:
    """A line of the queue as a table's cells: number, state, age, task id, name."""
    return str(row.job), state_text(row), age(now - row.since), safe_text(row.task_id, 60), safe_text(row.task_name, 60)


def open_value(question: OpenQuestion) -> dict[str, Any]:
    """What waits for a person, as JSON."""
    return {
        "job": question.job,
        "task_id": question.task_id,
        "task_name": question.task_name,
        "task_type": question.task_type,
        "state": JobState.PAUSED.value,
        "asks": str(question.question.kind),
        "reason": question.reason,
        "since": utc_text(question.asked_at),
        "question": question.question.name,
        "message": question.question.message,
    }


def open_cells(question: OpenQuestion, now: float) -> tuple[str, ...]:
    """What waits for a person as a table's cells: number, reason, age, task id, message."""
    reason, message = safe_text(question.reason, 40), safe_text(question.question.message, 80)
    return str(question.job), reason, age(now - question.asked_at), safe_text(question.task_id, 60), message


def state_text(row: QueueRow) -> str:
    """The state, with what came of it or what it waits for: `paused (review)`, `completed (approved)`."""
    more = row.outcome.value if row.outcome else safe_text(row.asks or "", 40)
    return f"{row.state.value} ({more})" if more else row.state.value


# --- questions and forms ---------------------------------------------------------------------------------------------


def _text_of(kind: str) -> KindText:
    """Loaded when a question is shown: a list of jobs shows none."""
    from evolver_tui.cli.jobs.question_kinds import text_of

    return text_of(kind)


def question_lines(question: OpenQuestion, now: float) -> Iterator[str]:
    """What a job asks, and how it is answered from here."""
    asked = question.question
    yield f"{safe_text(asked.kind, 40)} {safe_text(asked.name, 200)!r}, asked {utc_text(question.asked_at)}"
    yield from safe_block(asked.message, LONGEST_VALUE).split("\n")
    yield from _text_of(asked.kind).lines(question, now)


def _question_value(question: OpenQuestion) -> dict[str, Any]:
    asked = question.question
    return {
        "name": asked.name,
        "kind": str(asked.kind),
        "message": asked.message,
        "asked_at": utc_text(question.asked_at),
        "reason": question.reason,
        "requestedSchema": dict(asked.requested_schema),
        "subject": dict(asked.subject),
        "sha256": _text_of(asked.kind).sha256(question),
    }


def _answer_value(pause: Pause) -> dict[str, Any]:
    return {
        "question": pause.question,
        "kind": str(pause.kind),
        "message": pause.message,
        "asked_at": utc_text(pause.asked_at),
        "answered_at": utc_text(pause.answered_at or 0.0),
        "answered_by": pause.answered_by,
        "answer": None if pause.answer is None else dict(pause.answer),
    }


def _answer_shown(pause: Pause) -> object:
    """The content of an accepted answer; everything of any other, and of a decision."""
    answer = pause.answer or {}
    return answer.get("content") if answer.get("action") == AnswerAction.ACCEPT.value else answer
