"""One training session as a client knows it: what a server tells of it, by whichever way, becomes its run."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Final

from evolver_tui.core.training.foreign_metrics import number_of, seconds_of
from evolver_tui.core.training.metrics import DEFAULT_MODEL_PARAMS
from evolver_tui.core.training.progress_data import records_of
from evolver_tui.core.training.record import (
    COMPLETED,
    FAILED,
    LONGEST_NAME,
    MODEL_COMPLETED,
    MOST_MODELS,
    RUNNING,
    TRAINING_COMPLETED,
    BadRecord,
    Event,
    Point,
    Record,
    RunEnd,
    RunHeader,
)
from evolver_tui.core.training.totals import with_config
from evolver_tui.core.training.training_run import MOST_EVENTS, TrainingRun

_STARTING: Final = "starting"
_MOST_REMEMBERED: Final = 2 * MOST_EVENTS
"""Events that are known when they come again."""


class WatchedSession:
    """What comes twice counts once: what is told as it happens overlaps with what is fetched afterwards."""

    def __init__(self, session_id: str, now: Callable[[], float]) -> None:
        """Args:
        now: seconds since 1970; counts where the server tells no time.
        """
        self.session_id = session_id
        self.run = TrainingRun(session_id)
        self.bad = 0
        """Metrics that could not be read."""
        self.is_unknown = False
        """Whether the server says that it knows no such session."""
        self.lacks_some = False
        """Whether the server has told more, as its numbering says."""
        self.numbered = 0
        """The number up to which nothing is lacking; 0 where the server does not number."""
        self.known_until: tuple[int, int] | None = None
        """Model and step up to which nothing is lacking, as far as that is known; None before anything was fetched."""
        self._now = now
        self._remembered: OrderedDict[Hashable, None] = OrderedDict()
        """Events that were taken."""
        self._measured: int | None = None
        """The number of the latest point."""
        self._stood_at = 0.0
        """By the server's clock, the latest time of which it told how the session stands."""

    # --- what a server tells

    def take_event(self, event: str, data: Mapping[str, Any]) -> None:
        """Take what came over a socket."""
        match event:
            case "progress_update":
                metrics = data.get("metrics")
                if isinstance(metrics, Mapping):
                    self.take_metrics(metrics)
                self._take_end(data.get("status"), self._now())
            case "session_status":
                self.take_status(data)
            case "session_history":
                history = data.get("history")
                self.take_history(history if isinstance(history, list) else [])
            case "training_started":
                config = data.get("config")
                at = seconds_of(data.get("timestamp")) or self._now()
                self._set_header(config if isinstance(config, Mapping) else {}, at)
            case "model_completed":
                model = _count(data.get("modelIndex"), MOST_MODELS)
                if model is not None and model not in self.run.completed:
                    self._add(Event(MODEL_COMPLETED, self._now(), self.run.steps.get(model), model))
            case "training_completed":
                self._complete(self._now())

    def take_metrics(self, metrics: Mapping[str, Any], *, is_fetched: bool = False) -> None:
        """Take the metrics of one moment."""
        number = _count(metrics.get("sequence"))
        is_next = number is None or number == self.numbered + 1
        records = self._records(metrics)
        if number is not None and not is_fetched:
            is_latest = number == self._measured and self._are_known(records)  # told to whoever begins to hear of it
            if number < self.numbered and not is_latest:  # the server counts anew: what it has is another history
                self.numbered, self.known_until, self.lacks_some = 0, None, True
            self.lacks_some |= number > self.numbered + 1
            self.numbered += is_next
        self.bad += not records
        if any(isinstance(record, Point) for record in records):
            self._measured = number
        for record in records:
            if isinstance(record, Point) and self.known_until is not None and (is_next or is_fetched):
                self.known_until = record.model, record.step
            if not self._is_known(record):
                self._add(record)

    def _records(self, metrics: Mapping[str, Any]) -> Sequence[Record]:
        """What metrics tell; nothing where they cannot be read."""
        if metrics.get("modelParams") == DEFAULT_MODEL_PARAMS:  # what a stream says where nobody said how many
            metrics = {name: value for name, value in metrics.items() if name != "modelParams"}
        try:
            return records_of(metrics, self.run.header, self._now())
        except BadRecord:
            return ()

    def take_history(self, history: Sequence[Any]) -> None:
        """Take the metrics of several moments, the oldest first: all that there is after what is known already."""
        self.known_until = self.known_until or (0, 0)
        for metrics in history:
            if isinstance(metrics, Mapping):
                self.take_metrics(metrics, is_fetched=True)
                self.numbered = max(self.numbered, _count(metrics.get("sequence")) or 0)
        self.lacks_some = False

    def take_status(self, status: Mapping[str, Any]) -> None:
        """Take how the session stands."""
        self.is_unknown = False
        config = status.get("config")
        began = seconds_of(status.get("start_time")) or 0.0
        config = dict(config) if isinstance(config, Mapping) else {}
        total = _count(status.get("total_models"), MOST_MODELS)
        self._set_header(config, began, total or 0)
        name, project = status.get("name"), status.get("project")
        if isinstance(name, str) and isinstance(project, str) and not self.run.header.name:
            self.run.header = self.run.header._replace(name=name[:LONGEST_NAME], project=project[:LONGEST_NAME])
        done = _count(status.get("models_completed"), MOST_MODELS) or 0
        if done > len(self.run.completed):
            self.run.completed.update(range(done))
            self.run.changes += 1
        at = seconds_of(status.get("last_update"))
        self._take_up_again(status.get("status"), at or 0.0)
        self._take_end(status.get("status"), at or self._now())

    def _set_header(self, config: Mapping[str, Any], began: float, total_models: int = 0) -> None:
        known = self.run.header
        header = with_config(known, config)
        header = header._replace(total_models=total_models or header.total_models)
        if config and not known.config:
            header = header._replace(config=config)
        if began and not known.started_at:
            header = header._replace(started_at=began)
        if header != known:
            self.run.header = header  # not told as a record: the run does not begin anew
            self.run.changes += 1

    def _take_up_again(self, status: object, at: float) -> None:
        """A run that was over goes on, unless this was told before it ended and came late."""
        is_later, self._stood_at = at > self._stood_at, max(at, self._stood_at)
        if is_later and self.run.is_over and status in (_STARTING, RUNNING):
            self.run.add(self.run.header)

    def _take_end(self, status: object, at: float) -> None:
        if self.run.is_over:
            return
        if status == COMPLETED:
            self._complete(at)
        elif status == FAILED:
            self._add(RunEnd(at, FAILED))

    def _complete(self, at: float) -> None:
        if not self.run.is_over:
            self.run.completed.update(range(self.run.total_models))
            self._add(RunEnd(max(at, self.run.last_at)))

    # --- the run

    def _add(self, record: Record) -> None:
        run = self.run
        if isinstance(record, RunHeader):
            run.header = record._replace(run_id=run.run_id)
            run.changes += 1
        elif isinstance(record, Point) and (record.model, record.step) < (run.model, run.step):
            self._add_late(record)
        elif isinstance(record, RunEnd):
            if not run.is_over:
                run.add(record)
        else:
            run.add(record)
            if isinstance(record, Event):
                self._remembered[_key(record)] = None
                if len(self._remembered) > _MOST_REMEMBERED:
                    self._remembered.popitem(last=False)

    def _add_late(self, point: Point) -> None:
        """A point that was lacking: what is latest stays so."""
        run = self.run
        model, step, latest, steps = run.model, run.step, dict(run.latest), dict(run.steps)
        run.add(point)
        run.model, run.step, run.latest = model, step, run.latest | latest
        run.steps |= steps

    def _is_known(self, record: Record) -> bool:
        run = self.run
        if isinstance(record, Point):
            return bool(record.values) and all(
                _has(run, record.model, name, record.step, value) for name, value in record.values.items()
            )
        if isinstance(record, Event):
            if record.name == TRAINING_COMPLETED and run.is_over:
                return True
            return _key(record) in self._remembered
        return False

    def _are_known(self, records: Sequence[Record]) -> bool:
        told = [each for each in records if isinstance(each, Point | Event)]
        return bool(told) and all(map(self._is_known, told))


def _key(event: Event) -> Hashable:
    """What tells an event from others, and not from itself when it comes by another way."""
    if event.name == MODEL_COMPLETED:
        return event.name, event.model, event.step
    return event.name, event.model, event.step, event.at, json.dumps(dict(event.payload), sort_keys=True)


def _has(run: TrainingRun, model: int, name: str, step: int, value: float) -> bool:
    series = run.series.get((model, name[:LONGEST_NAME]))
    if series is None:
        return False
    place = bisect_left(series.steps, step)
    if place >= len(series.steps) or series.steps[place] != step:
        return False
    known = series.values[place]
    return known == value or (known != known and value != value)


def _count(value: object, most: int = 2**53) -> int | None:
    number = None if isinstance(value, str | bool) else number_of(value)
    return int(number) if number is not None and 0 <= number < most else None
