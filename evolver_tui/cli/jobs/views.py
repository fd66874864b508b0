"""How jobs and their questions are written down: as JSON values for scripts, as lines for people.

Every line is safe to draw. Times are ISO 8601 in UTC.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evolver_tui.cli.output import json_text
from evolver_tui.core.errors import EvolverError
from evolver_tui.core.job import JobDetail, JobState, QueueRow
from evolver_tui.core.question import AnswerAction, FormField, OpenQuestion, QuestionKind, read_form
from evolver_tui.core.routine_state import Pause, SharedState
from evolver_tui.core.safe_text import safe_block, safe_text
from evolver_tui.core.times import age, utc_text
from evolver_tui.engine.author.review import ReviewSubject
from evolver_tui.engine.durable.routine import RESULT, is_own_name

_LONGEST_VALUE = 4_000
"""Characters of one JSON value that people are shown; scripts are given all of it."""
_KINDS = {"text": "text", "number": "a number", "integer": "a whole number", "boolean": "yes or no"}


@dataclass(frozen=True, slots=True)
class JobView:
    """One job with all that a person may want to read of it."""

    detail: JobDetail
    question: OpenQuestion | None
    pauses: Sequence[Pause]
    journal: Mapping[str, Any]
    shared: SharedState

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
            "owner": detail.owner,
            "bundle": detail.bundle,
            "question": None if self.question is None else _question_value(self.question),
            "steps": self.steps,
            "result": self.journal.get(RESULT),
            "answers": [_answer_value(pause) for pause in self.answered],
            **self.shared.to_json_value(),
            "deferred_events": detail.deferred_events,
            "task": dict(detail.task.raw),
        }

    def lines(self, now: float) -> Iterator[str]:
        """For people; `now` is in seconds since 1970."""
        detail, row = self.detail, self.detail.row
        yield f"job {row.job}   {safe_text(row.task_id, 200)}   {safe_text(row.task_name, 200)}"
        yield f"{state_text(row)} since {utc_text(row.since)} ({age(now - row.since)})"
        yield f"{safe_text(row.task_type, 80)}, {row.priority} priority, received {utc_text(detail.received_at)}"
        for label, value in (
            ("routine", detail.routine), ("waits for", detail.pause_reason), ("worker", detail.owner),
            ("node", row.node), ("bundle", detail.bundle), ("error", detail.error),
        ):  # fmt: skip
            if value:
                yield f"{label}: {safe_text(value, 500)}"
        if RESULT in self.journal:
            yield f"result: {_short(self.journal[RESULT])}"
        if detail.attempt > 1:
            yield f"run: {detail.attempt}"
        if self.steps:
            yield f"steps done: {safe_text(', '.join(self.steps), 2_000)}"
        for pause in self.answered:
            yield (
                f"answered: {safe_text(pause.question, 200)} by {safe_text(pause.answered_by, 200)} at "
                f"{utc_text(pause.answered_at or 0.0)}: {_short(_answer_shown(pause))}"
            )
        yield from (f"shared data: {safe_text(key, 200)} = {_short(value)}" for key, value in self.shared.data.items())
        yield from (f"shared log: {_short(entry)}" for entry in self.shared.log)
        if detail.deferred_events:
            yield f"deferred events: {detail.deferred_events}"
        yield f"task: {_short(detail.task.raw)}"
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
        "asks": row.asks.value if row.asks else None,
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
        "asks": question.question.kind.value,
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
    more = row.outcome.value if row.outcome else row.asks.value if row.asks else ""
    return f"{row.state.value} ({more})" if more else row.state.value


# --- questions and forms ---------------------------------------------------------------------------------------------


def subject_of(question: OpenQuestion) -> ReviewSubject | None:
    """What lies on the review card; None for a question, and for a review of something that is no draft."""
    if question.question.kind is not QuestionKind.REVIEW:
        return None
    try:
        return ReviewSubject.of(question)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def question_lines(question: OpenQuestion, now: float) -> Iterator[str]:
    """What a job asks, and how it is answered from here."""
    asked = question.question
    yield f"{asked.kind.value} {safe_text(asked.name, 200)!r}, asked {utc_text(question.asked_at)}"
    yield from safe_block(asked.message, _LONGEST_VALUE).split("\n")
    subject = subject_of(question)
    command = "evolver-tui jobs"
    if subject is not None:
        yield from _draft_lines(subject)
        yield f"Decide with: {command} approve|reject|respond|edit {question.job}"
        return
    if asked.kind is QuestionKind.REVIEW:
        yield f"subject: {_short(asked.subject)}"
        return
    try:
        fields = read_form(asked.requested_schema)
    except EvolverError as error:
        yield f"Its form cannot be shown: {safe_text(error, 500)}"
        return
    yield from form_lines(fields)
    needed = " ".join(f"{field.name}=..." for field in fields if field.required)
    yield f"Answer with: {command} answer {question.job} {safe_text(needed, 500)}".rstrip()


def form_lines(fields: Sequence[FormField]) -> Iterator[str]:
    """A form's fields: name, what it has to be, title and description."""
    for field in fields:
        needed = ", needed" if field.required else ""
        yield f"  {safe_text(field.name, 100)} ({_wanted(field)}{needed}): {safe_text(field.title, 200)}"
        if field.description:
            yield from (f"      {line}" for line in safe_block(field.description, 2_000).split("\n"))
        for choice in field.choices:
            title = f"  {safe_text(choice.title, 200)}" if choice.title != choice.value else ""
            yield f"      {safe_text(choice.value, 200)}{title}"
        if field.default is not None:
            yield f"      usually: {_short(field.default)}"


