"""What a plain loop tells arrives in its run file, whatever it tells."""

from __future__ import annotations

import argparse
import decimal
import math
import signal
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import evolver_tui.track as track
from evolver_tui.core.training.record import COMPLETED, FAILED
from evolver_tui.core.training.training_run import TrainingRun
from evolver_tui.track.run import Run
from tests.support.tracked import end_of, events_of, headers_of, only_run, points_of, records_in, until, value_of


class Lying:
    """Says that it can be a float, and cannot."""

    def __float__(self) -> float:
        raise RuntimeError("boo\x1b[31m\nhoo")

    def __str__(self) -> str:
        raise RuntimeError("not even a text")


class Broken(Mapping[str, Any]):
    """Settings of which one refers to what is not there."""

    def __getitem__(self, name: str) -> Any:
        raise ValueError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(("a",))

    def __len__(self) -> int:
        return 1


class Tensor:
    """As one that lies on a device: to read it takes a while."""

    def __init__(self, value: float) -> None:
        self.value = value
        self.reads = 0

    def detach(self) -> Tensor:
        return self

    def item(self) -> float:
        self.reads += 1
        return self.value


def run_with_nothing_due(runs: Path) -> Run:
    """What it is told from now on waits for the end."""
    run = track.init(interval=3600)
    run.log({"first": 0.0}, step=0)
    until(lambda: points_of(only_run(runs)))
    return run


def test_a_loop_that_was_written_for_wandb(runs: Path) -> None:
    import evolver_tui.track as wandb

    wandb.init(project="addition", config={"lr": 0.5, "max_steps": 20}, tags=["a"], notes="n", mode="offline")
    for step in range(20):
        wandb.log({"loss": wandb.config.lr / (step + 1)})
    assert wandb.run is not None
    wandb.log({"accuracy": 0.5}, step=19)
    wandb.log(data={"accuracy": 0.75}, step=19)
    wandb.watch(object())
    wandb.summary["best"] = 0.75
    wandb.finish()
    records = only_run(runs)
    (header,) = headers_of(records)
    assert (header.project, header.config, header.total_steps) == ("addition", {"lr": 0.5, "max_steps": 20}, 20)
    last = points_of(records)[-1]
    assert (last.step, value_of(records, "loss"), value_of(records, "accuracy")) == (19, 0.025, 0.75)
    assert [event.payload for event in events_of(records, "summary")] == [{"best": 0.75}]
    assert end_of(records) == COMPLETED


def test_the_last_update_always_arrives_and_the_latest_value_wins(runs: Path) -> None:
    run = run_with_nothing_due(runs)
    for step in range(1000):
        run.log({"loss": float(step), "often": step}, step=step)
        if step == 100:
            run.log({"seldom": 7.0}, step=100)
    run.finish()
    records = only_run(runs)
    assert (value_of(records, "loss"), value_of(records, "often"), value_of(records, "seldom")) == (999.0, 999.0, 7.0)
    assert {point.step: set(point.values) for point in points_of(records)[1:]} == {
        100: {"seldom"},
        999: {"loss", "often"},
    }


def test_no_event_is_left_out_and_all_stay_in_their_order(runs: Path) -> None:
    run = track.init(interval=3600)
    for number in range(500):
        run.log({"loss": float(number)}, step=number)
        run.event("checkpoint", path=f"/tmp/{number}", number=number)
    run.finish()
    records = only_run(runs)
    assert [(event.step, event.payload["number"]) for event in events_of(records)] == [(n, n) for n in range(500)]
    kinds = [type(each).__name__ for each in records[1:-1]]
    assert kinds == ["Point", "Event"] * 500


def test_an_event_is_kept_whatever_it_says_of_its_place(runs: Path) -> None:
    run = track.init()
    run.log({"loss": 1.0}, step=5)
    run.event("checkpoint", step="last", model="small")
    run.event("checkpoint", step=3, model=None)
    run.finish()
    odd, plain = events_of(only_run(runs), "checkpoint")
    assert (odd.step, odd.model, odd.payload) == (5, 0, {"step": "last", "model": "small"})
    assert (plain.step, plain.model, plain.payload) == (3, 0, {})


