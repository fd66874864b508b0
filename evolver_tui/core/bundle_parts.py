"""What the parts of a bundle have to be, so that whatever passes here can be stored, shown and worked on.

A bundle comes from another machine. Its checksum tells that it is whole, not that its writer meant well.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, Final, TypeAlias

from evolver_tui.core.job import JobState, QuestionKind
from evolver_tui.core.node import FindingLevel, Risk

Shape: TypeAlias = "Callable[[object], bool] | dict[str, Shape] | list[Shape]"
"""A rule for one value; or an object's keys with their shapes, where a key that ends in `?` may be absent; or the one
shape of every item of a list."""

DEEPEST: Final = 200
"""Levels of nesting: what is deeper could not be read back wherever the program stands when it does."""
_LATEST: Final = 32_503_680_000.0
"""The year 3000 in seconds since 1970: a time beyond is a mistake, and few calendars can write it."""
_LONGEST_NAME: Final = 600
_HIGHEST_FENCE: Final = 2**62
_HIGHEST_ATTEMPT: Final = 2**31 - 1


def check_parts(body: Mapping[str, Any]) -> str:
    """Where a bundle's object is not what it has to be: a path such as `job_state.journal[2].at`; empty where it is.

    Args:
        body: no deeper than `DEEPEST`.
    """
    problem = _misfit(body, _BUNDLE, "")
    return problem if problem else _mismatch(body["job_state"])


def _misfit(value: object, shape: Shape, path: str) -> str:
    if callable(shape):
        return "" if shape(value) else path
    if isinstance(shape, list):
        if not isinstance(value, list):
            return path
        found = (_misfit(item, shape[0], f"{path}[{index}]") for index, item in enumerate(value))
        return next(filter(None, found), "")
    if not isinstance(value, dict):
        return path
    for name, part in shape.items():
        key = name.removesuffix("?")
        place = f"{path}.{key}".lstrip(".")
        if key not in value:
            if name == key:
                return place
            continue
        problem = _misfit(value[key], part, place)
        if problem:
            return problem
    return ""


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
        if point["kind"] == QuestionKind.REVIEW.value:
            problem = _misfit(point["subject"], _REVIEW, "job_state.pause_points.subject")
            if problem or set(point["subject"]["draft"]) - set(_DRAFT):
                return problem or "job_state.pause_points.subject.draft"
    return "" if _holds_plain_numbers(job_state) else "job_state"


def _holds_plain_numbers(job_state: Mapping[str, Any]) -> bool:
    """Whether every number is one that JSON knows. The task is kept as its hub sent it, whatever that was."""
    try:
        json.dumps({**job_state, "task": None}, allow_nan=False)
    except ValueError:
        return False
    return True


def is_deeper(value: object, most: int) -> bool:
    """Whether objects and lists lie in each other more than `most` levels deep."""
    level = [value]
    for _ in range(most):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer if isinstance(outer, list) else ())
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True


# --- rules -----------------------------------------------------------------------------------------------------------


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_plain(value: object) -> bool:
    """Text that every database takes as it is."""
    return isinstance(value, str) and "\0" not in value and not re.search("[\ud800-\udfff]", value)


def _is_name(value: object) -> bool:
    """Text that every database's index takes as it is."""
    return isinstance(value, str) and len(value) <= _LONGEST_NAME and _is_plain(value)


def _is_id(value: object) -> bool:
    """What can name a file or an object anywhere."""
    return isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}", value) is not None


def _is_object(value: object) -> bool:
    return isinstance(value, dict)


def _is_anything(value: object) -> bool:
    return True


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < _LATEST


def _integer(lowest: int, highest: int) -> Callable[[object], bool]:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and lowest <= value <= highest


def _one_of(words: type[StrEnum]) -> Callable[[object], bool]:
    known = {member.value for member in words}
    return lambda value: isinstance(value, str) and value in known


def _or_null(rule: Callable[[object], bool]) -> Callable[[object], bool]:
    return lambda value: value is None or rule(value)


_JOURNAL_ENTRY: Final[dict[str, Shape]] = {
    "name": _is_name,
    "value": _is_anything,
    "at": _is_time,
    "digest?": _is_plain,
}
_PAUSE_POINT: Final[dict[str, Shape]] = {
    "name": _is_name,
    "kind": _one_of(QuestionKind),
    "message": _is_text,
    "requested_schema": _is_object,
    "subject": _is_object,
    "asked_at": _is_time,
    "answered_at": _or_null(_is_time),
    "answered_by": _or_null(_is_text),
    "answer": _or_null(_is_object),
}
_BUNDLE: Final[dict[str, Shape]] = {
    "id": _is_id,
    "exported_at": _is_time,
    "exported_by": _is_text,
    "host": _is_text,
    "flow": {"flow_id": _is_plain, "source_hash": _is_plain},
    "job_state": {
        "fence": _integer(0, _HIGHEST_FENCE),
        "status": lambda value: value in (JobState.PAUSED.value, JobState.PENDING.value),
        "pause_reason": _is_plain,
        "attempt": _integer(1, _HIGHEST_ATTEMPT),
        "created_at": _is_time,
        "task": _is_object,
        "journal": [_JOURNAL_ENTRY],
        "pause_points": [_PAUSE_POINT],
        "deferred_events": [{"event_name": _is_text, "data": _is_object, "timestamp": _is_time}],
        "shared_data": _is_object,
        "shared_log": [_is_object],
    },
}
_DRAFT: Final[dict[str, Shape]] = {
    "node_id": _is_text,
    "title": _is_text,
    "code": _is_text,
    "tools_used": [_is_text],
    "complexity": _is_text,
    "author": _is_text,
    "seconds": _is_number,
    "tokens": _or_null(_integer(0, 2**53)),
}
_FINDING: Final[dict[str, Shape]] = {
    "check": _is_text,
    "level": _one_of(FindingLevel),
    "message": _is_text,
    "line": _integer(0, 2**31 - 1),
}
_REVIEW: Final[dict[str, Shape]] = {
    "draft": _DRAFT,
    "report": {"findings": [_FINDING], "capabilities": [_is_text], "tools": [_is_text], "risk": _one_of(Risk)},
    "version": _integer(1, 2**31 - 1),
    "attempt": _integer(1, 2**31 - 1),
}