def _wanted(field: FormField) -> str:
    if field.kind in ("one_of", "many_of"):
        return "one of" if field.kind == "one_of" else "some of, with commas between"
    words = f"{_KINDS[field.kind]}, {safe_text(field.format, 40)}" if field.format else _KINDS[field.kind]
    unit = " characters" if field.kind == "text" else ""
    low = f", at least {field.minimum:g}{unit}" if field.minimum is not None else ""
    high = f", at most {field.maximum:g}{unit}" if field.maximum is not None else ""
    return f"{words}{low}{high}"


def _draft_lines(subject: ReviewSubject) -> Iterator[str]:
    draft, report = subject.draft, subject.report
    yield f"{safe_text(draft.node_id, 100)} v{subject.version}   {safe_text(draft.title, 200)}"
    if subject.replaces is not None:
        yield f"replaces v{subject.replaces.version}, made for {safe_text(subject.replaces.task_id, 100)}"
    yield f"sha256 {draft.sha256}"
    yield (
        f"draft {subject.attempt}, written by {safe_text(draft.author, 100)}, risk {report.risk.value}"
        f"{': ' if report.capabilities else ''}{safe_text(', '.join(report.capabilities), 500)}"
    )
    for finding in report.findings:
        place = f"line {finding.line}: " if finding.line else ""
        yield f"  {finding.level.value}: {place}{safe_text(finding.message, 300)}"
    yield from ("", *safe_block(draft.code.rstrip("\n"), 300_000).split("\n"), "")


def _question_value(question: OpenQuestion) -> dict[str, Any]:
    asked = question.question
    subject = subject_of(question)
    return {
        "name": asked.name,
        "kind": asked.kind.value,
        "message": asked.message,
        "asked_at": utc_text(question.asked_at),
        "reason": question.reason,
        "requestedSchema": dict(asked.requested_schema),
        "subject": dict(asked.subject),
        "sha256": None if subject is None else subject.draft.sha256,
    }


def _answer_value(pause: Pause) -> dict[str, Any]:
    return {
        "question": pause.question,
        "kind": pause.kind.value,
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


def _short(value: object) -> str:
    return safe_text(value if isinstance(value, str) else json_text(value), _LONGEST_VALUE)