def test_a_summary_of_any_names_is_told_and_ends_nothing_early(runs: Path) -> None:
    run = track.init()
    run.summary.update({1: 0.5, "model": "small", "step": 7, "name": "x"})
    run.finish()
    records = only_run(runs)
    assert events_of(records, "summary")[0].payload == {"1": 0.5, "model": "small", "step": 7, "name": "x"}
    assert end_of(records) == COMPLETED


def test_steps_count_up_by_themselves_and_from_the_one_that_was_given(runs: Path) -> None:
    run = track.init(interval=3600)
    for step in (None, None, 10, None, None, 3):
        run.log({"loss": 1.0}, step=step)
        run.event("seen")
    run.log({"a": 1.0}, commit=False)
    run.log({"b": 1.0})
    run.event("seen")
    run.finish()
    assert [event.step for event in events_of(only_run(runs))] == [0, 1, 10, 11, 12, 3, 4]


STRANGE: list[tuple[Any, float | None]] = [
    (math.nan, math.nan), (math.inf, math.inf), (-math.inf, -math.inf), (10**400, math.inf), (-(10**400), -math.inf),
    (True, 1.0), (decimal.Decimal("1.5"), 1.5), (Tensor(2.5), 2.5), ("1.5", None), (b"1", None), (None, None),
    (Lying(), None), (1j, None), ([1.0], None), (object(), None),
]  # fmt: skip


