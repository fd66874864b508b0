"""A training run as its records tell it so far: a fold that every reader shares."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any, Final

from evolver_tui.core.training import metrics
from evolver_tui.core.training.foreign_metrics import loss_name
from evolver_tui.core.training.record import (
    CUT_OFF,
    ERROR,
    MODEL_COMPLETED,
    RECOVERY,
    RUNNING,
    SILENT,
    TRAINING_COMPLETED,
    TRAINING_RESUMED,
    Event,
    Point,
    Record,
    RunEnd,
    RunHeader,
)
from evolver_tui.core.training.series import Series

MOST_EVENTS: Final = 2_000
"""That are kept of one run, the latest."""
MOST_SERIES: Final = 1_000
"""Metrics of one run, all models together; further ones are counted and left out."""
_RATE_SECONDS: Final = 30.0
"""Over which the rate is taken."""


class TrainingRun:
    """Feed it records in their order; all that it has may be read at any time.

    Args:
        keeps_series: whether all values and events are kept; without them only what is so at present is known.
    """

    def __init__(self, run_id: str, *, keeps_series: bool = True) -> None:
        self._keeps_series = keeps_series
        self.header = RunHeader(run_id)
        self.status = RUNNING
        self.series: dict[tuple[int, str], Series] = {}
        """By model, from 0, and metric."""
        self.latest: dict[str, float] = {}
        """The latest value of each metric, whichever model it is of."""
        self.events: deque[Event] = deque(maxlen=MOST_EVENTS if keeps_series else 0)
        self.model = 0
        """The latest model that was told of."""
        self.step = 0
        """Its latest step."""
        self.steps: dict[int, int] = {}
        """Each model's latest step."""
        self.completed: set[int] = set()
        """Models that are done."""
        self.first_at = 0.0
        self.last_at = 0.0
        """When the latest record was told, by the clock of whoever trains; 0 before the first."""
        self.ended_at: float | None = None
        self.points = 0
        self.errors = 0
        self.recoveries = 0
        self.left_out = 0
        """Values of more metrics than are kept."""
        self.changes = 0
        """Counts all that was told."""
        self.is_overview = False
        """Whether only a few of its points are here as yet, and not all that happened."""
        self._pace: deque[tuple[float, int]] = deque(maxlen=64)

    @property
    def run_id(self) -> str:
        """Its id."""
        return self.header.run_id

    @property
    def name(self) -> str:
        """What a person calls it."""
        return self.header.name or self.header.run_id

    @property
    def is_over(self) -> bool:
        """Whether the training said so."""
        return self.ended_at is not None

    @property
    def total_models(self) -> int:
        """How many there are to train, or more where more were told of."""
        return max(self.header.total_models, self.model + 1)

    @property
    def metric_names(self) -> list[str]:
        """Of all models, loss first, then in the order in which they came."""
        names = dict.fromkeys(name for _, name in self.series)
        loss = loss_name(names)
        return sorted(names, key=lambda name: name != loss)

    @property
    def loss(self) -> float | None:
        """The latest loss of training, whatever it is called; None where none is known."""
        name = loss_name(self.latest)
        return None if name is None else self.latest[name]

    def add_all(self, records: Iterable[Record]) -> None:
        """Take several records."""
        for record in records:
            self.add(record)

    def add(self, record: Record) -> None:
        """Take the next record."""
        self.changes += 1
        if self.status in (SILENT, CUT_OFF):
            self.status, self.ended_at = RUNNING, None
        match record:
            case Point():
                self._add_point(record)
            case Event():
                self._add_event(record)
            case RunHeader():
                self.header = record
                self.status, self.ended_at = RUNNING, None
                self._seen(record.started_at)
            case RunEnd(at, status):
                self.status, self.ended_at = status, at
                self._seen(at)

    def fall_silent(self) -> None:
        """Nobody told anything of it for long."""
        if not self.is_over and self.status != SILENT:
            self.changes += 1
            self.status = SILENT

    def cut_off(self) -> None:
        """Who trained is gone, and told no end."""
        if not self.is_over:
            self.changes += 1
            self.status, self.ended_at = CUT_OFF, self.last_at

    def become(self, other: TrainingRun) -> None:
        """Take over all that another one has, which nobody may use from then on."""
        changes = self.changes
        self.__dict__.update(other.__dict__)
        self.changes += changes + 1

    def keep_latest(self, count: int) -> None:
        """Forget all but the latest points of each metric; what is told of the run as a whole stays."""
        for series in self.series.values():
            series.keep_latest(count)

    def _seen(self, at: float) -> None:
        self.first_at = self.first_at or at
        self.last_at = max(self.last_at, at)  # a clock may be set back

    def _add_point(self, point: Point) -> None:
        self.points += 1
        self._seen(point.at)
        if point.step >= self.steps.get(point.model, 0):  # what comes late moves nothing
            self._move(point.model, point.step, point.at)
        if not self._keeps_series:
            self._set_latest(point.values)
            return
        for name, value in point.values.items():
            series = self.series.get((point.model, name))
            if series is None:
                if len(self.series) >= MOST_SERIES:
                    self.left_out += 1
                    continue
                series = self.series[point.model, name] = Series()
            series.add(point.step, point.at, value)
            self.latest[name] = value

    def _set_latest(self, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            if name in self.latest or len(self.latest) < MOST_SERIES:
                self.latest[name] = value
            else:
                self.left_out += 1

    def _move(self, model: int, step: int, at: float) -> None:
        if model != self.model:
            self._pace.clear()
        self.model, self.step = model, step
        self.steps[model] = step
        self._pace.append((at, step))

    def _add_event(self, event: Event) -> None:
        self._seen(event.at)
        self.events.append(event)
        if event.name == MODEL_COMPLETED:
            self.completed.add(event.model)
        elif event.name == TRAINING_COMPLETED:
            self.completed.update(range(self.total_models))
        elif event.name == TRAINING_RESUMED:
            self._go_back(event.model, event.step or 0)
        elif event.name == ERROR:
            self.errors += 1
        elif event.name == RECOVERY:
            self.recoveries += 1

    def _go_back(self, model: int, step: int) -> None:
        """To a checkpoint: what came after it is told anew."""
        for (of_model, _), series in self.series.items():
            if of_model == model:
                series.cut_after(step)
            elif of_model > model:
                series.cut_after(-1)
        self.completed = {each for each in self.completed if each < model}
        self.steps = {each: at for each, at in self.steps.items() if each < model}
        self._pace.clear()
        self._move(model, step, self.last_at)
        self.status, self.ended_at = RUNNING, None

    # --- what follows from it

    def model_progress(self, model: int) -> float:
        """How far a model is, in per cent from 0 to 100."""
        if model in self.completed:
            return 100.0
        return metrics.overall_progress(self.steps.get(model, 0), self.header.total_steps, 0, 1)

    @property
    def overall(self) -> float:
        """How far all models are, in per cent from 0 to 100."""
        known = {model for model in (*self.steps, *self.completed) if model < self.total_models}
        return sum(map(self.model_progress, known)) / self.total_models

    @property
    def elapsed(self) -> float:
        """Seconds from the beginning to the latest record."""
        began = self.header.started_at or self.first_at
        return max(0.0, self.last_at - began)

    @property
    def seconds_left(self) -> float | None:
        """At the pace so far; None where nobody knows, 0 where it is over."""
        if self.is_over:
            return 0.0
        overall = self.overall
        return metrics.estimated_time_remaining(self.elapsed, overall) if overall > 0 else None

    @property
    def steps_per_second(self) -> float | None:
        """Lately; None where it does not train or nothing is known."""
        if self.is_over or len(self._pace) < 2:
            return None
        last_at, last = self._pace[-1]
        first_at, first = next((each for each in self._pace if last_at - each[0] <= _RATE_SECONDS), self._pace[-1])
        return (last - first) / (last_at - first_at) if last_at > first_at and last >= first else None

    def metrics(self) -> dict[str, Any]:
        """Under the names of `core.training.metrics`, as of the latest point."""
        return training_metrics_of(self.header, self.loss, self.step, self.model, self.elapsed, self.last_at)


def training_metrics_of(
    header: RunHeader, loss: float | None, step: int, model: int, elapsed: float, at: float
) -> dict[str, Any]:
    """The metrics of one moment of a run."""
    finite = None if loss is None or not math.isfinite(loss) else loss
    return metrics.training_metrics(
        session_id=header.run_id, loss=finite, step=step, total_steps=header.total_steps, model_index=model,
        total_models=max(header.total_models, model + 1),
        model_params=header.model_params or metrics.DEFAULT_MODEL_PARAMS, elapsed=elapsed, at=at,
    )  # fmt: skip
