"""The real Trainer of transformers, on a model of a few numbers, tells of itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import evolver_tui.track as track
from evolver_tui.core.training.record import COMPLETED, FAILED
from evolver_tui.core.training.training_run import TrainingRun
from tests.support.tracked import end_of, events_of, headers_of, only_run, points_of, records_in

transformers = pytest.importorskip("transformers")
torch = pytest.importorskip("torch")


def trainer_in(folder: Path, *callbacks: Any, steps: int = 6) -> Any:
    class Line(torch.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(1, 1)

        def forward(self, x: Any, labels: Any) -> dict[str, Any]:
            found = self.layer(x)
            return {"loss": ((found - labels) ** 2).mean(), "logits": found}

    data = [{"x": torch.tensor([float(n)]), "labels": torch.tensor([2.0 * n])} for n in range(8)]
    arguments = transformers.TrainingArguments(
        output_dir=str(folder / "out"), max_steps=steps, per_device_train_batch_size=4, logging_steps=1, save_steps=3,
        report_to=[], use_cpu=True, disable_tqdm=True, eval_strategy="steps", eval_steps=3, learning_rate=0.01,
    )  # fmt: skip
    return transformers.Trainer(
        model=Line(), args=arguments, train_dataset=data, eval_dataset=data, callbacks=list(callbacks)
    )


def test_a_training_is_a_run_from_its_beginning_to_its_end(tmp_path: Path, runs: Path) -> None:
    trainer_in(tmp_path, track.huggingface_callback(project="lines", config={"mine": 1})).train()
    records = only_run(runs)
    (header,) = headers_of(records)
    assert (header.project, header.total_steps, header.model_params) == ("lines", 6, 2)
    assert header.config["mine"] == 1
    assert header.config["args"]["learning_rate"] == 0.01
    run = TrainingRun("x")
    run.add_all(records)
    assert run.series[0, "loss"].steps[-1] == 6
    assert run.series[0, "eval_loss"].steps[-1] == 6
    assert run.overall == 100.0
    assert [event.step for event in events_of(records, "checkpoint")] == [3, 6]
    assert events_of(records, "epoch_completed")
    assert end_of(records) == COMPLETED


def test_a_training_that_resumes_goes_on_in_its_run(tmp_path: Path, runs: Path) -> None:
    trainer_in(tmp_path, track.huggingface_callback(id="r"), steps=3).train()
    trainer_in(tmp_path, track.huggingface_callback(id="r")).train(resume_from_checkpoint=True)
    records = records_in(runs / "r.jsonl")
    assert [header.total_steps for header in headers_of(records)] == [3, 6]
    assert [event.step for event in events_of(records, "training_resumed")] == [3]
    assert max(point.step for point in points_of(records)) == 6


def test_a_run_that_is_there_is_used_and_left_open(tmp_path: Path, runs: Path) -> None:
    run = track.init(id="mine")
    trainer_in(tmp_path, track.huggingface_callback()).train()
    assert not run.is_over
    run.log({"after": 1.0})
    run.finish()
    records = only_run(runs)
    assert headers_of(records)[-1].total_steps == 6
    assert any("after" in point.values for point in points_of(records))


def test_a_training_that_fails_and_a_callback_that_cannot_write_leave_the_exception_alone(
    tmp_path: Path, runs: Path
) -> None:
    class Failing(transformers.TrainerCallback):  # type: ignore[misc, name-defined]
        def on_step_end(self, *_: Any, **__: Any) -> None:
            raise ZeroDivisionError("boo")

    with pytest.raises(ZeroDivisionError), track.init():
        trainer_in(tmp_path, track.huggingface_callback(), Failing()).train()
    assert end_of(only_run(runs)) == FAILED
    trainer_in(tmp_path, track.huggingface_callback(dir="/proc/none")).train()
