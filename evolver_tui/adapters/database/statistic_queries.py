"""What is read of decisions for figures: plain SQL, as in `queries`, a page at a time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

from evolver_tui.adapters.database import encoding
from evolver_tui.adapters.database.queries import Ask
from evolver_tui.core.statistics import DecidedQuestion, model_of
from evolver_tui.core.training_data.decided_review import DecisionKey
from evolver_tui.engine.readers import DecidedPlace

_COLUMNS: Final = (
    "q.answered_at, q.job, q.name, q.id, q.kind, j.task_type, j.routine, q.answered_by, q.asked_at, q.seen_at,"
    " q.answer_json"
)
_REVIEWS: Final = (
    f"SELECT {_COLUMNS}, q.subject_json FROM question AS q JOIN job AS j ON q.job = j.seq"
    " WHERE q.kind = 'review' AND q.answered_at IS NOT NULL AND q.answered_at >= ?"
)
_OTHERS: Final = (
    f"SELECT {_COLUMNS}, '' FROM question AS q JOIN job AS j ON q.job = j.seq"
    " WHERE q.id > ? AND q.kind <> 'review' AND q.answered_at IS NOT NULL AND q.answered_at >= ?"
)


def decided_questions(
    ask: Ask, after: DecidedPlace, limit: int, since: float, until: float
) -> tuple[Sequence[DecidedQuestion], DecidedPlace]:
    """Reviews that follow one, by the index on their decisions; once there is none, other questions by their number."""
    key, number = after
    if number == 0:
        found = _reviews(ask, key, limit, since, until)
        if found:
            at, job, name = found[-1][:3]
            return [_decided(row) for row in found], (DecisionKey(at, job, name), 0)
    conditions, values = "", list[Any]([number, since])
    if until < math.inf:
        conditions = " AND q.answered_at < ?"
        values.append(until)
    others = ask.rows(f"{_OTHERS}{conditions} ORDER BY q.id LIMIT ?", [*values, limit])
    return [_decided(row) for row in others], (key, others[-1][3] if others else number)


def _reviews(ask: Ask, key: DecisionKey | None, limit: int, since: float, until: float) -> Sequence[tuple[Any, ...]]:
    conditions, values = "", list[Any]([since])
    if key is not None:
        conditions += " AND (q.answered_at, q.job, q.name) > (?, ?, ?)"
        values += key
    if until < math.inf:
        conditions += " AND q.answered_at < ?"
        values.append(until)
    return ask.rows(f"{_REVIEWS}{conditions} ORDER BY q.answered_at, q.job, q.name LIMIT ?", [*values, limit])


def _decided(row: Sequence[Any]) -> DecidedQuestion:
    at, _, _, _, kind, task_type, routine, by, asked_at, seen_at, answer_json, subject_json = row
    answer, subject = _object(answer_json), _object(subject_json)
    decision, reason = answer.get("kind") or answer.get("action"), answer.get("reason")
    draft = subject.get("draft")
    author = draft.get("author") if isinstance(draft, dict) else ""
    return DecidedQuestion(
        kind, task_type, routine, model_of(_text(author)), by or "", asked_at, seen_at, at, _text(decision),
        _text(reason),
    )  # fmt: skip


def _object(text: str | None) -> dict[str, Any]:
    """A column's JSON object; an empty one where it is none, so that one spoilt row hides no others."""
    try:
        value = encoding.from_json(text) if text else {}
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
