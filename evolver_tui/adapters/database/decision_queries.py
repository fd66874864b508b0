"""What is read of decisions: plain SQL, as in `queries`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from evolver_tui.adapters.database import encoding
from evolver_tui.adapters.database.queries import Ask
from evolver_tui.core.training_data.decided_review import DecidedReview, DecisionKey

_DECIDED: Final = (
    "SELECT q.answered_at AS decided_at, q.job AS job, q.name AS name, q.answered_by, q.subject_json, q.answer_json,"
    " j.task_id, j.raw_json, j.session_id, j.routine FROM question AS q JOIN job AS j ON q.job = j.seq"
    " WHERE q.kind = 'review' AND q.answered_at IS NOT NULL"
)
_APPROVED_BY_RULES: Final = (
    "SELECT e.at, e.job, e.name, '', '', e.value_json, j.task_id, j.raw_json, j.session_id, j.routine"
    " FROM journal AS e JOIN job AS j ON e.job = j.seq WHERE substr(e.name, 1, 7) = 'review ' AND j.routine = ''"
    " AND NOT EXISTS (SELECT 1 FROM question AS q WHERE q.job = e.job AND q.name = e.name)"
)


def decided_reviews(
    ask: Ask, after: DecisionKey | None, limit: int, session_id: str, job: int, unreviewed: bool
) -> Sequence[DecidedReview]:
    """Decisions that follow one, in their order; with what rules approved where that is wanted."""
    parts = [(_DECIDED, "(q.answered_at, q.job, q.name)")]
    if unreviewed:
        parts.append((_APPROVED_BY_RULES, "(e.at, e.job, e.name)"))
    statements, values = [], list[Any]()
    for select, key in parts:
        conditions = ""
        if after is not None:
            conditions += f" AND {key} > (?, ?, ?)"
            values += after
        if session_id:
            conditions += " AND j.session_id = ?"
            values.append(session_id)
        if job:
            conditions += " AND j.seq = ?"
            values.append(job)
        statements.append(select + conditions)
    rows = ask.rows(f"{' UNION ALL '.join(statements)} ORDER BY 1, 2, 3 LIMIT ?", [*values, limit])
    return [
        DecidedReview(
            DecisionKey(at, number, name),
            by or "",
            _json(subject),
            _json(decision),
            task_id,
            _json(task),
            session_id,
            routine,
        )
        for at, number, name, by, subject, decision, task_id, task, session_id, routine in rows
    ]


def count_decided(ask: Ask, until: DecisionKey) -> int:
    """How many decisions precede one, and that one with them; what rules approved is not among them."""
    counted = "SELECT count(*) FROM question WHERE kind = 'review' AND answered_at IS NOT NULL"
    found: int = ask.value(f"{counted} AND (answered_at, job, name) <= (?, ?, ?)", until) or 0
    return found


def learned(ask: Ask, name: str) -> Any:
    """What was kept of decisions under a name; None where nothing is."""
    return _json(ask.value("SELECT value_json FROM learned WHERE name = ?", (name,)))


def _json(text: str | None) -> Any:
    """A column's value; None where it is none, so that one spoilt row hides no others."""
    try:
        return encoding.from_json(text) if text else None
    except (ValueError, RecursionError):
        return None
