"""What a trainer tells by a callback, under the names of `core.training.metrics`: numbers of a step, or an event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from evolver_tui.core.training.record import MODEL_COMPLETED, TRAINING_COMPLETED, TRAINING_STARTED
from evolver_tui.track.values import Refused, as_mapping, flat, totals_of, whole

_EVENT: Final = "event"
_IS_COMPLETED: Final = "modelCompleted"
_SESSION: Final = "sessionId"
_TOTALS: Final = {"totalSteps": "total_steps", "totalModels": "total_models", "modelParams": "model_params"}
_FOLLOWS: Final = ("overallProgress", "trainingTime", "estimatedTimeRemaining", "timestamp")
"""What the records tell by themselves."""
_PLACE: Final = frozenset(
    ("step", "currentStep", "modelIndex", "currentModel", _EVENT, _IS_COMPLETED, _SESSION, *_TOTALS, *_FOLLOWS)
)


class Progress(NamedTuple):
    """One call, read."""

    step: int | None
    model: int | None
    totals: Mapping[str, int]
    """By the names of a run's header."""
    values: Mapping[str, object]
    """Metrics of that step; none where there is only an event."""
    event: str
    payload: Mapping[str, Any]
    is_model_completed: bool


def session_of(data: object) -> str:
    """The session that a call names; empty where it names none."""
    found = data.get(_SESSION) if isinstance(data, Mapping) else None
    return found if isinstance(found, str) else ""


def read_progress(data: object) -> Progress:
    """Read what was told. Raises Refused where it is no object."""
    if not isinstance(data, Mapping):
        raise Refused("it is no dict")
    values = as_mapping(data)
    event = values.get(_EVENT)
    name = event if isinstance(event, str) else ""
    metrics = {each: value for each, value in flat(values) if each not in _PLACE}
    has_numbers = "loss" in metrics or (not name and bool(metrics))
    is_completed = values.get(_IS_COMPLETED) is True or name == MODEL_COMPLETED
    has_point = has_numbers and name not in (TRAINING_STARTED, TRAINING_COMPLETED)
    return Progress(
        _first(values, "currentStep", "step"),
        _model(values),
        totals_of({field: values.get(each) for each, field in _TOTALS.items()})[0],
        metrics if has_point else {},
        name,
        {} if has_point else {each: value for each, value in values.items() if each not in _PLACE},
        is_completed,
    )


def _model(values: Mapping[str, Any]) -> int | None:
    """Counted from 0, however it is told."""
    index = _first(values, "modelIndex")
    current = _first(values, "currentModel")
    return index if index is not None else current - 1 if current else None


def _first(values: Mapping[str, Any], *names: str) -> int | None:
    for name in names:
        try:
            return whole(values[name])
        except (KeyError, Refused):
            continue
    return None
