"""Metrics as other programs write them: which number is the step, the time, the loss; the rest keeps its name."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from evolver_tui.core.training.record import LONGEST_NAME, MOST_MODELS, MOST_VALUES, Point, as_number

LOSS_NAMES: Final = (
    "loss", "train/loss", "loss/train", "train_loss", "training_loss", "train/loss_step", "train_loss_step",
    "train/loss_epoch", "train_loss_epoch", "training/loss",
)  # fmt: skip
"""What programs call the loss of training, the likeliest first; capital letters count as small ones."""
STEP_NAMES: Final = ("step", "_step", "global_step", "iteration", "iter", "epoch")
"""What programs call the step, what counts most first; capital letters count as small ones here as well."""
TIME_NAMES: Final = ("timestamp", "_timestamp", "time", "wall_time", "wall time")
_MODEL_NAMES: Final = ("modelIndex", "model_index")
_MOST_STEPS: Final = 2.0**53
_FIRST_MOMENT: Final = 1e8
"""Seconds since 1970; less is how long something took, as detectron2 and YOLO write it under `time`."""
_LONGEST_NUMBER: Final = 64
"""Characters of a number in a text; nobody writes longer ones, and long ones are dear to read."""


def loss_name(names: Iterable[str]) -> str | None:
    """Which of these metrics is the loss of training; None where none is."""
    return next(iter(those_among(names, LOSS_NAMES)), None)


def those_among(names: Iterable[str], meant: Sequence[str]) -> tuple[str, ...]:
    """Those of some names that are among the meant ones, in the order of these."""
    by_name: dict[str, str] = {}
    for name in names:
        by_name.setdefault(name.lower(), name)
    return tuple(by_name[name] for name in meant if name in by_name)


def number_of(value: object) -> float | None:
    """A number, or a text that is one; None for anything else."""
    if isinstance(value, str):
        if len(value) > _LONGEST_NUMBER or "_" in value:
            return None
        try:
            return float(value)
        except ValueError:
            return None
    return as_number(value)


def seconds_of(value: object) -> float | None:
    """A time as seconds since 1970: of a number in seconds or milliseconds, or an ISO text; None for anything else."""
    number = number_of(value)
    if number is None and isinstance(value, str) and len(value) <= _LONGEST_NUMBER:
        try:
            moment = datetime.fromisoformat(value.strip())
        except ValueError:
            return None
        try:
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        except (OverflowError, OSError):
            return None
    if number is None or not math.isfinite(number):
        return None
    return number / 1000 if number > 1e11 else number


def moment_of(value: object) -> float | None:
    """A time of a row of metrics as seconds since 1970; None for what is no time, or is how long something took."""
    seconds = seconds_of(value)
    return seconds if seconds is not None and seconds >= _FIRST_MOMENT else None


class RowReader:
    """Reads rows of metrics, most of which have the same names as the one before."""

    def __init__(self) -> None:
        self._names: tuple[str, ...] | None = None
        self._steps: tuple[str, ...] = ()
        self._times: tuple[str, ...] = ()
        self._models: tuple[str, ...] = ()

    def point_of(self, values: Mapping[str, Any], otherwise_step: int, otherwise_at: float) -> Point | None:
        """The point that a row of metrics is; None where it has no metric.

        Args:
            otherwise_step: where the row tells none that can be one.
            otherwise_at: seconds since 1970, where the row tells no time.
        """
        names = tuple(values)
        if names != self._names:
            self._names = names
            self._steps, self._times = those_among(names, STEP_NAMES), those_among(names, TIME_NAMES)
            self._models = tuple(name for name in _MODEL_NAMES if name in values)
        step, at, model, special = otherwise_step, otherwise_at, 0, set[str]()
        for name in self._steps:
            found = _step_of(values[name])
            if found is not None:
                step = int(found)
                special.add(name)
                break
        for name in self._times:
            found = moment_of(values[name])
            if found is not None:
                at = found
                special.add(name)
                break
        for name in self._models:
            found = _step_of(values[name])
            if found is not None:
                model = int(found) if found < MOST_MODELS else 0
                special.add(name)
                break
        metrics = metrics_of(values, special)
        return Point(step, at, metrics, model) if metrics else None


def metrics_of(values: Mapping[str, Any], but: Collection[str] = ()) -> dict[str, float]:
    """What of this is a number, by name."""
    metrics: dict[str, float] = {}
    for name, value in values.items():
        if name in but or len(metrics) >= MOST_VALUES:
            continue
        number = value if type(value) is float else number_of(value)
        if number is not None:
            metrics[name if len(name) <= LONGEST_NAME else name[:LONGEST_NAME]] = number
    return metrics


def _step_of(value: object) -> float | None:
    if type(value) is int:
        return value if 0 <= value < _MOST_STEPS else None
    number = number_of(value)
    return number if number is not None and 0 <= number < _MOST_STEPS and number.is_integer() else None
