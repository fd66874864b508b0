"""What a training tells: signals on the session's bus, and records in its run file."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

from evolver_tui.core.errors import TrainingError
from evolver_tui.core.signal import Observation
from evolver_tui.core.signal_catalogue.training_signals import (
    TRAINING_CHECKPOINT_SAVED,
    TRAINING_COMPLETED,
    TRAINING_FAILED,
    TRAINING_INTERRUPTED,
    TRAINING_MODEL_COMPLETED,
    TRAINING_PROGRESS,
    TRAINING_RECOVERED,
    TRAINING_RESUMED,
    TRAINING_STARTED,
    TrainingPlace,
)
from evolver_tui.core.training import record
from evolver_tui.core.training.metrics import overall_progress
from evolver_tui.core.training.record import Event, Point, Record, RunEnd, RunHeader
from evolver_tui.engine.training.checkpoint import TrainingState
from evolver_tui.engine.training.trainable import TrainableModel

_BETWEEN_SIGNALS_SECONDS: Final = 1.0


class TrainingNews:
    """Tells of one run.

    Args:
        header: the run as far as it is known before its first model is made.
        record: takes what stands in the run's file, in its order.
        emit: takes what stands in the session's log.
        now: seconds since 1970.
        folder: where its models lie, as shown.
    """

    def __init__(
        self, header: RunHeader, record: Callable[[Record], None], emit: Callable[[Observation], object],
        now: Callable[[], float], *, kind: str, folder: str,
    ) -> None:  # fmt: skip
        self._header = header
        self._record = record
        self._emit = emit
        self._now = now
        self._kind = kind
        self._folder = folder
        self._told_at: dict[str, float] = {}
        self._is_begun = False

    def started(self, state: TrainingState, model: TrainableModel, steps: int) -> None:
        """It began."""
        self._begin(model, steps)
        self._event(record.TRAINING_STARTED, state)
        self._emit(
            TRAINING_STARTED({
                "run": self._header.run_id, "kind": self._kind, "device": model.device,
                "models": self._header.total_models, "steps": steps, "parameters": model.parameters,
            })
        )  # fmt: skip

    def resumed(self, state: TrainingState, model: TrainableModel, steps: int) -> None:
        """It goes on from a checkpoint."""
        self._begin(model, steps)
        self._event(record.TRAINING_RESUMED, state)
        self._emit(TRAINING_RESUMED(self._place(state)))

    def progress(self, state: TrainingState, loss: float | None, steps: int) -> None:
        """It is that far."""
        now = self._now()
        if loss is not None:
            values = {"loss": loss, "learning_rate": state.rate}
            self._record(Point(state.step, now, values, state.model))
        if not self._is_due("progress", now) and state.step < steps:
            return
        models = self._header.total_models
        rounded = None if loss is None else round(loss, 4)
        self._emit(
            TRAINING_PROGRESS({
                **self._place(state), "models": models, "steps": steps, "loss": rounded,
                "overall": round(overall_progress(state.step, steps, state.model, models), 1),
            })
        )  # fmt: skip

    def checkpoint_saved(self, state: TrainingState, size: int) -> None:
        """From here it can go on."""
        if state.model >= self._header.total_models:
            return
        self._event(record.CHECKPOINT, state, {"bytes": size})
        if self._is_due("checkpoint", self._now()):
            self._emit(TRAINING_CHECKPOINT_SAVED({**self._place(state), "bytes": size}))

    def model_completed(self, state: TrainingState, result: Mapping[str, Any]) -> None:
        """One of its models is done."""
        held_out = dict(result["held_out"])
        self._event(record.MODEL_COMPLETED, state, {"file": result["file"], "held_out": held_out})
        self._emit(
            TRAINING_MODEL_COMPLETED({
                **self._place(state), "sha256": result["sha256"], "file": result["file"], "held_out": held_out,
            })
        )  # fmt: skip

    def completed(self, state: TrainingState) -> None:
        """All of them are."""
        now = self._now()
        self._record(Event(record.TRAINING_COMPLETED, now, None, self._header.total_models - 1))
        self._record(RunEnd(now))
        count = len(state.results)
        self._emit(TRAINING_COMPLETED({"run": self._header.run_id, "models": count, "folder": self._folder}))

    def recovered(
        self, state: TrainingState, strategy: str, what: str, done: str, steps: int, *, goes_back: bool = False
    ) -> None:
        """Something went wrong and was mended.

        Args:
            steps: of a model, which may be others than before; 0 where that is no matter.
            goes_back: what came after the state's step is told anew.
        """
        self._event(record.ERROR, state, {"message": what, "kind": strategy})
        if steps and steps != self._header.total_steps:
            self._header = self._header._replace(total_steps=steps)
            self._record(self._header)
        if goes_back:
            self._event(record.TRAINING_RESUMED, state)
        self._event(record.RECOVERY, state, {"message": done, "strategy": strategy})
        self._emit(TRAINING_RECOVERED({**self._place(state), "strategy": strategy, "what": what, "mended": done}))

    def interrupted(self, state: TrainingState) -> None:
        """It was asked to end, and is not over."""
        self._emit(TRAINING_INTERRUPTED(self._place(state)))

    def failed(self, state: TrainingState, error: TrainingError) -> None:
        """It cannot go on, or not even begin."""
        if not self._is_begun:
            self._record(self._header)
        self._event(record.ERROR, state, {"message": error.message, "way_out": error.way_out})
        self._record(RunEnd(self._now(), record.FAILED))
        self._emit(TRAINING_FAILED({**self._place(state), "error": error.message, "way_out": error.way_out}))

    def _is_due(self, what: str, now: float) -> bool:
        """Whether a signal that could come at any rate may be told; a clock that was set back holds none up."""
        if 0 <= now - self._told_at.get(what, -math.inf) < _BETWEEN_SIGNALS_SECONDS:
            return False
        self._told_at[what] = now
        return True

    def _begin(self, model: TrainableModel, steps: int) -> None:
        self._header = self._header._replace(total_steps=steps, model_params=model.parameters)
        self._record(self._header)
        self._is_begun = True

    def _event(self, name: str, state: TrainingState, payload: Mapping[str, Any] | None = None) -> None:
        model = min(state.model, self._header.total_models - 1)
        self._record(Event(name, self._now(), state.step, model, payload or {}))

    def _place(self, state: TrainingState) -> TrainingPlace:
        model = min(state.model + 1, self._header.total_models)
        return {"run": self._header.run_id, "model": model, "step": state.step}
