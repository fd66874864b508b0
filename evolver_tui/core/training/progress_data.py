"""A trainer's own dictionary of metrics, as callbacks hand it on, read as records of its run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from evolver_tui.core.training.record import (
    MODEL_COMPLETED,
    TRAINING_COMPLETED,
    BadRecord,
    Record,
    RunHeader,
    as_number,
    read_value,
)

_NOT_MEASURED: Final = frozenset({
    "sessionId", "modelIndex", "totalModels", "step", "totalSteps", "modelParams", "currentStep", "currentModel",
    "overallProgress", "trainingTime", "estimatedTimeRemaining", "timestamp", "modelCompleted", "event", "payload",
    "perplexity", "grokProgress", "sequence", "values", "config", "epoch",
})  # fmt: skip
"""What is no metric of its own, or follows from the others."""


def records_of(data: Mapping[str, Any], header: RunHeader, at: float) -> Sequence[Record]:
    """What a dictionary tells: what the run is, where that changed; a point, if something was measured; an event.

    Args:
        header: what is known of the run so far.
        at: what counts where it tells no time.

    Raises:
        BadRecord: it cannot be read.
    """
    found: list[Record] = []
    told = _header(data, header, at)
    if told != header:
        found.append(told)
    when, model, step = _time(data, at), _model(data), _first(data, "step", "currentStep")
    values = {name: data[name] for name in data if name not in _NOT_MEASURED and _is_value(data[name])}
    values |= _mapping(data.get("values"))
    if values and step is not None:
        found.append(read_value({"type": "point", "step": step, "at": when, "model": model, "values": values}))
    names = [data["event"]] if data.get("event") else []
    if data.get("modelCompleted") is True and MODEL_COMPLETED not in names:
        names.append(MODEL_COMPLETED)
    payload = _mapping(data.get("payload"))
    for name in names:
        event = {"type": "event", "event": name, "at": when, "step": step, "model": model, "payload": payload}
        found.append(read_value(event))
    if TRAINING_COMPLETED in names:
        found.append(read_value({"type": "end", "at": when}))
    if not found or found == [told._replace(started_at=at)] == [header._replace(started_at=at)]:
        raise BadRecord("it holds neither a step with a number, nor an event")
    return found


def _header(data: Mapping[str, Any], header: RunHeader, at: float) -> RunHeader:
    fields = {"totalSteps": "total_steps", "totalModels": "total_models", "modelParams": "model_params"}
    changes = {ours: data[theirs] for theirs, ours in fields.items() if data.get(theirs) is not None}
    changes |= {"config": data["config"]} if isinstance(data.get("config"), Mapping) else {}
    if not changes and header.started_at:
        return header
    known = header._asdict() | changes
    known["started_at"] = header.started_at or _began(data, at)
    value = {"type": "run", "run": known.pop("run_id"), **known}
    read = read_value(value)
    assert isinstance(read, RunHeader)
    return read


def _began(data: Mapping[str, Any], at: float) -> float:
    spent = as_number(data.get("trainingTime"))
    when = _time(data, at)
    return when - spent if spent is not None and 0 <= spent < when else when


def _time(data: Mapping[str, Any], at: float) -> float:
    told = as_number(data.get("timestamp"))
    return told if told is not None and 0 < told < 1e11 else at


def _model(data: Mapping[str, Any]) -> Any:
    if data.get("modelIndex") is not None:
        return data["modelIndex"]
    number = as_number(data.get("currentModel"))
    return 0 if number is None or number < 1 else number - 1


def _first(data: Mapping[str, Any], *names: str) -> Any:
    return next((data[name] for name in names if data.get(name) is not None), None)


def _is_value(value: object) -> bool:
    return as_number(value) is not None or value in ("nan", "inf", "-inf")


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
