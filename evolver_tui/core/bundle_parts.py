"""What the parts of a bundle have to be, so that whatever passes here can be stored, shown and worked on.

A bundle comes from another machine. Its checksum tells that it is whole, not that its writer meant well.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from evolver_tui.core.job import JobState
from evolver_tui.core.question_kinds import KINDS, kind_of
from evolver_tui.core.shape import (
    Shape,
    integer,
    is_anything,
    is_id,
    is_name,
    is_object,
    is_plain,
    is_text,
    is_time,
    misfit,
    or_null,
)  # fmt: skip

_HIGHEST_FENCE: Final = 2**62
_HIGHEST_ATTEMPT: Final = 2**31 - 1


def check_parts(body: Mapping[str, Any]) -> str:
    """Where a bundle's object is not what it has to be: a path such as `job_state.journal[2].at`; empty where it is.

    Args:
        body: no deeper than `shape.DEEPEST`.
    """
    problem = misfit(body, _BUNDLE, "")
    return problem if problem else _mismatch(body["job_state"])


def _mismatch(job_state: Mapping[str, Any]) -> str:
    """Where parts that are well formed each do not go together."""
    points, entries = job_state["pause_points"], job_state["journal"]
    for place, parts in (("journal", entries), ("pause_points", points)):
        if len({part["name"] for part in parts}) < len(parts):
            return f"job_state.{place}"
    open_points = [point for point in points if point["answered_at"] is None]
    if any((point["answered_at"] is None) is not (point["answer"] is None) for point in points):
        return "job_state.pause_points"
    if job_state["status"] == JobState.PAUSED.value and len(open_points) != 1:
        return "job_state.status"
    for point in open_points:
        problem = kind_of(point["kind"]).misfit(point["subject"], "job_state.pause_points.subject")
        if problem:
            return problem
    return "" if _holds_plain_numbers(job_state) else "job_state"


def _holds_plain_numbers(job_state: Mapping[str, Any]) -> bool:
    """Whether every number is one that JSON knows. The task is kept as its hub sent it, whatever that was."""
    try:
        json.dumps({**job_state, "task": None}, allow_nan=False)
    except ValueError:
        return False
    return True


def _is_kind(value: object) -> bool:
    return isinstance(value, str) and value in KINDS


_JOURNAL_ENTRY: Final[dict[str, Shape]] = {
    "name": is_name,
    "value": is_anything,
    "at": is_time,
    "digest?": is_plain,
}
_PAUSE_POINT: Final[dict[str, Shape]] = {
    "name": is_name,
    "kind": _is_kind,
    "message": is_text,
    "requested_schema": is_object,
    "subject": is_object,
    "asked_at": is_time,
    "answered_at": or_null(is_time),
    "answered_by": or_null(is_text),
    "answer": or_null(is_object),
}
_BUNDLE: Final[dict[str, Shape]] = {
    "id": is_id,
    "exported_at": is_time,
    "exported_by": is_text,
    "host": is_text,
    "flow": {"flow_id": is_plain, "source_hash": is_plain},
    "job_state": {
        "fence": integer(0, _HIGHEST_FENCE),
        "status": lambda value: value in (JobState.PAUSED.value, JobState.PENDING.value),
        "pause_reason": is_plain,
        "attempt": integer(1, _HIGHEST_ATTEMPT),
        "created_at": is_time,
        "task": is_object,
        "journal": [_JOURNAL_ENTRY],
        "pause_points": [_PAUSE_POINT],
        "deferred_events": [{"event_name": is_text, "data": is_object, "timestamp": is_time}],
        "shared_data": is_object,
        "shared_log": [is_object],
        "marks?": is_object,
    },
}
