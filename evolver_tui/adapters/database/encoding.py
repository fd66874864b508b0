"""Values on their way into columns and back: JSON as ASCII, and text that every database accepts."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from evolver_tui.core.errors import EvolverError
from evolver_tui.core.job_marks import JobMarks
from evolver_tui.core.routine_state import DeferredEvent, SharedState
from evolver_tui.core.signal import Signal
from evolver_tui.core.task import LONGEST_ID

_DEEPEST = 64


def _as_dict(value: object) -> dict[Any, Any]:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is not JSON")


def _encoder(allow_nan: bool) -> Callable[[object], str]:
    """`JSONEncoder.encode` with its C encoder made once: made for each value, it takes a third of the time."""
    make = getattr(json.encoder, "c_make_encoder", None)
    if make is None:
        return json.JSONEncoder(separators=(",", ":"), allow_nan=allow_nan, default=_as_dict).encode
    pieces = make(None, _as_dict, json.encoder.encode_basestring_ascii, None, ":", ",", False, False, allow_nan)
    return lambda value: "".join(pieces(value, 0))


_encode = _encoder(allow_nan=False)
_encode_any_number = _encoder(allow_nan=True)

from_json = json.loads
"""The inverse of every `to_...` here."""


def to_json(value: object, what: str) -> str:
    """A value as one line of JSON. Raises EvolverError, naming `what`, where it is none."""
    try:
        return _encode(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise EvolverError(f"{what} cannot be stored as JSON: {error}.", "Let it hold JSON values only.") from None


def from_deferred(events: Iterable[DeferredEvent]) -> str:
    """Deferred events as a column; empty for none. Raises EvolverError for one that is not JSON."""
    values = [event.to_json_value() for event in events]
    return to_json(values, "A deferred event") if values else ""


def to_deferred(column: str) -> tuple[DeferredEvent, ...]:
    """The inverse of `from_deferred`; an empty column holds none."""
    return tuple(map(DeferredEvent.from_json_value, from_json(column))) if column else ()


def from_shared(shared: SharedState) -> str:
    """Shared data and log as a column; empty for none. Raises EvolverError for what is not JSON."""
    return to_json(shared.to_json_value(), "The shared data") if shared != SharedState() else ""


def to_shared(column: str) -> SharedState:
    """Shared data and log from their column; an empty one holds none."""
    return SharedState.from_json_value(from_json(column)) if column else SharedState()


def from_marks(marks: JobMarks) -> str:
    """A job's marks as a column; empty for none."""
    value = marks.to_json_value()
    return to_json(value, "The marks") if value else ""


def to_marks(column: str) -> JobMarks:
    """A job's marks from their column."""
    return JobMarks.from_json_value(from_json(column)) if column else JobMarks()


def to_task_json(raw: Mapping[str, Any]) -> str:
    """A hub's object as it came, the numbers included that JSON itself does not know.

    What is nested so deeply that it could not be read back for certain is cut there: a stranger's object must not
    stop the queue.
    """
    try:
        text = _encode_any_number(raw)
        if text.count("{") + text.count("[") <= _DEEPEST:
            return text
    except (TypeError, ValueError, RecursionError):
        pass
    return _encode_any_number(_as_json_value(raw, _DEEPEST, keep_numbers=True))


def to_signal_json(value: Mapping[str, Any]) -> str:
    """What a signal carries. Never fails: what is not JSON is stored as its text, so that no observation is lost."""
    try:
        return _encode(value)
    except (TypeError, ValueError, RecursionError):
        return _encode(_as_json_value(value, _DEEPEST))


def _as_json_value(value: object, depth: int, *, keep_numbers: bool = False) -> object:
    """A copy that is JSON: strange values as their text, and no more than `depth` levels."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if keep_numbers or math.isfinite(value) else None
    if not depth and isinstance(value, Mapping | list | tuple | set | frozenset):
        return "…"
    if isinstance(value, Mapping):
        return {str(k): _as_json_value(v, depth - 1, keep_numbers=keep_numbers) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_as_json_value(item, depth - 1, keep_numbers=keep_numbers) for item in value]
    return str(value)


def plain(text: str) -> str:
    """Text without NUL and lone surrogates, which databases refuse; each becomes a visible stand-in."""
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def name(text: str, what: str) -> str:
    """The name of a step or question as an index takes it. Raises EvolverError, beginning with `what`."""
    if len(text) > LONGEST_ID:
        raise EvolverError(f"{what} has {len(text)} characters.", f"Name it in {LONGEST_ID} at most.")
    return plain(text)


def timestamp_of(signal: Signal) -> float:
    """The emitter's time as a number that a column takes; 0.0 where it gave none that is one."""
    try:
        value = signal.timestamp
    except OverflowError:
        return 0.0
    return value if math.isfinite(value) else 0.0
