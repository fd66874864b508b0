"""What is told of a training run: a line of JSON for each record, in a run file as on the way to a server.

    {"type": "run", "run": "r1", "name": "cognate", "project": "", "config": {...}, "started_at": 1764000000.0,
     "total_steps": 1000, "total_models": 3, "model_params": 25000000, "process": {"host": "h", "pid": 12, ...}}
    {"type": "point", "step": 10, "at": 1764000001.0, "model": 0, "values": {"loss": 1.25}}
    {"type": "event", "event": "model_completed", "at": 1764000002.0, "step": 1000, "model": 0, "payload": {...}}
    {"type": "end", "at": 1764000003.0, "status": "completed"}

Times are in seconds since 1970. JSON has no numbers that are not finite: they are the texts "nan", "inf" and "-inf". A
number in the file (its line, from 0) names a record.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NamedTuple

LONGEST_LINE: Final = 256 * 1024
"""Bytes of one record."""
MOST_VALUES: Final = 500
"""Metrics of one point."""
MOST_MODELS: Final = 10_000
"""Of one run."""
LONGEST_NAME: Final = 200
"""Characters of a metric's name, of an event's, and of a run's id."""


TRAINING_STARTED: Final = "training_started"
TRAINING_RESUMED: Final = "training_resumed"
"""Points after its step are to be forgotten: the training went back to a checkpoint."""
MODEL_COMPLETED: Final = "model_completed"
TRAINING_COMPLETED: Final = "training_completed"
ERROR: Final = "error"
RECOVERY: Final = "recovery"
CHECKPOINT: Final = "checkpoint"

RUNNING: Final = "running"
COMPLETED: Final = "completed"
FAILED: Final = "failed"
CUT_OFF: Final = "cut off"
"""Of a run whose process is gone without an end. Nobody tells it: whoever reads finds this out, and the next one."""
SILENT: Final = "silent"
"""Of a run that nobody told anything of for long, and of which nobody knows whether it goes on."""

_MOST_STEPS: Final = 2**53
_TOGETHER: Final = 500
"""Lines that are read at once."""
_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})
_NOT_FINITE: Final = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
_CONSTANTS: Final = {"NaN": "nan", "Infinity": "inf", "-Infinity": "-inf"}
"""What some write although JSON has it not."""
_quoted = json.encoder.encode_basestring_ascii
_ENCODER: Final = json.JSONEncoder(separators=(",", ":"), allow_nan=False)
_DECODER: Final = json.JSONDecoder(parse_constant=_CONSTANTS.__getitem__)


class RunHeader(NamedTuple):
    """What a run is; told again where it is taken up again, and then the later one counts."""

    run_id: str
    name: str = ""
    project: str = ""
    config: Mapping[str, Any] = _NOTHING
    started_at: float = 0.0
    total_steps: int = 0
    """Of one model; 0 where nobody said."""
    total_models: int = 1
    model_params: int = 0
    """0 where nobody said."""
    process: Mapping[str, Any] = _NOTHING
    """Who trains: host, pid, and what tells that process from later ones."""


class Point(NamedTuple):
    """Numbers that belong to a step."""

    step: int
    at: float
    values: Mapping[str, float]
    model: int = 0
    """Counts from 0."""


class Event(NamedTuple):
    """Something that happened."""

    name: str
    at: float
    step: int | None = None
    model: int = 0
    payload: Mapping[str, Any] = _NOTHING


class RunEnd(NamedTuple):
    """The training said that it is over."""

    at: float
    status: str = COMPLETED


Record = RunHeader | Point | Event | RunEnd


class BadRecord(ValueError):
    """A line is none of the records; the text says what is wrong with it."""


def to_line(record: Record) -> bytes:
    """A record as one line with its end. Raises TypeError, ValueError where a config or a payload is no JSON."""
    text = _point_text(record) if isinstance(record, Point) else _ENCODER.encode(_to_value(record))
    return text.encode() + b"\n"


def _point_text(point: Point) -> str:
    """As `json` would write it, at a third of the time."""
    step, at, values, model = point
    numbers = ",".join([f"{_quoted(name)}:{_number_text(value)}" for name, value in values.items()])
    return f'{{"type":"point","step":{step:d},"at":{at!r},"model":{model:d},"values":{{{numbers}}}}}'


def _number_text(value: float) -> str:
    text = float.__repr__(float(value))
    return text if math.isfinite(value) else f'"{text}"'


def _to_value(record: RunHeader | Event | RunEnd) -> dict[str, Any]:
    match record:
        case RunHeader(run_id, name, project, config, started_at, total_steps, total_models, model_params, process):
            return {
                "type": "run", "run": run_id, "name": name, "project": project, "config": dict(config),
                "started_at": started_at, "total_steps": total_steps, "total_models": total_models,
                "model_params": model_params, "process": dict(process),
            }  # fmt: skip
        case Event(name, at, event_step, model, payload):
            return {
                "type": "event", "event": name, "at": at, "step": event_step, "model": model, "payload": dict(payload)
            }  # fmt: skip
        case RunEnd(at, status):
            return {"type": "end", "at": at, "status": status}


def values_to_json(values: Mapping[str, float]) -> dict[str, float | str]:
    """Numbers by name, as JSON has them; the inverse is `read_values`."""
    return {name: value if math.isfinite(value) else str(value) for name, value in values.items()}