@pytest.mark.parametrize(("value", "kept"), STRANGE, ids=lambda value: type(value).__name__)
def test_a_strange_value_is_a_number_or_is_refused_with_its_name(
    value: Any, kept: float | None, runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = track.init()
    for _ in range(3):
        run.log({"loss": 0.5, "odd": value})
    run.finish()
    records = only_run(runs)
    assert value_of(records, "loss") == 0.5
    refused = events_of(records, "metric_refused")
    if kept is None:
        assert [event.payload["metric"] for event in refused] == ["odd"]
        assert capsys.readouterr().err.count("\n") == 1
    else:
        assert not refused
        found = value_of(records, "odd")
        assert found == kept or (math.isnan(found) and math.isnan(kept))


@pytest.mark.parametrize(
    "metrics", [None, 3, "loss", [("loss", 1.0)], b"", object(), Lying(), {1: Lying()}, {}, {"": 1.0}, {"a": {"b": {}}}]
)
def test_nothing_that_is_logged_raises(metrics: Any, runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = track.init()
    for _ in range(3):
        run.log(metrics)
        run.progress_callback(metrics)
    run.log({"loss": 1.0}, step=7)
    run.finish()
    assert value_of(only_run(runs), "loss") == 1.0
    assert capsys.readouterr().err.count("\n") <= 2


@pytest.mark.parametrize("step", [-1, "x", math.nan, math.inf, 2**60, Lying(), object(), None])
def test_a_step_that_is_none_is_refused(step: Any, runs: Path) -> None:
    run = track.init()
    run.log({"odd": 1.0}, step=step)
    run.event("seen", step=step)
    run.log({"loss": 1.0}, step=5)
    run.finish()
    records = only_run(runs)
    assert [point.step for point in points_of(records) if "loss" in point.values] == [5]
    assert [point for point in points_of(records) if "odd" in point.values] == [] or step is None


def test_other_mappings_and_nested_ones(runs: Path) -> None:
    run = track.init()
    run.log(OrderedDict(loss=1.0, train={"accuracy": 0.5, "deep": {"x": 1}}, n=3))
    run.finish()
    (point,) = points_of(only_run(runs))
    assert point.values == {"loss": 1.0, "train.accuracy": 0.5, "train.deep.x": 1.0, "n": 3.0}


def test_numbers_that_no_header_can_have_do_not_spoil_the_run(runs: Path) -> None:
    huge: Any = {"total_steps": 10**30, "total_models": 10**9, "model_params": -1, "config": {"max_steps": 10**40}}
    run = track.init(**huge)
    run.progress_callback({"loss": 1.0, "totalModels": 10**9, "totalSteps": 10**30, "step": 1})
    run.log({"loss": 2.0}, model=10**6)
    run.event("seen", model=10**6)
    run.finish()
    records = only_run(runs)
    assert value_of(records, "loss") == 1.0
    assert {(header.total_steps, header.total_models, header.model_params) for header in headers_of(records)} == {
        (0, 1, 0)
    }


def test_what_the_loop_does_to_its_dict_afterwards_changes_nothing(runs: Path) -> None:
    run = track.init(interval=3600)
    metrics = {"loss": 1.0}
    run.log(metrics)
    metrics["loss"] = 2.0
    metrics.clear()
    run.finish()
    assert value_of(only_run(runs), "loss") == 1.0


def test_a_tensor_is_read_when_it_is_written(runs: Path) -> None:
    run = run_with_nothing_due(runs)
    tensors = [Tensor(float(number)) for number in range(1000)]
    for tensor in tensors:
        run.log({"loss": tensor})
    run.finish()
    assert sum(tensor.reads for tensor in tensors) == 1
    assert value_of(only_run(runs), "loss") == 999.0


def test_ten_thousand_metrics_and_long_hostile_names(runs: Path) -> None:
    run = track.init()
    run.log({f"metric {number}": float(number) for number in range(10_000)}, step=1)
    run.log({"\x1b]52;c;x\x07\u202e" * 100: 1.0, "\ud800": 2.0, "[@click=app.quit]": 3.0}, step=2)
    run.finish()
    records = only_run(runs)
    found = TrainingRun("x")
    found.add_all(records)
    assert sum(len(point.values) for point in points_of(records) if point.step == 1) == 10_000
    assert sum(len(point.values) for point in points_of(records) if point.step == 2) == 3


def test_several_models_have_steps_and_series_of_their_own(runs: Path) -> None:
    run = track.init(total_models=2, total_steps=3)
    for model in range(2):
        for step in range(3):
            run.log({"loss": float(10 * model + step)}, step=step, model=model)
        run.event("model_completed")
    run.finish()
    found = TrainingRun("x")
    found.add_all(only_run(runs))
    assert {model: series.values[-1] for (model, _), series in found.series.items()} == {0: 2.0, 1: 12.0}
    assert (found.completed, found.overall) == ({0, 1}, 100.0)


def test_models_that_are_trained_in_turn_or_at_once_are_kept_apart_and_cost_no_more_lines(runs: Path) -> None:
    run = track.init(total_models=4, interval=3600)

    def work(model: int) -> None:
        for step in range(2000):
            run.log({"loss": float(10_000 * model + step)}, step=step, model=model)

    threads = [threading.Thread(target=work, args=(model,)) for model in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    run.finish()
    found = TrainingRun("x")
    found.add_all(only_run(runs))
    assert [found.series[model, "loss"].values[-1] for model in range(4)] == [1999.0, 11_999.0, 21_999.0, 31_999.0]
    for model in range(4):
        assert all(value // 10_000 == model for value in found.series[model, "loss"].values)
    assert found.points <= 8


@pytest.mark.parametrize("odd", ["often", None, math.nan, -1, math.inf, Lying(), 1e300])
def test_an_interval_that_is_none_does_not_cost_the_run(odd: Any, runs: Path) -> None:
    run = track.init(interval=odd, finish_seconds=odd)
    run.log({"loss": 1.0})
    run.finish(seconds=odd)
    assert value_of(only_run(runs), "loss") == 1.0


def test_threads_log_at_once_and_none_loses_its_last_word(runs: Path) -> None:
    run = track.init(interval=0.01)

    def work(name: str) -> None:
        for step in range(3000):
            run.log({name: float(step)}, step=step)
        run.event("done", name=name)

    threads = [threading.Thread(target=work, args=(f"m{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    run.finish()
    records = only_run(runs)
    assert [value_of(records, f"m{number}") for number in range(4)] == [2999.0] * 4
    assert len(events_of(records, "done")) == 4


def test_a_signal_in_the_middle_of_a_call_may_log_as_well(runs: Path) -> None:
    run = track.init(interval=0.01)
    seen: list[int] = []

    def hear(number: int, frame: object) -> None:
        run.log({"signal": float(len(seen))})
        run.event("signal")
        seen.append(number)

    before = signal.signal(signal.SIGALRM, hear)
    signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
    try:
        while len(seen) < 50:
            run.log({"loss": 1.0, "other": 2})
            run.event("loop")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    run.finish()
    records = only_run(runs)
    assert len(events_of(records, "signal")) == len(seen)
    assert value_of(records, "loss") == 1.0


def test_the_config_in_any_shape_and_as_it_changes(runs: Path) -> None:
    run = track.init(config=argparse.Namespace(lr=0.1, total_steps=9, odd=Lying(), bad=math.nan, path=Path("/x")))
    assert run.config.lr == 0.1
    assert not hasattr(run.config, "nothing")
    run.config.update({"batch": 8}, allow_val_change=True)
    run.config.seed = 3
    run.name = "a new name"
    run.finish()
    first, last = headers_of(only_run(runs))[0], headers_of(only_run(runs))[-1]
    assert first.total_steps == 9
    assert (first.config["bad"], first.config["odd"], first.config["path"]) == ("nan", "<Lying>", "/x")
    assert (last.config["batch"], last.config["seed"], last.name) == (8, 3, "a new name")
    assert last.started_at == first.started_at


def test_what_an_argument_parser_found_goes_into_a_config(runs: Path) -> None:
    import evolver_tui.track as wandb

    wandb.init(config={"lr": 0.1})
    wandb.config.update(argparse.Namespace(lr=0.2, layers=4), allow_val_change=True)
    wandb.config.update(3)
    wandb.finish()
    assert headers_of(only_run(runs))[-1].config == {"lr": 0.2, "layers": 4}


def test_an_object_that_cannot_be_read_costs_no_more_than_itself(runs: Path) -> None:
    run = track.init(config={"lr": 0.1, "odd": Broken()})
    run.log({"loss": 1.0, "odd": Broken()}, step=0)
    run.event("seen", odd=Broken(), number=1)
    run.config["further"] = Broken()
    run.finish()
    records = only_run(runs)
    assert {type(header.config[name]) for header in headers_of(records)[-1:] for name in ("odd", "further")} == {str}
    assert value_of(records, "loss") == 1.0
    assert events_of(records, "seen")[0].payload["number"] == 1
    assert end_of(records) == COMPLETED


@pytest.mark.parametrize("config", [None, 3, "x", [1], Lying(), {"deep": {}}, {1: 2}, {"big": "x" * 10**6}])
def test_any_config_begins_a_run(config: Any, runs: Path) -> None:
    if config == {"deep": {}}:
        inner = config["deep"]
        for _ in range(2000):
            inner["deep"] = inner = {}
    track.init(config=config)
    track.log({"loss": 1.0})
    track.finish()
    records = only_run(runs)
    assert value_of(records, "loss") == 1.0
    assert end_of(records) == COMPLETED


def test_a_run_as_a_context_says_how_it_ended(runs: Path) -> None:
    with track.init(id="good") as run:
        run.log({"loss": 1.0})
    with pytest.raises(ValueError, match="boo"), track.init(id="bad") as run:
        raise ValueError("boo")
    assert end_of(records_in(runs / "good.jsonl")) == COMPLETED
    records = records_in(runs / "bad.jsonl")
    assert end_of(records) == FAILED
    assert events_of(records, "error")[0].payload == {"error": "ValueError", "message": "ValueError: boo"}


@pytest.mark.parametrize(("how", "status"), [((), COMPLETED), ((1,), FAILED), (("failed",), FAILED), ((0,), COMPLETED)])
def test_how_a_run_was_finished(how: tuple[Any, ...], status: str, runs: Path) -> None:
    track.init()
    track.finish(*how)
    track.finish(1)
    assert end_of(only_run(runs)) == status


def test_a_further_run_ends_the_one_before(runs: Path) -> None:
    first = track.init(id="first")
    second = track.init(id="second")
    track.log({"loss": 1.0})
    track.finish()
    assert isinstance(first, Run)
    assert first.is_over
    assert second.is_over
    assert end_of(records_in(runs / "first.jsonl")) == COMPLETED
    assert value_of(records_in(runs / "second.jsonl"), "loss") == 1.0


def test_what_is_logged_after_the_end_is_said_once(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = track.init()
    run.finish()
    before = only_run(runs)
    for _ in range(100):
        run.log({"loss": 1.0})
        run.event("late")
    assert only_run(runs) == before
    assert capsys.readouterr().err.count("\n") == 1


def test_log_without_init_begins_a_run(runs: Path) -> None:
    track.log({"loss": 1.0})
    track.log({"loss": 0.5})
    track.finish()
    assert [point.step for point in points_of(only_run(runs))][-1] == 1
