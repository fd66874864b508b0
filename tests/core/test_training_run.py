"""What a training run is, as its records tell it: series, progress, time left, and what becomes of odd ones."""

from __future__ import annotations

import math
import random
from array import array
from typing import Any

import pytest

from evolver_tui.core.training import metrics, series
from evolver_tui.core.training.record import (
    COMPLETED,
    CUT_OFF,
    FAILED,
    RUNNING,
    SILENT,
    Event,
    Point,
    Record,
    RunEnd,
    RunHeader,
)
from evolver_tui.core.training.series import Series
from evolver_tui.core.training.totals import as_config
from evolver_tui.core.training.training_run import MOST_EVENTS, MOST_SERIES, TrainingRun


def run_of(*records: Record) -> TrainingRun:
    run = TrainingRun("r")
    run.add_all(records)
    return run


def header(**more: Any) -> RunHeader:
    return RunHeader("r", started_at=100.0, **{"total_steps": 100, **more})


def point(step: int, loss: float = 1.0, at: float = 0.0, model: int = 0) -> Point:
    return Point(step, at or 100.0 + step, {"loss": loss}, model)


# --- metrics


@pytest.mark.parametrize(
    ("loss", "perplexity", "grok"),
    [(2.0, 7.39, 0.0), (0.0, 1.0, 100.0), (1.0, 2.72, 50.0), (50.0, 22026.47, 0.0), (-1.0, 0.37, 100.0)],
)
def test_perplexity_and_grok_progress(loss: float, perplexity: float, grok: float) -> None:
    assert round(metrics.perplexity(loss), 2) == perplexity
    assert metrics.grok_progress(loss) == grok


def test_progress_and_time_left_of_several_models() -> None:
    assert metrics.overall_progress(50, 100, 1, 3) == 50.0
    assert metrics.overall_progress(10**9, 100, 2, 3) == 100.0
    assert metrics.overall_progress(-5, 100, -1, 3) == 0.0
    assert (metrics.overall_progress(5, 0, 0, 1), metrics.overall_progress(5, 5, 0, 0)) == (0.0, 0.0)
    assert metrics.estimated_time_remaining(10.0, 25.0) == 30.0
    assert metrics.estimated_time_remaining(10.0, 0.0) == 0.0


def test_a_run_tells_its_metrics_under_the_names_that_pages_know() -> None:
    run = run_of(header(total_models=3), point(50, 1.23456, 110.0, model=1))
    assert run.metrics() == {
        "sessionId": "r", "modelIndex": 1, "totalModels": 3, "step": 50, "totalSteps": 100, "modelParams": 25_000_000,
        "currentStep": 50, "currentModel": 2, "overallProgress": 50.0, "trainingTime": 10.0,
        "estimatedTimeRemaining": 10.0, "timestamp": 110.0, "loss": 1.2346, "perplexity": 3.44, "grokProgress": 38.3,
    }  # fmt: skip


@pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_not_finite_makes_no_metrics(loss: float) -> None:
    found = run_of(header(), point(1, loss)).metrics()
    assert not {"loss", "perplexity", "grokProgress"} & set(found)


# --- series


def test_points_come_to_their_place_in_any_order_and_the_latest_of_a_step_counts() -> None:
    steps = [*range(200), *range(0, 200, 7)]
    random.Random(3).shuffle(steps)
    made, expected = Series(), {}
    for number, step in enumerate(steps):
        made.add(step, float(number), float(-number))
        expected[step] = (float(number), float(-number))
    assert list(made) == [(step, *expected[step]) for step in sorted(expected)]


def test_a_series_forgets_what_is_beyond_a_step() -> None:
    made = Series()
    for step in range(10):
        made.add(step, 0.0, 0.0)
    made.cut_after(20)
    assert (len(made), made.changes) == (10, 0)
    made.cut_after(4)
    assert (list(made.steps), made.changes) == ([0, 1, 2, 3, 4], 1)
    made.cut_after(-1)
    assert len(made) == 0
    made.add(3, 0.0, 0.0)
    assert list(made.steps) == [3]


def test_a_series_stays_bounded_and_keeps_the_latest_half_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(series, "MOST_POINTS", 100)
    made = Series()
    for step in range(1_000):
        made.add(step, float(step), float(step))
    assert len(made) <= 100
    assert list(made.steps) == sorted(set(made.steps))
    assert list(made.steps)[-25:] == list(range(975, 1_000))
    assert made.steps[0] < 100
    assert list(made.values) == list(map(float, made.steps)) == list(made.times)


def test_a_series_takes_many_points_at_once() -> None:
    made = Series()
    made.extend(array("q", [1, 2]), array("d", [1, 2]), array("d", [3, 4]))
    made.add(3, 3.0, 5.0)
    assert list(made) == [(1, 1.0, 3.0), (2, 2.0, 4.0), (3, 3.0, 5.0)]


# --- the fold