def read_line(line: bytes) -> Record:
    """The inverse of `to_line`, for whatever a stranger wrote. Raises BadRecord."""
    if len(line) > LONGEST_LINE:
        raise BadRecord(f"it is longer than {LONGEST_LINE:,} bytes")
    try:
        value = _DECODER.decode(line.decode())
    except (ValueError, RecursionError):
        raise BadRecord("it is not JSON") from None
    return read_value(value)


def read_lines(lines: Sequence[bytes]) -> tuple[list[Record], int]:
    """The records of many lines, and how many lines are none; much faster than one by one."""
    found: list[Record] = []
    bad = 0
    for start in range(0, len(lines), _TOGETHER):
        some = lines[start : start + _TOGETHER]
        values = _values_of(some)
        for number, line in enumerate(some):
            value = values[number] if values is not None else None
            point = _plain_point(value) if value.__class__ is dict else None
            if point is not None:
                found.append(point)
                continue
            try:
                found.append(read_line(line) if value is None else read_value(value))
            except BadRecord:
                bad += 1
    return found, bad


def _values_of(lines: Sequence[bytes]) -> list[Any] | None:
    """The JSON values of some lines; None where one of them is none or too long, which only one by one tells."""
    if max(map(len, lines)) > LONGEST_LINE:
        return None
    try:
        values = _DECODER.decode(f"[{b','.join(lines).decode()}]")
    except (ValueError, RecursionError):
        return None
    return values if len(values) == len(lines) else None


def _plain_point(value: Any) -> Point | None:
    """A point whose every part is of the kind that it has as a rule; None for anything else."""
    if value.get("type") != "point":
        return None
    step, at, model, values = value.get("step"), value.get("at"), value.get("model"), value.get("values")
    if step.__class__ is not int or at.__class__ is not float or model.__class__ is not int:
        return None
    if not (0 <= step < _MOST_STEPS and -_MOST_STEPS < at < _MOST_STEPS and 0 <= model < MOST_MODELS):
        return None
    if values.__class__ is not dict or len(values) > MOST_VALUES:
        return None
    for name, number in values.items():
        if number.__class__ is not float or len(name) > LONGEST_NAME:
            return None
    return Point(step, at, values, model)


def read_value(value: object) -> Record:
    """A record from its JSON value. Raises BadRecord."""
    if not isinstance(value, dict):
        raise BadRecord("it is no object")
    match value.get("type"):
        case "run":
            return RunHeader(
                _text(value, "run"), _text(value, "name", ""), _text(value, "project", ""), _mapping(value, "config"),
                _number(value, "started_at"), _count(value, "total_steps", 0),
                max(1, _count(value, "total_models", 1, MOST_MODELS)), _count(value, "model_params", 0),
                _mapping(value, "process"),
            )  # fmt: skip
        case "point":
            return Point(_count(value, "step"), _number(value, "at"), read_values(value.get("values")), _model(value))
        case "event":
            step = None if value.get("step") is None else _count(value, "step")
            return Event(_text(value, "event"), _number(value, "at"), step, _model(value), _mapping(value, "payload"))
        case "end":
            status = _text(value, "status", COMPLETED)
            return RunEnd(_number(value, "at"), FAILED if status == FAILED else COMPLETED)
    raise BadRecord("its type is none of run, point, event and end")


def read_values(found: object, most: int = MOST_VALUES) -> dict[str, float]:
    """Numbers by name, from their JSON value. Raises BadRecord."""
    if not isinstance(found, dict):
        raise BadRecord("values is no object")
    if len(found) > most:
        raise BadRecord(f"there are more than {most} values")
    values: dict[str, float] = {}
    for name, value in found.items():
        number = _NOT_FINITE.get(value) if isinstance(value, str) else as_number(value)
        if number is None:
            raise BadRecord(f"the value of {name[:40]!a} is no number")
        values[name[:LONGEST_NAME]] = number
    return values


def as_number(value: object) -> float | None:
    """A JSON number as a float, infinite where it is larger than one can be; None for what is none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _number(value: Mapping[str, Any], name: str) -> float:
    number = as_number(value.get(name, 0.0))
    if number is None or not math.isfinite(number):
        raise BadRecord(f"{name} is no number")
    return number


def _count(value: Mapping[str, Any], name: str, default: int | None = None, most: int = 2**53 - 1) -> int:
    found = value.get(name, default)
    number = as_number(found)
    if number is None or not 0 <= number < _MOST_STEPS:
        raise BadRecord(f"{name} is no whole number from 0 on")
    if number > most:
        raise BadRecord(f"{name} is more than {most:,}")
    return int(number)


def _model(value: Mapping[str, Any]) -> int:
    return _count(value, "model", 0, MOST_MODELS - 1)


def _text(value: Mapping[str, Any], name: str, default: str | None = None) -> str:
    found = value.get(name, default)
    if not isinstance(found, str) or (default is None and not found) or len(found) > LONGEST_NAME:
        raise BadRecord(f"{name} is no text of at most {LONGEST_NAME} characters")
    return found


def _mapping(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = value.get(name, _NOTHING)
    if not isinstance(found, Mapping):
        raise BadRecord(f"{name} is no object")
    return found
