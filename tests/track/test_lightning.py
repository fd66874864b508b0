"""The real Trainer of Lightning, on a model of two numbers, tells of itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import evolver_tui.track as track
from evolver_tui.core.training.record import COMPLETED, FAILED
from evolver_tui.core.training.training_run import TrainingRun
from tests.support.tracked import end_of, events_of, headers_of, only_run

torch = pytest.importorskip("torch")
lightning = pytest.importorskip("lightning.pytorch")


def train(folder: Path, callback: Any, *, fails: bool = False) -> None:
    class Line(lightning.LightningModule):  # type: ignore[misc, name-defined]
        def __init__(self, rate: float = 0.01) -> None:
            super().__init__()
            self.save_hyperparameters()
            self.layer = torch.nn.Linear(1, 1)

        def training_step(self, batch: Any, number: int) -> Any:
            if fails and self.global_step == 3:
                raise ZeroDivisionError("boo")
            loss = ((self.layer(batch) - 2 * batch) ** 2).mean()
            self.log("train_loss", loss)
            return loss

        def validation_step(self, batch: Any, number: int) -> None:
            self.log("val_loss", ((self.layer(batch) - 2 * batch) ** 2).mean())

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), lr=self.hparams.rate)

    loader = torch.utils.data.DataLoader(torch.arange(8.0).reshape(8, 1) / 8, batch_size=2)
    trainer = lightning.Trainer(
        default_root_dir=folder, max_epochs=2, accelerator="cpu", logger=False, enable_progress_bar=False,
        enable_model_summary=False, callbacks=[callback], enable_checkpointing=True,
    )  # fmt: skip
    trainer.fit(Line(), loader, loader)


def test_a_training_is_a_run_from_its_beginning_to_its_end(tmp_path: Path, runs: Path) -> None:
    train(tmp_path, track.lightning_callback(project="lines", config={"mine": 1}))
    records = only_run(runs)
    (header,) = headers_of(records)
    assert (header.project, header.total_steps, header.model_params) == ("lines", 8, 2)
    assert header.config == {"rate": 0.01, "mine": 1}
    run = TrainingRun("x")
    run.add_all(records)
    assert {"loss", "train_loss", "val_loss"} <= {name for _, name in run.series}
    assert run.series[0, "loss"].steps[-1] == 8
    assert run.overall == 100.0
    assert [event.payload["epoch"] for event in events_of(records, "epoch_completed")] == [1, 2]
    assert events_of(records, "checkpoint")
    assert end_of(records) == COMPLETED


def test_a_training_that_fails_is_told_and_raises_what_it_raised(tmp_path: Path, runs: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        train(tmp_path, track.lightning_callback(), fails=True)
    records = only_run(runs)
    assert events_of(records, "error")[0].payload["error"] == "ZeroDivisionError"
    assert end_of(records) == FAILED
