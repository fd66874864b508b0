"""A trainer's callback, under the names that pages of training streams know."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import evolver_tui.track as track
from evolver_tui.core.training.metrics import grok_progress, perplexity
from evolver_tui.core.training.training_run import TrainingRun
from tests.support.tracked import events_of, headers_of, only_run, points_of


class Creator:
    """A trainer of several models, one after the other, that tells of itself as such trainers do."""

    def __init__(self) -> None:
        self.tell: Callable[[dict[str, Any]], None] = lambda progress: None

    def set_progress_callback(self, callback: Callable[[dict[str, Any]], None]) -> None:
        self.tell = callback

    def train(self, models: int, steps: int) -> None:
        self.tell({"event": "training_started", "sessionId": "s-1", "loss": 2.5})
        for model in range(models):
            for step in range(steps):
                self.tell(self._metrics(2.0 - step / steps, step, steps, model, models))
            self.tell({"modelCompleted": True, "modelIndex": model, "currentModel": model + 1, "totalModels": models})
        self.tell({"event": "training_completed", "sessionId": "s-1"})

    def _metrics(self, loss: float, step: int, steps: int, model: int, models: int) -> dict[str, Any]:
        return {
            "sessionId": "s-1", "modelIndex": model, "totalModels": models, "step": step, "totalSteps": steps,
            "loss": round(loss, 4), "perplexity": round(perplexity(loss), 2),
            "grokProgress": round(grok_progress(loss), 1), "modelParams": 25_000_000, "currentStep": step,
            "currentModel": model + 1, "overallProgress": 1.0, "trainingTime": 1.0, "estimatedTimeRemaining": 2.0,
            "timestamp": 1.0,
        }  # fmt: skip


def folded(runs: Path) -> TrainingRun:
    found = TrainingRun("x")
    found.add_all(only_run(runs))
    return found


def test_a_trainer_that_knows_nothing_of_this_is_followed_without_init(runs: Path) -> None:
    creator = Creator()
    creator.set_progress_callback(track.progress_callback)
    creator.train(models=3, steps=50)
    track.finish()
    run = folded(runs)
    assert (run.run_id, run.header.total_steps, run.header.total_models) == ("s-1", 50, 3)
    assert run.header.model_params == 25_000_000
    assert run.completed == {0, 1, 2}
    assert run.overall == 100.0
    assert run.is_over
    assert {name for _, name in run.series} == {"loss", "perplexity", "grokProgress"}
    assert [run.series[model, "loss"].values[-1] for model in range(3)] == [1.02] * 3
    assert [event.name for event in run.events] == [
        "training_started", "model_completed", "model_completed", "model_completed", "training_completed",
    ]  # fmt: skip
    assert [event.model for event in run.events][1:4] == [0, 1, 2]
    assert 2.5 not in {point.values.get("loss") for point in points_of(only_run(runs))}


def test_records_that_tell_of_an_event_make_no_point(runs: Path) -> None:
    run = track.init()
    run.progress_callback({"event": "recovery", "strategy": "smaller batches", "currentStep": 7, "attempt": 2})
    run.progress_callback({"event": "error", "message": "boo"})
    run.progress_callback({"event": "progress", "loss": 1.0, "step": 8})
    run.finish()
    records = only_run(runs)
    recovery, error, progress = events_of(records)
    assert (recovery.step, recovery.payload) == (7, {"strategy": "smaller batches", "attempt": 2})
    assert error.payload == {"message": "boo"}
    assert progress.name == "progress"
    assert [(point.step, point.values) for point in points_of(records)] == [(8, {"loss": 1.0})]


def test_totals_of_models_that_differ_are_told_when_they_change(runs: Path) -> None:
    run = track.init(total_steps=1)
    for model, total in ((0, 100), (1, 200)):
        run.progress_callback({"loss": 1.0, "currentStep": 5, "totalSteps": total, "modelIndex": model})
        run.event("between")
    run.finish()
    assert headers_of(only_run(runs))[-1].total_steps == 200


@pytest.mark.parametrize(
    "odd",
    [
        {"loss": math.nan}, {"loss": "1"}, {"loss": None, "step": "x"}, {"loss": 1.0, "currentStep": -1},
        {"loss": 1.0, "currentModel": 0}, {"loss": 1.0, "modelIndex": 10**30}, {"event": 5}, {"event": "x" * 10_000},
        {"totalSteps": math.inf}, {"modelCompleted": "yes"}, {"loss": 1.0, "sessionId": {}}, {},
        {"event": "e", "payload": {"deep": [object()]}, "name": "n", "self": 1, "step": None},
    ],
)  # fmt: skip
def test_odd_records_raise_nothing_and_the_next_one_counts(odd: dict[str, Any], runs: Path) -> None:
    track.progress_callback(odd)
    track.progress_callback({"loss": 0.25, "currentStep": 9, "currentModel": 1})
    track.finish()
    assert folded(runs).latest["loss"] == 0.25