def test_a_run_from_its_beginning_to_its_end() -> None:
    run = TrainingRun("r")
    assert (run.status, run.overall, run.seconds_left, run.steps_per_second, run.metric_names) == (
        RUNNING, 0.0, None, None, [],
    )  # fmt: skip
    run.add(header(name="cognate"))
    for step in range(0, 50, 10):
        run.add(Point(step, 100.0 + step, {"accuracy": 0.5, "loss": 2.0 - step / 100}))
    assert (run.name, run.step, run.points, run.metric_names) == ("cognate", 40, 5, ["loss", "accuracy"])
    assert (run.overall, run.elapsed, run.seconds_left, run.steps_per_second) == (40.0, 40.0, 60.0, 1.0)
    run.add(Event("error", 141.0))
    run.add(Event("recovery", 142.0))
    run.add(Event("model_completed", 143.0))
    assert (run.errors, run.recoveries, run.overall, run.is_over) == (1, 1, 100.0, False)
    run.add(RunEnd(150.0, FAILED))
    assert (run.status, run.is_over, run.seconds_left, run.elapsed) == (FAILED, True, 0.0, 50.0)
    run.add(header())
    assert (run.status, run.is_over, run.points) == (RUNNING, False, 5)


def test_models_one_after_the_other() -> None:
    run = run_of(header(total_models=4), point(0), point(99), Event("model_completed", 1.0, 99, 0))
    run.add(point(50, model=1))
    assert (run.model, run.step, run.model_progress(0), run.model_progress(1), run.model_progress(2)) == (
        1, 50, 100.0, 50.0, 0.0,
    )  # fmt: skip
    assert run.overall == 37.5
    run.add(Event("training_completed", 300.0))
    assert (run.completed, run.overall) == ({0, 1, 2, 3}, 100.0)
    assert run_of(header(total_models=1), point(1, model=6)).total_models == 7


def test_a_training_that_goes_back_to_a_checkpoint_tells_what_came_after_it_anew() -> None:
    run = run_of(header(total_models=2), *(point(step) for step in range(0, 100, 10)), Event("model_completed", 200.0))
    run.add_all([point(5, model=1), RunEnd(210.0, FAILED), header(total_models=2)])
    run.add(Event("training_resumed", 220.0, 40, 0))
    assert list(run.series[0, "loss"].steps) == [0, 10, 20, 30, 40]
    assert len(run.series[1, "loss"]) == 0
    assert (run.model, run.step, run.completed, run.status) == (0, 40, set(), RUNNING)
    run.add(point(50, 9.0))
    assert list(run.series[0, "loss"].values)[-1] == 9.0
    assert run.overall == 25.0


def test_a_point_that_comes_late_goes_to_its_place_and_moves_nothing() -> None:
    run = run_of(header(), point(50), point(60), point(20, 7.0))
    assert (run.step, run.overall) == (60, 60.0)
    assert list(run.series[0, "loss"].steps) == [20, 50, 60]


def test_a_clock_that_jumps_breaks_nothing() -> None:
    run = run_of(header(), point(1, at=101.0), point(2, at=5000.0), point(3, at=50.0), point(4, at=0.5))
    assert run.elapsed == 4900.0
    assert run.steps_per_second is None or run.steps_per_second >= 0
    assert run_of(RunHeader("r", started_at=10**9), point(1, at=5.0)).elapsed == 0.0


def test_values_that_are_not_finite_are_gaps_and_no_figures() -> None:
    run = run_of(header(), point(1, math.nan), point(2, math.inf))
    assert len(run.series[0, "loss"]) == 2
    assert run.latest["loss"] == math.inf


def test_memory_stays_bounded_whatever_is_told() -> None:
    run = run_of(header(total_models=10_000))
    for number in range(MOST_SERIES + 10):
        run.add(Point(1, 1.0, {f"metric {number}": 1.0}))
    for number in range(MOST_EVENTS + 10):
        run.add(Event("seen", float(number)))
    assert (len(run.series), run.left_out, len(run.events)) == (MOST_SERIES, 10, MOST_EVENTS)
    assert run.events[-1].at == MOST_EVENTS + 9.0


def test_a_run_of_very_many_models_is_asked_for_its_progress_as_fast_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    run = run_of(header(total_models=10_000), point(50, model=9_999))
    asked: list[int] = []

    def ask(model: int) -> float:
        asked.append(model)
        return 50.0

    monkeypatch.setattr(run, "model_progress", ask)
    assert run.overall == 0.005
    assert asked == [9_999]


def test_a_run_that_was_cut_off_or_fell_silent_goes_on_by_the_next_word() -> None:
    run = run_of(header(), point(1))
    run.fall_silent()
    assert (run.status, run.is_over) == (SILENT, False)
    run.add(point(2))
    assert run.status == RUNNING
    run.cut_off()
    assert (run.status, run.is_over) == (CUT_OFF, True)
    run.add(point(3))
    assert (run.status, run.is_over) == (RUNNING, False)
    run.add(RunEnd(5.0))
    run.cut_off()
    assert run.status == COMPLETED


def test_what_a_config_says_of_how_much_there_is_to_do() -> None:
    assert as_config({"max_steps": 5, "model_count": 3, "num_parameters": 7, "lr": 1}) == {
        "total_steps": 5, "total_models": 3, "model_params": 7,
    }  # fmt: skip
    assert as_config({"total_steps": 10**30, "total_models": 10**6}) == {}
    assert as_config({"total_steps": True, "totalModels": 0, "modelParams": "many", "max_steps": -1}) == {}
