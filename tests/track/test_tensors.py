"""Real tensors, and numbers of NumPy."""

from __future__ import annotations

from pathlib import Path

import pytest

import evolver_tui.track as track
from tests.support.tracked import events_of, only_run, points_of

torch = pytest.importorskip("torch")
numpy = pytest.importorskip("numpy")


def test_what_is_logged_is_what_a_tensor_was_at_that_moment(runs: Path) -> None:
    run = track.init(interval=3600)
    total = torch.zeros(1, requires_grad=False)
    total += 3.0
    weight = torch.ones((), requires_grad=True)
    run.log({"total": total, "loss": weight * 2, "half": torch.tensor(0.5, dtype=torch.bfloat16)}, step=numpy.int64(4))
    total.zero_()
    run.finish()
    (point,) = points_of(only_run(runs))
    assert (point.step, point.values) == (4, {"total": 3.0, "loss": 2.0, "half": 0.5})


def test_a_tensor_without_a_place_and_one_of_several_numbers_are_refused(runs: Path) -> None:
    run = track.init()
    run.log(
        {"meta": torch.zeros((), device="meta"), "many": torch.zeros(2), "complex": torch.zeros((), dtype=torch.cfloat)}
    )
    run.log({"loss": 1.0})
    run.finish()
    records = only_run(runs)
    assert {event.payload["metric"] for event in events_of(records)} == {"meta", "many", "complex"}
    assert points_of(records)[-1].values["loss"] == 1.0


def test_numbers_of_numpy(runs: Path) -> None:
    run = track.init(config={"seed": numpy.int64(3), "rates": numpy.array([1.0, 2.0])})
    array = numpy.array([1.5])
    run.log(
        {"a": numpy.float32(0.5), "b": numpy.int8(-3), "c": numpy.bool_(True), "d": array, "e": numpy.float64("nan")}
    )
    array[0] = 9.0
    run.finish()
    (point,) = points_of(only_run(runs))
    assert {**point.values, "e": 0} == {"a": 0.5, "b": -3.0, "c": 1.0, "d": 1.5, "e": 0}
    assert run.config["seed"] == 3
